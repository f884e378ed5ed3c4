"""The next action of an order's compensation (docs/glossary.md). The table guarantees:

- Money never goes back while delivery is possible: `GIVE_BACK` is only in rows that forbid delivery. The exception
  is a domain that is unfinished at its deadline: it may still arrive.
- No order ends unpaid before its payment has an outcome: the `open` column has no `END_UNPAID`.
- Money for an undelivered order always goes back once, even if it arrives after the order's end.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from .cart import Payment
from .order import OrderStatus


class Action(StrEnum):
    """After an action that neither ends the order nor waits, the caller calls `next_action` again with fresh data."""

    STOP_DELIVERY = "stop_delivery"  # ask the provider, then deliver, wait or give up
    GIVE_UP = "give_up"  # forbid delivery: the order becomes `refunding`
    CLOSE_PAYMENT = "close_payment"  # void an open payment, or wait for a debit
    END_UNPAID = "end_unpaid"  # nothing to refund; the order ends
    GIVE_BACK = "give_back"  # take the service down, refund this order once, end it if it has not ended
    NOTHING = "nothing"  # the order has ended; no money is owed


class _Row(NamedTuple):
    open: Action  # the payment has no outcome yet
    never: Action  # the payment failed or was cancelled
    came: Action  # the payment succeeded, even if it was refunded later


_TABLE: Mapping[OrderStatus, _Row] = {
    # Delivery is still possible. The order is delivered, or moves to a status that forbids delivery.
    OrderStatus.PENDING: _Row(Action.CLOSE_PAYMENT, Action.END_UNPAID, Action.GIVE_UP),
    OrderStatus.PROCESSING: _Row(Action.STOP_DELIVERY, Action.STOP_DELIVERY, Action.STOP_DELIVERY),
    # The order was delivered, so the money is kept.
    OrderStatus.COMPLETED: _Row(Action.NOTHING, Action.NOTHING, Action.NOTHING),
    # Delivery is no longer possible. The payment must still be closed or refunded.
    OrderStatus.CANCELING: _Row(Action.CLOSE_PAYMENT, Action.END_UNPAID, Action.GIVE_BACK),
    OrderStatus.REFUNDING: _Row(Action.CLOSE_PAYMENT, Action.END_UNPAID, Action.GIVE_BACK),
    OrderStatus.REFUND_FAILED: _Row(Action.CLOSE_PAYMENT, Action.END_UNPAID, Action.GIVE_BACK),
    # The order has ended, but money that comes later still goes back.
    OrderStatus.FAILED: _Row(Action.CLOSE_PAYMENT, Action.NOTHING, Action.GIVE_BACK),
    OrderStatus.CANCELED: _Row(Action.CLOSE_PAYMENT, Action.NOTHING, Action.GIVE_BACK),
    OrderStatus.EXPIRED: _Row(Action.CLOSE_PAYMENT, Action.NOTHING, Action.GIVE_BACK),
    OrderStatus.PROVISION_FAILED: _Row(Action.CLOSE_PAYMENT, Action.NOTHING, Action.GIVE_BACK),
}


def next_action(status: OrderStatus, payment: Payment) -> Action:
    row = _TABLE[status]
    if not payment.settled:
        return row.open
    return row.came if payment.paid else row.never
