"""The customer's cancel (docs/contracts.md C11)."""

from __future__ import annotations

from hosting_orders.domain import deadlines
from hosting_orders.domain.errors import OrderCanceledError, ProviderUnavailableError
from hosting_orders.domain.order import Order
from hosting_orders.domain.workflow import Step

from .changes import change_order, load_order
from .log import log
from .ports import Services


def cancel_order(services: Services, account_id: str, number: int) -> Order:
    """Win the race against delivery, or say why not. Compensation is the workflow's business (RefundOrder).

    Raises NotFoundError, and OrderNotCancellableError with the reason.
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
        # The cancel has won, and that is what the customer hears; the reconciler carries it on.
        log.warning("the cancel reaches its workflow later", extra={"order_id": order.uuid})
    return order


def _wake(services: Services, order: Order) -> None:
    """Tell the workflow if it waits for the money. If it is between two steps the next one sees the cancel."""
    services.workflow.fail(order, Step.CHARGE, OrderCanceledError, "the customer cancelled")
