"""The account's newest order that waits for its customer's payment."""

from __future__ import annotations

from dataclasses import dataclass

from hosting_orders.domain.account import Account
from hosting_orders.domain.cart import Cart
from hosting_orders.domain.order import Order, OrderStatus

from .authenticate import Caller
from .changes import load_cart
from .ports import Services

_LOOKED_AT = 50
"""Of the newest orders: an older one that is unpaid has expired, or waits for a bank and not for the customer."""


@dataclass(frozen=True, slots=True)
class PendingView:
    """An order that can be paid now."""

    order: Order
    cart: Cart
    account: Account


def show_pending_order(services: Services, caller: Caller) -> PendingView | None:
    """The newest order with an address to pay at; None when there is none."""
    account = caller.scope
    looked_at: set[str] = set()
    for order in services.orders.newest(account.id, _LOOKED_AT).orders:
        if order.status is not OrderStatus.PENDING or order.cart_token in looked_at:
            continue
        looked_at.add(order.cart_token)
        cart = load_cart(services, account.id, order.cart_token)
        if not cart.payment.settled and cart.payment.pay_url is not None:
            return PendingView(order, cart, account)
    return None
