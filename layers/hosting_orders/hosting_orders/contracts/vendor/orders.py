"""Orders in contracts 002 and 003."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import TypedDict

from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.order import Order, OrderStatus

from .times import date_time
from .words import order_word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hosting_orders.domain.deadlines import Outlook
    from hosting_orders.usecases.list_orders import Listing
    from hosting_orders.usecases.show_order import OrderView


class OrderIdAndStatus(TypedDict):
    id: str
    status: str


class OrderTimes(TypedDict, total=False):
    """Our addition. An ended order has neither field."""

    expected_by: str
    deadline_at: str | None


def order_status(order: Order, payment: PaymentStatus = PaymentStatus.PROCESSING) -> str:
    """Treat an order that reached PROCESSING as paid, so a list need not read every cart."""
    paid = order.entered(OrderStatus.PROCESSING) is not None
    return order_word(order.status, PaymentStatus.SUCCEEDED if paid else payment)


def order_times(ahead: Outlook | None) -> OrderTimes:
    if ahead is None:
        return {}
    return {"expected_by": date_time(ahead.expected_by), "deadline_at": date_time(ahead.deadline_at)}


def links(listing: Listing) -> Mapping[str, str]:
    neighbours = {"next": listing.next_cursor, "prev": listing.previous_cursor}
    found = [
        f'</api/orders?per_page={listing.per_page}&cursor={cursor}>; rel="{relation}"'
        for relation, cursor in neighbours.items()
        if cursor
    ]
    return {"Link": ", ".join(found)} if found else {}


def retry_after(view: OrderView) -> Mapping[str, str]:
    return {"Retry-After": str(view.outlook.poll_after)} if view.outlook else {}
