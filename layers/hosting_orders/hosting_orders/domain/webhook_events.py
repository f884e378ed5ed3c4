"""What account webhooks report. Events are derived from stored items, so deriving them again gives the same events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from . import causes
from .cart import Cart, PaymentStatus
from .domain_record import TRANSFER_YEAR
from .order import Order, OrderStatus, TimelineEntry


class EventType(StrEnum):
    """A published type is never renamed."""

    about: str

    def __new__(cls, word: str, about: str) -> EventType:
        kind = str.__new__(cls, word)
        kind._value_ = word
        kind.about = about
        return kind

    @property
    def group(self) -> str:
        return self.partition(".")[0]

    ORDER_CREATED = "order.created", "An order was placed."
    ORDER_PAID = "order.paid", "The order's payment has succeeded, and delivery begins."
    ORDER_COMPLETED = "order.completed", "The order is delivered."
    ORDER_FAILED = (
        "order.failed",
        "The order was not paid or could not be delivered. Money that was paid has been given back.",
    )
    ORDER_CANCELLED = "order.cancelled", "The order was cancelled, or was not paid in time."
    ORDER_REFUNDED = "order.refunded", "Money for the order was given back."
    PAYMENT_ACTION_REQUIRED = "payment.action_required", "A person must pay a cart or confirm its payment."
    PAYMENT_SUCCEEDED = "payment.succeeded", "A cart's payment has succeeded."
    PAYMENT_FAILED = "payment.failed", "A cart's payment has failed for good."
    PAYMENT_CANCELLED = (
        "payment.cancelled",
        "A cart can no longer be paid, because it was cancelled or expired.",
    )
    DOMAIN_ACTION_REQUIRED = (
        "domain.action_required",
        "The registrant must confirm the order or the e-mail address.",
    )
    DOMAIN_RENEWED = "domain.renewed", "A domain was renewed at its registry."
    DOMAIN_LEFT = "domain.left", "A domain has left our registrar."
    RENEWAL_FAILED = "renewal.failed", "A renewal could not be charged, or a paid renewal could not be made."
    ENDPOINT_DISABLED = (
        "webhook.endpoint_disabled",
        "One of your other endpoints was switched off because it failed.",
    )
    TEST = "webhook.test", "A test that you have requested."


EVERY_TYPE = "*"
GROUPS = tuple(dict.fromkeys(kind.group for kind in EventType))


def event_type(text: str) -> EventType | None:
    return next((kind for kind in EventType if kind == text), None)


def is_pattern(text: str) -> bool:
    return text == EVERY_TYPE or event_type(text) is not None or text in {f"{group}.*" for group in GROUPS}


def matches(pattern: str, kind: EventType) -> bool:
    return pattern in (EVERY_TYPE, f"{kind.group}.*", kind.value)


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """`source` and `type` together identify an event of the account."""

    type: EventType
    account_id: str
    at: int  # epoch ms
    source: str
    number: int | None = None  # the order's
    product: str | None = None
    cart_token: str | None = None
    order_status: OrderStatus | None = None
    payment_status: PaymentStatus | None = None
    endpoint_id: str | None = None
    example: bool = False  # an example that a client requested; its order and cart do not exist


def order_events(order: Order) -> Iterator[WebhookEvent]:
    """The timeline's events, oldest first, then the renewals' events."""

    def event(kind: EventType, at: int, place: str, status: OrderStatus) -> WebhookEvent:
        source = f"order:{order.number}:{place}"
        product, token = order.kind.value, order.cart_token
        return WebhookEvent(kind, order.account_id, at, source, order.number, product, token, status)

    before: OrderStatus | None = None
    for index, entry in enumerate(order.timeline):
        for kind in _types_of(entry, before):
            yield event(kind, entry.at, str(index), entry.status)
        before = entry.status
    for renewal in order.domain_renewals:
        if renewal.done_at is not None and renewal.reference != TRANSFER_YEAR:
            yield event(
                EventType.DOMAIN_RENEWED, renewal.done_at, f"renewal:{renewal.reference}", order.status
            )
    if order.invoiced is not None and order.invoiced.refused_at is not None:
        term = f"term:{order.invoiced.term}"
        yield event(EventType.RENEWAL_FAILED, order.invoiced.refused_at, term, order.status)


_ENTERED = {
    OrderStatus.PENDING: EventType.ORDER_CREATED,
    OrderStatus.PROCESSING: EventType.ORDER_PAID,
    OrderStatus.COMPLETED: EventType.ORDER_COMPLETED,
    OrderStatus.FAILED: EventType.ORDER_FAILED,
    OrderStatus.PROVISION_FAILED: EventType.ORDER_FAILED,
    OrderStatus.CANCELED: EventType.ORDER_CANCELLED,
    OrderStatus.EXPIRED: EventType.ORDER_CANCELLED,
}


def _types_of(entry: TimelineEntry, before: OrderStatus | None) -> Iterator[EventType]:
    if entry.status is not before and entry.status in _ENTERED:
        yield _ENTERED[entry.status]
    if entry.cause in (causes.MONEY_BACK, causes.LATE_MONEY_BACK):
        yield EventType.ORDER_REFUNDED
    if entry.cause == causes.DOMAIN_LEFT:
        yield EventType.DOMAIN_LEFT
    if causes.registrant_must_act(entry.cause):
        yield EventType.DOMAIN_ACTION_REQUIRED
    if causes.renewal_failed(entry.cause):
        yield EventType.RENEWAL_FAILED


_PAYMENTS = {
    PaymentStatus.AWAITING_AUTHENTICATION: EventType.PAYMENT_ACTION_REQUIRED,
    PaymentStatus.SUCCEEDED: EventType.PAYMENT_SUCCEEDED,
    PaymentStatus.FAILED: EventType.PAYMENT_FAILED,
    PaymentStatus.CANCELED: EventType.PAYMENT_CANCELLED,
}


def cart_events(cart: Cart) -> Iterator[WebhookEvent]:
    for index, move in enumerate(cart.payment_moves):
        if move.status in _PAYMENTS:
            yield WebhookEvent(
                _PAYMENTS[move.status],
                cart.account_id,
                move.at,
                f"cart:{cart.token}:{index}",
                cart_token=cart.token,
                payment_status=move.status,
            )
