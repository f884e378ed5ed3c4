"""Show one cart and when to poll it again."""

from __future__ import annotations

from dataclasses import dataclass

from hosting_orders.domain.cart import Cart
from hosting_orders.domain.deadlines import poll_after
from hosting_orders.domain.errors import NotFoundError
from hosting_orders.domain.ids import parse_cart_token

from .authenticate import Caller
from .changes import load_cart
from .ports import Services


@dataclass(frozen=True, slots=True)
class CartView:
    cart: Cart
    poll_after: int | None  # seconds; None once all orders have ended


def show_cart(services: Services, caller: Caller, token: str) -> CartView:
    """Raises NotFoundError. A malformed token is refused without reading the table."""
    parsed = parse_cart_token(token)
    if parsed is None:
        raise NotFoundError("There is no such cart.")
    cart = load_cart(services, caller.scope.id, parsed)
    return CartView(cart, poll_after(cart, services.clock.now()))
