"""Placing an order, shared by all endpoints that do."""

from __future__ import annotations

from hosting_orders import bootstrap
from hosting_orders.usecases.place_cart import CartRequest, Placed, place_cart
from hosting_orders.usecases.ports import Services

from .http import Call, Reply


def place(call: Call[Placed], services: Services) -> Reply:
    """Raises the errors of `Call.read` and `place_cart`."""
    request: CartRequest = call.read()
    loopback = bootstrap.allow_loopback_callbacks()
    return call.answer(place_cart(services, call.caller, request, allow_loopback_callbacks=loopback))
