"""Every day: report the domains that expire soon and are not paid (docs/runbooks.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hosting_orders import bootstrap
from hosting_orders.entrypoints.logs import logger
from hosting_orders.usecases.sweep_domains import sweep_domains

bootstrap.prepare("orders", "registrar")


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    logger()  # first, or a new process would lose the log lines of the use case
    return {"unpaid": sweep_domains(bootstrap.services())}
