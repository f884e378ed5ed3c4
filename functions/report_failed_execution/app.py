"""An execution has failed: an operator learns which order, which step and how long is left (docs/runbooks.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hosting_orders import bootstrap
from hosting_orders.entrypoints.execution import failed_execution
from hosting_orders.entrypoints.logs import logger
from hosting_orders.usecases.report_failed_execution import report_failed_execution

bootstrap.prepare("orders", "workflow", "alerts")


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    logger()  # what the use case logs would be lost in a new process
    report_failed_execution(bootstrap.services(), failed_execution(event))
    return {}
