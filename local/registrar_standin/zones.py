"""The hosted zone of a registered domain, in the embedded AWS."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence

from local.aws import Aws


def zone_maker(aws_endpoint: str) -> Callable[[str], Sequence[str]]:
    """A function that creates a domain's public zone and returns its name servers."""
    client = Aws(aws_endpoint).client("route53")

    def make(name: str) -> Sequence[str]:
        # Route 53 sets a reference of this form, so our code does not find its own reference on the zone.
        answer = client.create_hosted_zone(
            Name=name,
            CallerReference=f"RISWorkflow-RD:{uuid.uuid4()}",
            HostedZoneConfig={"Comment": "HostedZone created by Route53 Registrar", "PrivateZone": False},
        )
        return [server.rstrip(".") for server in answer["DelegationSet"]["NameServers"]]

    return make
