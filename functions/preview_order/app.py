"""POST /api/orders/preview: what an order would cost. The function cannot write orders."""

from __future__ import annotations

from hosting_orders import bootstrap
from hosting_orders.contracts.orders_v1 import requests as orders_v1
from hosting_orders.contracts.orders_v2 import requests as orders_v2
from hosting_orders.entrypoints.http import Call, Reply, serves
from hosting_orders.entrypoints.orders import read_order
from hosting_orders.entrypoints.persons import admit_person
from hosting_orders.usecases.ports import Services
from hosting_orders.usecases.preview_order import OrderPreview, preview_order

bootstrap.prepare("directory", "catalogue", "orders", "payments", "cipher")
bootstrap.prepare("features", "registrar", "registry_rules", "quotes", "counts", "key_uses")


@serves(orders_v2.PREVIEW_ORDER, orders_v1.PREVIEW_ORDER)
def handler(call: Call[OrderPreview], services: Services) -> Reply:
    if orders_v2.orders_a_domain(call.request.json()):
        admit_person(call, services)
    request, loopback = read_order(call, services), bootstrap.allow_loopback_callbacks()
    return call.answer(preview_order(services, call.caller, request, allow_loopback_callbacks=loopback))
