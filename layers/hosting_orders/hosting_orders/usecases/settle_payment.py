"""Record a payment's current state and let its orders continue. No money is returned here.

The state is read from the provider, so duplicate, late and reordered events do no harm.
"""

from __future__ import annotations

from hosting_orders.domain import deadlines
from hosting_orders.domain.cart import Cart, PaymentStatus
from hosting_orders.domain.errors import (
    OrderCanceledError,
    PaymentFailedError,
    PaymentNotStartedError,
    PaymentSettledError,
)
from hosting_orders.domain.order import GIVING_BACK, Failure, Order, OrderStatus
from hosting_orders.domain.workflow import Step

from .changes import change_order
from .collect_payment import record_failure, record_payment
from .log import log
from .ports import Services


def settle_payment(services: Services, reference: str) -> None:
    """A payment that is not ours changes nothing."""
    state = services.payments.state(reference)
    if state is None:
        return
    cart = services.orders.cart(state.account_id, state.cart_token)
    if cart is None:
        log.warning("payment of an unknown cart", extra={"cart_token": state.cart_token})
        return
    if cart.payment.reference not in (None, state.reference):
        if state.status is PaymentStatus.CANCELED:
            return  # a cancelled payment takes no money, so the cart is not paid twice
        log.error("two payments for one cart", extra={"cart_token": cart.token, "payment": reference})
        services.metrics.count("SecondPayment")
        return
    unanswered = not cart.payment.started and not cart.payment.settled
    if (
        unanswered
        and cart.payment_lease > services.clock.now()
        and state.status is not PaymentStatus.SUCCEEDED
    ):
        # The process that holds the lease is still starting this payment, so a refusal might not be final. That process
        # records the outcome and answers the client.
        return
    if unanswered and state.status is PaymentStatus.FAILED:
        record_failure(
            services, cart, PaymentNotStartedError("The payment method was declined.", state.error)
        )
        return
    cart = record_payment(services, cart, state)
    if cart.payment.settled:
        for order in services.orders.orders(cart.account_id, sorted(cart.orders)):
            resumed = resume_order(services, order, cart)
            if waits_for_its_start(resumed):
                # The process that placed the cart may have stopped before it started this workflow. A second start does
                # no harm.
                services.workflow.start(resumed)


def waits_for_its_start(order: Order) -> bool:
    return order.status in (OrderStatus.PENDING, OrderStatus.PROCESSING) and order.provisioning_at is None


def resume_order(services: Services, order: Order, cart: Cart) -> Order:
    """Apply a settled payment to the order and resume its workflow. A repetition does no harm."""
    paid = cart.payment.paid
    now = services.clock.now()

    def settled(current: Order) -> Order:
        if paid:
            return current.paid(now, now + deadlines.PROVISIONING_CHECK)
        over = now >= deadlines.payment_deadline(cart) - deadlines.EXPIRY_SLACK
        if cart.payment.status is PaymentStatus.CANCELED and over:
            ended = current.expired(now)
        else:
            ended = current.payment_failed(Failure("payment_failed", "The payment failed."), now)
        return ended.check_at(now + deadlines.CLOSING_CHECK)

    order = change_order(services, order, when=OrderStatus.PENDING, to=settled)
    if order.status in GIVING_BACK or (paid and owes_a_refund(order)):
        return _begin_refund(services, order)
    if order.status is OrderStatus.FAILED:
        services.workflow.fail(order, Step.CHARGE, PaymentFailedError, "the payment failed")
    elif order.status in (OrderStatus.CANCELED, OrderStatus.EXPIRED):
        services.workflow.fail(order, Step.CHARGE, OrderCanceledError, "ended before it was paid")
    else:
        services.workflow.resume(order, Step.CHARGE)
    return order


def owes_a_refund(order: Order) -> bool:
    """Whether this order's money must be returned if the cart was paid."""
    return order.ended and order.status is not OrderStatus.COMPLETED and order.refund is None


def _begin_refund(services: Services, order: Order) -> Order:
    if services.workflow.fail(order, Step.REFUND, PaymentSettledError, "the payment has settled"):
        return order
    now = services.clock.now()

    def waits_for_later(current: Order) -> bool:
        needed = current.status in GIVING_BACK or owes_a_refund(current)
        return needed and (current.due_at is None or current.due_at > now)

    return change_order(services, order, when=waits_for_later, to=lambda current: current.check_at(now))
