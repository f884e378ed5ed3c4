"""The workflow's state ProvisionHosting (docs/order-life.md)."""

from __future__ import annotations

from .delivery import claim_for_delivery
from .log import log
from .platform_delivery import PlatformFulfilment, order_of
from .ports import Services
from .products.registry import fulfilment


def provision_hosting(services: Services, account_id: str, number: int, task_token: str) -> None:
    """Begin delivery and call the platform. The platform's webhook or the reconciler answers the task token.

    Raises OrderCanceledError for a cancelled order, or ProvisioningFailedError if the platform refuses.
    """
    order = claim_for_delivery(services, account_id, number, task_token)
    if order is not None:
        fulfilment(order.kind).ask(services, order)


def receive_operation(services: Services, operation_id: str) -> None:
    """A webhook only names the operation, so read the outcome from the platform."""
    operation = services.platform.operation(operation_id)
    if operation is None:
        log.warning("webhook about an unknown operation", extra={"operation_id": operation_id})
        return
    order = order_of(services, operation)
    if order is None:
        return
    product = fulfilment(order.kind)
    if not isinstance(product, PlatformFulfilment):
        raise TypeError(f"the platform does not deliver orders of the kind {order.kind}")
    product.record(services, order, operation)
