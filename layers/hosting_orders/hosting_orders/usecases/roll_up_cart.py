"""Copy order statuses from the table's stream into carts, and write page marks (docs/glossary.md)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hosting_orders.domain import deadlines
from hosting_orders.domain.cart import OrderSnapshot
from hosting_orders.domain.ids import smallest_number_at
from hosting_orders.domain.order import ENDS, OrderStatus

from .log import log
from .ports import Services


@dataclass(frozen=True, slots=True)
class OrderChange:
    sequence: str  # identifies the stream record
    account_id: str
    cart_token: str
    number: int
    status: OrderStatus
    version: int


def roll_up_carts(services: Services, news: Iterable[OrderChange]) -> list[str]:
    """Write each cart once, and return the sequence numbers of records to retry.

    Records may be repeated, late or out of order, so older versions are ignored.
    """
    by_cart: dict[tuple[str, str], list[OrderChange]] = {}
    grown: dict[str, None] = {}
    for item in news:
        by_cart.setdefault((item.account_id, item.cart_token), []).append(item)
        # An order can get a page mark only when it is more than two minutes old (ORDER_WRITTEN). So write the missing
        # marks of older orders when a new order arrives, and write missing marks again when an order ends.
        if item.version == 0 or item.status in ENDS:
            grown[item.account_id] = None
    failed: list[str] = []
    for (account_id, token), items in by_cart.items():
        marks: dict[int, OrderSnapshot] = {}
        for item in items:
            known = marks.get(item.number)
            if known is None or item.version > known.version:
                marks[item.number] = OrderSnapshot(item.status, item.version)
        try:
            if services.orders.save_roll_up(account_id, token, marks) is None:
                log.error("the order's cart does not exist", extra={"cart_token": token})
        except Exception:
            # A failing cart must not block the other carts of the batch.
            log.exception("roll-up failed", extra={"cart_token": token})
            failed.extend(item.sequence for item in items)
    for account_id in grown:
        _mark_pages(services, account_id)
    return failed


def recompute_roll_up(services: Services, account_id: str, token: str) -> None:
    """Write the roll-up from the cart's current orders, without the stream."""
    cart = services.orders.cart(account_id, token)
    if cart is None:
        log.error("the order's cart does not exist", extra={"cart_token": token})
        return
    current = [services.orders.order(account_id, number) for number in cart.orders]
    marks = {
        order.number: OrderSnapshot(order.status, order.version) for order in current if order is not None
    }
    services.orders.save_roll_up(account_id, token, marks)


def _mark_pages(services: Services, account_id: str) -> None:
    settled = smallest_number_at(services.clock.now() - deadlines.ORDER_WRITTEN)
    try:
        services.orders.mark_pages(account_id, before=settled)
    except Exception:
        # The account's next order repeats the marking. Until then, reading a page of its orders costs more.
        log.exception("pages were not marked", extra={"account_id": account_id})
