"""The body of POST /api/v1/orders."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from hosting_orders.contracts.operation import Body, RequestFacts
from hosting_orders.contracts.vendor.requests import Agreed, Callback, ShortName, cart_request, checked
from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import InvalidRequestError
from hosting_orders.usecases.place_cart import CartRequest, ItemRequest
from hosting_orders.usecases.products.fulfilment import ProductRequest
from hosting_orders.usecases.products.vm import VmRequest

from . import operations
from .words import INTERVALS


class PlaceOrder(Agreed):
    plan: ShortName
    image: ShortName
    location: ShortName
    hostname: Annotated[str, StringConstraints(min_length=1, max_length=253)]
    interval: ShortName
    sshKey: str | None = None  # noqa: N815 - the contract's spelling
    callback: Callback | None = None


_TERMS = {interval: term.value for term, interval in INTERVALS.items()}


def _vps(body: object, facts: RequestFacts) -> CartRequest:
    order = checked(PlaceOrder, body)
    if order.interval not in _TERMS:
        known = " or ".join(f"`{interval}`" for interval in _TERMS)
        raise InvalidRequestError(Code.UNKNOWN_TERM, f"`interval` must be {known}.", "/interval")
    machine = VmRequest(
        order.hostname,
        order.plan,
        order.image,
        order.location,
        _TERMS[order.interval],
        order.sshKey,
        ssh_key_pointer="/sshKey",
    )
    return request_of(machine, order.callback, facts, order)


def request_of(
    product: ProductRequest, callback: Callback | None, facts: RequestFacts, agreed: Agreed
) -> CartRequest:
    return cart_request([ItemRequest("", product)], callback, facts, agreed)


PLACE_ORDER = operations.PLACE_ORDER.taking(Body(PlaceOrder, _vps))
