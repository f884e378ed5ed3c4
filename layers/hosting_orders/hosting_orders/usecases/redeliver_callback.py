"""Send a callback again at the client's request."""

from __future__ import annotations

from hosting_orders.domain.callback import CallbackDelivery
from hosting_orders.domain.errors import ConcurrentUpdateError, NotFoundError
from hosting_orders.domain.order import Order

from .ports import Services


def redeliver_callback(services: Services, order: Order, message_id: str) -> CallbackDelivery:
    """Make the callback due now, with its original id. Raises NotFoundError."""
    for _ in range(3):
        delivery = services.deliveries.delivery(order.account_id, order.number)
        if delivery is None or delivery.message_id != message_id:
            raise NotFoundError("There is no such callback.")
        try:
            return services.deliveries.save_delivery(delivery.again(services.clock.now()))
        except ConcurrentUpdateError:
            continue
    raise ConcurrentUpdateError("the callback was changed by other processes in every try")
