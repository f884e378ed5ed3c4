"""Carts in contract 002 (O2-073 … O2-079, O2-173)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import TypedDict

from hosting_orders.contracts.vendor.words import order_word
from hosting_orders.domain.cart import Cart
from hosting_orders.domain.ids import order_uuid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hosting_orders.usecases.place_cart import Placed
    from hosting_orders.usecases.show_cart import CartView


class CartState(TypedDict):
    token: str
    status: str
    rollup_status: str
    poll_url: str


class CartPayment(TypedDict):
    status: str
    method_type: str | None
    hosted_invoice_url: str | None  # only while the customer must act, otherwise null


class OrderInCart(TypedDict):
    id: str
    status: str
    poll_url: str


class CartEnvelope(TypedDict):
    status: str
    cart: CartState
    payment: CartPayment
    orders: list[OrderInCart]


def placed_cart(placed: Placed) -> CartEnvelope:
    return _envelope(placed.cart)


def shown_cart(view: CartView) -> CartEnvelope:
    return _envelope(view.cart)


def retry_after(view: CartView) -> Mapping[str, str]:
    return {"Retry-After": str(view.poll_after)} if view.poll_after else {}


def _envelope(cart: Cart) -> CartEnvelope:
    payment = cart.payment
    return {
        "status": "accepted",
        "cart": {
            "token": cart.token,
            "status": cart.status.value,
            "rollup_status": cart.rollup_status.value,
            "poll_url": f"/api/carts/{cart.token}",
        },
        "payment": {
            "status": payment.status.value,
            "method_type": payment.method_type,
            "hosted_invoice_url": payment.pay_url,
        },
        "orders": [
            {
                "id": order_uuid(number),
                "status": order_word(mark.status, payment.status),
                "poll_url": f"/api/orders/{order_uuid(number)}",
            }
            for number, mark in sorted(cart.orders.items())
        ],
    }
