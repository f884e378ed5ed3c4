"""GET /api/tasks: tasks of the last three days (docs/contracts.md)."""

from __future__ import annotations

from hosting_orders.contracts import v2
from hosting_orders.entrypoints.http import Reply, Request, endpoint
from hosting_orders.usecases.authenticate import Caller
from hosting_orders.usecases.list_tasks import list_tasks
from hosting_orders.usecases.ports import Services


@endpoint(oauth_scope="tasks:read", account_scope=False)
def handler(request: Request, caller: Caller, services: Services) -> Reply:
    found = list_tasks(services, caller)
    ids = {task.order.user_id for task in found if task.order.user_id}
    users = {user_id: services.directory.user(user_id) for user_id in ids}
    tasks = [
        v2.task_details(task.order, task.account, users.get(task.order.user_id), task.payment)
        for task in found
    ]
    return Reply(200, {"tasks": tasks})
