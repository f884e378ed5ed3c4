"""The words of contract 001 (docs/contracts.md C03, C20; HU-074)."""

from __future__ import annotations

import datetime as dt

from hosting_orders.domain.cart import Payment
from hosting_orders.domain.catalogue import Term
from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.domain.products import ProductKind

CYCLES = {Term.MONTHLY: "Monthly", Term.ANNUAL: "Annually"}
FREE = "Free"

_OTHER_WORDS = {ProductKind.VM: "vps"}

_ACTIVE, _PENDING, _CANCELLED = "Active", "Pending", "Cancelled"
_ORDER_WORDS = {
    OrderStatus.COMPLETED: _ACTIVE,
    OrderStatus.FAILED: _CANCELLED,
    OrderStatus.EXPIRED: _CANCELLED,
    OrderStatus.CANCELED: _CANCELLED,
    OrderStatus.PROVISION_FAILED: _CANCELLED,
}


def product_word(order: Order) -> str:
    return _OTHER_WORDS.get(order.kind, order.kind.value)


def order_word(status: OrderStatus) -> str:
    """The status of an order and of its products, and the `title` of its notes."""
    return _ORDER_WORDS.get(status, _PENDING)


def invoice_word(order: Order, payment: Payment) -> str:
    """A free order is never "Refunded"."""
    if order.refund is not None and order.price.amount > 0:
        return "Refunded"
    if payment.paid:
        return "Paid"
    return "Cancelled" if payment.settled or order.ended else "Unpaid"


def cycle_word(order: Order) -> str:
    return CYCLES[order.item.term] if order.price.amount else FREE


def date(moment: int) -> str:
    """Epoch milliseconds as `2026-03-29 12:00:00`, in UTC (C28)."""
    return dt.datetime.fromtimestamp(moment / 1000, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")
