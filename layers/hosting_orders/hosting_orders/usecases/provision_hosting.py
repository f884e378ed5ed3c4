"""The state ProvisionHosting, and the platform's answer to it (design.md sections 4 and 6)."""

from __future__ import annotations

import datetime as dt

from hosting_orders.domain import deadlines
from hosting_orders.domain.cart import Cart
from hosting_orders.domain.errors import (
    HostingOrdersError,
    OrderCanceledError,
    PaymentNotStartedError,
    ProviderUnavailableError,
    ProvisioningFailedError,
)
from hosting_orders.domain.ids import parse_order_id
from hosting_orders.domain.order import (
    Actor,
    Failure,
    Order,
    OrderStatus,
    SiteResource,
    Subscription,
)
from hosting_orders.domain.providers import Operation, OperationStatus, ProvisionedSite, ServiceRequest

from .changes import change_order, load_cart, load_order
from .collect_payment import describe
from .log import log
from .ports import Services

PROVISION = "provision"


def provision_hosting(services: Services, account_id: str, number: int, task_token: str) -> None:
    """Take the fence, ask the platform, and leave the token for its webhook.

    However often it runs, the platform is asked for one and the same service: the order's UUID.
    Raises OrderCanceledError when a cancel was first, ProvisioningFailedError when the platform refuses.
    """
    now = services.clock.now()
    order = load_order(services, account_id, number)
    if order.status is OrderStatus.PROCESSING:
        order = change_order(
            services,
            order,
            lambda current: (
                current.begin_provisioning(now, now + deadlines.PROVISIONING_CHECK)
                if current.status is OrderStatus.PROCESSING
                else current
            ),
        )
    if order.status is OrderStatus.COMPLETED:
        services.workflow.succeed(task_token)
        return
    if order.status in (OrderStatus.CANCELING, OrderStatus.CANCELED):
        raise OrderCanceledError("cancelled before delivery began")
    if order.status is not OrderStatus.PROCESSING:
        raise ProvisioningFailedError(f"the order is {order.status}")
    services.tokens.put_token(account_id, number, PROVISION, task_token, now)
    ask_platform(services, order)


def service_request(order: Order) -> ServiceRequest:
    """What the platform is asked for; the same for the same order, always."""
    item = order.item
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
        order = _undeliverable(services, order, failure)
    elif order.status is OrderStatus.PROCESSING and operation.site is not None:
        order = _complete(services, order, operation.site)
    if order.renewal_owed:
        order = start_renewal(services, order)
    if order.status is not OrderStatus.COMPLETED and operation.status is OperationStatus.SUCCEEDED:
        # The money has gone back, or is going: what was built after all must not stay.
        services.platform.deprovision(order.uuid)
    token = services.tokens.token(order.account_id, order.number, PROVISION)
    if token is None:
        return
    if order.status is OrderStatus.COMPLETED:
        services.workflow.succeed(token)
    else:
        services.workflow.fail(token, ProvisioningFailedError.__name__, "the platform could not deliver")
    services.tokens.drop_token(order.account_id, order.number, PROVISION)


def _order_of(services: Services, operation: Operation) -> Order | None:
    account_id, _, order_id = operation.reference.rpartition("/")
    number = parse_order_id(order_id)
    if number is None or not account_id or order_id != operation.item_id:
        return None
    return services.orders.order(account_id, number)


def _undeliverable(services: Services, order: Order, failure: Failure) -> Order:
    now = services.clock.now()

    def change(current: Order) -> Order:
        if current.status is not OrderStatus.PROCESSING:
            return current
        refunding = current.undeliverable(failure, now, Actor.PLATFORM)
        return refunding.look_again_at(now + deadlines.COMPENSATION_CHECK)

    return change_order(services, order, change)


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
        lambda current: (
            current.delivered(resource, None, now).look_again_at(now + deadlines.RENEWAL_CHECK)
            if current.status is OrderStatus.PROCESSING
            else current
        ),
    )


def password_context(order: Order) -> dict[str, str]:
    """A sealed password opens only as this order's."""
    return {"account": order.account_id, "order": order.uuid, "field": "ssh_password"}


def start_renewal(services: Services, order: Order) -> Order:
    """Start the renewal of a delivered order where its paid period ends, and note it.

    Only what is delivered renews itself: were the renewal started first, a cancelled or refunded order could keep
    one. A site that is delivered is not taken back for want of a renewal, nor does it wait for one: when the
    payment provider can't be asked now, the reconciler asks it later.
    """
    try:
        subscription = _renewal(services, order)
    except ProviderUnavailableError:
        log.warning("the renewal is started later", extra={"order_id": order.uuid})
        return order
    return change_order(
        services,
        order,
        lambda current: current.renewed_by(subscription) if current.renewal_owed else current,
    )


def _renewal(services: Services, order: Order) -> Subscription | None:
    account = services.directory.account(order.account_id)
    cart: Cart = load_cart(services, order.account_id, order.cart_token)
    if account is None or account.stripe_customer_id is None or cart.payment_method_id is None:
        return None
    try:
        return services.payments.start_renewal(
            order_id=order.uuid,
            account_id=order.account_id,
            customer_id=account.stripe_customer_id,
            payment_method_id=cart.payment_method_id,
            description=describe(order),
            price=order.price,
            term=order.item.term,
            # From the order's own time, so that every repetition asks for the very same thing.
            anchor=months_later(order.created_at, order.item.term.months),
        )
    except PaymentNotStartedError as refusal:
        services.measures.count("RenewalNotStarted")
        log.error(
            "the renewal subscription was refused",
            extra={"order_id": order.uuid, "reason": str(refusal)},
        )
        return None


def months_later(moment: int, months: int) -> int:
    """The same time of day so many months later (epoch ms); the 31st becomes the last day of a shorter month."""
    start = dt.datetime.fromtimestamp(moment / 1000, dt.UTC)
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    for day in range(start.day, 27, -1):
        try:
            return int(start.replace(year=year, month=month + 1, day=day).timestamp() * 1000)
        except ValueError:
            continue
    return int(start.replace(year=year, month=month + 1).timestamp() * 1000)


def ask_platform(services: Services, order: Order) -> None:
    """Ask for the order's service, or ask once more: that is also how one learns what became of it.

    A request that got lost is made, and work that failed for now is begun anew; else nothing is done twice.
    """
    try:
        operation = services.platform.provision(service_request(order))
    except ProvisioningFailedError as refusal:
        _undeliverable(services, order, Failure("provisioning_refused", str(refusal)))
        raise
    if order.operation_id != operation.id:
        change_order(
            services,
            order,
            lambda current: (
                current.submitted(operation.id) if current.status is OrderStatus.PROCESSING else current
            ),
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
