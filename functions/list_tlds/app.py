"""GET /api/tlds: the top-level domains on sale, with the account's prices."""

from __future__ import annotations

from hosting_orders.contracts.v2_domain import tld_summary
from hosting_orders.entrypoints.http import Reply, Request, endpoint
from hosting_orders.usecases.authenticate import Caller
from hosting_orders.usecases.list_tlds import list_tlds
from hosting_orders.usecases.ports import Services


@endpoint(oauth_scope="account:read", account_scope=False)
def handler(request: Request, caller: Caller, services: Services) -> Reply:
    currency = caller.account.currency if caller.account else None
    offers = list_tlds(services, caller.account)
    return Reply(200, {"tlds": [tld_summary(offer.rules, offer.price, currency) for offer in offers]})
