"""How an order stands, without its secrets: for contracts whose keys are allowed to see only some products."""

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
"""So many times a page is filled up at most, and then it stays shorter."""

Scopes = Mapping[Deliverer, str]
"""The scope that a key needs for orders, by who delivers them."""


@dataclass(frozen=True, slots=True)
class OrderStatusView:
    """An order with what its status follows from."""

    order: Order
    cart: Cart
    account: Account


@dataclass(frozen=True, slots=True)
class StatusListing:
    """A page of those orders that the key may see; `page` has the cursors."""

    views: tuple[OrderStatusView, ...]
    page: Listing


def show_order_status(services: Services, caller: Caller, order_id: str, scopes: Scopes) -> OrderStatusView:
    """The account's order by any spelling of its id. First it is looked for, then the key's scope is checked, so a
    foreign order is never a 403.

    Raises InvalidRequestError (`invalid_id`), NotFoundError, AccessDeniedError (`insufficient_scope`).
    """
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
    """A page of the account's orders, newest first. Raises AccessDeniedError when the key may see none at all, and
    InvalidRequestError naming the parameter."""
    if not any(caller.may(scope) for scope in scopes.values()):
        wanted = " or ".join(sorted(set(scopes.values())))
        raise AccessDeniedError(Code.INSUFFICIENT_SCOPE, f"The API key lacks the scope {wanted}.")
    first = listing = list_orders(services, caller.scope, page=page, per_page=per_page, cursor=cursor)
    seen = [order for order in first.orders if caller.may(scopes[order.item.DELIVERER])]
    # A key that may not see every product gets full pages too. Pages that are asked for by number, or backwards, are
    # those of all products.
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
