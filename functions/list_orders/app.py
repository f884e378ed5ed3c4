"""An account's orders, newest first."""

from __future__ import annotations

from hosting_orders.contracts.orders_v2 import operations as orders_v2
from hosting_orders.entrypoints.http import Call, Reply, serves
from hosting_orders.usecases.list_orders import Listing, list_orders
from hosting_orders.usecases.ports import Services


@serves(orders_v2.LIST_ORDERS)
def handler(call: Call[Listing], services: Services) -> Reply:
    query = call.request.query
    listing = list_orders(
        services,
        call.account,
        page=query.get("page"),
        per_page=query.get("per_page"),
        cursor=query.get("cursor"),
    )
    return call.answer(listing)
