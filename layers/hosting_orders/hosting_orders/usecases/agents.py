"""What agents may do. Their key needs the right scopes, and a spend cap to order."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from hosting_orders.domain.account import Account
from hosting_orders.domain.catalogue import Catalogue
from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import AccessDeniedError, OrderNotCancellableError
from hosting_orders.domain.spending import Remaining

from .authenticate import Caller
from .cancel_order import cancel_order
from .check_domains import DomainCheck, check_domains
from .domain_item import admit_domain_orders
from .key_mode import check_change
from .limit_rate import RateLimit, count_questions
from .list_tlds import TldOffer, list_tlds
from .place_cart import CartRequest, Placed, place_cart
from .ports import Services
from .preview_order import OrderPreview, preview_order
from .quoted_prices import check_maximum, read_quote
from .show_cart import CartView, show_cart
from .show_order_status import OrderStatusView, Scopes, show_order_status
from .spend_cap import cap_of, remaining


@dataclass(frozen=True, slots=True)
class CatalogueForAgent:
    account: Account
    catalogue: Catalogue
    tlds: tuple[TldOffer, ...]
    tax_is_added: bool


@dataclass(frozen=True, slots=True)
class AgentQuote:
    preview: OrderPreview
    left: Remaining | None  # None: the key has no spend cap


def show_catalogue(services: Services, caller: Caller, tax_is_added: bool) -> CatalogueForAgent:
    tlds = tuple(list_tlds(services, caller.scope))
    return CatalogueForAgent(caller.scope, services.catalogue.load(), tlds, tax_is_added)


def show_cart_status(services: Services, caller: Caller, token: str, scopes: Scopes) -> CartView:
    """The caller needs the scope of every order in the cart. Raises NotFoundError or AccessDeniedError."""
    view = show_cart(services, caller, token)
    for order in services.orders.orders(view.cart.account_id, sorted(view.cart.orders)):
        _require(caller, [scopes[order.item.DELIVERER]])
    return view


def cancel(services: Services, caller: Caller, order_id: str, scopes: Scopes) -> OrderStatusView:
    """Idempotent. Raises the errors of `show_order_status` and `cancel_order`."""
    view = show_order_status(services, caller, order_id, scopes)
    check_change(services, caller, view.order)
    try:
        cancel_order(services, view.order.account_id, view.order.number)
    except OrderNotCancellableError as refused:
        if refused.reason != "already_cancelled":
            raise
    return show_order_status(services, caller, order_id, scopes)


def check(services: Services, caller: Caller, names: Sequence[str], limit: RateLimit) -> list[DomainCheck]:
    """Raises RateLimitedError and the errors of `check_domains`."""
    count_questions(services, caller, limit)
    return check_domains(services, caller, names, limit)


def quote(
    services: Services,
    caller: Caller,
    request: CartRequest,
    scopes: Collection[str],
    questions: RateLimit,
    *,
    loopback: bool,
) -> AgentQuote:
    """`questions` is the rate limit for asking the registrar.

    Raises the errors of `preview_order`, RateLimitedError and AccessDeniedError.
    """
    _admit(services, caller, request, scopes, questions)
    preview = preview_order(services, caller, request, allow_loopback_callbacks=loopback)
    return AgentQuote(preview, remaining(services, caller.credential, caller.scope))


def place(
    services: Services,
    caller: Caller,
    request: CartRequest,
    scopes: Collection[str],
    questions: RateLimit,
    *,
    loopback: bool,
) -> Placed:
    """Raises the errors of `place_cart` and `quote`, and AccessDeniedError `spend_cap_required`."""
    _admit(services, caller, request, scopes, questions)
    if cap_of(caller.credential) is None:
        raise AccessDeniedError(
            Code.SPEND_CAP_REQUIRED,
            "This API key has no spend cap. An agent can order only with a key that has one.",
        )
    _check_maximum_covers_quote(services, caller.scope, request)
    return place_cart(services, caller, request, allow_loopback_callbacks=loopback)


def _check_maximum_covers_quote(services: Services, account: Account, request: CartRequest) -> None:
    assert request.quote is not None and request.max_gross is not None
    quoted = read_quote(services, account, request.quote)
    # A used quote means that this call may repeat an earlier call. Do not refuse it here: `place_cart` then returns the
    # orders of the earlier call.
    if request.max_gross < quoted.gross and not services.orders.quote_used(account.id, quoted.id):
        check_maximum(account, quoted.gross, (request.max_gross, "/max_cost_cents"))


def _admit(
    services: Services, caller: Caller, request: CartRequest, scopes: Collection[str], questions: RateLimit
) -> None:
    _require(caller, scopes)
    if request.domains:
        count_questions(services, caller, questions, request.domains)
        admit_domain_orders(services, caller)


def _require(caller: Caller, scopes: Collection[str]) -> None:
    for scope in sorted(scopes):
        if not caller.may(scope):
            raise AccessDeniedError(Code.INSUFFICIENT_SCOPE, f"The API key lacks the scope {scope}.")
