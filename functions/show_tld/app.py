"""GET /api/tlds/:tld: one top-level domain, with the JSON Schema that its contacts are checked with."""

from __future__ import annotations

from hosting_orders.contracts.v2_domain import tld_details
from hosting_orders.entrypoints.http import Reply, Request, endpoint
from hosting_orders.usecases.authenticate import Caller
from hosting_orders.usecases.list_tlds import find_tld
from hosting_orders.usecases.ports import Services


@endpoint(oauth_scope="account:read", account_scope=False)
def handler(request: Request, caller: Caller, services: Services) -> Reply:
    currency = caller.account.currency if caller.account else None
    offer = find_tld(services, caller.account, request.path_parameters["tld"])
    return Reply(200, tld_details(offer.rules, offer.price, currency))
