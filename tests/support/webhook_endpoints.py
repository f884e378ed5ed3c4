"""Webhook endpoints of accounts, created through the API."""

from __future__ import annotations

from typing import Any

from tests.support.world import World

URL = "https://hooks.example/in"


def create(
    world: World, *events: str, account: str = "ready", url: str = URL, **fields: Any
) -> dict[str, Any]:
    """Create an endpoint and return it. Without `events`, it receives all events."""
    body = {"url": url, "events": list(events or ("*",)), **fields}
    reply = world.request("POST", "/api/webhooks/endpoints", body, account=account)
    assert reply.status == 201, reply.body
    endpoint: dict[str, Any] = reply.body["endpoint"]
    return endpoint
