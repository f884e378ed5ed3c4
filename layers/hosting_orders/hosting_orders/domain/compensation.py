"""What compensation does next for an order: one table of the order's status and of its money.

An order needs compensation when it was cancelled, or when it cannot be delivered. The table is read row by row; each
row says what to do while the money may still come, when it never came, and when it came. It keeps three promises:

- The money never goes back while the product may still be delivered (but for a domain whose registrar has not finished
  by its deadline): `GIVE_BACK` stands only in rows whose status
  forbids delivery. `GIVE_UP` and `STOP_DELIVERY` lead to these rows.
- No order ends while money may still come: in the column `open` there is no `END_UNPAID`.
- Money that came for an undelivered order always goes back, and once: `GIVE_BACK` stands in the column `came` of every
  such row, also of those that have ended. It does nothing for an order that has its refund on record.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from .cart import Payment
from .order import OrderStatus


class Action(StrEnum):
    """One step towards the end. After each, except `NOTHING`, order and money are looked at again."""

    STOP_DELIVERY = (
        "stop_delivery"  # ask what became of the delivery, and give the order up unless it arrives
    )
    GIVE_UP = "give_up"  # from here on it will not be delivered: `refunding`
    CLOSE_PAYMENT = "close_payment"  # void what can be paid; wait for a debit that is under way
    END_UNPAID = "end_unpaid"  # nothing to give back: the order ends
    GIVE_BACK = "give_back"  # take the service down, refund this order's part, once; the order ends
    NOTHING = "nothing"  # the order has ended, and no money is owed


class _Row(NamedTuple):
    """`open`: the money may still come. `never`: it is certain that it did not. `came`: it did, even if the money for
    another order of the cart has been refunded since."""

    open: Action
    never: Action
    came: Action


_TABLE: Mapping[OrderStatus, _Row] = {
    # Its status still allows delivery. First it gets one that does not, or turns out to be delivered.
    OrderStatus.PENDING: _Row(Action.CLOSE_PAYMENT, Action.END_UNPAID, Action.GIVE_UP),
    OrderStatus.PROCESSING: _Row(Action.STOP_DELIVERY, Action.STOP_DELIVERY, Action.STOP_DELIVERY),
    # It was delivered after all: the money stays.
    OrderStatus.COMPLETED: _Row(Action.NOTHING, Action.NOTHING, Action.NOTHING),
    # It will not be delivered. What is left is its money.
    OrderStatus.CANCELING: _Row(Action.CLOSE_PAYMENT, Action.END_UNPAID, Action.GIVE_BACK),
    OrderStatus.REFUNDING: _Row(Action.CLOSE_PAYMENT, Action.END_UNPAID, Action.GIVE_BACK),
    OrderStatus.REFUND_FAILED: _Row(Action.CLOSE_PAYMENT, Action.END_UNPAID, Action.GIVE_BACK),
    # It has ended undelivered, and its end is final. Money that came later goes back all the same.
    OrderStatus.FAILED: _Row(Action.CLOSE_PAYMENT, Action.NOTHING, Action.GIVE_BACK),
    OrderStatus.CANCELED: _Row(Action.CLOSE_PAYMENT, Action.NOTHING, Action.GIVE_BACK),
    OrderStatus.EXPIRED: _Row(Action.CLOSE_PAYMENT, Action.NOTHING, Action.GIVE_BACK),
    OrderStatus.PROVISION_FAILED: _Row(Action.CLOSE_PAYMENT, Action.NOTHING, Action.GIVE_BACK),
}


def next_action(status: OrderStatus, payment: Payment) -> Action:
    """What to do next for an order in this status whose cart has this payment."""
    row = _TABLE[status]
    if not payment.settled:
        return row.open
    return row.came if payment.paid else row.never
