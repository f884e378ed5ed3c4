"""Send queued webhook deliveries to their endpoints."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hosting_orders.domain import durations
from hosting_orders.domain.callback import DeliveryStatus
from hosting_orders.domain.errors import ConcurrentUpdateError
from hosting_orders.domain.ids import order_uuid
from hosting_orders.domain.providers import CallbackAnswer, CallbackRequest
from hosting_orders.domain.webhook import (
    Disabled,
    QueuedWebhook,
    SealedSecret,
    WebhookDelivery,
    WebhookEndpoint,
)
from hosting_orders.domain.webhook_events import WebhookEvent

from .log import log
from .ports import Services

RUN_FOR = 25 * durations.SECOND
"""No further attempt starts after this time. The remaining deliveries stay due, so they are queued again."""

_TRIES = 6

EventBody = Callable[[WebhookEvent], bytes]


@dataclass(frozen=True, slots=True)
class QueuedBatch:
    queue_id: str
    account_id: str
    endpoint_id: str
    deliveries: tuple[QueuedWebhook, ...]


def send_webhooks(services: Services, batches: Sequence[QueuedBatch], body: EventBody) -> list[str]:
    """Return the queue ids of the messages to retry."""
    failed: list[str] = []
    for batch in batches:
        try:
            _send_batch(services, batch, body)
        except Exception:
            log.exception("webhooks could not be sent", extra={"endpoint_id": batch.endpoint_id})
            services.metrics.count("WebhookFault")
            failed.append(batch.queue_id)
    return failed


def _send_batch(services: Services, batch: QueuedBatch, body: EventBody) -> None:
    started = services.clock.now()
    endpoint = services.webhooks.endpoint(batch.account_id, batch.endpoint_id)
    opened: tuple[str, ...] = ()
    for queued in batch.deliveries:
        if services.clock.now() - started > RUN_FOR:
            return
        delivery = services.webhooks.delivery(batch.account_id, batch.endpoint_id, queued.message_id)
        if delivery is None or delivery.due_at != queued.due_at:
            continue  # since this delivery was queued, another process has sent or postponed it
        if endpoint is None or not endpoint.enabled:
            _save(services, delivery.held())
            continue
        opened = opened or secrets_of(services, endpoint)
        answer = attempt(services, endpoint, delivery, opened, body)
        _save(services, delivery.after(answer, services.clock.now(), random.random()))  # noqa: S311  # spreads load only
        endpoint = note_outcome(services, endpoint, answer)
        if answer.status_code is None:
            # The receiver did not answer. Each further delivery would probably wait for the time-out too. So we stop
            # here, and the remaining deliveries stay due.
            return


def attempt(
    services: Services,
    endpoint: WebhookEndpoint,
    delivery: WebhookDelivery,
    secrets: tuple[str, ...],
    body: EventBody,
) -> CallbackAnswer:
    answer = services.webhook_sender.send(
        CallbackRequest(
            url=endpoint.url,
            message_id=delivery.message_id,
            timestamp=services.clock.now() // 1000,
            body=body(delivery.event),
            secrets=secrets,
        )
    )
    log.info(
        "webhook attempted",
        extra={
            "account_id": endpoint.account_id,
            "endpoint_id": endpoint.id,
            "message_id": delivery.message_id,
            "order_id": order_uuid(delivery.event.number) if delivery.event.number is not None else None,
            "event": delivery.event.type.value,
            "attempt": delivery.made + 1,
            "status_code": answer.status_code,
            "error": answer.error,
        },
    )
    return answer


def secrets_of(services: Services, endpoint: WebhookEndpoint) -> tuple[str, ...]:
    """The secrets with which we sign now, newest first."""
    context = secret_context(endpoint.account_id, endpoint.id)
    current: tuple[SealedSecret, ...] = endpoint.secrets_at(services.clock.now())
    return tuple(services.cipher.open(secret.sealed, context) for secret in current)


def secret_context(account_id: str, endpoint_id: str) -> dict[str, str]:
    return {"account": account_id, "endpoint": endpoint_id, "field": "webhook_secret"}


def note_outcome(
    services: Services, endpoint: WebhookEndpoint, answer: CallbackAnswer
) -> WebhookEndpoint | None:
    """Record whether the endpoint works, and switch it off when it has failed for too long."""
    current: WebhookEndpoint | None = endpoint
    for _ in range(_TRIES):
        if current is None:
            return None
        changed = current.after(answer, services.clock.now())
        if changed is current:
            return current
        try:
            saved = services.webhooks.save_endpoint(changed)
        except ConcurrentUpdateError:
            current = services.webhooks.endpoint(endpoint.account_id, endpoint.id)
            continue
        if current.enabled and not saved.enabled:
            reason = saved.disabled_reason or Disabled.FAILING
            log.warning(
                "webhook endpoint switched off", extra={"endpoint_id": saved.id, "reason": reason.value}
            )
            services.metrics.count("WebhookEndpointDisabled")
        return saved
    return current


def _save(services: Services, delivery: WebhookDelivery) -> None:
    try:
        services.webhooks.save_delivery(delivery)
    except ConcurrentUpdateError:
        log.info("another attempt was made at the same time", extra={"message_id": delivery.message_id})
        return
    if delivery.status is DeliveryStatus.EXHAUSTED:
        log.warning("webhook exhausted", extra={"message_id": delivery.message_id})
