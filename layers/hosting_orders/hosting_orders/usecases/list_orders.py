"""List an account's orders, by page number or cursor (docs/contracts.md C23)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from hosting_orders.domain.account import Account
from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import InvalidRequestError
from hosting_orders.domain.order import Order

from .ports import Services

MAX_PAGE = 100
DEFAULT_PAGE = 50
MAX_DIGITS = 12  # of a page number


@dataclass(frozen=True, slots=True)
class Listing:
    account: Account
    orders: tuple[Order, ...]
    per_page: int
    next_cursor: str | None
    previous_cursor: str | None


def list_orders(
    services: Services, account: Account, *, page: str | None, per_page: str | None, cursor: str | None
) -> Listing:
    """Raises InvalidRequestError with the parameter's name."""
    size = page_size(per_page)
    if cursor is not None:
        return _by_cursor(services, account, cursor, size)
    number = _positive("page", Code.INVALID_PAGE, page, 1)
    if number >= 10**MAX_DIGITS:
        raise InvalidRequestError(
            Code.INVALID_PAGE, f"`page` must have at most {MAX_DIGITS} digits.", "/page"
        )
    found = services.orders.newest(account.id, size, skip=(number - 1) * size)
    return _listing(account, found.orders, size, older=found.has_more, newer=number > 1)


def page_size(per_page: str | None) -> int:
    """Raises InvalidRequestError."""
    return min(_positive("per_page", Code.INVALID_PER_PAGE, per_page, DEFAULT_PAGE), MAX_PAGE)


def goes_back(cursor: str | None) -> bool:
    return cursor is not None and _decode(cursor)[0] == "newer"


def _by_cursor(services: Services, account: Account, cursor: str, size: int) -> Listing:
    direction, number = _decode(cursor)
    if direction == "older":
        found = services.orders.older_than(account.id, number, size)
        return _listing(account, found.orders, size, older=found.has_more, newer=True)
    found = services.orders.newer_than(account.id, number, size)
    return _listing(account, found.orders, size, older=True, newer=found.has_more)


def _listing(account: Account, orders: tuple[Order, ...], size: int, *, older: bool, newer: bool) -> Listing:
    return Listing(
        account,
        orders,
        size,
        next_cursor=_encode("older", orders[-1].number) if orders and older else None,
        previous_cursor=_encode("newer", orders[0].number) if orders and newer else None,
    )


def _positive(name: str, code: Code, text: str | None, default: int) -> int:
    if text is None:
        return default
    digits = text.lstrip("0")
    if not text.isascii() or not text.isdigit() or not digits:
        raise InvalidRequestError(code, f"`{name}` must be a whole number, 1 or more.", f"/{name}")
    return int(digits[: MAX_DIGITS + 1])


def _encode(direction: str, number: int) -> str:
    return base64.urlsafe_b64encode(f"{direction}:{number}".encode()).decode().rstrip("=")


def _decode(cursor: str) -> tuple[str, int]:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        direction, _, number = text.partition(":")
        if direction in ("older", "newer") and number.isascii() and number.isdigit() and len(number) <= 16:
            return direction, int(number)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        pass
    raise InvalidRequestError(
        Code.INVALID_CURSOR, "`cursor` is not valid; take it from a `Link` header.", "/cursor"
    )
