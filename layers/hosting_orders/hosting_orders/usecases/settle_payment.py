"""News of a cart's payment: read what is true, write it down, and let its orders go on.

Called for every webhook about an invoice, by the reconciler, and by the workflow's first step. What the news
said does not matter; what the invoice says does. So duplicates, wrong order and delays change nothing.
"""

from __future__ import annotations

from hosting_orders.domain import deadlines
from hosting_orders.domain.cart import Cart, PaymentStatus
from hosting_orders.domain.errors import OrderCanceledError, PaymentFailedError
from hosting_orders.domain.order import ENDS, Failure, Order, OrderStatus

from .changes import change_order
from .collect_payment import note_payment
from .log import log
from .ports import Services
from .refund_order import answer_refund, refund_order

CHARGE = "charge"


def settle_payment(services: Services, invoice_id: str) -> None:
    """Bring a cart up to date with its invoice. An invoice that is not ours is none of our business."""
    state = services.payments.state(invoice_id)
    if state is None:
        return
    cart = services.orders.cart(state.account_id, state.cart_token)
    if cart is None:
        log.warning("invoice of an unknown cart", extra={"cart_token": state.cart_token})
        return
    if cart.payment.invoice_id not in (None, state.invoice_id):
        log.error("two invoices for one cart", extra={"cart_token": cart.token, "invoice_id": invoice_id})
        return
    cart = note_payment(services, cart, state)
    if cart.payment.settled:
        for order in services.orders.orders(cart.account_id, sorted(cart.orders)):
            resume_order(services, order, cart)


def resume_order(services: Services, order: Order, cart: Cart) -> None:
    """Let one order go on now that its cart's payment is settled. Repeating it changes nothing."""
    paid = cart.payment.status in (PaymentStatus.SUCCEEDED, PaymentStatus.REFUNDED)
    now = services.clock.now()

    def change(current: Order) -> Order:
        if current.status is not OrderStatus.PENDING:
            return current
        if paid:
            return current.paid(now, now + deadlines.PROVISIONING_CHECK)
        return current.payment_failed(Failure("payment_failed", "The payment failed."), now)

    order = change_order(services, order, change)
    if order.status is OrderStatus.CANCELING or (order.status in ENDS and paid):
        # Cancelled, expired or failed while the money was on its way: now it can be given back.
        if refund_order(services, order.account_id, order.number, "PaymentSettled"):
            answer_refund(services, order)
        return
    token = services.tokens.token(order.account_id, order.number, CHARGE)
    if token is None:
        return
    if order.status is OrderStatus.FAILED:
        services.workflow.fail(token, PaymentFailedError.__name__, "the payment failed")
    elif order.status in (OrderStatus.CANCELED, OrderStatus.EXPIRED):
        services.workflow.fail(token, OrderCanceledError.__name__, "ended before it was paid")
    else:
        services.workflow.succeed(token)
    services.tokens.drop_token(order.account_id, order.number, CHARGE)
