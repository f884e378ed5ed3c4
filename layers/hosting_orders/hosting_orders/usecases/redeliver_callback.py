"""Send an order's callback once more, because its receiver asks for it."""

from __future__ import annotations

from hosting_orders.domain.callback import CallbackDelivery
from hosting_orders.domain.errors import ConcurrentUpdateError, NotFoundError
from hosting_orders.domain.order import Order

from .ports import Services


def redeliver_callback(services: Services, order: Order, message_id: str) -> CallbackDelivery:
    """Make the message due now, under the id it always had; the schedule sends it within a minute.

    Raises NotFoundError when the order has no such message (yet).
    """
    for _ in range(3):
        delivery = services.deliveries.delivery(order.account_id, order.number)
        if delivery is None or delivery.message_id != message_id:
            raise NotFoundError("There is no such callback.")
        try:
            return services.deliveries.save_delivery(delivery.again(services.clock.now()))
        except ConcurrentUpdateError:
            continue
    raise ConcurrentUpdateError("the callback is being delivered this moment")
