"""The state RegisterDomain: the registrar is asked for the name, once."""

from __future__ import annotations

from hosting_orders.entrypoints.step import StepCall, workflow_step
from hosting_orders.usecases.ports import Services
from hosting_orders.usecases.register_domain import register_domain


@workflow_step
def handler(step: StepCall, services: Services) -> None:
    register_domain(services, step.account_id, step.number, step.task_token)
