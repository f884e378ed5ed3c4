"""Send an order's callback again."""

from __future__ import annotations

from hosting_orders import bootstrap
from hosting_orders.contracts.orders_v2 import operations as orders_v2
from hosting_orders.domain.callback import CallbackDelivery
from hosting_orders.entrypoints.http import Call, Reply, serves
from hosting_orders.usecases.changes import find_order
from hosting_orders.usecases.key_mode import check_change
from hosting_orders.usecases.ports import Services
from hosting_orders.usecases.redeliver_callback import redeliver_callback

bootstrap.prepare("directory", "orders", "deliveries", "counts", "key_uses")


@serves(orders_v2.REDELIVER_CALLBACK)
def handler(call: Call[CallbackDelivery], services: Services) -> Reply:
    order = find_order(services, call.account.id, call.parameter("id"))
    check_change(services, call.caller, order)
    return call.answer(redeliver_callback(services, order, call.parameter("callback_id")))
