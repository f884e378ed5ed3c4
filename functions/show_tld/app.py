"""One top-level domain, with the JSON Schema that its contacts are checked with."""

from __future__ import annotations

from hosting_orders.contracts.orders_v2 import operations as orders_v2
from hosting_orders.entrypoints.http import Call, Reply, serves
from hosting_orders.usecases.list_tlds import TldOffer, find_tld
from hosting_orders.usecases.ports import Services


@serves(orders_v2.SHOW_TLD)
def handler(call: Call[TldOffer], services: Services) -> Reply:
    return call.answer(find_tld(services, call.caller.account, call.parameter("tld")))
