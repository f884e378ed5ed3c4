"""Tasks: an order seen as work (docs/contracts.md)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from typing_extensions import TypedDict

from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.ids import task_id
from hosting_orders.domain.order import Order, OrderStatus

from .accounts import NamedId
from .products import DomainInTask, shown
from .times import date_time
from .words import order_word, task_word

if TYPE_CHECKING:
    from hosting_orders.usecases.list_tasks import Task


class TaskSummary(TypedDict):
    """A task as an order names it."""

    id: int
    status: str


class OrderInTask(TypedDict):
    id: str
    status: str


class TaskUser(TypedDict):
    id: str
    email: str


class TaskDetails(TypedDict):
    """A task. `data` is a JSON text and holds no secret."""

    id: int
    name: str
    title: str
    status: str
    data: str
    start_on: str | None
    end_on: str | None
    user: TaskUser | None
    accounts: list[NamedId]
    sites: list[NamedId]
    domains: list[DomainInTask]
    orders: list[OrderInTask]


class TaskAnswer(TypedDict):
    """GET /api/tasks/:id."""

    task: TaskDetails


class TaskList(TypedDict):
    """GET /api/tasks: newest first."""

    tasks: list[TaskDetails]


def task_answer(task: Task) -> TaskAnswer:
    return {"task": _task_details(task)}


def task_list(tasks: list[Task]) -> TaskList:
    return {"tasks": [_task_details(task) for task in tasks]}


def task_summaries(order: Order, payment: PaymentStatus) -> list[TaskSummary]:
    """`tasks` of an order."""
    return [{"id": task_id(order.number, 1), "status": task_word(order, payment)}]


def _task_details(task: Task) -> TaskDetails:
    order, user = task.order, task.user
    product = shown(order)
    started = next((e.at for e in order.timeline if e.status is OrderStatus.PROCESSING), None)
    return {
        "id": task_id(order.number, 1),
        "name": product.task_name(order),
        "title": product.task_title(order),
        "status": task_word(order, task.payment),
        "data": json.dumps(product.task_data(order), ensure_ascii=False),
        "start_on": date_time(started),
        "end_on": date_time(order.ended_at),
        "user": {"id": user.id, "email": user.email} if user else None,
        "accounts": [{"id": task.account.id, "name": task.account.name}],
        "sites": product.sites(order),
        "domains": product.domains(order),
        "orders": [
            {"id": order.uuid, "status": order_word(order.status, task.payment or PaymentStatus.PROCESSING)}
        ],
    }
