"""GET /api/tlds and GET /api/tlds/:tld: the TLDs, their prices and their registries' requirements."""

from __future__ import annotations

from hosting_orders import bootstrap
from hosting_orders.contracts.orders_v2 import operations as orders_v2
from hosting_orders.entrypoints.http import Call, Reply, serves, together
from hosting_orders.usecases.list_tlds import TldOffer, find_tld, list_tlds
from hosting_orders.usecases.ports import Services

bootstrap.prepare("directory", "catalogue", "registry_rules", "counts", "key_uses")


@serves(orders_v2.LIST_TLDS)
def tlds(call: Call[list[TldOffer]], services: Services) -> Reply:
    return call.answer(list_tlds(services, call.caller.account))


@serves(orders_v2.SHOW_TLD)
def tld(call: Call[TldOffer], services: Services) -> Reply:
    return call.answer(find_tld(services, call.caller.account, call.parameter("tld")))


handler = together(tlds, tld)
