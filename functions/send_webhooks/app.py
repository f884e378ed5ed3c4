"""Reads the queue WebhookQueue, and sends the account webhooks that each message names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hosting_orders import bootstrap
from hosting_orders.contracts.vendor.webhook_events import event_body
from hosting_orders.entrypoints.stream import batch_answer, queued_webhooks
from hosting_orders.usecases.send_webhooks import send_webhooks

bootstrap.prepare("webhooks", "webhook_sender", "cipher")


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    return batch_answer(send_webhooks(bootstrap.services(), queued_webhooks(event), event_body))
