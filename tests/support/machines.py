"""Helpers that order virtual machines. `World` is defined in tests/support/world.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.support.world import Reply, World

# One machine for each platform.
MACHINES = (
    {"plan": "vps-1", "image": "debian-13", "location": "ams", "term": "monthly"},
    {"plan": "cloud-1", "image": "debian-12", "location": "pdx", "term": "monthly"},  # on Lightsail
)
_INTERVALS = {"monthly": "1 month", "annual": "12 months"}


def order_machine(world: World, machine: Mapping[str, Any], account: str, *, key: str) -> Reply:
    """POST /api/v1/orders with a callback and this Idempotency-Key. `machine` is one of MACHINES with a `hostname`."""
    body = {name: value for name, value in machine.items() if name != "term"}
    body["interval"] = _INTERVALS[machine["term"]]
    body["callback"] = {"url": "https://client.example/hook"}
    return world.request(
        "POST",
        "/api/v1/orders",
        body,
        account=account,
        key="api_key_000",
        headers={"Idempotency-Key": key},
    )
