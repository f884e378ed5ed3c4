"""POST /api/orders/:id/callbacks/:callback_id/redeliver (docs/contracts.md)."""

from __future__ import annotations

from hosting_orders.contracts import v2
from hosting_orders.entrypoints.http import Reply, Request, endpoint
from hosting_orders.usecases.authenticate import Caller
from hosting_orders.usecases.changes import find_order
from hosting_orders.usecases.ports import Services
from hosting_orders.usecases.redeliver_callback import redeliver_callback


@endpoint(oauth_scope=None)
def handler(request: Request, caller: Caller, services: Services) -> Reply:
    order = find_order(services, caller.scope.id, request.path_parameters["id"])
    delivery = redeliver_callback(services, order, request.path_parameters["callback_id"])
    return Reply(202, {"status": "accepted", "callback": v2.callback_state(delivery)})
