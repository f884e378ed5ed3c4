"""Helpers for tests of the Lightsail adapter: the adapter, its stand-in and the metrics."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hosting_orders.adapters.lightsail.platform import LightsailPlatform
from hosting_orders.domain.catalogue import PlatformName
from hosting_orders.domain.providers import Operation, ServiceRequest
from tests.support.lightsail_in_process import LightsailInProcess

ITEM = "0195f2a4-7c00-8abc-9def-0123456789ab"
MACHINE = f"ho-{ITEM}"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZ1bm55IGtleSBvZiBub2JvZHkgYXQgYWxsISEh"
PASSWORD = "kX7vQ2mWz9TbRfHs4NpYcJ3u"
REQUEST = ServiceRequest(
    item_id=ITEM,
    reference=f"acc_demo/{ITEM}",
    kind="vm",
    name="web-1.example.com",
    variant="debian_12",
    location="eu-central-1a",
    plan="small_3_0",
    platform=PlatformName.LIGHTSAIL,
    ssh_key=KEY,
    live=True,
)


class Metrics:
    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def count(self, name: str) -> None:
        self.counts[name] += 1


class Shop:
    def __init__(self) -> None:
        self.lightsail = LightsailInProcess()
        self.standin = self.lightsail.standin
        self.metrics = Metrics()
        self.regions: list[str] = []
        self.platform = LightsailPlatform(self._client, self.metrics)

    def _client(self, region: str) -> Any:
        self.regions.append(region)
        return self.lightsail.client(region)

    def delivered(self, request: ServiceRequest = REQUEST) -> Operation:
        self.platform.provision(request)
        self.lightsail.finish(request.item_id)
        return self.platform.provision(request)

    @property
    def left(self) -> tuple[int, int]:
        """(number of machines, number of addresses). Each of them costs money."""
        return len(self.standin.machines), len(self.standin.addresses)
