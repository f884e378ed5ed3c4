"""Checked items that `place_cart` turns into orders."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from hosting_orders.domain.account import Account
from hosting_orders.domain.catalogue import Plan, Term
from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import InvalidFieldsError, InvalidRequestError
from hosting_orders.domain.money import Money
from hosting_orders.domain.products import Claims, Item

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Draft:
    pointer: str  # the item's JSON pointer in the request
    item: Item
    price: Money
    claims: Claims

    def __repr__(self) -> str:
        return f"{type(self).__name__}(pointer={self.pointer!r})"  # the item may contain personal data


def prefixed(pointer: str, problem: InvalidRequestError) -> InvalidRequestError:
    return InvalidRequestError(problem.code, str(problem), pointer + (problem.pointer or ""))


class Problems:
    """Collect all errors, so the client can correct them together."""

    def __init__(self) -> None:
        self.found: list[InvalidRequestError] = []

    def collect(self, pointer: str, check: Callable[[], T]) -> T | None:
        try:
            return check()
        except InvalidRequestError as problem:
            self.found.append(prefixed(pointer, problem))
        except InvalidFieldsError as several:
            self.found += [prefixed(pointer, problem) for problem in several.problems]
        return None

    def raise_if_any(self) -> None:
        """Raises InvalidRequestError for one error, InvalidFieldsError for several."""
        if len(self.found) == 1:
            raise self.found[0]
        if self.found:
            raise InvalidFieldsError(self.found)


def unknown(code: Code, field: str, given: str, known: Iterable[str], whose: str = "") -> InvalidRequestError:
    choices = ", ".join(sorted(known))
    text = f"Unknown {field} {given[:60]!r}{whose}; it is one of: {choices}."
    return InvalidRequestError(code, text, f"/{field}")


def price_of(plan: Plan, term: Term, account: Account) -> Money:
    """The net price. Raises InvalidRequestError `pricing_missing`."""
    price = plan.price(account.billing_plan, term, account.currency)
    if price is None:
        raise InvalidRequestError(
            Code.PRICING_MISSING,
            f"Missing pricing information: the plan {plan.short_name} has no {term} price in "
            f"{account.currency} for this account.",
            "/plan",
        )
    return price
