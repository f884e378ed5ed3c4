"""The state ProvisionHosting: request the service from the order's platform."""

from __future__ import annotations

from hosting_orders import bootstrap
from hosting_orders.entrypoints.step import StepCall, workflow_step
from hosting_orders.usecases.ports import Services
from hosting_orders.usecases.provision_hosting import provision_hosting

bootstrap.prepare("orders", "workflow", "platform", "cipher")


@workflow_step
def handler(step: StepCall, services: Services) -> None:
    provision_hosting(services, step.account_id, step.number, step.task_token)
