"""Reads the table's stream. When an order, payment or webhook endpoint changes, it stores the webhooks to send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hosting_orders import bootstrap
from hosting_orders.entrypoints.stream import batch_answer, publisher_changes
from hosting_orders.usecases.publish_events import publish_events

bootstrap.prepare("webhooks", "webhook_queue")


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    news, unreadable = publisher_changes(event)
    return batch_answer(unreadable + publish_events(bootstrap.services(), news))
