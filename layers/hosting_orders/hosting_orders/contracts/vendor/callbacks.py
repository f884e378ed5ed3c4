"""The bodies of callbacks, and how the API shows their delivery."""

from __future__ import annotations

import json

from typing_extensions import TypedDict

from hosting_orders.domain.callback import CallbackDelivery
from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.ids import task_id
from hosting_orders.domain.order import Order, OrderStatus

from .accounts import NamedId
from .tasks import Delivered, OrderInTask, delivered, task_name, task_title
from .times import date_time
from .words import order_word, task_word


class TaskInCallback(Delivered):
    """It contains no secret."""

    id: int
    name: str
    title: str
    status: str
    start_on: str
    end_on: str | None
    orders: list[OrderInTask]
    accounts: list[NamedId]


class CallbackMessage(TypedDict):
    type: str  # `order.` and the order's status word
    timestamp: str | None
    task: TaskInCallback


class CallbackState(TypedDict):
    id: str | None  # the `webhook-id`
    status: str
    attempts: int
    next_at: str | None


class CallbackAttempt(TypedDict):
    id: str | None
    attempt: int
    at: str
    status_code: int | None
    error: str | None
    next_at: str | None


class CallbackAttempts(TypedDict):
    """The most recent attempts, oldest first."""

    callback: CallbackState
    attempts: list[CallbackAttempt]


class Redelivered(TypedDict):
    status: str
    callback: CallbackState


def callback_body(order: Order, account_name: str) -> bytes:
    word = order_word(order.status, PaymentStatus.PROCESSING)
    started = order.entered(OrderStatus.PROCESSING)
    message: CallbackMessage = {
        "type": f"order.{word}",
        "timestamp": date_time(order.ended_at),
        "task": {
            "id": task_id(order.number, 1),
            "name": task_name(order),
            "title": task_title(order),
            "status": task_word(order),
            "start_on": date_time(order.created_at if started is None else started),
            "end_on": date_time(order.ended_at),
            "orders": [{"id": order.uuid, "status": word}],
            **delivered(order),
            "accounts": [{"id": order.account_id, "name": account_name}],
        },
    }
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def sample_callback(now: int) -> CallbackMessage:
    return {
        "type": "order.completed",
        "timestamp": date_time(now),
        "task": {
            "id": 4711,
            "name": "site.create",
            "title": "Create site example",
            "status": "OK",
            "start_on": date_time(now - 60_000),
            "end_on": date_time(now),
            "orders": [{"id": "00000000-0000-8000-8000-000000000000", "status": "completed"}],
            "sites": [{"id": "site-example", "name": "example"}],
            "domains": [],
            "accounts": [{"id": "acc_example", "name": "Example"}],
        },
    }


def callback_state(delivery: CallbackDelivery | None) -> CallbackState:
    if delivery is None:
        return {"id": None, "status": "not_due", "attempts": 0, "next_at": None}
    return {
        "id": delivery.message_id,
        "status": delivery.status.value,
        "attempts": delivery.made,
        "next_at": date_time(delivery.due_at),
    }


def callback_attempts(delivery: CallbackDelivery | None) -> CallbackAttempts:
    if delivery is None:
        return {"callback": callback_state(None), "attempts": []}
    return {
        "callback": callback_state(delivery),
        "attempts": [
            {
                "id": delivery.message_id,
                "attempt": number,
                "at": date_time(attempt.at),
                "status_code": attempt.status_code,
                "error": attempt.error,
                "next_at": date_time(delivery.due_at) if number == delivery.made else None,
            }
            for number, attempt in enumerate(delivery.attempts, start=delivery.forgotten + 1)
        ],
    }


def redelivered(delivery: CallbackDelivery) -> Redelivered:
    return {"status": "accepted", "callback": callback_state(delivery)}
