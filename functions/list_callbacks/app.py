"""GET /api/orders/:id/callbacks: every attempt to tell the client (docs/contracts.md)."""

from __future__ import annotations

from hosting_orders.contracts import v2
from hosting_orders.entrypoints.http import Reply, Request, endpoint
from hosting_orders.usecases.authenticate import Caller
from hosting_orders.usecases.changes import find_order
from hosting_orders.usecases.ports import Services


@endpoint(oauth_scope="billing:read")
def handler(request: Request, caller: Caller, services: Services) -> Reply:
    order = find_order(services, caller.scope.id, request.path_parameters["id"])
    return Reply(200, v2.callback_attempts(services.deliveries.delivery(order.account_id, order.number)))
