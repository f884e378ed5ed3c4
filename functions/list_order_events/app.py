"""What happened to an order, by whom and when."""

from __future__ import annotations

from hosting_orders.contracts.orders_v2 import operations as orders_v2
from hosting_orders.domain.order import Order
from hosting_orders.entrypoints.http import Call, Reply, serves
from hosting_orders.usecases.changes import find_order
from hosting_orders.usecases.ports import Services


@serves(orders_v2.LIST_ORDER_EVENTS)
def handler(call: Call[Order], services: Services) -> Reply:
    return call.answer(find_order(services, call.account.id, call.parameter("id")))
