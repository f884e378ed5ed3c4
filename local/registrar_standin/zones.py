"""The hosted zone that a registration makes by itself, in the embedded AWS."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence

from local.aws import Aws


def zone_maker(aws_endpoint: str) -> Callable[[str], Sequence[str]]:
    """Makes a public zone for a name in the AWS at this address, and tells its name servers."""
    client = Aws(aws_endpoint).client("route53")

    def make(name: str) -> Sequence[str]:
        # The real one calls its zones by such a reference too, so nothing of ours can rely on having chosen it.
        answer = client.create_hosted_zone(
            Name=name,
            CallerReference=f"RISWorkflow-RD:{uuid.uuid4()}",
            HostedZoneConfig={"Comment": "HostedZone created by Route53 Registrar", "PrivateZone": False},
        )
        return [server.rstrip(".") for server in answer["DelegationSet"]["NameServers"]]

    return make
