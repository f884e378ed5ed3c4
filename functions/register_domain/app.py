"""The state RegisterDomain: submit the domain to the registrar at most once."""

from __future__ import annotations

from hosting_orders import bootstrap
from hosting_orders.entrypoints.step import StepCall, workflow_step
from hosting_orders.usecases.ports import Services
from hosting_orders.usecases.register_domain import register_domain

bootstrap.prepare("orders", "workflow", "cipher", "registrar", "zones")


@workflow_step
def handler(step: StepCall, services: Services) -> None:
    register_domain(services, step.account_id, step.number, step.task_token)
