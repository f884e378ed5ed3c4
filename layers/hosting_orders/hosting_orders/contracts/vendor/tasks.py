"""Tasks: an order seen as work (docs/contracts.md)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from typing_extensions import TypedDict

from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.ids import registration_id, task_id
from hosting_orders.domain.order import DomainItem, DomainResource, Order, OrderStatus, SiteResource

from .accounts import NamedId
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


class DomainInTask(TypedDict):
    """A delivered domain. `id` is its registration's."""

    id: int
    name: str


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
    started = next((e.at for e in order.timeline if e.status is OrderStatus.PROCESSING), None)
    return {
        "id": task_id(order.number, 1),
        "name": task_name(order),
        "title": task_title(order),
        "status": task_word(order, task.payment),
        "data": json.dumps(_task_data(order), ensure_ascii=False),
        "start_on": date_time(started),
        "end_on": date_time(order.ended_at),
        "user": {"id": user.id, "email": user.email} if user else None,
        "accounts": [{"id": task.account.id, "name": task.account.name}],
        "sites": delivered_sites(order),
        "domains": delivered_domains(order),
        "orders": [
            {"id": order.uuid, "status": order_word(order.status, task.payment or PaymentStatus.PROCESSING)}
        ],
    }


def task_name(order: Order) -> str:
    return f"domain.{order.item.action}" if isinstance(order.item, DomainItem) else "site.create"


def task_title(order: Order) -> str:
    if isinstance(order.item, DomainItem):
        return f"{order.item.action.value.title()} domain {order.item.name}"
    return f"Create site {order.item.name}"


def _task_data(order: Order) -> dict[str, Any]:
    item = order.item
    if isinstance(item, DomainItem):
        return {"name": item.name, "ascii_name": item.ascii_name, "action": item.action.value}
    return {
        "name": item.name,
        "variant": item.variant,
        "location": item.location,
        "plan": item.plan,
        "term": item.term.value,
    }


def delivered_sites(order: Order) -> list[NamedId]:
    if not isinstance(order.resource, SiteResource):
        return []
    return [{"id": order.resource.id, "name": order.item.name}]


def delivered_domains(order: Order) -> list[DomainInTask]:
    if not isinstance(order.resource, DomainResource):
        return []
    return [{"id": registration_id(order.number), "name": order.item.name}]
