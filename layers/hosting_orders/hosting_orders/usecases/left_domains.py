"""Domains that have left the registrar after delivery (docs/domains.md).

Only a clear response of the registrar proves this.
"""

from __future__ import annotations

from dataclasses import replace

from hosting_orders.domain import deadlines
from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.domain.products import DomainItem, DomainResource

from .changes import change_order
from .log import log
from .ports import Services


def domain_held(services: Services, name: str) -> bool:
    """Whether an order holds this domain (ASCII form). Changes nothing. Raises ProviderUnavailableError."""
    return services.orders.domain_taken(name) and _departed_holder(services, name) is None


def release_departed_domain(services: Services, name: str) -> None:
    """Release the domain if it has left the registrar, so it can be ordered again. Raises ProviderUnavailableError."""
    if services.orders.domain_taken(name):
        holder = _departed_holder(services, name)
        if holder is not None:
            _left(services, holder)


def _departed_holder(services: Services, name: str) -> Order | None:
    holder = services.orders.domain_holder(name)
    if holder is None or holder.status is not OrderStatus.COMPLETED:
        return None
    return holder if services.registrar.domain(name) is None else None


def note_departure(services: Services, order: Order) -> Order:
    """Record whether a delivered domain is still ours. Raises ProviderUnavailableError if the response is not clear."""
    now = services.clock.now()
    if not _may_have_left(order, now):
        return order
    domain = services.registrar.domain(order.item_as(DomainItem).ascii_name)
    if domain is None:
        return _left(services, order)
    order = _with_expiry(services, order, domain.expires_at)
    expires_at = order.expires_at
    if expires_at is not None and now >= expires_at + deadlines.REDEMPTION_OVER:
        return _left(services, order)
    return order


def has_expired(order: Order, now: int) -> bool:
    # On the day of delivery, the registrar may still show an old expiry date. So no domain counts as expired before
    # `_may_have_left` is true.
    expires_at = order.expires_at
    return _may_have_left(order, now) and expires_at is not None and expires_at <= now


def next_departure_check(order: Order, now: int) -> int:
    # When to look again whether a domain without a renewal has left.
    return max((order.expires_at or now) + deadlines.EXPIRED_CHECK, now + deadlines.EXPIRED_AGAIN)


def _may_have_left(order: Order, now: int) -> bool:
    if order.status is not OrderStatus.COMPLETED or order.domain is None or order.domain_has_left:
        return False
    return now - order.since >= deadlines.DEPARTURE_POSSIBLE


def _left(services: Services, order: Order) -> Order:
    now = services.clock.now()
    log.info("a domain has left the registrar", extra={"order_id": order.uuid})
    return change_order(services, order, to=lambda current: current.domain_left(now))


def _with_expiry(services: Services, order: Order, expires_at: int | None) -> Order:
    # An operator may have renewed the domain by hand. An earlier date comes from an old response, so it is ignored.
    def later(current: Order) -> Order:
        resource = current.resource_as(DomainResource)
        if resource is None or expires_at is None or expires_at <= (resource.expires_at or 0):
            return current
        return replace(current, resource=replace(resource, expires_at=expires_at))

    return change_order(services, order, to=later)
