"""The bodies of account webhooks. They have ids, a status and a time, but no personal data."""

from __future__ import annotations

import json

from typing_extensions import TypedDict

from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.ids import order_uuid
from hosting_orders.domain.order import OrderStatus
from hosting_orders.domain.webhook_events import EventType, WebhookEvent

from .times import date_time
from .words import order_word

_EXAMPLE_ID = "00000000-0000-8000-8000-000000000000"


class EventData(TypedDict, total=False):
    """An event has only the members of its type."""

    account_id: str
    order_id: str
    product: str
    cart_token: str
    endpoint_id: str
    status: str  # of the order or the payment, in the words of contract 002
    example: bool  # only in examples: the order and the cart do not exist


class EventMessage(TypedDict):
    type: str
    timestamp: str
    data: EventData


def event_body(event: WebhookEvent) -> bytes:
    """Return the same bytes for each attempt."""
    message: EventMessage = {
        "type": event.type.value,
        "timestamp": date_time(event.at),
        "data": event_data(event),
    }
    return json.dumps(message, separators=(",", ":")).encode()


def event_data(event: WebhookEvent) -> EventData:
    data: EventData = {"account_id": event.account_id}
    if event.number is not None:
        data["order_id"] = order_uuid(event.number)
    if event.product is not None:
        data["product"] = event.product
    if event.cart_token is not None:
        data["cart_token"] = event.cart_token
    if event.endpoint_id is not None:
        data["endpoint_id"] = event.endpoint_id
    if event.order_status is not None:
        data["status"] = order_word(event.order_status, PaymentStatus.SUCCEEDED)
    if event.payment_status is not None:
        data["status"] = event.payment_status.value
    if event.example:
        data.update(_EXAMPLES.get(event.type.group, EventData()))
        if event.type in _STATUSES:
            data["status"] = _STATUSES[event.type]
        data["example"] = True
    return data


_ORDER: EventData = {
    "order_id": _EXAMPLE_ID,
    "product": "site",
    "cart_token": _EXAMPLE_ID,
    "status": "completed",
}
_EXAMPLES: dict[str, EventData] = {
    "order": _ORDER,
    "payment": {"cart_token": _EXAMPLE_ID, "status": "succeeded"},
    "domain": {**_ORDER, "product": "domain"},
    "renewal": _ORDER,
}
_STATUSES = {
    EventType.ORDER_CREATED: order_word(OrderStatus.PENDING, PaymentStatus.PROCESSING),
    EventType.ORDER_PAID: order_word(OrderStatus.PROCESSING, PaymentStatus.SUCCEEDED),
    EventType.ORDER_FAILED: order_word(OrderStatus.PROVISION_FAILED, PaymentStatus.SUCCEEDED),
    EventType.ORDER_CANCELLED: order_word(OrderStatus.CANCELED, PaymentStatus.SUCCEEDED),
    EventType.ORDER_REFUNDED: order_word(OrderStatus.CANCELED, PaymentStatus.SUCCEEDED),
    EventType.PAYMENT_ACTION_REQUIRED: PaymentStatus.AWAITING_AUTHENTICATION.value,
    EventType.PAYMENT_FAILED: PaymentStatus.FAILED.value,
    EventType.PAYMENT_CANCELLED: PaymentStatus.CANCELED.value,
}
