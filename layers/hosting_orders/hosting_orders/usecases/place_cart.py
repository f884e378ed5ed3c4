"""Place a cart: check, price, write, charge, start (docs/order-life.md; docs/contracts.md C13).

One item or several: POST /api/orders and POST /api/orders/domain are the one-item cases of this same path. Nothing
is written on any 400. After the one transaction everything is recoverable: by the client's retry with the same
Idempotency-Key, by Stripe's webhook, or by the reconciler.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from hosting_orders.domain import deadlines
from hosting_orders.domain.account import Account
from hosting_orders.domain.callback_url import authorization_problem, url_problem
from hosting_orders.domain.cart import Cart, OnItemFailure, OrderMark, Payment, PaymentStatus
from hosting_orders.domain.errors import (
    CapacityExhaustedError,
    CartExistsError,
    DomainRefusedError,
    IdempotencyKeyReusedError,
    InvalidFieldsError,
    InvalidRequestError,
    NameTakenError,
    NumberTakenError,
    PaymentNotStartedError,
    ProviderUnavailableError,
)
from hosting_orders.domain.ids import cart_token, mint_numbers
from hosting_orders.domain.order import (
    Actor,
    CallbackTarget,
    DomainItem,
    Order,
    OrderStatus,
    TimelineEntry,
)
from hosting_orders.domain.placement import Placement
from hosting_orders.domain.providers import PaymentMethod
from hosting_orders.domain.registration import SealedContacts

from .authenticate import Caller
from .changes import load_cart
from .collect_payment import PAYMENT_NOT_STARTED, resume_payment, start_payment
from .domain_item import (
    DomainRequest,
    auth_code_context,
    draft_domain,
    name_taken,
    seal_contacts,
    settle_domains,
)
from .drafts import Draft, Problems
from .log import log
from .ports import Services
from .send_callback import authorization_context
from .settle_payment import resume_order, waits_for_its_start
from .site_item import SiteRequest, draft_site, over_capacity
from .unpaid_domains import check_unpaid_names

_CHARGEABLE = ("card", "sepa_debit")
_NUMBER_ATTEMPTS = 6


@dataclass(frozen=True, slots=True)
class ItemRequest:
    """One product the client asked for; `pointer` is its JSON pointer in the request."""

    pointer: str
    product: SiteRequest | DomainRequest


@dataclass(frozen=True, slots=True)
class CartRequest:
    """What the client sent. `fingerprint` is a hash of the whole body, `placed` what each order remembers of it."""

    items: tuple[ItemRequest, ...]
    fingerprint: str
    placed: Placement
    callback_url: str | None = None
    callback_authorization: str | None = None
    idempotency_key: str | None = None
    on_item_failure: OnItemFailure = OnItemFailure.KEEP


@dataclass(frozen=True, slots=True)
class _Ready:
    """A request that has passed every check."""

    caller: Caller
    account: Account
    token: str
    request: CartRequest
    drafts: tuple[Draft, ...]
    method: PaymentMethod
    callback: CallbackTarget | None


@dataclass(frozen=True, slots=True)
class Placed:
    """The cart as it stands, and whether this request only found it there."""

    cart: Cart
    replayed: bool


def place_cart(
    services: Services, caller: Caller, request: CartRequest, *, allow_loopback_callbacks: bool
) -> Placed:
    """Order everything of the request for the caller's account, with one charge.

    Raises InvalidFieldsError or InvalidRequestError (400, nothing left behind), DomainRefusedError or
    ContactsRefusedError (422, nothing left behind), IdempotencyKeyReusedError, PaymentNotStartedError (422, the
    orders stay on record as failed), ProviderUnavailableError (503, nothing written).
    """
    account = caller.scope
    token = cart_token(account.id, request.idempotency_key)
    earlier = _earlier(services, account, token, request)
    if earlier is not None:
        return _replay(services, earlier, request)
    try:
        drafts = _drafts(services, account, request)
        target = _callback_target(services, account, request, allow_loopback=allow_loopback_callbacks)
        method = _ready_to_charge(services, account)
        drafts = _settled(services, account, drafts)
    except (DomainRefusedError, InvalidFieldsError, InvalidRequestError):
        # The name, or the last place, may have gone to a twin of this very request since we looked.
        twin = _earlier(services, account, token, request)
        if twin is None:
            raise
        return _replay(services, twin, request)
    try:
        cart, orders = _write(services, _Ready(caller, account, token, request, drafts, method, target))
    except CartExistsError:
        # A twin of this very request was faster.
        return _replay(services, load_cart(services, account.id, token), request)
    try:
        cart = start_payment(services, account, cart, orders)
    except ProviderUnavailableError:
        # Whether money was asked for is unknown. It is on record, so the workflow finds out under the same keys.
        log.warning("payment outcome unknown; the workflow will look", extra={"cart_token": token})
        cart = load_cart(services, account.id, token)
    for order in orders:
        _start(services, order)
    return Placed(cart, replayed=False)


def _earlier(services: Services, account: Account, token: str, request: CartRequest) -> Cart | None:
    return services.orders.cart(account.id, token) if request.idempotency_key is not None else None


# -- checks: nothing is written here ------------------------------------------------------------------------------


def _drafts(services: Services, account: Account, request: CartRequest) -> tuple[Draft, ...]:
    catalogue = services.catalogue.load()
    problems = Problems()

    def draft(pointer: str, product: SiteRequest | DomainRequest) -> Draft:
        if isinstance(product, SiteRequest):
            return draft_site(catalogue, account, product, pointer)
        return draft_domain(services, catalogue, account, product, pointer)

    drafts = [
        problems.gather(item.pointer, partial(draft, item.pointer, item.product)) for item in request.items
    ]
    problems.stop()
    return tuple(found for found in drafts if found is not None)


def _settled(services: Services, account: Account, drafts: Sequence[Draft]) -> tuple[Draft, ...]:
    """Ask the registrar about every name."""
    domains = [draft for draft in drafts if draft.name_claim is not None]
    if not domains:
        return tuple(drafts)
    check_unpaid_names(services, account, domains)
    settled = settle_domains(services, services.catalogue.load(), account, domains)
    by_pointer = {draft.pointer: draft for draft in settled}
    return tuple(by_pointer.get(draft.pointer, draft) for draft in drafts)


def _callback_target(
    services: Services, account: Account, request: CartRequest, *, allow_loopback: bool
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
    """The pre-flight gate (O2-062, O2-063): a customer, a saved default method, a complete contact."""
    missing = account.billing_contact.missing
    if missing:
        raise _not_ready("the billing contact has no " + ", ".join(missing))
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


def _write(services: Services, ready: _Ready) -> tuple[Cart, list[Order]]:
    for attempt in range(_NUMBER_ATTEMPTS):
        now = services.clock.now()
        orders, contacts = [], []
        # Ascending, so that the client's order is the order of the numbers: wherever a cart's orders are read again
        # they come in this order, and the payment provider is asked for the very same lines.
        numbers = mint_numbers(now, len(ready.drafts), attempt)
        for number, draft in zip(numbers, ready.drafts, strict=True):
            order, sealed = _order(services, ready, draft, number, now)
            orders.append(order)
            contacts += sealed
        cart = Cart(
            account_id=ready.account.id,
            token=ready.token,
            fingerprint=ready.request.fingerprint,
            payment=Payment(PaymentStatus.PROCESSING, ready.account.currency, method_type=ready.method.type),
            created_at=now,
            updated_at=now,
            payment_method_id=ready.method.id,
            on_item_failure=ready.request.on_item_failure,
            # Whoever writes the cart starts its payment; everybody else leaves it alone until this is over.
            payment_lease=now + deadlines.PAYMENT_LEASE,
            orders={order.number: OrderMark(OrderStatus.PENDING, 0) for order in orders},
            due_at=now + deadlines.LOST_START,
        )
        try:
            services.orders.place(cart, orders, contacts)
        except NumberTakenError:
            if attempt == _NUMBER_ATTEMPTS - 1:
                raise
            continue
        except CapacityExhaustedError as full:
            raise _full(ready.drafts, full.resource) from full
        except NameTakenError as taken:
            raise _lost_name(ready.drafts, taken.name) from taken
        for order in orders:
            log.info("order placed", extra={"order_id": order.uuid, "cart_token": ready.token})
        return cart, orders
    raise AssertionError("unreachable")


def _order(
    services: Services, ready: _Ready, draft: Draft, number: int, now: int
) -> tuple[Order, list[SealedContacts]]:
    item = draft.item
    if isinstance(item, DomainItem) and draft.auth_code:
        context = auth_code_context(ready.account.id, number)
        item = replace(item, sealed_auth_code=services.cipher.seal(draft.auth_code, context))
    order = Order(
        account_id=ready.account.id,
        number=number,
        cart_token=ready.token,
        type=draft.type,
        status=OrderStatus.PENDING,
        item=item,
        price=draft.price,
        created_at=now,
        updated_at=now,
        user_id=ready.caller.user_id,
        placed=ready.request.placed,
        capacity=draft.capacity,
        name_claim=draft.name_claim,
        callback=ready.callback,
        due_at=now + deadlines.LOST_START,
        timeline=(TimelineEntry(now, OrderStatus.PENDING, Actor.CUSTOMER, "order placed"),),
    )
    if draft.contacts is None:
        return order, []
    return order, [seal_contacts(services, ready.account.id, number, draft.contacts)]


def _full(drafts: Sequence[Draft], capacity: str) -> InvalidRequestError:
    pointer = next(draft.pointer for draft in drafts if draft.capacity == capacity)
    problem = over_capacity(capacity)
    return InvalidRequestError(problem.code, str(problem), f"{pointer}{problem.pointer}")


def _lost_name(drafts: Sequence[Draft], name: str) -> DomainRefusedError:
    return name_taken(next(draft for draft in drafts if draft.name_claim == name))


def _start(services: Services, order: Order) -> None:
    try:
        services.workflow.start(order)
    except ProviderUnavailableError:
        # The order is on record with a due time: the reconciler starts it.
        log.warning("workflow start postponed", extra={"order_id": order.uuid})


def _replay(services: Services, cart: Cart, request: CartRequest) -> Placed:
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
