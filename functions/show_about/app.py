"""GET /api/about: the names an order may use (supporting-endpoints.md, section 3)."""

from __future__ import annotations

from hosting_orders.contracts import v2
from hosting_orders.domain.release import VERSION
from hosting_orders.entrypoints.http import Reply, Request, endpoint
from hosting_orders.usecases.authenticate import Caller
from hosting_orders.usecases.ports import Services


@endpoint(oauth_scope="account:read", account_scope=False)
def handler(request: Request, caller: Caller, services: Services) -> Reply:
    return Reply(200, v2.about(VERSION, caller.credential, caller.account, services.catalogue.load()))
