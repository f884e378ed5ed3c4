"""DNS zones of delivered domains. A missing zone does not delay delivery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hosting_orders.domain.errors import ProviderUnavailableError
from hosting_orders.domain.order import Actor, Order
from hosting_orders.domain.products import DomainItem, DomainResource
from hosting_orders.domain.registration import Zone

from .changes import change_order
from .log import log
from .ports import Services


def zone_of(services: Services, order: Order, nameservers: Sequence[str]) -> Zone | None:
    """None when the zone cannot be created now, for example because of a quota."""
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
