"""Start a cart's payment once and record its outcome."""

from __future__ import annotations

from dataclasses import replace

from hosting_orders.domain import deadlines
from hosting_orders.domain.account import Account, language_of
from hosting_orders.domain.cart import Cart, Payment, PaymentStatus
from hosting_orders.domain.errors import (
    ConcurrentUpdateError,
    NotFoundError,
    PaymentNotStartedError,
    ProviderUnavailableError,
)
from hosting_orders.domain.order import Failure, Order, OrderStatus
from hosting_orders.domain.placement import Outcome
from hosting_orders.domain.providers import ChargeLine, ChargeRequest, CheckoutRequest, PaymentState

from .changes import change_cart, load_cart, owed_callback
from .log import log
from .ports import Services

PAYMENT_NOT_STARTED = "cart_pay_failed"
"""The failure code of orders whose payment the provider refused at once (422)."""


def start_payment(services: Services, account: Account, cart: Cart, orders: list[Order]) -> Cart:
    """Charge the cart or open its payment page, and record the outcome. The caller holds the payment lease.

    Raises PaymentNotStartedError when the provider refuses. The cart and its orders are then stored as failed.
    Raises ProviderUnavailableError when the outcome is unknown. A retry finds the same payment.
    """
    lines = tuple(ChargeLine(order.line_key, order.item.line_text(), order.price.amount) for order in orders)
    try:
        if cart.checkout:
            state = services.payments.open_checkout(_page(services, account, cart, orders[0], lines))
        else:
            state = services.payments.charge(_charge(services, account, cart, lines))
        return record_payment(services, cart, state)
    except PaymentNotStartedError as refusal:
        record_failure(services, cart, refusal)
        raise
    except ProviderUnavailableError:
        # The next request may retry immediately with the same idempotency keys.
        _give_lease_back(services, cart)
        raise


def _charge(services: Services, account: Account, cart: Cart, lines: tuple[ChargeLine, ...]) -> ChargeRequest:
    return ChargeRequest(
        account_id=account.id,
        cart_token=cart.token,
        customer_id=_customer(services, account),
        payment_method_id=cart.payment_method_id or "",
        currency=cart.payment.currency,
        lines=lines,
        created_at=cart.created_at,
        max_gross=cart.max_gross,
    )


def _page(
    services: Services, account: Account, cart: Cart, order: Order, lines: tuple[ChargeLine, ...]
) -> CheckoutRequest:
    user = services.directory.user(order.user_id) if order.user_id else None
    return CheckoutRequest(
        account_id=account.id,
        cart_token=cart.token,
        customer_id=_customer(services, account),
        currency=cart.payment.currency,
        lines=lines,
        created_at=cart.created_at,
        # Computed from stored values, so a repeated call requests the same page.
        expires_at=cart.created_at + deadlines.CHECKOUT_EXPIRY,
        success_url=order.placed.way_back(order.uuid, Outcome.SUCCESS),
        cancel_url=order.placed.way_back(order.uuid, Outcome.CANCEL),
        locale=language_of(account, user),
    )


def _customer(services: Services, account: Account) -> str:
    if account.stripe_customer_id:
        return account.stripe_customer_id
    return services.directory.note_customer(account.id, services.payments.customer_for(account))


def resume_payment(services: Services, cart: Cart) -> Cart:
    """Start or finish the payment after its process stopped, unless another process holds the lease."""
    now = services.clock.now()
    answered = cart.payment.started and not cart.payment.needs_void
    if answered or cart.payment.settled or cart.payment_lease > now:
        return cart
    account = services.directory.account(cart.account_id)
    if account is None:
        raise NotFoundError("The cart's account no longer exists.")
    try:
        leased = replace(cart, payment_lease=now + deadlines.PAYMENT_LEASE)
        cart = services.orders.save_payment(leased)
    except ConcurrentUpdateError:
        return load_cart(services, cart.account_id, cart.token)
    orders = services.orders.orders(cart.account_id, sorted(cart.orders))
    if all(order.status is not OrderStatus.PENDING for order in orders):
        # All orders were cancelled before the charge. Release the lease, or every later check would renew it
        # and the cart would never close.
        return _give_lease_back(services, cart)
    log.warning("payment resumed after its process was lost", extra={"cart_token": cart.token})
    return start_payment(services, account, cart, orders)


