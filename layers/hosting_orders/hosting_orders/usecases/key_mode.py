"""Keep test keys away from real money, and live keys from test payments."""

from __future__ import annotations

from hosting_orders.domain.cart import Cart
from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import AccessDeniedError
from hosting_orders.domain.order import Order

from .authenticate import Caller
from .changes import load_cart
from .ports import Services


def check_ordering(services: Services, caller: Caller) -> None:
    """Raises AccessDeniedError."""
    test, live = caller.credential.test, services.payments.live
    if test and live:
        raise AccessDeniedError(Code.TEST_KEY, "A test key cannot order here: payments move real money.")
    if not test and not live:
        # The client expects a real product, and no real money would pay for it.
        raise AccessDeniedError(
            Code.LIVE_KEY, "A live key cannot order here: payments are only tests. Use a test key."
        )


def may_change(caller: Caller, cart: Cart) -> bool:
    """A key that may not change an order may not see its password either: a password allows changes of the product."""
    return not (caller.credential.test and cart.payment.live)


def check_change(services: Services, caller: Caller, order: Order) -> None:
    """Raises AccessDeniedError."""
    if not may_change(caller, load_cart(services, order.account_id, order.cart_token)):
        raise AccessDeniedError(
            Code.TEST_KEY, "A test key cannot change an order with a live payment. Use a live key."
        )
