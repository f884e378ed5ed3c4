"""The attempts to deliver an order's callback."""

from __future__ import annotations

from hosting_orders.contracts.orders_v2 import operations as orders_v2
from hosting_orders.domain.callback import CallbackDelivery
from hosting_orders.entrypoints.http import Call, Reply, serves
from hosting_orders.usecases.ports import Services
from hosting_orders.usecases.show_callbacks import show_callbacks


@serves(orders_v2.LIST_CALLBACKS)
def handler(call: Call[CallbackDelivery | None], services: Services) -> Reply:
    return call.answer(show_callbacks(services, call.caller, call.parameter("id")))
