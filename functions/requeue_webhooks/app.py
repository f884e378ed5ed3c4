"""Every minute: queue the webhooks that are due."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hosting_orders import bootstrap
from hosting_orders.entrypoints.logs import logger
from hosting_orders.usecases.requeue_webhooks import requeue_webhooks

bootstrap.prepare("webhooks", "webhook_queue")


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    log = logger()
    queued = requeue_webhooks(bootstrap.services())
    if queued:
        log.info("webhooks queued", extra={"deliveries": queued})
    return {"queued": queued}
