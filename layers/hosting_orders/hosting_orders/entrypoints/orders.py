"""Placing an order: shared by every endpoint that orders something, whatever it reads."""

from __future__ import annotations

from hosting_orders import bootstrap
from hosting_orders.usecases.place_cart import Placed, place_cart
from hosting_orders.usecases.ports import Services

from .http import Call, Reply


def place(call: Call[Placed], services: Services) -> Reply:
    """Order what the body says. Raises what `Call.read` and `place_cart` raise."""
    placed = place_cart(
        services, call.caller, call.read(), allow_loopback_callbacks=bootstrap.allow_loopback_callbacks()
    )
    return call.answer(placed)
