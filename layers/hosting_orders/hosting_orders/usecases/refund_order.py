"""Compensation: end an order that was cancelled or cannot be delivered, and return its money.

Money is returned only here. Only the step RefundOrder and the reconciler use this module, possibly at the same time.
So each round reads the stored state again (docs/order-life.md, section 9).
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

# Three rounds are enough if no other process writes. The other rounds allow for concurrent writes.
_ROUNDS = 8

_TO_BE_DELIVERED = frozenset({OrderStatus.PENDING, OrderStatus.PROCESSING})
_UNDELIVERABLE = frozenset({OrderStatus.REFUNDING, OrderStatus.REFUND_FAILED, OrderStatus.PROVISION_FAILED})


class Compensation(StrEnum):
    DONE = "done"  # the order has ended and no money is owed for it
    WAITING = "waiting"  # a registrar, a bank or an operator decides; we check the order again later


@dataclass(frozen=True, slots=True)
class _Case:
    services: Services
    order: Order
    cart: Cart
    error: str


def refund_step(services: Services, account_id: str, number: int, task_token: str, error: str) -> None:
    """The workflow state RefundOrder. If nothing is left to do, answer its token now."""
    order = load_order(services, account_id, number)
    services.workflow.wait(order, Step.REFUND, task_token)
    if refund_order(services, account_id, number, error) is Compensation.DONE:
        services.workflow.answer(order, Step.REFUND, task_token)


def refund_order(services: Services, account_id: str, number: int, error: str) -> Compensation:
    """Bring the order as close to its end as is possible now. A retry is safe.

    `error` names the failure for the timeline. Raises ProviderUnavailableError or ConcurrentUpdateError.
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
    raise ConcurrentUpdateError(f"order {order.uuid} was changed by other processes in every try")


def _do(action: Action, case: _Case) -> Compensation | None:
    """Return None when another round is needed."""
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


# -- the delivery: check first, then abandon ----------------------------------------------------------------------


def _stop_delivery(case: _Case) -> Compensation | None:
    """Before abandoning a delivery, ask for its outcome: the product may exist."""
    order, under_way = case.order, False
    if order.provisioning_at is not None:
        order, under_way = _ask_deliverer(case.services, order)
    if not under_way:
        order = _give_up(replace(case, order=order), if_in=frozenset({OrderStatus.PROCESSING}))
    return Compensation.WAITING if order.status is OrderStatus.PROCESSING else None


def _ask_deliverer(services: Services, order: Order) -> tuple[Order, bool]:
    verdict = _verdict(services, order)
    if verdict is None or verdict is Verdict.NOT_ASKED:
        # Return the order as it was read. `_give_up` compares it with the stored order.
        return order, False
    running = verdict is Verdict.RUNNING and not _out_of_time(services, order)
    return load_order(services, order.account_id, order.number), running


def _verdict(services: Services, order: Order) -> Verdict | None:
    product = fulfilment(order.kind)
    try:
        verdict = product.verdict(services, order)
    except ProviderUnavailableError:
        if not _out_of_time(services, order) or _answer_may_come(services, order):
            raise
        verdict = None
    if _out_of_time(services, order) and verdict in (None, Verdict.NOT_ASKED, Verdict.RUNNING):
        product.abandoned(services, order)
    return verdict


def _out_of_time(services: Services, order: Order) -> bool:
    begun = order.provisioning_at
    return begun is not None and services.clock.now() >= begun + order.item.deadline()


def _answer_may_come(services: Services, order: Order) -> bool:
    submitted = order.domain is not None and order.domain.submission is not None
    return submitted and services.clock.now() < deadlines.delivery_ends_at(order) + deadlines.REGISTRAR_SILENT


def _give_up(case: _Case, if_in: frozenset[OrderStatus]) -> Order:
    """Make the order undeliverable, unless the registrar was called after `case.order` was read."""
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
    """Make the cart's other orders undeliverable, but not a delivered item or a domain ordered at the registrar."""
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
    """Close the payment. Wait while a debit is processing or other orders need the payment."""
    services, order, cart = case.services, case.order, case.cart
    if not other_orders_alive(services, cart, order.number) and close_payment(services, cart).payment.settled:
        return None
    # Do not leave the order pending. When its money arrived, it would become `processing`, but no execution would
    # deliver it.
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
    services, order, cart = case.services, case.order, case.cart
    if order.refund is not None:
        # The process that refunded the order may have stopped before it wrote the cart.
        _record_refund(case, cart, order.refund)
        return Compensation.DONE
    now = services.clock.now()
    refused = order.refund_refusals
    if refused is not None and now < refused.at + deadlines.COMPENSATION_CHECK:
        # A process that read the order before the refusal was counted may still be running. It uses another idempotency
        # key than this process, so both could refund the order. No process runs as long as COMPENSATION_CHECK, so wait
        # for that long.
        _check_refund_at(services, order, refused.at + deadlines.COMPENSATION_CHECK)
        return Compensation.WAITING
    take_down(services, order)
    try:
        state = services.refunds.refund(
            cart.payment.reference or "", order.line_key, order.uuid, refusals=refused.count if refused else 0
        )
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
        # Two orders of one cart can be refunded at the same time. Record again, so the later write counts both refunds.
        _record_refund(case, cart, refund)
    return Compensation.DONE


def _check_refund_at(services: Services, order: Order, check_at: int) -> None:
    change_order(
        services,
        order,
        when=lambda current: current.refund is None and current.due_at != check_at,
        to=lambda current: current.check_at(check_at),
    )


def take_down(services: Services, order: Order) -> None:
    """A final refusal of the provider does not block the refund.

    Raises ProviderUnavailableError when the product may still exist.
    """
    try:
        fulfilment(order.kind).take_back(services, order)
    except ProvisioningFailedError as refusal:
        services.metrics.count("TakeDownRefused")
        log.error("the product was not taken down", extra={"order_id": order.uuid, "reason": str(refusal)})


def _record_refusal(services: Services, order: Order, reason: str) -> None:
    now = services.clock.now()
    change_order(
        services,
        order,
        # Another process may have counted the same refusal.
        when=lambda current: current.refund is None and current.refund_refusals == order.refund_refusals,
        to=lambda current: current.refund_refused(reason, now).check_at(now + deadlines.COMPENSATION_CHECK),
    )
    services.metrics.count("RefundFailed")
    log.error("the refund was refused", extra={"order_id": order.uuid, "reason": reason})


def _record_refund(case: _Case, cart: Cart, refund: Refund) -> Cart:
    """The sum comes from the cart's orders, so a repeated write gives the same sum."""
    others = other_orders(case.services, case.cart, case.order.number)
    refunds = [refund, *(other.refund for other in others if other.refund)]
    refunded = sum(given.amount + given.to_credit for given in refunds)
    everything = all(other.refund is not None for other in others)
    # A free cart is paid without money, so it never becomes `refunded`.
    status = PaymentStatus.REFUNDED if everything and refunded else PaymentStatus.SUCCEEDED

    def noted(current: Cart) -> Cart:
        # The refunded amount only grows. Another process may have recorded more refunds than this one.
        known = max(refunded, current.payment.refunded)
        payment = replace(current.payment, status=status, refunded=known)
        return current if payment == current.payment else current.with_payment(payment, services.clock.now())

    services = case.services
    return change_cart(services, cart, when=lambda current: current.payment.may_become(status), to=noted)
