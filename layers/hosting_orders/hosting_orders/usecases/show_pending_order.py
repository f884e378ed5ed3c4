"""Show the orders that wait for the customer's payment."""

from __future__ import annotations

from dataclasses import dataclass

from hosting_orders.domain.cart import Cart
from hosting_orders.domain.order import Order, OrderStatus

from .authenticate import Caller
from .changes import load_cart
from .ports import Services

_LOOKED_AT = 50
"""How many of the newest orders are checked."""


@dataclass(frozen=True, slots=True)
class PendingView:
    orders: tuple[Order, ...]
    cart: Cart


def show_pending_order(services: Services, caller: Caller) -> PendingView | None:
    """Return the unpaid orders of the newest cart with a payment URL."""
    account_id = caller.scope.id
    looked_at: set[str] = set()
    for order in services.orders.newest(account_id, _LOOKED_AT).orders:
        if order.status is not OrderStatus.PENDING or order.cart_token in looked_at:
            continue
        looked_at.add(order.cart_token)
        cart = load_cart(services, account_id, order.cart_token)
        if not cart.payment.settled and cart.payment.pay_url is not None:
            orders = services.orders.orders(account_id, sorted(cart.orders))
            return PendingView(tuple(each for each in orders if each.status is OrderStatus.PENDING), cart)
    return None
