"""Register or transfer a domain."""

from __future__ import annotations

from hosting_orders.contracts.orders_v2 import requests as orders_v2
from hosting_orders.entrypoints.http import Call, Reply, serves
from hosting_orders.entrypoints.orders import place
from hosting_orders.usecases.domain_item import admit_domain_orders
from hosting_orders.usecases.place_cart import Placed
from hosting_orders.usecases.ports import Services


@serves(orders_v2.ORDER_DOMAIN)
def handler(call: Call[Placed], services: Services) -> Reply:
    admit_domain_orders(services, call.caller)
    return place(call, services)
