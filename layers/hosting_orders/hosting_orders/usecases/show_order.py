"""Show one order in full."""

from __future__ import annotations

from dataclasses import dataclass

from hosting_orders.domain.account import Account, User
from hosting_orders.domain.callback import CallbackDelivery
from hosting_orders.domain.cart import Cart
from hosting_orders.domain.deadlines import Outlook, outlook
from hosting_orders.domain.order import Order

from .authenticate import Caller
from .changes import find_order, find_order_by_number, load_cart
from .key_mode import may_change
from .ports import Services
from .sealed_password import password_context


@dataclass(frozen=True, slots=True)
class OrderView:
    order: Order
    cart: Cart
    account: Account
    user: User | None  # None if the order was placed with a key of the account, not of a user
    delivery: CallbackDelivery | None  # None before the order's end, and without a callback URL
    outlook: Outlook | None  # None after the order's end
    password: str | None  # None when the caller may not see it (docs/contracts.md C22)

    def __repr__(self) -> str:
        return f"OrderView({self.order.uuid})"  # the view may contain a password


def show_order(services: Services, caller: Caller, order_id: str) -> OrderView:
    """Accepts any spelling of the id. Raises NotFoundError."""
    return _view(services, caller, find_order(services, caller.scope.id, order_id))


def show_order_by_number(services: Services, caller: Caller, number: str) -> OrderView:
    """Accepts only the number. Raises NotFoundError."""
    return _view(services, caller, find_order_by_number(services, caller.scope.id, number))


def _view(services: Services, caller: Caller, order: Order) -> OrderView:
    account = caller.scope
    cart = load_cart(services, account.id, order.cart_token)
    return OrderView(
        order=order,
        cart=cart,
        account=account,
        user=services.directory.user(order.user_id) if order.user_id else None,
        delivery=services.deliveries.delivery(account.id, order.number) if order.callback else None,
        outlook=outlook(order, cart),
        password=_password(services, caller, order, cart),
    )


def _password(services: Services, caller: Caller, order: Order, cart: Cart) -> str | None:
    sealed = order.resource.sealed_password if order.resource else None
    if sealed is None or not caller.may_see_secrets or not may_change(caller, cart):
        return None
    return services.cipher.open(sealed, password_context(order))
