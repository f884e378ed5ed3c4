"""Statuses, types and intervals in contract 000 (docs/contracts.md C03, C27)."""

from __future__ import annotations

import datetime as dt

from hosting_orders.domain.catalogue import Term
from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.domain.products import Deliverer

# This contract has no sites: its hosting orders are VPS orders. So a site is shown as a VM (C27).
_TYPES = {Deliverer.PLATFORM: "VM", Deliverer.REGISTRAR: "DOMAIN"}
SCOPES = {Deliverer.PLATFORM: "vps:provision", Deliverer.REGISTRAR: "domains:provision"}
"""The scope that a key needs, by the order's deliverer (SQ-010 … SQ-012)."""
INTERVALS = {Term.MONTHLY: "1 month", Term.ANNUAL: "12 months"}

_STATUSES = {
    OrderStatus.PENDING: "PENDING",
    OrderStatus.PROCESSING: "PROCESSING",
    OrderStatus.COMPLETED: "COMPLETED",
    OrderStatus.FAILED: "FAILED",
    OrderStatus.CANCELED: "CANCELED",
    OrderStatus.EXPIRED: "EXPIRED",
    OrderStatus.REFUNDING: "PROCESSING",
    OrderStatus.REFUND_FAILED: "PROCESSING",
    OrderStatus.PROVISION_FAILED: "PROVISION_FAILED",
}


def type_word(order: Order) -> str:
    return _TYPES[order.item.DELIVERER]


def status_word(order: Order) -> str:
    """PROVISION_FAILED means that a refund exists (SQ-045, SQ-047). Without a refund the word is FAILED."""
    if order.status is OrderStatus.CANCELING:
        return "PROCESSING" if order.entered(OrderStatus.PROCESSING) is not None else "PENDING"
    if order.status is OrderStatus.PROVISION_FAILED and order.refund is None:
        return "FAILED"
    return _STATUSES[order.status]


def iso_time(moment: int) -> str:
    """Epoch milliseconds as `2026-03-29T12:00:00.000Z` (SQ-034)."""
    text = dt.datetime.fromtimestamp(moment / 1000, dt.UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
