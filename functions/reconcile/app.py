"""The reconciler: every minute, check and continue the items that are due (docs/order-life.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hosting_orders import bootstrap
from hosting_orders.contracts.published import callback_body
from hosting_orders.entrypoints.logs import logger
from hosting_orders.usecases.reconcile import reconcile

bootstrap.prepare(
    "orders", "deliveries", "workflow", "payments", "platform", "callbacks", "cipher", "registrar", "zones"
)


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    # `logger()` configures logging. If it were called later, a process that has just started would lose the log lines
    # of the use case.
    log = logger()
    looked_at = reconcile(bootstrap.services(), callback_body)
    if looked_at:
        log.info("reconciled", extra={"items": looked_at})
    return {"items": looked_at}
