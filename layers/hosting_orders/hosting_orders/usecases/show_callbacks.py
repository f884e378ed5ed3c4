"""Show the attempts to deliver a callback."""

from __future__ import annotations

from hosting_orders.domain.callback import CallbackDelivery

from .authenticate import Caller
from .changes import find_order
from .ports import Services


def show_callbacks(services: Services, caller: Caller, order_id: str) -> CallbackDelivery | None:
    """None before the order's end or without a callback. Raises NotFoundError."""
    order = find_order(services, caller.scope.id, order_id)
    return services.deliveries.delivery(order.account_id, order.number)
