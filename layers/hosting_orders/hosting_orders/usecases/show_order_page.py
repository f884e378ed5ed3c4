"""Show an order's page to a customer who has its secret address."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from hosting_orders.domain.account import language_of
from hosting_orders.domain.cart import Cart
from hosting_orders.domain.durations import DAY
from hosting_orders.domain.errors import NotFoundError, ProviderUnavailableError
from hosting_orders.domain.order import Order
from hosting_orders.domain.placement import Outcome

from .changes import load_cart, load_order
from .log import log
from .ports import Services

SHOWN_AFTER_END = 30 * DAY
# Longer than any token that we sign.
LONGEST_TOKEN = 400
_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class CatalogueNames:
    plan: str | None = None
    image: str | None = None


@dataclass(frozen=True, slots=True)
class KnownOrder:
    order: Order
    cart: Cart
    names: CatalogueNames
    language: str  # `en` or `nl`
    read_at: int  # epoch ms


@dataclass(frozen=True, slots=True)
class OrderPageView:
    number: int
    now: int  # epoch ms
    known: KnownOrder | None  # None when the order could not be read
    current: bool  # False when `known` is from memory
    outcome: Outcome | None  # how the customer left the payment page
    accepts: str


# The orders that this process has shown, by account and number. If the table is unavailable, the page shows an
# order as it is stored here. Most waiting customers loaded the page seconds earlier, so their orders are stored.
_remembered: OrderedDict[tuple[str, int], KnownOrder] = OrderedDict()


def show_order_page(services: Services, token: str, *, outcome: str | None, accepts: str) -> OrderPageView:
    """An unknown `outcome` is ignored.

    Raises NotFoundError for a token that we did not sign, or if the order ended over 30 days ago. Raises
    ProviderUnavailableError when the token cannot be checked.
    """
    named = services.page_tokens.read(token) if len(token) <= LONGEST_TOKEN else None
    if named is None:
        raise _no_such_page()
    account_id, number = named
    now = services.clock.now()
    current = True
    try:
        known: KnownOrder | None = _read(services, account_id, number, now)
    except ProviderUnavailableError:
        log.warning("order page shown without reading the table", exc_info=True)
        known, current = _remembered.get(named), False
    if known and (known.order.ended_at or now) + SHOWN_AFTER_END < now:
        raise _no_such_page()
    if known and current:
        _remember(named, known)
    left = next((each for each in Outcome if each == outcome), None)
    return OrderPageView(number, now, known, current, left, accepts)


def _read(services: Services, account_id: str, number: int, now: int) -> KnownOrder:
    try:
        order = load_order(services, account_id, number)
        cart = load_cart(services, account_id, order.cart_token)
    except NotFoundError:
        raise _no_such_page() from None
    account = services.directory.account(account_id)
    if account is None:
        raise _no_such_page()
    user = services.directory.user(order.user_id) if order.user_id and account.locale is None else None
    return KnownOrder(order, cart, _names(services, order), language_of(account, user), now)


def _names(services: Services, order: Order) -> CatalogueNames:
    plan, image = order.item.plan, order.item.facts().get("image")
    if plan is None:
        return CatalogueNames()
    catalogue = services.catalogue.load()
    known = {**catalogue.plans, **catalogue.vm_plans}.get(plan)
    system = catalogue.images.get(image) if image else None
    return CatalogueNames(known.name if known else plan, system.name if system else image)


def _remember(named: tuple[str, int], known: KnownOrder) -> None:
    _remembered[named] = known
    _remembered.move_to_end(named)
    while len(_remembered) > _REMEMBERED:
        _remembered.popitem(last=False)


def _no_such_page() -> NotFoundError:
    # One text for every reason, so it reveals nothing about a token.
    return NotFoundError("There is no such page.")
