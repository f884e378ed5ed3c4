"""Queue the webhook deliveries that are due."""

from __future__ import annotations

from collections import Counter

from hosting_orders.domain.durations import SECOND
from hosting_orders.domain.webhook import QUEUED_AGAIN, QueuedWebhook

from .ports import Services
from .publish_events import queue_deliveries

BATCH = 500  # deliveries read from each partition of the index
PER_ENDPOINT = 100
"""Maximum deliveries of an endpoint in one run. The rest waits, so a long backlog delays no other endpoint."""

_NEXT_RUN = 55 * SECOND  # a little less than a minute, because the schedule is not exact


def requeue_webhooks(services: Services) -> int:
    now = services.clock.now()
    by_endpoint: dict[tuple[str, str], list[QueuedWebhook]] = {}
    found: Counter[tuple[str, str]] = Counter()
    for due in services.webhooks.due(now, BATCH):
        endpoint = (due.account_id, due.endpoint_id)
        run = found[endpoint] // PER_ENDPOINT  # 0 is this run
        found[endpoint] += 1
        later = now + (min(run * _NEXT_RUN, QUEUED_AGAIN) if run else QUEUED_AGAIN)
        # Postpone the delivery before it is queued, so that no other run queues it. Also postpone deliveries that this
        # run does not queue: otherwise a long backlog would fill the BATCH of every run and hide other deliveries.
        if services.webhooks.postpone(due, later) and run == 0:
            by_endpoint.setdefault(endpoint, []).append(QueuedWebhook(due.message_id, later))
    for (account_id, endpoint_id), queued in by_endpoint.items():
        queue_deliveries(services, account_id, endpoint_id, queued)
    return sum(map(len, by_endpoint.values()))
