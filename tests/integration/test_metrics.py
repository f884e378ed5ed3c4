"""The log line from which CloudWatch reads a metric."""

from __future__ import annotations

import json

import pytest

from hosting_orders.adapters.metrics import LogMetrics


def test_a_metric_has_the_stack_as_its_only_dimension(capsys: pytest.CaptureFixture[str]) -> None:
    LogMetrics("shop-prod").count("RefundFailed")
    written = json.loads(capsys.readouterr().out)
    (metrics,) = written["_aws"]["CloudWatchMetrics"]
    assert (metrics["Namespace"], metrics["Dimensions"]) == ("HostingOrders", [["stack"]])
    assert (written["stack"], written["RefundFailed"]) == ("shop-prod", [1.0])
