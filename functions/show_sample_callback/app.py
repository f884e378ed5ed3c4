"""GET /api/webhooks/task: an example of what a callback brings, to try a receiver with (docs/contracts.md)."""

from __future__ import annotations

from hosting_orders.contracts import v2
from hosting_orders.entrypoints.http import Reply, Request, endpoint
from hosting_orders.usecases.authenticate import Caller
from hosting_orders.usecases.ports import Services


@endpoint(oauth_scope="tasks:read", account_scope=False)
def handler(request: Request, caller: Caller, services: Services) -> Reply:
    return Reply(200, v2.sample_callback(services.clock.now()))
