"""The state SendCallback: the first attempt to deliver the order's callback."""

from __future__ import annotations

from hosting_orders import bootstrap
from hosting_orders.contracts.published import callback_body
from hosting_orders.entrypoints.step import StepCall, workflow_step
from hosting_orders.usecases.ports import Services
from hosting_orders.usecases.send_callback import send_callback

bootstrap.prepare("orders", "deliveries", "callbacks", "cipher")


@workflow_step
def handler(step: StepCall, services: Services) -> None:
    send_callback(services, step.account_id, step.number, callback_body)
