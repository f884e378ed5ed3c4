"""Answers to questions about many orders."""

from __future__ import annotations

from dataclasses import dataclass

from .order import Order


@dataclass(frozen=True, slots=True)
class OrderPage:
    """`has_more` in the direction of travel. Orders are newest first."""

    orders: tuple[Order, ...]
    has_more: bool


@dataclass(frozen=True, slots=True)
class DueItem:
    """Something the reconciler should look at: an order, a cart, or a callback delivery."""

    account_id: str
    kind: str  # "order" | "cart" | "callback"
    key: str  # the order's number or the cart's token
    due_at: int
