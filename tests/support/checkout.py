"""Helpers for orders that customers pay on a Stripe Checkout page. `World` is defined in tests/support/world.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hosting_orders.domain.order import Order
from tests.support.world import Reply, World

KEY = "user_key_v1"
HOOK = "https://client.example/hook"


def site(**fields: Any) -> dict[str, Any]:
    """The smallest body that orders a site, plus the given fields of `site`."""
    return {"site": {"name": "My site", "variant": "vanilla", **fields}}


def order_site(
    world: World,
    account: str = "no_method",
    *,
    key: str | None = None,
    callback: bool = True,
    body: Mapping[str, Any] | None = None,
) -> Reply:
    """POST /api/orders in API version 1 (contract 003), by default with a callback. `key` is the Idempotency-Key."""
    sent = dict(body or site())
    if callback:
        sent["callback"] = {"url": HOOK}
    headers = {"Idempotency-Key": key} if key else {}
    return world.request("POST", "/api/orders", sent, account=account, key=KEY, headers=headers)


def show(world: World, order_id: str, account: str = "no_method") -> dict[str, Any]:
    reply = world.request("GET", f"/api/orders/{order_id}", account=account, key=KEY)
    assert reply.status == 200, reply.body
    return dict(reply.body)


def order_of(world: World, reply: Reply, account: str = "no_method") -> Order:
    assert reply.status == 201, reply.body
    return world.order(reply.body["order"]["id"], account)


def session_of(world: World, order: Order) -> dict[str, Any]:
    """The one Checkout Session of the order's cart, from the stand-in."""
    (session,) = sessions(world, order.cart_token)
    return session


def sessions(world: World, cart_token: str | None = None) -> list[dict[str, Any]]:
    return [
        session
        for session in world.stripe.objects("checkout.session")
        if cart_token in (None, session["metadata"].get("cart_token"))
    ]
