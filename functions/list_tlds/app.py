"""The top-level domains on sale, with the account's prices."""

from __future__ import annotations

from hosting_orders.contracts.orders_v2 import operations as orders_v2
from hosting_orders.entrypoints.http import Call, Reply, serves
from hosting_orders.usecases.list_tlds import TldOffer, list_tlds
from hosting_orders.usecases.ports import Services


@serves(orders_v2.LIST_TLDS)
def handler(call: Call[list[TldOffer]], services: Services) -> Reply:
    return call.answer(list_tlds(services, call.caller.account))
