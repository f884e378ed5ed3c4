"""Orders, shown as tasks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from typing_extensions import TypedDict

from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.ids import registration_id, task_id
from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.domain.products import ProductKind, SiteResource

from .accounts import NamedId
from .times import date_time
from .words import order_word, task_word

if TYPE_CHECKING:
    from hosting_orders.usecases.list_tasks import Task


class TaskSummary(TypedDict):
    id: int
    status: str


class OrderInTask(TypedDict):
    id: str
    status: str


class DomainInTask(TypedDict):
    id: int  # of the registration
    name: str


class Delivered(TypedDict):
    sites: list[NamedId]
    domains: list[DomainInTask]


class TaskUser(TypedDict):
    id: str
    email: str


class TaskDetails(Delivered):
    id: int
    name: str
    title: str
    status: str
    data: str  # JSON text without secrets
    start_on: str | None
    end_on: str | None
    user: TaskUser | None
    accounts: list[NamedId]
    orders: list[OrderInTask]


class TaskAnswer(TypedDict):
    task: TaskDetails


class TaskList(TypedDict):
    tasks: list[TaskDetails]


def task_answer(task: Task) -> TaskAnswer:
    return {"task": _task_details(task)}


def task_list(tasks: list[Task]) -> TaskList:
    return {"tasks": [_task_details(task) for task in tasks]}


def task_summaries(order: Order, payment: PaymentStatus) -> list[TaskSummary]:
    return [{"id": task_id(order.number, 1), "status": task_word(order, payment)}]


def _task_details(task: Task) -> TaskDetails:
    order, user = task.order, task.user
    return {
        "id": task_id(order.number, 1),
        "name": task_name(order),
        "title": task_title(order),
        "status": task_word(order, task.payment),
        "data": json.dumps(order.item.facts(), ensure_ascii=False),
        "start_on": date_time(order.entered(OrderStatus.PROCESSING)),
        "end_on": date_time(order.ended_at),
        "user": {"id": user.id, "email": user.email} if user else None,
        "accounts": [{"id": task.account.id, "name": task.account.name}],
        **delivered(order),
        "orders": [
            {"id": order.uuid, "status": order_word(order.status, task.payment or PaymentStatus.PROCESSING)}
        ],
    }


def task_name(order: Order) -> str:
    return f"{order.kind}.{order.item.verb}"


def task_title(order: Order) -> str:
    return f"{order.item.verb.capitalize()} {order.kind} {order.item.name}"


def delivered(order: Order) -> Delivered:
    """The contract lists only sites and domains. For a machine, both lists are empty."""
    listed = _DELIVERED.get(order.kind)
    return listed(order) if listed and order.resource is not None else {"sites": [], "domains": []}


def _delivered_site(order: Order) -> Delivered:
    site = order.resource_as(SiteResource)
    return {"sites": [{"id": site.id, "name": order.item.name}] if site else [], "domains": []}


def _delivered_domain(order: Order) -> Delivered:
    return {"sites": [], "domains": [{"id": registration_id(order.number), "name": order.item.name}]}


_DELIVERED = {ProductKind.SITE: _delivered_site, ProductKind.DOMAIN: _delivered_domain}
