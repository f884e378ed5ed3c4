"""Tasks of the last three days."""

from __future__ import annotations

from hosting_orders.contracts.orders_v2 import operations as orders_v2
from hosting_orders.entrypoints.http import Call, Reply, serves
from hosting_orders.usecases.list_tasks import Task, list_tasks
from hosting_orders.usecases.ports import Services


@serves(orders_v2.LIST_TASKS)
def handler(call: Call[list[Task]], services: Services) -> Reply:
    return call.answer(list_tasks(services, call.caller))
