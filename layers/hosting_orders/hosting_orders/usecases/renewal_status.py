"""Record a change of a renewal's status, and report a renewal that Stripe no longer tries to charge."""

from __future__ import annotations

from collections.abc import Callable

from hosting_orders.domain.causes import STRIPE_GAVE_UP
from hosting_orders.domain.order import Actor, Order

from .changes import change_order
from .log import log
from .ports import Services


def renewal_became(
    services: Services,
    order: Order,
    status: str,
    *,
    given_up: bool,
    then: Callable[[Order], Order],
    when: Callable[[Order], bool],
) -> Order:
    """Save the status, and change the order with `then`. Count `RenewalUnpaid` each time Stripe gives up."""
    now = services.clock.now()
    newly = False

    def applies(current: Order) -> bool:
        nonlocal newly
        newly = False  # reset: if another process has changed the order, `change_order` tries again
        return when(current)

    def changed(current: Order) -> Order:
        nonlocal newly
        known = current.renewal_became(status)
        newly = given_up and known is not current
        return then(known.told(STRIPE_GAVE_UP, now, Actor.STRIPE) if newly else known)

    order = change_order(services, order, when=applies, to=changed)
    if newly:
        services.metrics.count("RenewalUnpaid")
        log.error("a renewal is not paid", extra={"order_id": order.uuid, "reason": STRIPE_GAVE_UP})
    return order
