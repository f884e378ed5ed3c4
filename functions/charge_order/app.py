"""The state ChargeOrder: wait for the cart's payment."""

from __future__ import annotations

from hosting_orders import bootstrap
from hosting_orders.entrypoints.step import StepCall, workflow_step
from hosting_orders.usecases.charge_order import charge_order
from hosting_orders.usecases.ports import Services

bootstrap.prepare("orders", "workflow", "payments")


@workflow_step
def handler(step: StepCall, services: Services) -> None:
    charge_order(services, step.account_id, step.number, step.task_token)
