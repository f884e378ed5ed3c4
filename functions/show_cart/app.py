"""One cart."""

from __future__ import annotations

from hosting_orders.contracts.orders_v2 import operations as orders_v2
from hosting_orders.entrypoints.http import Call, Reply, serves
from hosting_orders.usecases.ports import Services
from hosting_orders.usecases.show_cart import CartView, show_cart


@serves(orders_v2.SHOW_CART)
def handler(call: Call[CartView], services: Services) -> Reply:
    return call.answer(show_cart(services, call.caller, call.parameter("token")))
