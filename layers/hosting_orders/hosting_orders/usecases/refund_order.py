"""Compensation: find out what is true, then take the service down, void or refund (docs/order-life.md).

It is the one way money goes back, whatever went wrong before. It may run at any time, any number of times. Only its
own step and the reconciler import it: every other function wakes one of the two.
"""

from __future__ import annotations

from dataclasses import replace

from hosting_orders.domain import deadlines
from hosting_orders.domain.cart import Cart, OnItemFailure, PaymentStatus
from hosting_orders.domain.errors import (
    ProviderUnavailableError,
    ProvisioningFailedError,
    RefundRefusedError,
)
from hosting_orders.domain.order import Actor, Failure, Order, OrderStatus, Refund
from hosting_orders.domain.providers import PaymentState
from hosting_orders.domain.workflow import Step

from .changes import change_cart, change_order, load_cart, load_order
from .collect_payment import note_payment, other_orders_alive
from .delivery import answer_delivery
from .log import log
from .ports import Services
from .products.fulfilment import Verdict
from .products.registry import fulfilment


def refund_step(services: Services, account_id: str, number: int, task_token: str, error: str) -> None:
    """The state RefundOrder: compensate, and answer the token at once or when the bank or an operator has acted."""
    order = load_order(services, account_id, number)
    services.workflow.wait(order, Step.REFUND, task_token)
    if refund_order(services, account_id, number, error):
        services.workflow.answer(order, Step.REFUND, task_token)


def refund_order(services: Services, account_id: str, number: int, error: str) -> bool:
    """Bring a broken or cancelled order to its end. True when it has ended; False when it must wait.

    `error` is the name of what went wrong. Raises ProviderUnavailableError when the truth can't be had now.
    """
    order = load_order(services, account_id, number)
    if order.status is OrderStatus.PROCESSING:
        order = _stop_delivery(services, order, error)
    if order.status is OrderStatus.COMPLETED:
        return True  # it was delivered after all: the money stays
    if order.status is OrderStatus.PROCESSING:
        return False  # its name is under way at the registrar and can't be called back: that decides
    _take_others_along(services, order)
    cart, payment = _stop_payment(services, order)
    if payment is PaymentStatus.PROCESSING or payment is PaymentStatus.AWAITING_AUTHENTICATION:
        # A debit under way can't be called back. Its settlement brings us here again. Until then the order must
        # not be pending: its money would make it one to be delivered, and nobody would deliver it.
        order = _give_up(services, order, error, if_in=(OrderStatus.PENDING, OrderStatus.PROCESSING))
        change_order(services, order, lambda current: _look_again(services, current))
        return False
    if payment not in (PaymentStatus.SUCCEEDED, PaymentStatus.REFUNDED):
        return _end_without_money(services, order)
    order = _give_up(services, order, error, if_in=(OrderStatus.PENDING,))
    if order.status is OrderStatus.PROCESSING:
        # Its money was noted this moment, by somebody who did not know that it had been given up.
        return refund_order(services, account_id, number, error)
    return _give_back(services, order, cart)


def _stop_delivery(services: Services, order: Order, error: str) -> Order:
    """Delivery failed, or nobody knows. Ask first; then close the door (REFUNDING); then take down what is there."""
    if order.provisioning_at is not None:
        verdict = _verdict(services, order)
        order = load_order(services, order.account_id, order.number)
        if verdict is Verdict.RUNNING and not _out_of_time(services, order):
            return order
    return _give_up(services, order, error, if_in=(OrderStatus.PROCESSING,))


def _verdict(services: Services, order: Order) -> Verdict | None:
    """What became of the delivery, or None once the provider has had its time and nothing certain is known."""
    product = fulfilment(order.kind)
    try:
        verdict = product.verdict(services, order)
    except ProviderUnavailableError:
        if not _out_of_time(services, order):
            raise
        verdict = None
    if _out_of_time(services, order) and verdict in (None, Verdict.NOT_ASKED, Verdict.RUNNING):
        product.abandoned(services, order)
    return verdict


def _out_of_time(services: Services, order: Order) -> bool:
    begun = order.provisioning_at
    return begun is not None and services.clock.now() >= begun + order.item.deadline()


def _take_others_along(services: Services, order: Order) -> None:
    """`on_item_failure: cancel_all`: one item can't be delivered, so whatever of its cart can still be called back is.

    What is delivered stays, and so does a name that the registrar was asked for: neither can be given back.
    """
    if order.status not in (OrderStatus.REFUNDING, OrderStatus.REFUND_FAILED, OrderStatus.PROVISION_FAILED):
        return
    cart = load_cart(services, order.account_id, order.cart_token)
    if cart.on_item_failure is not OnItemFailure.CANCEL_ALL:
        return
    now = services.clock.now()
    failure = Failure(
        "cart_canceled",
        "Another item of the cart could not be delivered, and the cart was ordered as all or nothing.",
    )

    def change(current: Order) -> Order:
        alive = current.status in (OrderStatus.PENDING, OrderStatus.PROCESSING)
        if not alive or fulfilment(current.kind).committed(current) is not None:
            return current
        given_up = current.undeliverable(failure, now, Actor.SYSTEM)
        return given_up.look_again_at(now + deadlines.COMPENSATION_CHECK)

    for other in services.orders.orders(
        cart.account_id, [n for n in sorted(cart.orders) if n != order.number]
    ):
        changed = change_order(services, other, change)
        if changed.status is not OrderStatus.REFUNDING:
            continue
        answer_delivery(services, changed)
        services.workflow.fail(changed, Step.CHARGE, ProvisioningFailedError, failure.message)


