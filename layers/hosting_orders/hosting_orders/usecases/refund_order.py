"""Compensation: an order that was cancelled, or cannot be delivered, is brought to its end and its money goes back.

This is the one way money goes back, whatever went wrong before. It may run at any time and any number of times, and in
two processes at once. Only the workflow's step RefundOrder and the reconciler call it. Other code makes one of these
two run.

It is a loop. Each round reads the order and its cart, looks up the one action for their statuses
(domain/compensation.py has the table), and does it. An action changes a status, so that the next round finds another
action, until the order has ended or must wait for a registrar, a bank or an operator. Nothing is carried
from one round to the next: the process can stop anywhere, and the next run begins from what is on record
(docs/order-life.md, section 9).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from hosting_orders.domain import deadlines
from hosting_orders.domain.cart import Cart, OnItemFailure, PaymentStatus
from hosting_orders.domain.compensation import Action, next_action
from hosting_orders.domain.errors import (
    ConcurrentUpdateError,
    ProviderUnavailableError,
    ProvisioningFailedError,
    RefundRefusedError,
)
from hosting_orders.domain.order import Actor, Failure, Order, OrderStatus, Refund
from hosting_orders.domain.workflow import Step

from .changes import change_cart, change_order, load_cart, load_order
from .close_payment import close_payment
from .collect_payment import other_orders, other_orders_alive
from .delivery import answer_delivery, undeliverable
from .log import log
from .ports import Services
from .products.fulfilment import Verdict
from .products.registry import fulfilment

# Three rounds are enough for an order: out of delivery, out of an open payment, to its end. The others are for
# what other processes write in between.
_ROUNDS = 8

_TO_BE_DELIVERED = frozenset({OrderStatus.PENDING, OrderStatus.PROCESSING})
_UNDELIVERABLE = frozenset({OrderStatus.REFUNDING, OrderStatus.REFUND_FAILED, OrderStatus.PROVISION_FAILED})


class Compensation(StrEnum):
    """How one run of `refund_order` ended."""

    DONE = "done"  # the order has ended, and no money is owed for it
    WAITING = "waiting"  # a registrar, a bank or an operator decides; it is due again by then


@dataclass(frozen=True, slots=True)
class _Case:
    """What one round works on. `error` is the name of what went wrong, for the order's timeline."""

    services: Services
    order: Order
    cart: Cart
    error: str


def refund_step(services: Services, account_id: str, number: int, task_token: str, error: str) -> None:
    """The state RefundOrder: compensate, and answer the token at once or when the bank or an operator has acted."""
    order = load_order(services, account_id, number)
    services.workflow.wait(order, Step.REFUND, task_token)
    if refund_order(services, account_id, number, error) is Compensation.DONE:
        services.workflow.answer(order, Step.REFUND, task_token)


def refund_order(services: Services, account_id: str, number: int, error: str) -> Compensation:
    """Bring a broken or cancelled order to its end, as far as that is possible now.

    `error` is the name of what went wrong. Raises ProviderUnavailableError when the truth cannot be had now, and
    ConcurrentUpdateError when others write the order again and again: calling again goes on from what is on record.
    """
    for _ in range(_ROUNDS):
        order = load_order(services, account_id, number)
        cart = load_cart(services, account_id, order.cart_token)
        case = _Case(services, order, cart, error)
        if order.status in _UNDELIVERABLE and cart.on_item_failure is OnItemFailure.CANCEL_ALL:
            _cancel_rest_of_cart(case)
        result = _do(next_action(order.status, cart.payment), case)
        if result is not None:
            return result
    raise ConcurrentUpdateError(f"order {order.uuid} is being written by too many at once")


def _do(action: Action, case: _Case) -> Compensation | None:
    """Do it; None when the order or its payment has another status now."""
    match action:
        case Action.STOP_DELIVERY:
            return _stop_delivery(case)
        case Action.GIVE_UP:
            _give_up(case, if_in=frozenset({OrderStatus.PENDING}))
            return None
        case Action.CLOSE_PAYMENT:
            return _close_payment(case)
        case Action.END_UNPAID:
            return _end_unpaid(case)
        case Action.GIVE_BACK:
            return _give_back(case)
        case Action.NOTHING:
            return Compensation.DONE
    assert_never(action)


