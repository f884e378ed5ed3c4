"""Begin and end a delivery, whatever the product."""

from __future__ import annotations

from hosting_orders.domain import deadlines
from hosting_orders.domain.errors import OrderCanceledError, ProvisioningFailedError
from hosting_orders.domain.order import Actor, Failure, Order, OrderStatus
from hosting_orders.domain.workflow import Step

from .changes import When, change_order, load_order
from .ports import Services


def claim_for_delivery(services: Services, account_id: str, number: int, task_token: str) -> Order | None:
    """Begin delivery and store the step's token. From then on the order cannot be cancelled.

    Returns None if the order is already delivered. Raises OrderCanceledError if the order was
    cancelled first, or ProvisioningFailedError if its status allows no delivery.
    """
    now = services.clock.now()
    order = load_order(services, account_id, number)
    if order.status is OrderStatus.PROCESSING:
        order = change_order(
            services,
            order,
            when=OrderStatus.PROCESSING,
            to=lambda current: current.begin_provisioning(now, now + current.item.first_look()),
        )
    if order.status is OrderStatus.COMPLETED:
        services.workflow.answer(order, Step.DELIVER, task_token)
        return None
    if order.status in (OrderStatus.CANCELING, OrderStatus.CANCELED):
        raise OrderCanceledError("cancelled before delivery began")
    if order.status is not OrderStatus.PROCESSING:
        raise ProvisioningFailedError(f"the order is {order.status}")
    services.workflow.wait(order, Step.DELIVER, task_token)
    return order


def answer_delivery(services: Services, order: Order) -> None:
    """Tell the waiting steps whether the order is delivered."""
    if order.status is OrderStatus.COMPLETED:
        services.workflow.resume(order, Step.DELIVER)
        services.workflow.resume(order, Step.REFUND)
    else:
        services.workflow.fail(order, Step.DELIVER, ProvisioningFailedError, "it could not be delivered")


def undeliverable(
    services: Services,
    order: Order,
    failure: Failure,
    actor: Actor,
    when: When = OrderStatus.PROCESSING,
) -> Order:
    now = services.clock.now()
    return change_order(
        services,
        order,
        when=when,
        to=lambda current: current.undeliverable(failure, now, actor).check_at(
            now + deadlines.COMPENSATION_CHECK
        ),
    )
