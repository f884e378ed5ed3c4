"""An order in contract 000: exactly thirteen fields (SQ-020 … SQ-038)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from typing_extensions import TypedDict

from hosting_orders.contracts.operation import replayed
from hosting_orders.domain.ids import object_id, resource_id
from hosting_orders.domain.money import decimal_text
from hosting_orders.domain.order import OrderStatus

from .words import INTERVALS, iso_time, status_word, type_word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hosting_orders.usecases.place_cart import Placed
    from hosting_orders.usecases.show_order_status import OrderStatusView, StatusListing


class OrderStatusData(TypedDict):
    """Amounts are in major units. `provisioned…` are null until COMPLETED."""

    id: str
    token: str
    status: str
    type: str
    channel: str
    totalNet: float
    totalGross: float
    currency: str
    interval: str
    provisionedResourceId: str | None
    provisionedAt: str | None
    createdAt: str
    updatedAt: str


class OrderStatusAnswer(TypedDict):
    data: OrderStatusData


class OrderStatusList(TypedDict):
    """Newest first."""

    data: list[OrderStatusData]


class RegisteredDomain(TypedDict):
    orderId: str
    orderToken: str
    domain: str
    status: str  # of the payment
    paymentId: str | None  # null until Stripe has answered


class RegisteredDomainAnswer(TypedDict):
    """SQ-066."""

    data: RegisteredDomain


def order_status_answer(view: OrderStatusView) -> OrderStatusAnswer:
    return {"data": _data(view)}


def order_status_list(listing: StatusListing) -> OrderStatusList:
    return {"data": [_data(view) for view in listing.views]}


def links(listing: StatusListing) -> Mapping[str, str]:
    neighbours = {"next": listing.page.next_cursor, "prev": listing.page.previous_cursor}
    found = [
        f'</api/v1/orders?per_page={listing.page.per_page}&cursor={cursor}>; rel="{relation}"'
        for relation, cursor in neighbours.items()
        if cursor
    ]
    return {"Link": ", ".join(found)} if found else {}


def placed_status(placed: Placed) -> OrderStatusAnswer:
    return {"data": _data(_view_of(placed))}


def payment_link(view: OrderStatusView) -> Mapping[str, str]:
    """Our addition: a `Link` header, because `data` cannot have more fields."""
    order, payment = view.order, view.cart.payment
    waits = order.status is OrderStatus.PENDING and not payment.settled and payment.pay_url is not None
    return {"Link": f'<{payment.pay_url}>; rel="payment"'} if waits else {}


def placed_headers(placed: Placed) -> Mapping[str, str]:
    return {**replayed(placed), **payment_link(_view_of(placed))}


def registered_domain(placed: Placed) -> RegisteredDomainAnswer:
    (order,) = placed.orders
    payment = placed.cart.payment
    words = {True: "completed", False: "payment_pending" if not payment.settled else "payment_failed"}
    return {
        "data": {
            "orderId": object_id(order.number),
            "orderToken": order.uuid,
            "domain": order.item.name,
            "status": words[payment.paid],
            "paymentId": payment.reference,
        }
    }


def _view_of(placed: Placed) -> OrderStatusView:
    from hosting_orders.usecases.show_order_status import OrderStatusView

    (order,) = placed.orders
    return OrderStatusView(order, placed.cart, placed.account)


def _data(view: OrderStatusView) -> OrderStatusData:
    order, payment = view.order, view.cart.payment
    delivered = order.status is OrderStatus.COMPLETED
    gross = payment.expected_gross(order, view.account.tax_basis_points)
    ended = order.ended_at
    return {
        "id": object_id(order.number),
        "token": order.uuid,
        "status": status_word(order),
        "type": type_word(order),
        "channel": order.placed.channel.value,
        "totalNet": major_units(order.price.amount, order.price.currency),
        "totalGross": major_units(gross, order.price.currency),
        "currency": order.price.currency,
        "interval": INTERVALS[order.item.term],
        "provisionedResourceId": resource_id(order.number) if delivered else None,
        "provisionedAt": iso_time(ended) if delivered and ended is not None else None,
        "createdAt": iso_time(order.created_at),
        "updatedAt": iso_time(order.updated_at),
    }


def major_units(amount: int, currency: str) -> float:
    return float(Decimal(decimal_text(amount, currency)))
