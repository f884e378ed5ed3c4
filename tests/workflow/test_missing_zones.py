"""A domain is delivered even if its DNS zone cannot be created. A later check creates the zone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from hosting_orders.adapters.route53.zones import Route53Zones
from hosting_orders.domain.order import Order, OrderStatus
from tests.support.domain_books import now, shown, transfer, zones
from tests.support.world import World, a_world, bootstrap

HOUR = 3600
DAY = 24 * HOUR
NAME = "one-too-many.com"


class LimitedRoute53:
    """Route 53 with a quota of hosted zones, as in every AWS account."""

    def __init__(self, client: Any, limit: int) -> None:
        self._client = client
        self.limit = limit

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def create_hosted_zone(self, **given: Any) -> Any:
        if len(self._client.list_hosted_zones()["HostedZones"]) >= self.limit:
            text = "Limits Exceeded: MAX_HOSTED_ZONES_BY_OWNER - Cannot create more hosted zones."
            raise ClientError({"Error": {"Code": "TooManyHostedZones", "Message": text}}, "CreateHostedZone")
        return self._client.create_hosted_zone(**given)


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def full(world: World) -> LimitedRoute53:
    """Let Route 53 refuse every new zone until the `limit` of the returned client is raised."""
    route53 = LimitedRoute53(bootstrap.aws_client("route53"), limit=0)
    world.services.__dict__["zones"] = Route53Zones(route53)
    return route53


def delivered(world: World) -> Order:
    order = transfer(world, NAME)
    world.run()
    world.live(11 * DAY, every=6 * HOUR)
    return now(world, order)


def test_a_delivered_domain_gets_its_missing_zone_later(world: World) -> None:
    route53 = full(world)
    order = delivered(world)
    assert order.status is OrderStatus.COMPLETED and order.subscription is not None
    block = shown(world, order)["domain"]
    assert (block["status"], block["dns_zone"]) == ("active", None)
    assert "DNS zone will be created later" in block["transfer"]["next_step"]
    counted = world.metrics.counts["ZoneMissing"]
    assert counted > 0
    world.live(3 * HOUR, every=HOUR)
    assert world.metrics.counts["ZoneMissing"] > counted

    route53.limit = 500
    world.live(2 * HOUR, every=HOUR)

    (zone,) = zones(world, NAME)
    block = shown(world, order)["domain"]
    assert block["dns_zone"]["id"] == zone and len(block["dns_zone"]["nameservers"]) == 4
    assert "change them to those of `dns_zone`" in block["transfer"]["next_step"]
    counted = world.metrics.counts["ZoneMissing"]
    world.live(2 * DAY, every=6 * HOUR)
    assert world.metrics.counts["ZoneMissing"] == counted
    due = now(world, order).due_at
    assert due is not None and due > world.clock.now() + 100 * DAY * 1000, (
        "the order is next due for its renewal"
    )


def test_a_domain_gets_no_zone_after_it_has_left(world: World) -> None:
    full(world)
    order = delivered(world)
    world.registrar.leave(NAME)
    assert world.order_domain(NAME, "credit", action="transfer", authcode="x").status == 202
    counted = world.metrics.counts["ZoneMissing"]
    world.live(DAY, every=6 * HOUR)
    assert not now(world, order).zone_owed
    assert world.metrics.counts["ZoneMissing"] == counted
