"""The state ProvisionHosting, and the platform's answer to it (docs/order-life.md)."""

from __future__ import annotations

from hosting_orders.domain import deadlines
from hosting_orders.domain.errors import HostingOrdersError, ProvisioningFailedError
from hosting_orders.domain.ids import parse_order_id
from hosting_orders.domain.order import Actor, Failure, Order, OrderStatus, SiteResource
from hosting_orders.domain.providers import Operation, OperationStatus, ProvisionedSite, ServiceRequest

from .changes import change_order
from .delivery import answer_delivery, take_fence, undeliverable
from .log import log
from .ports import Services


def provision_hosting(services: Services, account_id: str, number: int, task_token: str) -> None:
    """Take the fence, ask the platform, and leave the token for its webhook.

    However often it runs, the platform is asked for one and the same service: the order's UUID.
    Raises OrderCanceledError when a cancel was first, ProvisioningFailedError when the platform refuses.
    """
    order = take_fence(services, account_id, number, task_token, deadlines.PROVISIONING_CHECK)
    if order is not None:
        ask_platform(services, order)


def service_request(order: Order) -> ServiceRequest:
    """What the platform is asked for; the same for the same order, always."""
    item = order.site_item
    return ServiceRequest(
        item_id=order.uuid,
        reference=f"{order.account_id}/{order.uuid}",
        kind=order.type.value,
        name=item.name,
        variant=item.variant,
        location=item.location,
        plan=item.plan,
    )


def receive_operation(services: Services, operation_id: str) -> None:
    """A webhook said that an operation ended: ask the platform itself, and go by that."""
    operation = services.platform.operation(operation_id)
    if operation is None:
        log.warning("webhook about an unknown operation", extra={"operation_id": operation_id})
        return
    record_delivery(services, operation)


def record_delivery(services: Services, operation: Operation) -> None:
    """Write down how the platform's work ended, and let the order go on. Repeating it changes nothing."""
    if operation.status is OperationStatus.RUNNING:
        return
    order = _order_of(services, operation)
    if order is None:
        log.warning("operation of an unknown order", extra={"operation_id": operation.id})
        return
    superseded = order.operation_id not in (None, operation.id)
    if operation.status is OperationStatus.FAILED and superseded and order.status is OrderStatus.PROCESSING:
        return  # late news of an attempt after which the platform began another
    if operation.status is OperationStatus.FAILED:
        failure = Failure(
            operation.error_code or "provisioning_failed",
            operation.error_message or "The platform could not deliver the site.",
        )
        order = undeliverable(services, order, failure, Actor.PLATFORM)
    elif order.status is OrderStatus.PROCESSING and operation.site is not None:
        order = _complete(services, order, operation.site)
    if order.status is not OrderStatus.COMPLETED and operation.status is OperationStatus.SUCCEEDED:
        # The money has gone back, or is going: what was built after all must not stay.
        services.platform.deprovision(order.uuid)
    answer_delivery(services, order)


def _order_of(services: Services, operation: Operation) -> Order | None:
    account_id, _, order_id = operation.reference.rpartition("/")
    number = parse_order_id(order_id)
    if number is None or not account_id or order_id != operation.item_id:
        return None
    return services.orders.order(account_id, number)


def _complete(services: Services, order: Order, site: ProvisionedSite) -> Order:
    resource = SiteResource(
        id=site.id,
        domain=site.domain,
        ip_address=site.ip_address,
        username=site.username,
        sealed_password=services.cipher.seal(site.password, password_context(order)),
        port=site.port,
    )
    now = services.clock.now()
    return change_order(
        services,
        order,
        when=OrderStatus.PROCESSING,
        to=lambda current: current.delivered(resource, None, now).look_again_at(now),  # for its renewal
    )


def password_context(order: Order) -> dict[str, str]:
    """A sealed password opens only as this order's."""
    return {"account": order.account_id, "order": order.uuid, "field": "ssh_password"}


def ask_platform(services: Services, order: Order) -> None:
    """Ask for the order's service, or ask once more: that is also how one learns what became of it.

    A request that got lost is made, and work that failed for now is begun anew; else nothing is done twice.
    """
    try:
        operation = services.platform.provision(service_request(order))
    except ProvisioningFailedError as refusal:
        failure = Failure("provisioning_refused", str(refusal))
        undeliverable(services, order, failure, Actor.PLATFORM)
        raise
    if order.operation_id != operation.id:
        change_order(
            services,
            order,
            when=OrderStatus.PROCESSING,
            to=lambda current: current.submitted(operation.id),
        )
    record_delivery(services, operation)


def platform_verdict(services: Services, order: Order) -> Operation | None:
    """What the platform says of an order's work; None when it never took it on."""
    if order.operation_id is None:
        return None
    try:
        return services.platform.operation(order.operation_id)
    except ProvisioningFailedError as refusal:
        raise HostingOrdersError(str(refusal)) from refusal
