"""Stripe webhooks made by hand: their bytes, signatures and effects."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from tests.support.table import everything_in
from tests.support.world import STRIPE_WEBHOOK_SECRET, Reply, World, handler_of


def signature(world: World, body: bytes, secret: str = STRIPE_WEBHOOK_SECRET, age: int = 0) -> str:
    """The value of Stripe-Signature for exactly these bytes, made `age` seconds ago."""
    at = world.clock.now() // 1000 - age
    return f"t={at},v1=" + hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def post(world: World, body: bytes, header: str | None, *, as_base64: bool = False) -> Reply:
    """Send these bytes to the webhook's handler, as API Gateway does."""
    event = {
        "version": "2.0",
        "routeKey": "POST /webhooks/stripe",
        "rawPath": "/webhooks/stripe",
        "headers": {} if header is None else {"stripe-signature": header},
        "requestContext": {"http": {"method": "POST", "path": "/webhooks/stripe", "sourceIp": "203.0.113.7"}},
        "body": base64.b64encode(body).decode() if as_base64 else body.decode(),
        "isBase64Encoded": as_base64,
    }
    answer = handler_of("receive_stripe_webhook")(event, None)
    return Reply(answer["statusCode"], json.loads(answer["body"]), answer["headers"])


def tell(world: World, event: Mapping[str, Any]) -> Reply:
    body = json.dumps(event).encode()
    return post(world, body, signature(world, body))


def made(kind: str, subject: Mapping[str, Any], event_id: str = "evt_made") -> dict[str, Any]:
    return {"id": event_id, "object": "event", "type": kind, "data": {"object": dict(subject)}}


def of_kind(events: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    found = [event for event in events if event["type"] in kinds]
    assert found, f"Stripe has not sent {kinds}"
    return found


def table(world: World, *, but_events: bool = False) -> list[str]:
    items = everything_in(world.dynamodb)
    kept = [item for item in items if not (but_events and item["PK"]["S"].startswith("EVENT#"))]
    return sorted(json.dumps(item, sort_keys=True, default=str) for item in kept)