def _give_up(services: Services, order: Order, error: str, if_in: tuple[OrderStatus, ...]) -> Order:
    """Close the door: from here on the order will not be delivered."""
    now = services.clock.now()
    failure = Failure("provisioning_failed", f"The order could not be delivered ({error}).")

    committed = fulfilment(order.kind).committed(order)

    def change(current: Order) -> Order:
        if current.status not in if_in:
            return current
        if fulfilment(current.kind).committed(current) != committed:
            # The provider has been asked since we looked there: the product may come, so its money must not go.
            return current
        refunding = current.undeliverable(failure, now, Actor.SYSTEM)
        return refunding.look_again_at(now + deadlines.COMPENSATION_CHECK)

    return change_order(services, order, change)


def _stop_payment(services: Services, order: Order) -> tuple[Cart, PaymentStatus]:
    """Make sure no more money can come, and return what is certain then."""
    cart = load_cart(services, order.account_id, order.cart_token)
    if cart.payment.settled:
        return cart, cart.payment.status
    if other_orders_alive(services, cart, order.number):
        return (
            cart,
            PaymentStatus.PROCESSING,
        )  # the others still want to be paid for; then this part goes back
    cart = close_payment(services, cart)
    return cart, cart.payment.status


def close_payment(services: Services, cart: Cart) -> Cart:
    """Make sure nobody can pay any more, and note what is true then: it may be paid, or a debit be under way."""
    state = _find_payment(services, cart)
    if state is None:
        if cart.payment_lease > services.clock.now():
            return cart  # somebody may be starting it this moment
        return _close_unstarted(services, cart)
    if state.status in (PaymentStatus.PROCESSING, PaymentStatus.AWAITING_AUTHENTICATION):
        state = services.payments.void(state.invoice_id)
    return note_payment(services, cart, state)


def _find_payment(services: Services, cart: Cart) -> PaymentState | None:
    if cart.payment.invoice_id is not None:
        return services.payments.state(cart.payment.invoice_id)
    account = services.directory.account(cart.account_id)
    if account is None or account.stripe_customer_id is None:
        return None
    return services.payments.find(account.stripe_customer_id, cart.token, cart.created_at)


def _close_unstarted(services: Services, cart: Cart) -> Cart:
    """Nothing was asked of the provider; say so in the cart, so that nothing will be."""
    now = services.clock.now()

    def change(current: Cart) -> Cart:
        if current.payment.started or current.payment.settled or current.payment_lease > now:
            return current
        payment = replace(current.payment, status=PaymentStatus.CANCELED)
        return replace(current.with_payment(payment, now), due_at=None)

    return change_cart(services, cart, change)


def _end_without_money(services: Services, order: Order) -> bool:
    now = services.clock.now()
    closing = now + deadlines.CLOSING_CHECK

    def change(current: Order) -> Order:
        if current.status is OrderStatus.PENDING:
            failure = Failure("payment_failed", "The order could not be paid.")
            return current.payment_failed(failure, now, Actor.SYSTEM).look_again_at(closing)
        if current.status in (OrderStatus.CANCELING, OrderStatus.REFUNDING, OrderStatus.REFUND_FAILED):
            return current.refunded(None, now).look_again_at(closing)
        return current

    return change_order(services, order, change).ended


def _give_back(services: Services, order: Order, cart: Cart) -> bool:
    """The money came and the order will not be delivered: give this order's part back, once."""
    now = services.clock.now()
    if order.refund is not None or order.status is OrderStatus.COMPLETED:
        return order.ended
    fulfilment(order.kind).take_back(services, order)
    try:
        state = services.payments.refund(cart.payment.invoice_id or "", order.line_key, order.uuid)
    except RefundRefusedError as refusal:
        if not order.ended:
            reason = str(refusal)
            change_order(
                services, order, lambda current: _look_again(services, current.refund_refused(reason, now))
            )
        services.measures.count("RefundFailed")
        log.error("the refund was refused", extra={"order_id": order.uuid, "reason": str(refusal)})
        return False
    refund = Refund(id=state.id, amount=state.amount, to_credit=state.to_credit, at=now)
    cart = _note_refund(services, order, cart, refund)

    def change(current: Order) -> Order:
        if current.refund is not None:
            return current
        if current.ended:
            return current.late_money_returned(refund, now)
        return current.refunded(refund, now).look_again_at(now + deadlines.CLOSING_CHECK)

    change_order(services, order, change)
    if len(cart.orders) > 1:
        # Another part may have gone back in the same moment, and neither has seen the other: the last one does.
        _note_refund(services, order, cart, refund)
    return True


def _note_refund(services: Services, order: Order, cart: Cart, refund: Refund) -> Cart:
    """The cart's sum is computed from its orders, so that writing it twice writes the same."""
    others = services.orders.orders(cart.account_id, [n for n in sorted(cart.orders) if n != order.number])
    refunds = [refund, *(other.refund for other in others if other.refund)]
    refunded = sum(given.amount + given.to_credit for given in refunds)
    everything = all(other.refund is not None for other in others)
    # What cost nothing was paid all the same, and nothing of it can have gone back.
    status = PaymentStatus.REFUNDED if everything and refunded else PaymentStatus.SUCCEEDED

    def change(current: Cart) -> Cart:
        payment = replace(current.payment, status=status, refunded=refunded)
        if payment == current.payment or not current.payment.may_become(status):
            return current
        return current.with_payment(payment, services.clock.now())

    return change_cart(services, cart, change)


def _look_again(services: Services, order: Order) -> Order:
    if order.ended:
        return order
    return order.look_again_at(services.clock.now() + deadlines.COMPENSATION_CHECK)