# -- the delivery: ask first, then give up --------------------------------------------------------------------------


def _stop_delivery(case: _Case) -> Compensation | None:
    """Delivery failed, or its outcome is unknown. If it has begun, what became of it is asked and written down first:
    it may have arrived after all. A domain under way at the registrar cannot be called back."""
    order, under_way = case.order, False
    if order.provisioning_at is not None:
        order, under_way = _ask_deliverer(case.services, order)
    if not under_way:
        order = _give_up(replace(case, order=order), if_in=frozenset({OrderStatus.PROCESSING}))
    return Compensation.WAITING if order.status is OrderStatus.PROCESSING else None


def _ask_deliverer(services: Services, order: Order) -> tuple[Order, bool]:
    """Write down what became of a delivery that has begun; the order as it is then, and whether it may still arrive."""
    verdict = _verdict(services, order)
    if verdict is None or verdict is Verdict.NOT_ASKED:
        # Not read anew: `_give_up` must notice when the provider is asked from now on.
        return order, False
    running = verdict is Verdict.RUNNING and not _out_of_time(services, order)
    return load_order(services, order.account_id, order.number), running


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


def _give_up(case: _Case, if_in: frozenset[OrderStatus]) -> Order:
    """Make the order `refunding`: it will not be delivered. Do so only from the statuses `if_in`, and only if the
    provider was not asked after `case.order` was read: otherwise the product may still come and its money must stay."""
    failure = Failure("provisioning_failed", f"The order could not be delivered ({case.error}).")
    product = fulfilment(case.order.kind)
    committed = product.committed(case.order)
    return undeliverable(
        case.services,
        case.order,
        failure,
        Actor.SYSTEM,
        when=lambda current: current.status in if_in and product.committed(current) == committed,
    )


def _cancel_rest_of_cart(case: _Case) -> None:
    """`on_item_failure: cancel_all`: one item cannot be delivered, so all others that can be called back are.

    What is delivered stays, and so does a domain that the registrar was asked for: neither can be given back.
    """
    services = case.services
    failure = Failure(
        "cart_canceled",
        "Another item of the cart could not be delivered, and the cart was ordered as all or nothing.",
    )
    for other in other_orders(services, case.cart, case.order.number):
        changed = undeliverable(services, other, failure, Actor.SYSTEM, when=_can_be_called_back)
        if changed.status is OrderStatus.REFUNDING:
            answer_delivery(services, changed)
            services.workflow.fail(changed, Step.CHARGE, ProvisioningFailedError, failure.message)


def _can_be_called_back(order: Order) -> bool:
    return order.status in _TO_BE_DELIVERED and fulfilment(order.kind).committed(order) is None


# -- the money ------------------------------------------------------------------------------------------------------


def _close_payment(case: _Case) -> Compensation | None:
    """Make sure that no more money can come, and wait while that is not possible.

    A debit under way cannot be called back, and a payment that other orders of the cart still need stays open: this
    order's part goes back when it has settled. The settlement makes the order due, or fails the waiting step.
    """
    services, order, cart = case.services, case.order, case.cart
    if not other_orders_alive(services, cart, order.number) and close_payment(services, cart).payment.settled:
        return None
    # The order must not stay pending: its money would make it one to be delivered, and no process would deliver it.
    order = _give_up(case, if_in=_TO_BE_DELIVERED)
    _check_again(services, order)
    return Compensation.WAITING


def _check_again(services: Services, order: Order) -> None:
    check_at = services.clock.now() + deadlines.COMPENSATION_CHECK
    change_order(
        services,
        order,
        when=lambda current: not current.ended,
        to=lambda current: current.check_at(check_at),
    )


