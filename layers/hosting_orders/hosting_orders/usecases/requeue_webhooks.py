"""Queue the webhook deliveries that are due."""

from __future__ import annotations

from hosting_orders.domain.webhook import QUEUED_AGAIN, QueuedWebhook

from .ports import Services
from .publish_events import queue_deliveries

BATCH = 500  # deliveries read from each partition of the index
PER_ENDPOINT = 100
"""Maximum deliveries of an endpoint in one run. The rest waits, so a long backlog delays no other endpoint."""


def requeue_webhooks(services: Services) -> int:
    """Return how many deliveries were queued."""
    now = services.clock.now()
    by_endpoint: dict[tuple[str, str], list[QueuedWebhook]] = {}
    for due in services.webhooks.due(now, BATCH):
        queued = by_endpoint.setdefault((due.account_id, due.endpoint_id), [])
        # Postpone first, so that no other run queues it and a backlog does not hide other deliveries.
        if not services.webhooks.postpone(due, now + QUEUED_AGAIN) or len(queued) >= PER_ENDPOINT:
            continue
        queued.append(QueuedWebhook(due.message_id, now + QUEUED_AGAIN))
    for (account_id, endpoint_id), queued in by_endpoint.items():
        if queued:
            queue_deliveries(services, account_id, endpoint_id, queued)
    return sum(map(len, by_endpoint.values()))
