"""The state RefundOrder: find out what was charged and delivered. If nothing was delivered, return the money."""

from __future__ import annotations

from hosting_orders import bootstrap
from hosting_orders.entrypoints.step import StepCall, workflow_step
from hosting_orders.usecases.ports import Services
from hosting_orders.usecases.refund_order import refund_step

bootstrap.prepare("orders", "workflow", "payments", "platform", "cipher", "registrar", "zones")


@workflow_step
def handler(step: StepCall, services: Services) -> None:
    refund_step(services, step.account_id, step.number, step.task_token, step.error)
