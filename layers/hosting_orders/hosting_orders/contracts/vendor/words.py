"""Status words of contracts 002 and 003 (docs/contracts.md C03)."""

from __future__ import annotations

from hosting_orders.contracts.shown import FOR_CUSTOMERS
from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.domain.products import DomainItem

_ORDER_WORDS = {
    OrderStatus.PENDING: "pending",
    OrderStatus.PROCESSING: "processing",
    OrderStatus.COMPLETED: "completed",
    OrderStatus.FAILED: "failed",
    OrderStatus.CANCELED: "cancelled",  # two Ls here, but one L in contract 000
    OrderStatus.EXPIRED: "cancelled",
    OrderStatus.REFUNDING: "processing",
    OrderStatus.REFUND_FAILED: "processing",
    OrderStatus.PROVISION_FAILED: "failed",
}

TASK_WORDS = {
    OrderStatus.PENDING: "PENDING",
    OrderStatus.PROCESSING: "RUNNING",
    OrderStatus.COMPLETED: "OK",
    OrderStatus.FAILED: "FAILED",
    OrderStatus.CANCELING: "RUNNING",
    OrderStatus.CANCELED: "CANCELLED",
    OrderStatus.EXPIRED: "CANCELLED",
    OrderStatus.REFUNDING: "RUNNING",
    OrderStatus.REFUND_FAILED: "PAUSED",
    OrderStatus.PROVISION_FAILED: "FAILED",
}

_PAID = (PaymentStatus.SUCCEEDED, PaymentStatus.REFUNDED)


def order_word(status: OrderStatus, payment: PaymentStatus) -> str:
    """While an order is being cancelled, its word does not change."""
    if status is OrderStatus.CANCELING:
        return "processing" if payment in _PAID else "pending"
    return _ORDER_WORDS[status]


def task_word(order: Order, payment: PaymentStatus | None = None) -> str:
    """PAUSED while the customer, another registrar or an operator must act (O2-185)."""
    if order.status is OrderStatus.PENDING and payment is PaymentStatus.AWAITING_AUTHENTICATION:
        return "PAUSED"
    if waits_for_others(order):
        return "PAUSED"
    return TASK_WORDS[order.status]


def waits_for_others(order: Order) -> bool:
    """Whether the former registrar or the registrant must act (C03)."""
    if order.domain is None or order.status is not OrderStatus.PROCESSING:
        return False
    if order.domain.flag in FOR_CUSTOMERS:
        return True
    return order.item_as(DomainItem).is_transfer and order.operation_id is not None
