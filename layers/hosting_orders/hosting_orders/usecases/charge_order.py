"""The state ChargeOrder (docs/order-life.md)."""

from __future__ import annotations

from hosting_orders.domain.errors import (
    OrderCanceledError,
    OrderExpiredError,
    PaymentFailedError,
    PaymentNotStartedError,
)
from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.domain.workflow import Step

from .changes import load_cart, load_order
from .collect_payment import resume_payment
from .ports import Services
from .settle_payment import resume_order


def charge_order(services: Services, account_id: str, number: int, task_token: str) -> None:
    """Answer the task token if the payment is settled. Otherwise the process that settles the payment answers it.

    Raises OrderCanceledError, OrderExpiredError or PaymentFailedError.
    """
    order = load_order(services, account_id, number)
    cart = load_cart(services, account_id, order.cart_token)
    if order.status is OrderStatus.PENDING and not cart.payment.settled:
        # Store the token first, then check again. A process that settles the payment writes the result first and
        # then looks for a token, so one of the two processes always sees the other's write.
        services.workflow.wait(order, Step.CHARGE, task_token)
        try:
            resume_payment(services, cart)
        except PaymentNotStartedError as refusal:
            raise PaymentFailedError(str(refusal)) from refusal
        order = load_order(services, account_id, number)
        cart = load_cart(services, account_id, order.cart_token)
    if order.status is OrderStatus.PENDING and cart.payment.settled:
        resume_order(services, order, cart)
        order = load_order(services, account_id, number)
    _answer(services, order, task_token)


def _answer(services: Services, order: Order, task_token: str) -> None:
    if order.status is OrderStatus.PENDING:
        return
    if order.status in (OrderStatus.CANCELING, OrderStatus.CANCELED):
        raise OrderCanceledError("cancelled before it was paid")
    if order.status is OrderStatus.EXPIRED:
        raise OrderExpiredError("not paid in time")
    if order.status is OrderStatus.FAILED:
        raise PaymentFailedError("the payment failed")
    services.workflow.answer(order, Step.CHARGE, task_token)
