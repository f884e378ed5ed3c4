"""Show the status of orders, without secrets. A key may be limited to some products."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hosting_orders.domain.account import Account
from hosting_orders.domain.cart import Cart
from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import AccessDeniedError, InvalidRequestError
from hosting_orders.domain.ids import is_order_id
from hosting_orders.domain.order import Order
from hosting_orders.domain.products import Deliverer

from .authenticate import Caller
from .changes import find_order, load_cart
from .list_orders import Listing, goes_back, list_orders
from .ports import Services

_MORE_PAGES = 10
"""The maximum number of further pages read to fill one page."""

Scopes = Mapping[Deliverer, str]
"""The scope that a key needs for orders, by deliverer."""


@dataclass(frozen=True, slots=True)
class OrderStatusView:
    order: Order
    cart: Cart
    account: Account


@dataclass(frozen=True, slots=True)
class StatusListing:
    views: tuple[OrderStatusView, ...]
    page: Listing


def show_order_status(services: Services, caller: Caller, order_id: str, scopes: Scopes) -> OrderStatusView:
    """Raises InvalidRequestError, NotFoundError or AccessDeniedError."""
    # The lookup comes before the scope check, so another account's order gets a 404 and not a 403.
    if not is_order_id(order_id):
        raise InvalidRequestError(Code.INVALID_ID, "This cannot be the id of an order.")
    order = find_order(services, caller.scope.id, order_id)
    if not caller.may(scopes[order.item.DELIVERER]):
        raise AccessDeniedError(
            Code.INSUFFICIENT_SCOPE,
            f"The API key lacks the scope {scopes[order.item.DELIVERER]}, which this order needs.",
        )
    return OrderStatusView(order, load_cart(services, order.account_id, order.cart_token), caller.scope)


def list_order_statuses(
    services: Services,
    caller: Caller,
    scopes: Scopes,
    *,
    page: str | None,
    per_page: str | None,
    cursor: str | None,
) -> StatusListing:
    """Newest first. Raises AccessDeniedError or InvalidRequestError."""
    if not any(caller.may(scope) for scope in scopes.values()):
        wanted = " or ".join(sorted(set(scopes.values())))
        raise AccessDeniedError(Code.INSUFFICIENT_SCOPE, f"The API key lacks the scope {wanted}.")
    first = listing = list_orders(services, caller.scope, page=page, per_page=per_page, cursor=cursor)
    seen = [order for order in first.orders if caller.may(scopes[order.item.DELIVERER])]
    # A key that is limited to some products sees only some of the orders on this page. So we read further pages until
    # the page is full. We do not do this if the client gave a page number, or a cursor that asks for newer orders.
    for _ in range(_MORE_PAGES if page is None and not goes_back(cursor) else 0):
        if len(seen) == first.per_page or listing.next_cursor is None:
            break
        missing = str(first.per_page - len(seen))
        listing = list_orders(services, caller.scope, page=None, per_page=missing, cursor=listing.next_cursor)
        seen += [order for order in listing.orders if caller.may(scopes[order.item.DELIVERER])]
    return StatusListing(_views(services, caller, seen), replace(first, next_cursor=listing.next_cursor))


def _views(services: Services, caller: Caller, orders: Sequence[Order]) -> tuple[OrderStatusView, ...]:
    carts = services.orders.carts(caller.scope.id, [order.cart_token for order in orders])
    return tuple(OrderStatusView(order, carts[order.cart_token], caller.scope) for order in orders)
