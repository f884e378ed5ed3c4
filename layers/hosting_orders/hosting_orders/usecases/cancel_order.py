"""Cancel an order for its customer (docs/contracts.md C11)."""

from __future__ import annotations

from hosting_orders.domain import deadlines
from hosting_orders.domain.errors import OrderCanceledError, ProviderUnavailableError
from hosting_orders.domain.order import Order
from hosting_orders.domain.workflow import Step

from .changes import change_order, load_order
from .log import log
from .ports import Services


def cancel_order(services: Services, account_id: str, number: int) -> Order:
    """Cancel the order unless its delivery has begun. The step RefundOrder returns the money.

    Raises NotFoundError or OrderNotCancellableError.
    """
    now = services.clock.now()
    order = change_order(
        services,
        load_order(services, account_id, number),
        to=lambda current: current.cancel_requested(now).check_at(now + deadlines.COMPENSATION_CHECK),
    )
    try:
        _wake(services, order)
    except ProviderUnavailableError:
        # The cancel is recorded, so the customer's request succeeds. The reconciler continues the cancel.
        log.warning(
            "the workflow was not notified of the cancel; the reconciler continues it",
            extra={"order_id": order.uuid},
        )
    return order


def _wake(services: Services, order: Order) -> None:
    services.workflow.fail(order, Step.CHARGE, OrderCanceledError, "the customer cancelled")
