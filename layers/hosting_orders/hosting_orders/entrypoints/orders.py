"""What the handlers that place and preview orders share."""

from __future__ import annotations

from typing import Any

from hosting_orders import bootstrap
from hosting_orders.usecases.limit_rate import Bucket, count_questions
from hosting_orders.usecases.place_cart import CartRequest, Placed, place_cart
from hosting_orders.usecases.ports import Services

from .http import Call, Reply


def read_order(call: Call[Any], services: Services) -> CartRequest:
    """Raises the errors of `Call.read` and `count_questions`."""
    request: CartRequest = call.read()
    limit = call.contract.limits.get(Bucket.REGISTRAR)
    # The request itself was counted as the first question to the registrar.
    if limit is not None and request.domains > 1:
        count_questions(services, call.caller, limit, request.domains - 1)
    return request


def place(call: Call[Placed], services: Services) -> Reply:
    """Raises the errors of `read_order` and `place_cart`."""
    request = read_order(call, services)
    loopback = bootstrap.allow_loopback_callbacks()
    return call.answer(place_cart(services, call.caller, request, allow_loopback_callbacks=loopback))
