"""The Metrics port: CloudWatch metrics, written to the log."""

from __future__ import annotations

from aws_lambda_powertools.metrics import MetricUnit, single_metric

_NAMESPACE = "HostingOrders"


class LogMetrics:
    def __init__(self, stack: str) -> None:
        self._stack = stack

    def count(self, name: str, amount: int = 1) -> None:
        """Write at once, so a later crash cannot lose the count."""
        with single_metric(name=name, unit=MetricUnit.Count, value=amount, namespace=_NAMESPACE) as metric:
            metric.add_dimension(name="stack", value=self._stack)