def _end_unpaid(case: _Case) -> Compensation | None:
    """No money came, and none can come: the order ends."""
    now = case.services.clock.now()
    failure = Failure("payment_failed", "The order could not be paid.")

    def ended(current: Order) -> Order:
        if current.status is OrderStatus.PENDING:
            end = current.payment_failed(failure, now, Actor.SYSTEM)
        else:
            end = current.refunded(None, now)
        return end.check_at(now + deadlines.CLOSING_CHECK)

    order = change_order(
        case.services,
        case.order,
        when=lambda current: next_action(current.status, case.cart.payment) is Action.END_UNPAID,
        to=ended,
    )
    return Compensation.DONE if order.ended else None


def _give_back(case: _Case) -> Compensation:
    """The money came and the order will not be delivered: give this order's part back, once.

    The payment provider gives one order's part back once, however often it is asked. What is on record is not asked
    for again.
    """
    services, order, cart = case.services, case.order, case.cart
    if order.refund is not None:
        # The process that gave it back may have died before it wrote the cart.
        _record_refund(case, cart, order.refund)
        return Compensation.DONE
    now = services.clock.now()
    take_down(services, order)
    try:
        state = services.refunds.refund(cart.payment.reference or "", order.line_key, order.uuid)
    except RefundRefusedError as refusal:
        _record_refusal(services, order, str(refusal))
        return Compensation.WAITING
    refund = Refund(id=state.id, amount=state.amount, to_credit=state.to_credit, at=now)
    cart = _record_refund(case, cart, refund)

    def given_back(current: Order) -> Order:
        if current.ended:
            return current.late_money_returned(refund, now)
        return current.refunded(refund, now).check_at(now + deadlines.CLOSING_CHECK)

    change_order(services, order, when=lambda current: current.refund is None, to=given_back)
    if len(cart.orders) > 1:
        # Two refunds of one cart may run at once, without seeing each other. This second look makes the last see both.
        _record_refund(case, cart, refund)
    return Compensation.DONE


def take_down(services: Services, order: Order) -> None:
    """Take the product of an order that is not delivered down. A provider that refuses for good must not keep the money
    from the customer: then the product is an operator's case. Repeating it changes nothing.

    Raises ProviderUnavailableError when it may be there still.
    """
    try:
        fulfilment(order.kind).take_back(services, order)
    except ProvisioningFailedError as refusal:
        services.metrics.count("TakeDownRefused")
        log.error("the product was not taken down", extra={"order_id": order.uuid, "reason": str(refusal)})


def _record_refusal(services: Services, order: Order, reason: str) -> None:
    """The provider will not give the money back: an operator's case. It is tried again; an end stays what it was."""
    check_at = services.clock.now() + deadlines.COMPENSATION_CHECK
    change_order(
        services,
        order,
        when=lambda current: not current.ended,
        to=lambda current: current.refund_refused(reason, services.clock.now()).check_at(check_at),
    )
    services.metrics.count("RefundFailed")
    log.error("the refund was refused", extra={"order_id": order.uuid, "reason": reason})


def _record_refund(case: _Case, cart: Cart, refund: Refund) -> Cart:
    """The cart's sum is computed from its orders, so that writing it twice writes the same."""
    others = other_orders(case.services, case.cart, case.order.number)
    refunds = [refund, *(other.refund for other in others if other.refund)]
    refunded = sum(given.amount + given.to_credit for given in refunds)
    everything = all(other.refund is not None for other in others)
    # What cost nothing was paid all the same, and nothing of it can have gone back.
    status = PaymentStatus.REFUNDED if everything and refunded else PaymentStatus.SUCCEEDED

    def noted(current: Cart) -> Cart:
        # Refunds only grow: another process may have seen more of them than we have.
        known = max(refunded, current.payment.refunded)
        payment = replace(current.payment, status=status, refunded=known)
        return current if payment == current.payment else current.with_payment(payment, services.clock.now())

    services = case.services
    return change_cart(services, cart, when=lambda current: current.payment.may_become(status), to=noted)
