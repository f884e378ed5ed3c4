"""GET /api/tasks/:id (docs/contracts.md)."""

from __future__ import annotations

from hosting_orders.contracts import v2
from hosting_orders.entrypoints.http import Reply, Request, endpoint
from hosting_orders.usecases.authenticate import Caller
from hosting_orders.usecases.changes import load_cart
from hosting_orders.usecases.list_tasks import find_task
from hosting_orders.usecases.ports import Services


@endpoint(oauth_scope="tasks:read", account_scope=False)
def handler(request: Request, caller: Caller, services: Services) -> Reply:
    order, account = find_task(services, caller, request.path_parameters["id"])
    cart = load_cart(services, account.id, order.cart_token)
    user = services.directory.user(order.user_id) if order.user_id else None
    return Reply(200, {"task": v2.task_details(order, account, user, cart.payment.status)})
