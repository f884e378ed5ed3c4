"""Domains that were moved away or expired after delivery."""

from __future__ import annotations

from hosting_orders.domain.order import OrderStatus

from .changes import change_order
from .log import log
from .ports import Services


def domain_held(services: Services, name: str) -> bool:
    """Whether an order holds this domain (ASCII form).

    Releases a domain that has left the registrar, so it can be ordered again. Raises ProviderUnavailableError.
    """
    if not services.orders.domain_taken(name):
        return False
    holder = services.orders.domain_holder(name)
    if holder is None or holder.status is not OrderStatus.COMPLETED:
        return True
    if services.registrar.domain(name) is not None:
        return True
    now = services.clock.now()
    holder = change_order(services, holder, to=lambda current: current.domain_left(now))
    log.info("released a domain that has left the registrar", extra={"order_id": holder.uuid})
    return holder.domain_claim is not None
