"""One item of a request on its way to an order: what the checks of each product hand to `place_cart`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from hosting_orders.domain.errors import InvalidFieldsError, InvalidRequestError
from hosting_orders.domain.money import Money
from hosting_orders.domain.order import DomainItem, OrderType, SiteItem
from hosting_orders.domain.registration import Contacts

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Draft:
    """An item that has passed the checks of its product; nothing of it is written yet.

    `pointer` is the JSON pointer of the item in the request. `capacity` names the counter it takes a place of.
    `contacts` and `auth_code` are clear text and only a domain's; `owner_at` is where in the item the client gave its
    registrant.
    """

    pointer: str
    item: SiteItem | DomainItem
    price: Money
    capacity: str | None = None
    contacts: Contacts | None = None
    owner_at: str = "/contact"
    auth_code: str | None = None

    def __repr__(self) -> str:
        return f"Draft(pointer={self.pointer!r})"  # it holds people's data

    @property
    def type(self) -> OrderType:
        return OrderType.DOMAIN if isinstance(self.item, DomainItem) else OrderType.SITE

    @property
    def name_claim(self) -> str | None:
        """The domain name (ASCII) that nobody else may order meanwhile."""
        return self.item.ascii_name if isinstance(self.item, DomainItem) else None


def below(pointer: str, problem: InvalidRequestError) -> InvalidRequestError:
    """The same problem, with its field named from the request's root."""
    return InvalidRequestError(problem.code, str(problem), pointer + (problem.pointer or ""))


class Problems:
    """Collects what is wrong, so that a client mends everything in one go."""

    def __init__(self) -> None:
        self.found: list[InvalidRequestError] = []

    def gather(self, pointer: str, check: Callable[[], T]) -> T | None:
        """What `check` returns, or None when it refuses; the refusal is kept."""
        try:
            return check()
        except InvalidRequestError as problem:
            self.found.append(below(pointer, problem))
        except InvalidFieldsError as several:
            self.found += [below(pointer, problem) for problem in several.problems]
        return None

    def stop(self) -> None:
        """Raise InvalidFieldsError, or the one InvalidRequestError, if anything was found."""
        if len(self.found) == 1:
            raise self.found[0]
        if self.found:
            raise InvalidFieldsError(self.found)
