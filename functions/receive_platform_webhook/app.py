"""The platform's webhook: an operation has ended (docs/hosting-platform-contract.md)."""

from __future__ import annotations

from hosting_orders import bootstrap
from hosting_orders.contracts import webhooks
from hosting_orders.entrypoints.http import Call, Reply, serves
from hosting_orders.usecases.ports import Services
from hosting_orders.usecases.provision_hosting import receive_operation

bootstrap.prepare("orders", "workflow", "platform", "cipher")


@serves(webhooks.RECEIVE_PLATFORM_WEBHOOK)
def handler(call: Call[None], services: Services) -> Reply:
    request = call.request
    receive_operation(services, services.platform.operation_of_webhook(request.raw_body, request.headers))
    return call.answer(None)
