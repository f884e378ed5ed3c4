"""Place a site order: check, price, write, charge, start (design.md section 4, checklist C13).

Nothing is written on any 400. After the one transaction everything is recoverable: by the client's retry with
the same Idempotency-Key, by Stripe's webhook, or by the reconciler.
"""

from __future__ import annotations

from dataclasses import dataclass

from hosting_orders.domain import deadlines
from hosting_orders.domain.account import Account
from hosting_orders.domain.callback_url import authorization_problem, url_problem
from hosting_orders.domain.cart import Cart, OrderMark, Payment, PaymentStatus
from hosting_orders.domain.catalogue import Catalogue, Term
from hosting_orders.domain.errors import (
    CapacityExhaustedError,
    CartExistsError,
    IdempotencyKeyReusedError,
    InvalidFieldsError,
    InvalidRequestError,
    NumberTakenError,
    PaymentNotStartedError,
    ProviderUnavailableError,
)
from hosting_orders.domain.ids import cart_token, mint_number
from hosting_orders.domain.money import Money
from hosting_orders.domain.order import (
    Actor,
    CallbackTarget,
    Order,
    OrderStatus,
    OrderType,
    SiteItem,
    TimelineEntry,
)
from hosting_orders.domain.providers import PaymentMethod

from .authenticate import Caller
from .changes import load_cart
from .collect_payment import PAYMENT_NOT_STARTED, resume_payment, start_payment
from .log import log
from .ports import Services
from .send_callback import authorization_context
from .settle_payment import resume_order, waits_for_its_start

_CHARGEABLE = ("card", "sepa_debit")


@dataclass(frozen=True, slots=True)
class SiteRequest:
    """What the client sent, already of the right types. `fingerprint` is a hash of the whole body."""

    name: str
    variant: str
    location: str
    plan: str
    term: str
    fingerprint: str
    callback_url: str | None = None
    callback_authorization: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class _Draft:
    """A request that has passed every check."""

    caller: Caller
    account: Account
    token: str
    fingerprint: str
    item: SiteItem
    price: Money
    method: PaymentMethod
    callback: CallbackTarget | None


@dataclass(frozen=True, slots=True)
class Placed:
    """The cart as it stands, and whether this request only found it there."""

    cart: Cart
    replayed: bool


def place_order(
    services: Services, caller: Caller, request: SiteRequest, *, allow_loopback_callbacks: bool
) -> Placed:
    """Order a site for the caller's account.

    Raises InvalidFieldsError or InvalidRequestError (400, nothing left behind), IdempotencyKeyReusedError,
    PaymentNotStartedError (422, the order stays on record as failed), ProviderUnavailableError (503, nothing
    written).
    """
    account = caller.scope
    token = cart_token(account.id, request.idempotency_key)
    if request.idempotency_key is not None:
        earlier = services.orders.cart(account.id, token)
        if earlier is not None:
            return _replay(services, earlier, request)
    item, price = _check(services.catalogue.load(), account, request)
    target = _callback_target(services, account, request, allow_loopback=allow_loopback_callbacks)
    method = _ready_to_charge(services, account)
    draft = _Draft(caller, account, token, request.fingerprint, item, price, method, target)
    try:
        cart, order = _write(services, draft)
    except CartExistsError:
        # A twin of this very request was faster.
        return _replay(services, load_cart(services, account.id, token), request)
    try:
        cart = start_payment(services, account, cart, [order])
    except ProviderUnavailableError:
        # Whether money was asked for is unknown. It is on record, so the workflow finds out under the same keys.
        log.warning("payment outcome unknown; the workflow will look", extra={"order_id": order.uuid})
        cart = load_cart(services, account.id, token)
    _start(services, order)
    return Placed(cart, replayed=False)


# -- checks: nothing is written here ------------------------------------------------------------------------------


def _check(catalogue: Catalogue, account: Account, request: SiteRequest) -> tuple[SiteItem, Money]:
    problems = []
    variant = catalogue.variants.get(request.variant)
    location = catalogue.locations.get(request.location)
    plan = catalogue.plans.get(request.plan)
    term = Term(request.term) if request.term in set(Term) else None
    if variant is None:
        problems.append(_unknown("variant", request.variant, catalogue.variants))
    if location is None:
        problems.append(_unknown("location", request.location, catalogue.locations))
    if plan is None:
        problems.append(_unknown("plan", request.plan, catalogue.plans))
    if term is None:
        problems.append(_unknown("term", request.term, [term.value for term in Term]))
    if problems:
        raise InvalidFieldsError(problems)
    assert variant and location and plan and term
    if not account.can_order:
        raise InvalidRequestError("account_unable_to_create_orders", "Account unable to create orders.")
    if not variant.available:
        raise _over_capacity(variant.name)
    price = plan.price(account.billing_plan, term, account.currency)
    if price is None:
        raise InvalidRequestError(
            "pricing_missing",
            f"Missing pricing information: the plan {plan.short_name} has no {term} price in "
            f"{account.currency} for this account.",
            "/site/plan",
        )
    return SiteItem(request.name, variant.name, location.short_name, plan.short_name, term), price


