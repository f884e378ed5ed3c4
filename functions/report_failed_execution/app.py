"""Report a failed execution to the operators: the order, the step and the time left for a redrive.

See docs/runbooks.md, "An execution failed".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hosting_orders import bootstrap
from hosting_orders.entrypoints.execution import failed_execution
from hosting_orders.entrypoints.logs import logger
from hosting_orders.usecases.report_failed_execution import report_failed_execution

bootstrap.prepare("orders", "workflow", "alerts")


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    # `logger()` configures logging. Without this call, a process that has just started loses the use case's log lines.
    logger()
    report_failed_execution(bootstrap.services(), failed_execution(event))
    return {}
