"""One task."""

from __future__ import annotations

from hosting_orders.contracts.orders_v2 import operations as orders_v2
from hosting_orders.entrypoints.http import Call, Reply, serves
from hosting_orders.usecases.list_tasks import Task, find_task
from hosting_orders.usecases.ports import Services


@serves(orders_v2.SHOW_TASK)
def handler(call: Call[Task], services: Services) -> Reply:
    return call.answer(find_task(services, call.caller, call.parameter("id")))