def _unknown(field: str, given: str, known: object) -> InvalidRequestError:
    choices = ", ".join(sorted(str(name) for name in known))  # type: ignore[attr-defined]
    return InvalidRequestError(
        f"unknown_{field}", f"Unknown {field} {given[:60]!r}; it is one of: {choices}.", f"/site/{field}"
    )


def _over_capacity(variant: str) -> InvalidRequestError:
    return InvalidRequestError(
        "variant_unavailable", f"Variant not available: {variant} is over capacity.", "/site/variant"
    )


def _callback_target(
    services: Services, account: Account, request: SiteRequest, *, allow_loopback: bool
) -> CallbackTarget | None:
    if request.callback_url is None:
        return None
    problem = url_problem(request.callback_url, allow_loopback=allow_loopback)
    if problem:
        raise InvalidRequestError("invalid_callback", problem, "/callback/url")
    if not request.callback_authorization:
        return CallbackTarget(request.callback_url)
    problem = authorization_problem(request.callback_authorization)
    if problem:
        raise InvalidRequestError("invalid_callback", problem, "/callback/authorization")
    sealed = services.cipher.seal(request.callback_authorization, authorization_context(account.id))
    return CallbackTarget(request.callback_url, sealed)


def _ready_to_charge(services: Services, account: Account) -> PaymentMethod:
    """The pre-flight gate (checklist O2-062, O2-063): a customer, a saved default method, a complete contact."""
    missing = account.billing_contact.missing
    if missing:
        raise _not_ready("the billing contact lacks " + ", ".join(missing))
    if not account.stripe_customer_id:
        raise _not_ready("it has no customer at the payment provider")
    method = services.payments.default_method(account.stripe_customer_id)
    if method is None or method.type not in _CHARGEABLE:
        raise _not_ready("no card or SEPA debit is saved as its default payment method")
    return method


def _not_ready(why: str) -> InvalidRequestError:
    return InvalidRequestError(
        "no_default_payment_method", f"The billing account is not ready to charge: {why}."
    )


# -- the write, and what follows it -------------------------------------------------------------------------------


def _write(services: Services, draft: _Draft) -> tuple[Cart, Order]:
    account, token, item, price = draft.account, draft.token, draft.item, draft.price
    limited = services.catalogue.load().variants[item.variant].capacity is not None
    for attempt in range(3):
        now = services.clock.now()
        order = Order(
            account_id=account.id,
            number=mint_number(now),
            cart_token=token,
            type=OrderType.SITE,
            status=OrderStatus.PENDING,
            item=item,
            price=price,
            created_at=now,
            updated_at=now,
            user_id=draft.caller.user_id,
            capacity=item.variant if limited else None,
            callback=draft.callback,
            due_at=now + deadlines.LOST_START,
            timeline=(TimelineEntry(now, OrderStatus.PENDING, Actor.CUSTOMER, "order placed"),),
        )
        cart = Cart(
            account_id=account.id,
            token=token,
            fingerprint=draft.fingerprint,
            payment=Payment(PaymentStatus.PROCESSING, price.currency, method_type=draft.method.type),
            created_at=now,
            updated_at=now,
            payment_method_id=draft.method.id,
            # Whoever writes the cart starts its payment; everybody else leaves it alone until this is over.
            payment_lease=now + deadlines.PAYMENT_LEASE,
            orders={order.number: OrderMark(OrderStatus.PENDING, 0)},
            due_at=now + deadlines.LOST_START,
        )
        try:
            services.orders.place(cart, [order])
        except NumberTakenError:
            if attempt == 2:
                raise
            continue
        except CapacityExhaustedError as full:
            raise _over_capacity(item.variant) from full
        log.info("order placed", extra={"order_id": order.uuid, "cart_token": token})
        return cart, order
    raise AssertionError("unreachable")


def _start(services: Services, order: Order) -> None:
    try:
        services.workflow.start(order)
    except ProviderUnavailableError:
        # The order is on record with a due time: the reconciler starts it.
        log.warning("workflow start postponed", extra={"order_id": order.uuid})


def _replay(services: Services, cart: Cart, request: SiteRequest) -> Placed:
    """The same request again: the same cart, carried on if its first process died."""
    if cart.fingerprint != request.fingerprint:
        raise IdempotencyKeyReusedError(
            "This Idempotency-Key was used before with another body; use a new key for a new order."
        )
    cart = resume_payment(services, cart)
    if not cart.payment.started and cart.payment.status is not PaymentStatus.FAILED:
        return Placed(cart, replayed=True)  # another is at it, or it was given up before it began
    for order in services.orders.orders(cart.account_id, sorted(cart.orders)):
        if order.failure is not None and order.failure.code == PAYMENT_NOT_STARTED:
            raise PaymentNotStartedError(order.failure.message, cart.payment.error)
        if not waits_for_its_start(order):
            continue
        # Which of the two was lost can't be told: the start, or the news for an execution that waits for it.
        _start(services, order)
        if cart.payment.settled:
            resume_order(services, order, cart)
    return Placed(cart, replayed=True)
