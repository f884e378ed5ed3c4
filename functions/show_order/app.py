"""Show one order."""

from __future__ import annotations

from hosting_orders import bootstrap
from hosting_orders.contracts.billing_order import operations as billing_order
from hosting_orders.contracts.orders_v1 import operations as orders_v1
from hosting_orders.contracts.orders_v2 import operations as orders_v2
from hosting_orders.entrypoints.http import Call, Reply, serves, together
from hosting_orders.usecases.ports import Services
from hosting_orders.usecases.show_order import OrderView, show_order, show_order_by_number

bootstrap.prepare("directory", "orders", "cipher", "counts", "key_uses")


@serves(orders_v2.SHOW_ORDER, orders_v1.SHOW_ORDER)
def order(call: Call[OrderView], services: Services) -> Reply:
    return call.answer(show_order(services, call.caller, call.parameter("id")))


@serves(billing_order.SHOW_ORDER)
def billing(call: Call[OrderView], services: Services) -> Reply:
    return call.answer(show_order_by_number(services, call.caller, call.parameter("id")))


handler = together(order, billing)
