"""Close a payment that has not succeeded."""

from __future__ import annotations

from dataclasses import replace

from hosting_orders.domain.cart import Cart, PaymentStatus
from hosting_orders.domain.providers import PaymentState

from .changes import change_cart
from .collect_payment import record_payment
from .ports import Services


def close_payment(services: Services, cart: Cart) -> Cart:
    """Ensure that the cart can no longer be paid, and record the outcome.

    The payment stays unsettled if a debit is in progress or another process may be starting the payment.
    Raises ProviderUnavailableError.
    """
    state = _find_payment(services, cart)
    if state is None:
        if cart.payment_lease > services.clock.now():
            return cart  # another process may be starting the payment
        return _close_unstarted(services, cart)
    if state.status in (PaymentStatus.PROCESSING, PaymentStatus.AWAITING_AUTHENTICATION):
        state = services.payments.void(state.reference)
    return record_payment(services, cart, state)


def _find_payment(services: Services, cart: Cart) -> PaymentState | None:
    if cart.payment.reference is not None:
        return services.payments.state(cart.payment.reference)
    account = services.directory.account(cart.account_id)
    if account is None or account.stripe_customer_id is None:
        return None
    return services.payments.find(account.stripe_customer_id, cart.token, cart.created_at)


def _close_unstarted(services: Services, cart: Cart) -> Cart:
    now = services.clock.now()

    def is_unstarted(current: Cart) -> bool:
        payment = current.payment
        return not payment.started and not payment.settled and current.payment_lease <= now

    def closed(current: Cart) -> Cart:
        payment = replace(current.payment, status=PaymentStatus.CANCELED)
        return replace(current.with_payment(payment, now), due_at=None)

    return change_cart(services, cart, when=is_unstarted, to=closed)
