"""Reads the queue PublishDeadLetters and publishes the events of stream records that Lambda gave up on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hosting_orders import bootstrap
from hosting_orders.entrypoints.stream import batch_answer, given_up_batches
from hosting_orders.usecases.repair_events import repair_events

bootstrap.prepare("webhooks", "webhook_queue", "stream")


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    batches, unreadable = given_up_batches(event)
    return batch_answer(unreadable + repair_events(bootstrap.services(), batches))
