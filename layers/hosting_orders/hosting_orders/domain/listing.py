"""Results of order queries."""

from __future__ import annotations

from dataclasses import dataclass

from .cart import Cart
from .order import Order
from .webhook import WebhookEndpoint


@dataclass(frozen=True, slots=True)
class OrderPage:
    """Newest first."""

    orders: tuple[Order, ...]
    has_more: bool  # in the paging direction


@dataclass(frozen=True, slots=True)
class ChangedOrders:
    """Orders after their changes, oldest first."""

    orders: tuple[Order, ...]
    unreadable: tuple[str, ...] = ()  # sequence numbers of stream records


Publisher = Order | Cart | WebhookEndpoint
"""Account webhooks report the changes of these items."""


@dataclass(frozen=True, slots=True)
class ChangedPublishers:
    """Items after their changes, oldest first."""

    items: tuple[Publisher, ...]
    unreadable: tuple[str, ...] = ()  # sequence numbers of stream records


@dataclass(frozen=True, slots=True)
class DueItem:
    account_id: str
    kind: str  # "order" | "cart" | "callback"
    key: str  # the order's number or the cart's token
    due_at: int
