"""Store a delivery for each event and each webhook endpoint that wants it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from hosting_orders.domain.cart import Cart
from hosting_orders.domain.listing import Publisher
from hosting_orders.domain.order import Order
from hosting_orders.domain.webhook import (
    PUBLISHED_FOR,
    SENT_SOON,
    QueuedWebhook,
    WebhookEndpoint,
    delivery_of,
)
from hosting_orders.domain.webhook_events import WebhookEvent, cart_events, order_events

from .log import log
from .ports import Services

_MESSAGE = 100  # deliveries in one message of the queue


@dataclass(frozen=True, slots=True)
class PublisherChange:
    sequence: str  # identifies the stream record
    item: Publisher


def publish_events(services: Services, changes: Iterable[PublisherChange]) -> list[str]:
    """Return the sequence numbers of records to retry.

    Records may be repeated or late. The item in a later record still shows all earlier events, and each delivery has
    a fixed id. So each event is stored once.
    """
    by_account: dict[str, list[PublisherChange]] = {}
    for change in changes:
        by_account.setdefault(change.item.account_id, []).append(change)
    failed: list[str] = []
    for account_id, news in by_account.items():
        try:
            _publish(services, account_id, [change.item for change in news])
        except Exception:
            log.exception("events were not published", extra={"account_id": account_id})
            failed.extend(change.sequence for change in news)
    return failed


def _publish(services: Services, account_id: str, items: list[Publisher]) -> None:
    # Read the endpoints after the records. An endpoint that is not found here was created after these events, so it
    # does not get them.
    endpoints = services.webhooks.endpoints(account_id)
    if not endpoints:
        return
    new: dict[str, list[QueuedWebhook]] = {}
    now = services.clock.now()
    for event in _events(items, now):
        for endpoint in endpoints:
            if endpoint.wants(event) and (queued := _stored(services, endpoint, event, now)):
                new.setdefault(endpoint.id, []).append(queued)
    for endpoint_id, queued_ones in new.items():
        queue_deliveries(services, account_id, endpoint_id, queued_ones)


def _events(items: list[Publisher], now: int) -> Iterator[WebhookEvent]:
    seen: set[tuple[str, str]] = set()
    for item in items:
        for event in _of(item):
            known = (event.source, event.type)
            if known not in seen and event.at > now - PUBLISHED_FOR:
                seen.add(known)
                yield event


def _of(item: Publisher) -> Iterable[WebhookEvent]:
    if isinstance(item, Order):
        return order_events(item)
    return cart_events(item) if isinstance(item, Cart) else item.events()


def _stored(
    services: Services, endpoint: WebhookEndpoint, event: WebhookEvent, now: int
) -> QueuedWebhook | None:
    """Store the delivery. Return it if it is new and should be sent at once."""
    delivery = delivery_of(event, endpoint.id, now)
    # A failing endpoint would keep the queue busy, so its deliveries wait for `requeue_webhooks`.
    prompt = endpoint.failing_since is None
    due_at = now + SENT_SOON if prompt else now
    delivery = replace(delivery, due_at=due_at) if endpoint.enabled else delivery.held()
    if not services.webhooks.add_delivery(delivery) or not endpoint.enabled or not prompt:
        return None
    return QueuedWebhook(delivery.message_id, due_at)


def queue_deliveries(
    services: Services, account_id: str, endpoint_id: str, deliveries: list[QueuedWebhook]
) -> None:
    """If the queue fails, `requeue_webhooks` queues the deliveries later."""
    for start in range(0, len(deliveries), _MESSAGE):
        try:
            services.webhook_queue.send(account_id, endpoint_id, deliveries[start : start + _MESSAGE])
        except Exception:
            log.exception("webhooks were not queued", extra={"endpoint_id": endpoint_id})
