"""What every product's delivery has in common: the fence, its failure, the waiting step, the renewal after it."""

from __future__ import annotations

import datetime as dt

from hosting_orders.domain import deadlines
from hosting_orders.domain.cart import Cart
from hosting_orders.domain.errors import (
    OrderCanceledError,
    PaymentNotStartedError,
    ProviderUnavailableError,
    ProvisioningFailedError,
)
from hosting_orders.domain.order import Actor, DomainItem, Failure, Order, OrderStatus, Subscription

from .changes import change_order, load_cart, load_order
from .collect_payment import describe
from .log import log
from .ports import Services

DELIVERY = "provision"
"""The step whose task token waits for the product."""

REFUND = "refund"
"""The step whose task token waits for the money to be back, or for a delivery after all."""


def take_fence(
    services: Services, account_id: str, number: int, task_token: str, check_after: int
) -> Order | None:
    """Begin to deliver a paid order, and keep the step's token; None when it was delivered already and the token is
    answered. From here on it can not be cancelled; `check_after` (milliseconds) later the reconciler looks.

    Raises OrderCanceledError when a cancel was first, ProvisioningFailedError when it is not to be delivered.
    """
    now = services.clock.now()
    order = load_order(services, account_id, number)
    if order.status is OrderStatus.PROCESSING:
        order = change_order(
            services,
            order,
            lambda current: (
                current.begin_provisioning(now, now + check_after)
                if current.status is OrderStatus.PROCESSING
                else current
            ),
        )
    if order.status is OrderStatus.COMPLETED:
        services.workflow.succeed(task_token)
        return None
    if order.status in (OrderStatus.CANCELING, OrderStatus.CANCELED):
        raise OrderCanceledError("cancelled before delivery began")
    if order.status is not OrderStatus.PROCESSING:
        raise ProvisioningFailedError(f"the order is {order.status}")
    services.tokens.put_token(account_id, number, DELIVERY, task_token, now)
    return order


def answer_delivery(services: Services, order: Order) -> None:
    """Let the step that waits for this order's delivery go on, if there is one.

    A refund that was asked for while nobody knew what was true ends with the delivery too.
    """
    delivered = order.status is OrderStatus.COMPLETED
    for step in (DELIVERY, REFUND) if delivered else (DELIVERY,):
        token = services.tokens.token(order.account_id, order.number, step)
        if token is None:
            continue
        if delivered:
            services.workflow.succeed(token)
        else:
            services.workflow.fail(token, ProvisioningFailedError.__name__, "it could not be delivered")
        services.tokens.drop_token(order.account_id, order.number, step)


def undeliverable(services: Services, order: Order, failure: Failure, actor: Actor) -> Order:
    """Close the door of an order that is being delivered; its money goes back next. Repeating it changes nothing."""
    now = services.clock.now()

    def change(current: Order) -> Order:
        if current.status is not OrderStatus.PROCESSING:
            return current
        refunding = current.undeliverable(failure, now, actor)
        return refunding.look_again_at(now + deadlines.COMPENSATION_CHECK)

    return change_order(services, order, change)


def start_renewal(services: Services, order: Order) -> Order:
    """Start the renewal of a delivered order where its paid period ends, and note it.

    Only what is delivered renews itself: were the renewal started first, a cancelled or refunded order could keep
    one. What is delivered is not taken back for want of a renewal, nor does it wait for one: when the
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
        lambda current: (
            current.renewed_by(subscription, _money_at(order)) if current.renewal_owed else current
        ),
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
            price=order.renewal_price,
            term=order.item.term,
            # From the order's own time, so that every repetition asks for the very same thing.
            anchor=_renewed_at(order),
        )
    except PaymentNotStartedError as refusal:
        services.measures.count("RenewalNotStarted")
        log.error(
            "the renewal subscription was refused",
            extra={"order_id": order.uuid, "reason": str(refusal)},
        )
        return None


def _money_at(order: Order) -> int | None:
    """When to look whether a further year was paid. A site runs on without anybody doing anything."""
    return _renewed_at(order) + deadlines.RENEWAL_MONEY if isinstance(order.item, DomainItem) else None


def _renewed_at(order: Order) -> int:
    end = months_later(order.created_at, order.item.term.months)
    # A name must be renewed at its registry before it runs out, and by then the money must have come.
    return end - deadlines.DOMAIN_RENEWAL_LEAD if isinstance(order.item, DomainItem) else end


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
