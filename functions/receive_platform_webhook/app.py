"""POST /webhooks/platform: an operation ended; the platform itself is asked how (docs/hosting-platform-contract.md)."""

from __future__ import annotations

from hosting_orders.entrypoints.http import Reply, Request, public_endpoint
from hosting_orders.usecases.ports import Services
from hosting_orders.usecases.provision_hosting import receive_operation


@public_endpoint
def handler(request: Request, services: Services) -> Reply:
    operation_id = services.platform.operation_of_webhook(request.raw_body, request.headers)
    receive_operation(services, operation_id)
    return Reply(200, {"received": True})