def _give_lease_back(services: Services, cart: Cart) -> Cart:
    return change_cart(
        services,
        cart,
        when=lambda current: current.payment_lease > 0,
        to=lambda current: replace(current, payment_lease=0),
    )


def record_payment(services: Services, cart: Cart, state: PaymentState) -> Cart:
    """An outdated state changes nothing."""
    if state.saved is not None and not cart.payment.paid:
        # Save the method before the payment is recorded. If the process crashes in between, a later check does both.
        # A failure to save the method does not block the payment, because the renewal saves the method later.
        try:
            services.payments.keep_method(state.saved)
        except ProviderUnavailableError:
            log.warning(
                "payment method not saved; retrying with the renewal", extra={"cart_token": cart.token}
            )

    def is_news(current: Cart) -> bool:
        known = current.payment
        return known.may_become(state.status) and not (known.settled and state.status is known.status)

    def noted(current: Cart) -> Cart:
        payment = Payment(
            status=state.status,
            currency=current.payment.currency,
            method_type=state.method_type,
            reference=state.reference,
            pay_url=state.pay_url,
            pay_until=_pay_until(current, state),
            amount_charged=state.amount_charged,
            credit_applied=state.credit_applied,
            refunded=current.payment.refunded,
            total_net=state.total_net,
            total_gross=state.total_gross,
            gross=state.gross,
            error=state.error,
            method_id=state.saved.id if state.saved else current.payment.method_id,
            live=state.live,
        )
        if payment == current.payment:
            return current
        now = services.clock.now()
        free = replace(current.with_payment(payment, now), payment_lease=0)
        due_at = None
        if not payment.settled:
            check = now + deadlines.LOST_START if payment.needs_void else deadlines.payment_check(free, now)
            # A debit can outlast every deadline, because only the bank decides when it ends. So we keep checking it.
            due_at = min(check, max(deadlines.payment_deadline(free), now + deadlines.RECONCILE_AGAIN))
        return replace(free, due_at=due_at)

    return change_cart(services, cart, when=is_news, to=noted)


def _pay_until(cart: Cart, state: PaymentState) -> int | None:
    """When the customer must have paid (epoch ms). It changes only with the payment method."""
    told = cart.payment.pay_until
    if state.pay_url is None:
        return told if state.status is PaymentStatus.CANCELED else None
    if state.pay_until is not None:
        return state.pay_until
    if told is not None and state.method_type == cart.payment.method_type:
        return told
    return deadlines.pay_until(cart.created_at, state.method_type)


def record_failure(services: Services, cart: Cart, refusal: PaymentNotStartedError) -> None:
    """Fail the cart and its orders, and create their callbacks, in one write."""
    failure = Failure(PAYMENT_NOT_STARTED, str(refusal))
    for _ in range(6):
        now = services.clock.now()
        orders = services.orders.orders(cart.account_id, sorted(cart.orders))
        failed = [
            # Check the order once more after its end. If another process took over this payment, the order's workflow
            # may already wait for the payment's outcome. The later check then resumes the workflow.
            order.payment_failed(failure, now).check_at(now + deadlines.CLOSING_CHECK)
            for order in orders
            if order.status is OrderStatus.PENDING
        ]
        payment = replace(
            cart.payment, status=PaymentStatus.FAILED, error=refusal.decline_code or "payment_not_started"
        )
        closed = replace(cart.with_payment(payment, now), due_at=None, payment_lease=0)
        try:
            owed = [callback for order in failed if (callback := owed_callback(order, now))]
            services.orders.save_failed_payment(closed, failed, owed)
        except ConcurrentUpdateError:
            cart = load_cart(services, cart.account_id, cart.token)
            if cart.payment.settled:
                return
            continue
        return
    raise ConcurrentUpdateError(f"cart {cart.token} was changed by other processes in every try")


def other_orders(services: Services, cart: Cart, number: int) -> list[Order]:
    return services.orders.orders(
        cart.account_id, [other for other in sorted(cart.orders) if other != number]
    )


def other_orders_alive(services: Services, cart: Cart, number: int) -> bool:
    """Orders in compensation do not count, because two of them would wait for each other."""
    alive = (OrderStatus.PENDING, OrderStatus.PROCESSING)
    return any(order.status in alive for order in other_orders(services, cart, number))
