"""An order's execution has failed: an operator must learn what stands still, where, and how long is left.

The execution failed in one of its steps after all its retries (statemachines/fulfil_order.asl.yaml). A redrive carries
the order on; without one the reconciler decides at the order's deadline.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from hosting_orders.domain import deadlines
from hosting_orders.domain.ids import parse_order_id
from hosting_orders.domain.order import Order, OrderStatus

from .changes import load_cart, load_order
from .log import log
from .ports import Services

REDRIVABLE_FOR = 14 * deadlines.DAY
"""How long after its end Step Functions takes a redrive (milliseconds)."""


@dataclass(frozen=True, slots=True)
class FailedExecution:
    """An execution that ended without success. `status` is FAILED, TIMED_OUT or ABORTED, `error` the name of what
    went wrong, `ended_at` epoch milliseconds."""

    arn: str
    account_id: str
    order_id: str
    status: str
    error: str
    ended_at: int


def report_failed_execution(services: Services, execution: FailedExecution) -> None:
    """Send the operator one message. Reporting twice sends it twice and changes nothing.

    Raises NotFoundError for an order that is not there, ProviderUnavailableError when the message cannot be sent.
    """
    order = load_order(services, execution.account_id, parse_order_id(execution.order_id) or 0)
    step = services.workflow.failed_step(execution.arn) or "an unknown step"
    now = services.clock.now()
    decides_at = _decides_at(services, order)
    log.error(
        "execution failed",
        extra={
            "order_id": order.uuid,
            "account_id": order.account_id,
            "step": step,
            "error": execution.error,
            "order_status": order.status,
            "minutes_left": None if decides_at is None else max(0, decides_at - now) // deadlines.MINUTE,
        },
    )
    text = "\n".join(
        [
            f"The workflow of order {order.uuid} (account {order.account_id}) has failed in the step {step}.",
            f"Error: {execution.error}. The order is {order.status}.",
            _what_is_left(order, now, decides_at),
            "",
            "Correct the cause, then redrive the execution. It goes on in the step that failed:",
            f"  aws stepfunctions redrive-execution --execution-arn {execution.arn}",
            f"Step Functions accepts a redrive until {_utc(execution.ended_at + REDRIVABLE_FOR)}.",
            'More: docs/runbooks.md, "An execution failed".',
        ]
    )
    services.alerts.send(f"Order {order.uuid} failed in {step}", text)


def _decides_at(services: Services, order: Order) -> int | None:
    """When the reconciler ends the order by itself (epoch ms); None when nothing is decided by the clock."""
    if order.status is OrderStatus.PENDING:
        return deadlines.payment_deadline(load_cart(services, order.account_id, order.cart_token))
    if order.status is OrderStatus.PROCESSING:
        return deadlines.delivery_ends_at(order)
    return None


def _what_is_left(order: Order, now: int, decides_at: int | None) -> str:
    if decides_at is not None:
        end = "is refunded" if order.status is OrderStatus.PROCESSING else "expires"
        return f"Time left: {_duration(decides_at - now)}. At {_utc(decides_at)} the order {end}."
    if order.ended:
        return "No money is at stake: the order has ended. The reconciler sends its callback."
    return "No deadline: the reconciler tries every few minutes to give the money back."


def _duration(left: int) -> str:
    """`6 h 20 min`, or days for what takes days."""
    days, rest = divmod(max(0, left), deadlines.DAY)
    hours, rest = divmod(rest, deadlines.HOUR)
    minutes = rest // deadlines.MINUTE
    return f"{days} d {hours} h" if days else f"{hours} h {minutes} min"


def _utc(moment: int) -> str:
    return dt.datetime.fromtimestamp(moment / 1000, dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
