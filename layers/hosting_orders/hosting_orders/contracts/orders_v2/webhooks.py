"""Account webhooks. We added them to the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NotRequired

from typing_extensions import TypedDict

from hosting_orders.contracts.vendor.times import date_time
from hosting_orders.contracts.vendor.webhook_events import EventData, event_data
from hosting_orders.domain.webhook import SealedSecret, WebhookDelivery, WebhookEndpoint
from hosting_orders.domain.webhook_events import EventType

if TYPE_CHECKING:
    from hosting_orders.usecases.manage_webhooks import Replay, WebhookSecret
    from hosting_orders.usecases.read_webhooks import DeliveryLog


class EventTypeDetails(TypedDict):
    type: str
    about: str


class EventTypeList(TypedDict):
    event_types: list[EventTypeDetails]


class SecretDetails(TypedDict):
    created_at: str
    expires_at: str | None  # null for the current secret


class Endpoint(TypedDict):
    id: str
    url: str
    events: list[str]
    description: str
    enabled: bool
    created_at: str
    updated_at: str
    secrets: list[SecretDetails]  # newest first, without their values
    failing_since: str | None
    disabled_at: str | None
    disabled_reason: str | None
    last_status_code: int | None
    last_error: str | None
    test: bool  # created with a test key, so test keys may change it
    secret: NotRequired[str | None]  # shown only when the secret is made; null in a replay


class EndpointAnswer(TypedDict):
    endpoint: Endpoint


class EndpointList(TypedDict):
    endpoints: list[Endpoint]


class Removed(TypedDict):
    status: str
    id: str


class Attempt(TypedDict):
    attempt: int
    at: str
    status_code: int | None
    error: str | None


class Delivery(TypedDict):
    id: str  # the `webhook-id`
    type: str
    timestamp: str
    data: EventData
    status: str
    attempts: list[Attempt]  # the most recent attempts, in order of time
    next_at: str | None


class DeliveryAnswer(TypedDict):
    delivery: Delivery


class DeliveryList(TypedDict):
    deliveries: list[Delivery]


class Replayed(TypedDict):
    status: str
    replayed: int
    next_since: str | None


def event_types(_: None) -> EventTypeList:
    return {"event_types": [{"type": kind.value, "about": kind.about} for kind in EventType]}


def endpoint_list(endpoints: list[WebhookEndpoint]) -> EndpointList:
    return {"endpoints": [_endpoint(endpoint) for endpoint in endpoints]}


def endpoint_answer(endpoint: WebhookEndpoint) -> EndpointAnswer:
    return {"endpoint": _endpoint(endpoint)}


def with_secret(made: WebhookSecret) -> EndpointAnswer:
    return {"endpoint": {**_endpoint(made.endpoint), "secret": made.secret}}


def created(made: WebhookSecret) -> Mapping[str, str]:
    return {"Idempotent-Replayed": "true"} if made.replayed else {}


def removed(endpoint: WebhookEndpoint) -> Removed:
    return {"status": "deleted", "id": endpoint.id}


def delivery_list(log: DeliveryLog) -> DeliveryList:
    return {"deliveries": [_delivery(delivery) for delivery in log.deliveries]}


def delivery_links(log: DeliveryLog) -> Mapping[str, str]:
    if log.next_cursor is None:
        return {}
    path = f"/api/webhooks/endpoints/{log.endpoint.id}/deliveries"
    return {"Link": f'<{path}?per_page={log.per_page}&cursor={log.next_cursor}>; rel="next"'}


def delivery_answer(delivery: WebhookDelivery) -> DeliveryAnswer:
    return {"delivery": _delivery(delivery)}


def replayed(replay: Replay) -> Replayed:
    return {"status": "accepted", "replayed": replay.replayed, "next_since": date_time(replay.next_since)}


def _endpoint(endpoint: WebhookEndpoint) -> Endpoint:
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "events": list(endpoint.pattern_texts),
        "description": endpoint.description,
        "enabled": endpoint.enabled,
        "created_at": date_time(endpoint.created_at),
        "updated_at": date_time(endpoint.updated_at),
        "secrets": [_secret(secret) for secret in endpoint.secrets],
        "failing_since": date_time(endpoint.failing_since),
        "disabled_at": date_time(endpoint.disabled_at),
        "disabled_reason": endpoint.disabled_reason.value if endpoint.disabled_reason else None,
        "last_status_code": endpoint.last_status_code,
        "last_error": endpoint.last_error,
        "test": endpoint.test,
    }


def _secret(secret: SealedSecret) -> SecretDetails:
    return {"created_at": date_time(secret.created_at), "expires_at": date_time(secret.expires_at)}


def _delivery(delivery: WebhookDelivery) -> Delivery:
    event = delivery.event
    return {
        "id": delivery.message_id,
        "type": event.type.value,
        "timestamp": date_time(event.at),
        "data": event_data(event),
        "status": delivery.status.value,
        "attempts": [
            {
                "attempt": number,
                "at": date_time(attempt.at),
                "status_code": attempt.status_code,
                "error": attempt.error,
            }
            for number, attempt in enumerate(delivery.attempts, start=delivery.forgotten + 1)
        ],
        "next_at": date_time(delivery.due_at),
    }
