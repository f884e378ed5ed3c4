"""DNS zones of delivered domains. A missing zone does not delay delivery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hosting_orders.domain import deadlines
from hosting_orders.domain.errors import ProviderUnavailableError
from hosting_orders.domain.order import Actor, Order, OrderStatus
from hosting_orders.domain.products import DomainItem, DomainResource
from hosting_orders.domain.registration import Zone

from .changes import change_order
from .log import log
from .ports import Services


def zone_of(services: Services, order: Order, nameservers: Sequence[str]) -> Zone | None:
    """None when the zone cannot be created, for example because of a quota."""
    try:
        return services.zones.ensure(order.item_as(DomainItem).ascii_name, order.uuid, nameservers)
    except ProviderUnavailableError as fault:
        services.metrics.count("ZoneMissing")
        log.error("a domain has no DNS zone yet", extra={"order_id": order.uuid, "reason": str(fault)})
        return None


def make_missing_zone(services: Services, order: Order) -> Order:
    resource = order.resource_as(DomainResource)
    assert resource is not None
    zone = zone_of(services, order, resource.nameservers)
    if zone is None:
        return order
    now = services.clock.now()

    def with_zone(current: Order) -> Order:
        known = current.resource_as(DomainResource)
        assert known is not None
        noted = current.noted("DNS zone created", now, Actor.SYSTEM)
        return replace(noted, resource=replace(known, zone_id=zone.id, zone_nameservers=zone.nameservers))

    return change_order(services, order, when=lambda current: current.zone_owed, to=with_zone)


def remove_zone(services: Services, order: Order) -> Order:
    """Remove the zone of a domain that left our registrar long ago, if the zone is empty and unused.

    Raises ProviderUnavailableError.
    """
    now = services.clock.now()
    if not order.zone_remains or now < _removed_from(order):
        return order
    if _is_in_use(services, order):
        return order
    resource = order.resource_as(DomainResource)
    assert resource is not None and resource.zone_id is not None
    if not services.zones.remove_empty(order.item_as(DomainItem).ascii_name, resource.zone_id):
        services.metrics.count("ZoneOfLeftDomain")
        log.warning(
            "a domain has left, but its zone still exists",
            extra={"order_id": order.uuid, "zone_id": resource.zone_id},
        )
        return order

    def without_zone(current: Order) -> Order:
        known = current.resource_as(DomainResource)
        assert known is not None
        noted = current.noted("DNS zone removed", now, Actor.SYSTEM)
        return replace(noted, resource=replace(known, zone_id=None, zone_nameservers=()))

    return change_order(services, order, when=lambda current: current.zone_remains, to=without_zone)


def rested(order: Order, now: int) -> Order:
    # If the zone of the departed domain still exists, check the order again. Otherwise nothing is left to do for it.
    if not order.zone_remains:
        return order.closed()
    removed_from = _removed_from(order)
    return order.check_at(removed_from if now < removed_from else now + deadlines.ZONE_STAYS)


def _removed_from(order: Order) -> int:
    return (order.domain_record.left_at or 0) + deadlines.ZONE_GRACE


def _is_in_use(services: Services, order: Order) -> bool:
    # A later order may have brought the domain back. A transfer keeps the nameservers, so the later order can use the
    # same zone.
    name = order.item_as(DomainItem).ascii_name
    ours = order.resource_as(DomainResource)
    assert ours is not None
    holder = services.orders.domain_holder(name)
    if holder is not None:
        theirs = holder.resource_as(DomainResource)
        if holder.status is not OrderStatus.COMPLETED or (theirs and theirs.zone_id == ours.zone_id):
            return True
    # Another stack of this AWS account may have the domain.
    domain = services.registrar.domain(name)
    return domain is not None and not set(domain.nameservers).isdisjoint(ours.zone_nameservers)
