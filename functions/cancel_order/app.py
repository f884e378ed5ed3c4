"""DELETE /api/orders/:id (contract 002, "Cancel an Order")."""

from __future__ import annotations

from hosting_orders.contracts import v2
from hosting_orders.entrypoints.http import Reply, Request, endpoint
from hosting_orders.usecases.authenticate import Caller
from hosting_orders.usecases.cancel_order import cancel_order
from hosting_orders.usecases.changes import find_order
from hosting_orders.usecases.ports import Services


@endpoint(oauth_scope=None)
def handler(request: Request, caller: Caller, services: Services) -> Reply:
    account = caller.scope
    order = find_order(services, account.id, request.path_parameters["id"])
    order = cancel_order(services, account.id, order.number)
    return Reply(202, {"status": "accepted", "order": v2.order_summary(order)})
