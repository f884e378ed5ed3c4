"""Everything that may be shown of one order."""

from __future__ import annotations

from dataclasses import dataclass

from hosting_orders.domain.account import Account, User
from hosting_orders.domain.callback import CallbackDelivery
from hosting_orders.domain.cart import Cart
from hosting_orders.domain.deadlines import Outlook, outlook
from hosting_orders.domain.order import Order

from .authenticate import Caller
from .changes import find_order, load_cart
from .platform_delivery import password_context
from .ports import Services


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order with what belongs to it.

    `user` is None for an account's own key, `delivery` before a callback is due, `outlook` after the order's end.
    `password` is None where there is none, and for a caller that may not see it (docs/contracts.md C22).
    """

    order: Order
    cart: Cart
    account: Account
    user: User | None
    delivery: CallbackDelivery | None
    outlook: Outlook | None
    password: str | None

    def __repr__(self) -> str:
        return f"OrderView({self.order.uuid})"  # it may hold a password


def show_order(services: Services, caller: Caller, order_id: str) -> OrderView:
    """The account's order by any spelling of its id. Raises NotFoundError."""
    account = caller.scope
    order = find_order(services, account.id, order_id)
    cart = load_cart(services, account.id, order.cart_token)
    return OrderView(
        order=order,
        cart=cart,
        account=account,
        user=services.directory.user(order.user_id) if order.user_id else None,
        delivery=services.deliveries.delivery(account.id, order.number) if order.callback else None,
        outlook=outlook(order, cart),
        password=_password(services, caller, order),
    )


def _password(services: Services, caller: Caller, order: Order) -> str | None:
    sealed = order.resource.sealed_password if order.resource else None
    if sealed is None or not caller.may_see_secrets:
        return None
    return services.cipher.open(sealed, password_context(order))
