"""Place a cart: check, price, write, charge, start (docs/order-life.md; docs/contracts.md C13).

After the write, a repeated request, a webhook or the reconciler can do the remaining steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from hosting_orders.domain import deadlines
from hosting_orders.domain.account import Account
from hosting_orders.domain.callback_url import authorization_problem, redirect_problem, url_problem
from hosting_orders.domain.cart import Cart, OnItemFailure, OrderSnapshot, Payment, PaymentStatus
from hosting_orders.domain.codes import Code
from hosting_orders.domain.domain_record import DomainRecord
from hosting_orders.domain.errors import (
    CapacityExhaustedError,
    CartExistsError,
    DomainRefusedError,
    DomainTakenError,
    HostingOrdersError,
    IdempotencyKeyReusedError,
    InvalidFieldsError,
    InvalidRequestError,
    NotReadyToChargeError,
    NumberTakenError,
    PaymentNotStartedError,
    ProviderUnavailableError,
    QuoteUsedError,
)
from hosting_orders.domain.ids import cart_token, mint_numbers
from hosting_orders.domain.order import (
    Actor,
    CallbackTarget,
    Order,
    OrderStatus,
    TimelineEntry,
)
from hosting_orders.domain.placement import Placement
from hosting_orders.domain.products import Claims, Deliverer
from hosting_orders.domain.providers import Estimate, PaymentMethod
from hosting_orders.domain.quote import Quote
from hosting_orders.domain.registration import SealedContacts
from hosting_orders.domain.spending import Spend

from .authenticate import Caller
from .changes import load_cart
from .collect_payment import PAYMENT_NOT_STARTED, resume_payment, start_payment
from .drafts import Draft, Problems
from .key_mode import check_ordering
from .log import log
from .ports import Services
from .products.fulfilment import ProductRequest
from .products.registry import fulfilment
from .quoted_prices import (
    at_quoted_prices,
    check_maximum,
    check_quoted,
    estimate,
    maximum,
    quote_used,
    read_quote,
    usable_quote,
)
from .send_callback import authorization_context
from .settle_payment import resume_order, waits_for_its_start
from .spend_cap import cap_of, check_currency, spends_of

_CHARGEABLE = ("card", "sepa_debit")
_NUMBER_ATTEMPTS = 6


@dataclass(frozen=True, slots=True)
class ItemRequest:
    pointer: str  # the item's JSON pointer in the request
    product: ProductRequest


@dataclass(frozen=True, slots=True)
class PaymentPage:
    origin: str  # the scheme and host of our order pages
    return_url: str | None = None  # None means the order's page
    pointer: str = "/return_url"


@dataclass(frozen=True, slots=True)
class CartRequest:
    items: tuple[ItemRequest, ...]
    fingerprint: str  # a hash of the path and the whole body
    placed: Placement  # stored with each order
    callback_url: str | None = None
    callback_authorization: str | None = None
    idempotency_key: str | None = None
    on_item_failure: OnItemFailure = OnItemFailure.KEEP
    page: PaymentPage | None = None
    callback_pointer: str = "/callback"
    quote: str | None = None  # the token of a quote (preview_order)
    max_gross: int | None = None  # with tax, in minor units of the account's currency

    @property
    def domains(self) -> int:
        return sum(item.product.DELIVERER is Deliverer.REGISTRAR for item in self.items)


@dataclass(frozen=True, slots=True)
class CheckedOrder:
    drafts: tuple[Draft, ...]
    method: PaymentMethod | None  # None: the customer pays on a page
    quote: Quote | None


@dataclass(frozen=True, slots=True)
class _Ready:
    caller: Caller
    account: Account
    token: str
    request: CartRequest
    drafts: tuple[Draft, ...]
    method: PaymentMethod | None
    callback: CallbackTarget | None
    quote: Quote | None
    total: Estimate | None  # None if neither a spend cap nor a maximum price needs it


@dataclass(frozen=True, slots=True)
class Placed:
    account: Account
    cart: Cart
    orders: tuple[Order, ...]
    replayed: bool  # an earlier request placed the cart


def place_cart(
    services: Services, caller: Caller, request: CartRequest, *, allow_loopback_callbacks: bool
) -> Placed:
    """Order all items for the caller's account, with one charge.

    If a request has a quote and no Idempotency-Key, the quote makes it idempotent.
    Raises InvalidFieldsError or InvalidRequestError (400); AccessDeniedError (`test_key`, `live_key` or
    `spend_cap_currency`) or SpendCapExceededError (403); PriceChangedError (409); QuoteRefusedError,
    DomainRefusedError, ContactsRefusedError or IdempotencyKeyReusedError (422); ProviderUnavailableError (503). After
    these errors, nothing new is stored. After PaymentNotStartedError (422), the orders are stored as failed.
    """
    account = caller.scope
    check_ordering(services, caller)
    token = _token(services, account, request)
    earlier = _earlier(services, account, token, request)
    if earlier is not None:
        return _replay(services, account, earlier, request)
    try:
        checked = check_order(services, caller, request, allow_loopback=allow_loopback_callbacks)
        total = _total(services, caller, request, checked)
    except (DomainRefusedError, InvalidFieldsError, InvalidRequestError):
        # A concurrent copy of this request may have taken the domain or the last free place of the variant.
        twin = _earlier(services, account, token, request)
        if twin is None:
            raise
        return _replay(services, account, twin, request)
    ready = _Ready(
        caller,
        account,
        token,
        request,
        checked.drafts,
        checked.method,
        _callback_target(services, account, request),
        checked.quote,
        total,
    )
    try:
        cart, orders = _write(services, ready)
    except CartExistsError:
        return _replay(services, account, load_cart(services, account.id, token), request)
    cart = _with_payment(services, cart, lambda: start_payment(services, account, cart, orders))
    for order in orders:
        _start(services, order)
    return Placed(account, cart, tuple(orders), replayed=False)


def _with_payment(services: Services, cart: Cart, pay: Callable[[], Cart]) -> Cart:
    try:
        return pay()
    except ProviderUnavailableError:
        # The outcome is unknown. The workflow retries with the same idempotency keys.
        log.warning("payment outcome unknown; the workflow retries", extra={"cart_token": cart.token})
        return load_cart(services, cart.account_id, cart.token)


def _token(services: Services, account: Account, request: CartRequest) -> str:
    if request.idempotency_key is None and request.quote is not None:
        quote = read_quote(services, account, request.quote)
        return cart_token(account.id, f"quote\0{quote.id}")  # no Idempotency-Key can contain \0
    return cart_token(account.id, request.idempotency_key)


def _earlier(services: Services, account: Account, token: str, request: CartRequest) -> Cart | None:
    repeatable = request.idempotency_key is not None or request.quote is not None
    return services.orders.cart(account.id, token) if repeatable else None


# -- checks: nothing is written here ------------------------------------------------------------------------------


def check_order(
    services: Services, caller: Caller, request: CartRequest, *, allow_loopback: bool
) -> CheckedOrder:
    """Raises the errors of `place_cart`."""
    account = caller.scope
    check_currency(caller.credential, account)
    quote = None if request.quote is None else usable_quote(services, account, request.quote)
    drafts = _drafts(services, account, request)
    if quote is not None:
        check_quoted(quote, account, drafts)
    _check_callback(request, allow_loopback=allow_loopback)
    _check_return_url(request.page, allow_loopback=allow_loopback)
    method = _method_to_charge(services, account, request)
    drafts = _settled(services, account, drafts)
    if quote is not None:
        drafts = at_quoted_prices(quote, drafts)
    return CheckedOrder(drafts, method, quote)


def _total(
    services: Services, caller: Caller, request: CartRequest, checked: CheckedOrder
) -> Estimate | None:
    """None if no limit needs the total. Raises PriceChangedError (409) and the errors of `estimate`."""
    limit = maximum(checked.quote, request.max_gross)
    capped = cap_of(caller.credential) is not None and services.payments.computes_tax
    if limit is None and not capped:
        return None
    total = estimate(services, caller.scope, checked.drafts, on_page=checked.method is None)
    check_maximum(caller.scope, total.gross, limit)
    return total


def _drafts(services: Services, account: Account, request: CartRequest) -> tuple[Draft, ...]:
    catalogue = services.catalogue.load()
    problems = Problems()

    def draft(item: ItemRequest) -> Draft:
        product = fulfilment(item.product.KIND)
        checked: Draft = product.draft(services, catalogue, account, item.product, item.pointer)
        return checked

    drafts = [problems.collect(item.pointer, partial(draft, item)) for item in request.items]
    problems.raise_if_any()
    return tuple(found for found in drafts if found is not None)


def _settled(services: Services, account: Account, drafts: Sequence[Draft]) -> tuple[Draft, ...]:
    settled: dict[str, Draft] = {}
    for kind in dict.fromkeys(draft.item.KIND for draft in drafts):
        alike = [draft for draft in drafts if kind == draft.item.KIND]
        settled |= {draft.pointer: draft for draft in fulfilment(kind).settle(services, account, alike)}
    return tuple(settled[draft.pointer] for draft in drafts)


def _check_callback(request: CartRequest, *, allow_loopback: bool) -> None:
    if request.callback_url is None:
        return
    problem = url_problem(request.callback_url, allow_loopback=allow_loopback)
    if problem:
        raise InvalidRequestError(Code.INVALID_CALLBACK, problem, f"{request.callback_pointer}/url")
    problem = (
        authorization_problem(request.callback_authorization) if request.callback_authorization else None
    )
    if problem:
        raise InvalidRequestError(Code.INVALID_CALLBACK, problem, f"{request.callback_pointer}/authorization")


def _callback_target(services: Services, account: Account, request: CartRequest) -> CallbackTarget | None:
    if request.callback_url is None:
        return None
    if not request.callback_authorization:
        return CallbackTarget(request.callback_url)
    sealed = services.cipher.seal(request.callback_authorization, authorization_context(account.id))
    return CallbackTarget(request.callback_url, sealed)


def _check_return_url(page: PaymentPage | None, *, allow_loopback: bool) -> None:
    if page is None or page.return_url is None:
        return
    problem = redirect_problem(page.return_url, allow_loopback=allow_loopback)
    if problem:
        raise InvalidRequestError(Code.INVALID_RETURN_URL, problem, page.pointer)


def _method_to_charge(services: Services, account: Account, request: CartRequest) -> PaymentMethod | None:
    try:
        return _ready_to_charge(services, account)
    except InvalidRequestError:
        if request.page is None:
            raise
        return None


def _ready_to_charge(services: Services, account: Account) -> PaymentMethod:
    """The pre-flight check (O2-062, O2-063)."""
    contact = account.billing_contact
    missing = contact.missing(services.addresses.required(contact.country))
    if missing:
        raise _not_ready("billing_contact", "the billing contact has no " + ", ".join(missing))
    if not account.stripe_customer_id:
        raise _not_ready("payment_method", "it has no customer at the payment provider")
    method = services.payments.default_method(account.stripe_customer_id)
    if method is None or method.type not in _CHARGEABLE:
        raise _not_ready("payment_method", "no card or SEPA debit is saved as its default payment method")
    return method


def _not_ready(lacks: str, why: str) -> NotReadyToChargeError:
    return NotReadyToChargeError(lacks, f"The billing account is not ready to charge: {why}.")


# -- the write, and what follows it -------------------------------------------------------------------------------


def _write(services: Services, ready: _Ready) -> tuple[Cart, list[Order]]:
    for attempt in range(_NUMBER_ATTEMPTS):
        now = services.clock.now()
        spends = _spends(services, ready, now)
        orders: list[Order] = []
        contacts: list[SealedContacts] = []
        # Ascending numbers keep the client's item order in every later read, so a repeated call to the
        # payment provider sends identical lines.
        numbers = mint_numbers(now, len(ready.drafts), attempt)
        for number, draft, spend in zip(numbers, ready.drafts, spends, strict=True):
            order, sealed = _order(services, ready, draft, number, now)
            orders.append(replace(order, spend=spend))
            contacts += sealed
        cart = Cart(
            account_id=ready.account.id,
            token=ready.token,
            fingerprint=ready.request.fingerprint,
            payment=Payment(
                PaymentStatus.PROCESSING,
                ready.account.currency,
                method_type=ready.method.type if ready.method else None,
                # A test key must never cancel an order with a live payment, even before the payment has started. So
                # this field is set now.
                live=services.payments.live,
            ),
            created_at=now,
            updated_at=now,
            payment_method_id=ready.method.id if ready.method else None,
            # A free cart needs no page: its invoice is paid automatically.
            checkout=ready.method is None and any(draft.price.amount > 0 for draft in ready.drafts),
            on_item_failure=ready.request.on_item_failure,
            # The process that writes the cart starts its payment. No other process starts it before this time.
            payment_lease=now + deadlines.PAYMENT_LEASE,
            orders={order.number: OrderSnapshot(OrderStatus.PENDING, 0) for order in orders},
            due_at=now + deadlines.LOST_START,
            quote_id=ready.quote.id if ready.quote else None,
            max_gross=_max_gross(ready, spends),
        )
        try:
            services.orders.place(cart, orders, contacts, cap=cap_of(ready.caller.credential))
        except NumberTakenError:
            if attempt == _NUMBER_ATTEMPTS - 1:
                raise
            continue
        except QuoteUsedError as used:
            raise quote_used() from used
        except CapacityExhaustedError as full:
            raise _lost(ready.drafts, Claims(counter=full.resource)) from full
        except DomainTakenError as taken:
            raise _lost(ready.drafts, Claims(domain=taken.name)) from taken
        for order in orders:
            log.info("order placed", extra={"order_id": order.uuid, "cart_token": ready.token})
        return cart, orders
    raise AssertionError("unreachable")


def _order(
    services: Services, ready: _Ready, draft: Draft, number: int, now: int
) -> tuple[Order, Sequence[SealedContacts]]:
    item, contacts = fulfilment(draft.item.KIND).sealed(services, ready.account.id, number, draft)
    order = Order(
        account_id=ready.account.id,
        number=number,
        cart_token=ready.token,
        status=OrderStatus.PENDING,
        item=item,
        price=draft.price,
        created_at=now,
        updated_at=now,
        user_id=ready.caller.user_id,
        placed=_placed(services, ready, number),
        capacity=draft.claims.counter,
        domain=DomainRecord(draft.claims.domain) if draft.claims.domain else None,
        callback=ready.callback,
        due_at=now + deadlines.LOST_START,
        timeline=(TimelineEntry(now, OrderStatus.PENDING, Actor.CUSTOMER, "order placed"),),
    )
    return order, contacts


def _spends(services: Services, ready: _Ready, now: int) -> list[Spend | None]:
    total = ready.total if services.payments.computes_tax else None
    nets = [draft.price for draft in ready.drafts]
    return spends_of(ready.caller.credential, ready.account, nets, total, now)


def _max_gross(ready: _Ready, spends: Sequence[Spend | None]) -> int | None:
    agreed = maximum(ready.quote, ready.request.max_gross)
    limits = [agreed[0]] if agreed else []
    if cap_of(ready.caller.credential) is not None and ready.total is not None:
        # We round the tax of each order, but the provider may round it once for the whole invoice. So its total may be
        # higher than ours, by less than a minor unit for each order. Allow for this difference.
        rounding = len(spends) - 1
        limits.append(sum(spend.amount for spend in spends if spend) + rounding)
    return min(limits, default=None)


def _placed(services: Services, ready: _Ready, number: int) -> Placement:
    page = ready.request.page
    if page is None:
        return ready.request.placed
    token = services.page_tokens.token(ready.account.id, number)
    return replace(ready.request.placed, return_url=page.return_url, page_url=f"{page.origin}/o/{token}")


def _lost(drafts: Sequence[Draft], claims: Claims) -> HostingOrdersError:
    draft = next(draft for draft in drafts if _shares(draft.claims, claims))
    return fulfilment(draft.item.KIND).lost(draft)


def _shares(some: Claims, others: Claims) -> bool:
    counter = some.counter is not None and some.counter == others.counter
    return counter or (some.domain is not None and some.domain == others.domain)


def _start(services: Services, order: Order) -> None:
    try:
        services.workflow.start(order)
    except ProviderUnavailableError:
        # The order is due, so the reconciler starts its workflow.
        log.warning("workflow start postponed", extra={"order_id": order.uuid})


def _replay(services: Services, account: Account, cart: Cart, request: CartRequest) -> Placed:
    if cart.fingerprint != request.fingerprint:
        if request.idempotency_key is None:
            raise quote_used()
        raise IdempotencyKeyReusedError(
            "This Idempotency-Key was used before with another body; use a new key for a new order."
        )
    cart = _with_payment(services, cart, lambda: resume_payment(services, cart))
    orders = services.orders.orders(cart.account_id, sorted(cart.orders))
    if not cart.payment.started and cart.payment.status is not PaymentStatus.FAILED:
        # Another process is starting the payment, or all orders were cancelled before it started.
        return Placed(account, cart, tuple(orders), replayed=True)
    for order in orders:
        if order.failure is not None and order.failure.code == PAYMENT_NOT_STARTED:
            raise PaymentNotStartedError(order.failure.message, cart.payment.error)
        if not waits_for_its_start(order):
            continue
        # The start of the order's execution or the event about the payment may have been lost. So start the execution
        # again, and let the order continue if its payment is settled.
        _start(services, order)
        if cart.payment.settled:
            resume_order(services, order, cart)
    return Placed(account, cart, tuple(orders), replayed=True)
