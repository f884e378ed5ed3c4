"""Read EventBridge events of the type "Step Functions Execution Status Change"."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hosting_orders.usecases.report_failed_execution import FailedExecution


def failed_execution(event: Mapping[str, Any]) -> FailedExecution:
    detail = event["detail"]
    given = json.loads(detail["input"])
    return FailedExecution(
        arn=detail["executionArn"],
        account_id=given["account_id"],
        order_id=given["order_id"],
        status=detail["status"],
        error=detail.get("error") or detail["status"],
        ended_at=detail["stopDate"],
    )
