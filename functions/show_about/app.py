"""The products that the account can order."""

from __future__ import annotations

from hosting_orders import bootstrap
from hosting_orders.contracts.orders_v1 import operations as orders_v1
from hosting_orders.contracts.orders_v2 import operations as orders_v2
from hosting_orders.entrypoints.http import Call, Reply, serves
from hosting_orders.usecases.ports import Services
from hosting_orders.usecases.show_about import AboutView, show_about

bootstrap.prepare("directory", "catalogue", "features", "counts", "key_uses")


@serves(orders_v2.SHOW_ABOUT, orders_v1.SHOW_ABOUT)
def handler(call: Call[AboutView], services: Services) -> Reply:
    return call.answer(show_about(services, call.caller, tax_is_added=bootstrap.tax_is_added()))
