"""Cancel an order."""

from __future__ import annotations

from hosting_orders import bootstrap
from hosting_orders.contracts.billing_order import operations as billing_order
from hosting_orders.contracts.orders_v1 import operations as orders_v1
from hosting_orders.contracts.orders_v2 import operations as orders_v2
from hosting_orders.domain.order import Order
from hosting_orders.entrypoints.http import Call, Reply, serves, together
from hosting_orders.usecases.cancel_order import cancel_order
from hosting_orders.usecases.changes import find_order, find_order_by_number
from hosting_orders.usecases.key_mode import check_change
from hosting_orders.usecases.ports import Services

bootstrap.prepare("directory", "orders", "workflow", "counts", "key_uses")


@serves(orders_v2.CANCEL_ORDER, orders_v1.CANCEL_ORDER)
def order(call: Call[Order], services: Services) -> Reply:
    order = find_order(services, call.account.id, call.parameter("id"))
    check_change(services, call.caller, order)
    return call.answer(cancel_order(services, order.account_id, order.number))


@serves(billing_order.CANCEL_ORDER)
def billing(call: Call[Order], services: Services) -> Reply:
    order = find_order_by_number(services, call.account.id, call.parameter("id"))
    check_change(services, call.caller, order)
    return call.answer(cancel_order(services, order.account_id, order.number))


handler = together(order, billing)
