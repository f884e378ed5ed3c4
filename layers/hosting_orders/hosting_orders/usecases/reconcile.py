"""Webhooks make things fast; this makes them certain: whatever is due is asked after and carried on.

It does nothing that the ordinary path could not do, and only through the same use cases.
"""

from __future__ import annotations

from dataclasses import replace

from hosting_orders.domain import deadlines
from hosting_orders.domain.cart import Cart, PaymentStatus
from hosting_orders.domain.errors import PaymentNotStartedError
from hosting_orders.domain.listing import DueItem
from hosting_orders.domain.order import ENDS, Order, OrderStatus

from .changes import change_cart, change_order
from .collect_payment import note_payment, resume_payment
from .log import log
from .ports import Services
from .provision_hosting import platform_verdict, record_delivery
from .refund_order import answer_refund, refund_order
from .send_callback import CallbackBody, send_callback
from .settle_payment import resume_order, settle_payment

BATCH = 50


def reconcile(services: Services, body: CallbackBody, limit: int = BATCH) -> int:
    """Look at what is due, at most `limit` items; returns how many. One item in trouble doesn't stop the others."""
    due = services.orders.due(services.clock.now(), limit)
    for item in due:
        try:
            _look_at(services, item, body)
            services.measures.count(f"Reconciled{item.kind.capitalize()}")
        except Exception:
            log.exception("could not reconcile", extra={"kind": item.kind, "key": item.key})
            services.measures.count("ReconcileFailed")
    return len(due)


def _look_at(services: Services, item: DueItem, body: CallbackBody) -> None:
    if item.kind == "callback":
        send_callback(services, item.account_id, int(item.key), body)
    elif item.kind == "cart":
        cart = services.orders.cart(item.account_id, item.key)
        if cart is not None:
            _reconcile_cart(services, cart)
            after = services.orders.cart(item.account_id, item.key)
            _count_drift(services, "Payment", cart.payment.status, after.payment.status if after else None)
    else:
        order = services.orders.order(item.account_id, int(item.key))
        if order is not None and not order.ended:
            _reconcile_order(services, order)
            later = services.orders.order(item.account_id, int(item.key))
            _count_drift(services, "Order", order.status, later.status if later else None)


def _count_drift(services: Services, kind: str, before: str, after: str | None) -> None:
    """What we find changed here the ordinary path has missed: a webhook, an execution's start, a token."""
    if after != before:
        services.measures.count(f"Drift{kind}")
        log.warning("drift mended", extra={"kind": kind, "was": before, "is_now": after})


def _reconcile_cart(services: Services, cart: Cart) -> None:
    now = services.clock.now()
    # First of all move on, so that an item which fails every time does not starve the others.
    cart = change_cart(services, cart, lambda c: replace(c, due_at=now + deadlines.PAYMENT_CHECK))
    if not cart.payment.settled and not cart.payment.started:
        try:
            cart = resume_payment(services, cart)
        except PaymentNotStartedError:
            return
    if cart.payment.invoice_id is not None:
        settle_payment(services, cart.payment.invoice_id)
        cart = services.orders.cart(cart.account_id, cart.token) or cart
    if cart.payment.settled:
        change_cart(services, cart, lambda c: replace(c, due_at=None) if c.payment.settled else c)
    elif now >= deadlines.payment_deadline(cart):
        _expire(services, cart)


def _expire(services: Services, cart: Cart) -> None:
    """Nobody paid in time: close the invoice first, so that what expires can't be paid any more."""
    if cart.payment.invoice_id is None:
        return
    state = services.payments.void(cart.payment.invoice_id)
    cart = note_payment(services, cart, state)
    if not cart.payment.settled:
        return
    paid = cart.payment.status is PaymentStatus.SUCCEEDED
    now = services.clock.now()
    for order in services.orders.orders(cart.account_id, sorted(cart.orders)):
        expired = order
        if order.status is OrderStatus.PENDING and not paid:
            expired = change_order(
                services,
                order,
                lambda current: current.expired(now) if current.status is OrderStatus.PENDING else current,
            )
        resume_order(services, expired, cart)


def _reconcile_order(services: Services, order: Order) -> None:
    now = services.clock.now()
    order = change_order(
        services,
        order,
        lambda current: (
            current if current.ended else current.look_again_at(now + deadlines.PROVISIONING_CHECK)
        ),
    )
    if order.status in ENDS:
        return
    cart = services.orders.cart(order.account_id, order.cart_token)
    if cart is not None and cart.payment.settled and order.status is OrderStatus.PENDING:
        resume_order(services, order, cart)
        order = services.orders.order(order.account_id, order.number) or order
    if order.status in (OrderStatus.CANCELING, OrderStatus.REFUNDING, OrderStatus.REFUND_FAILED):
        if refund_order(services, order.account_id, order.number, "Reconciled"):
            answer_refund(services, order)
    elif order.status is OrderStatus.PROCESSING and order.provisioning_at is not None:
        operation = platform_verdict(services, order)
        if operation is not None:
            record_delivery(services, operation)
    # The start may have been lost; starting again is harmless, and an ended order's steps change nothing.
    services.workflow.start(order)
