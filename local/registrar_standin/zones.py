"""Creates the hosted zone of a registered domain in the embedded AWS (local/emulator.py)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence

from local.aws import Aws


def zone_maker(aws_endpoint: str) -> Callable[[str], Sequence[str]]:
    """Return a function that creates a domain's public zone and returns its name servers."""
    client = Aws(aws_endpoint).client("route53")

    def make(name: str) -> Sequence[str]:
        # Use a reference like those of Route 53's registrar. It shows our code that the registrar created this zone.
        answer = client.create_hosted_zone(
            Name=name,
            CallerReference=f"RISWorkflow-RD:{uuid.uuid4()}",
            HostedZoneConfig={"Comment": "HostedZone created by Route53 Registrar", "PrivateZone": False},
        )
        return [server.rstrip(".") for server in answer["DelegationSet"]["NameServers"]]

    return make
