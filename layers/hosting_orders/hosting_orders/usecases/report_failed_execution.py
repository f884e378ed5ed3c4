"""Report a failed execution to an operator (statemachines/fulfil_order.asl.yaml)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from hosting_orders.domain import deadlines, durations
from hosting_orders.domain.ids import parse_order_id
from hosting_orders.domain.order import Order, OrderStatus

from .changes import load_cart, load_order
from .log import log
from .ports import Services
from .settle_payment import owes_a_refund

T = TypeVar("T")

REDRIVABLE_FOR = 14 * durations.DAY
"""How long Step Functions accepts a redrive after the execution's end (milliseconds)."""


@dataclass(frozen=True, slots=True)
class FailedExecution:
    arn: str
    account_id: str
    order_id: str
    status: str  # FAILED, TIMED_OUT or ABORTED
    error: str
    ended_at: int  # epoch ms


def report_failed_execution(services: Services, execution: FailedExecution) -> None:
    """Send one message. Values that cannot be read now are left out. Raises ProviderUnavailableError."""
    step = _known(lambda: services.workflow.failed_step(execution.arn)) or "an unknown step"
    state = _known(lambda: _state(services, execution))
    status = state.order.status if state else "not readable now"
    now = services.clock.now()
    ends_at = state.ends_at if state else None
    log.error(
        "execution failed",
        extra={
            "order_id": execution.order_id,
            "account_id": execution.account_id,
            "step": step,
            "error": execution.error,
            "order_status": status,
            "minutes_left": None if ends_at is None else max(0, ends_at - now) // durations.MINUTE,
        },
    )
    text = "\n".join(
        [
            f"The workflow of order {execution.order_id} (account {execution.account_id})"
            f" has failed in the step {step}.",
            f"Error: {execution.error}. The order is {status}.",
            _what_is_left(state, now) if state else "Time left: unknown. Check the order soon.",
            "",
            "Correct the cause, then redrive the execution. It resumes in the step that failed:",
            f"  aws stepfunctions redrive-execution --execution-arn {execution.arn}",
            f"Step Functions accepts a redrive until {_utc(execution.ended_at + REDRIVABLE_FOR)}.",
            'More: docs/runbooks.md, "An execution failed".',
        ]
    )
    services.alerts.send(f"Order {execution.order_id} failed in {step}", text)


def _known(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except Exception as error:
        log.exception(
            "a value is missing from the message to the operators", extra={"error": type(error).__name__}
        )
        return None


@dataclass(frozen=True, slots=True)
class _State:
    order: Order
    owes_money: bool
    ends_at: int | None


def _state(services: Services, execution: FailedExecution) -> _State:
    order = load_order(services, execution.account_id, parse_order_id(execution.order_id) or 0)
    cart = load_cart(services, order.account_id, order.cart_token)
    ends_at = None
    if order.status is OrderStatus.PENDING:
        ends_at = deadlines.payment_deadline(cart)
    elif order.status is OrderStatus.PROCESSING:
        ends_at = deadlines.delivery_ends_at(order)
    return _State(order, cart.payment.paid and owes_a_refund(order), ends_at)


def _what_is_left(state: _State, now: int) -> str:
    if state.ends_at is not None:
        left = f"Time left: {_duration(state.ends_at - now)}. At {_utc(state.ends_at)} the order"
        if state.order.status is OrderStatus.PROCESSING:
            return f"{left} is refunded."
        then = _duration(state.order.item.given_up())
        return f"{left} expires. If it is paid before that, and not delivered, it is refunded {then} after the payment."
    if state.order.ended and not state.owes_money:
        return "No money is at stake: the order has ended. The reconciler sends its callback."
    return "No deadline: the reconciler tries every few minutes to return the money."


def _duration(left: int) -> str:
    days, rest = divmod(max(0, left), durations.DAY)
    hours, rest = divmod(rest, durations.HOUR)
    minutes = rest // durations.MINUTE
    return f"{days} d {hours} h" if days else f"{hours} h {minutes} min"


def _utc(moment: int) -> str:
    return dt.datetime.fromtimestamp(moment / 1000, dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
