"""An empty DNS zone is removed 90 days after its domain has left the registrar.

A zone stays if it has records or is in use.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hosting_orders import bootstrap
from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.domain.products import DomainResource
from tests.support import domain_books
from tests.support.domain_books import now, shown, transfer, zones
from tests.support.mishaps import Mishap
from tests.support.world import World, a_world

HOUR = 3600
DAY = 24 * HOUR
NAME = "quill-bakery.com"


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def delivered(world: World, name: str = NAME, account: str = "ready") -> Order:
    """A registered domain. The registrar made its zone."""
    return domain_books.delivered(world, world.order_domain(name, account), account)


def transferred(world: World, name: str = NAME, account: str = "ready") -> Order:
    """A transferred domain. We made its zone, or used an existing zone with the domain's nameservers."""
    order = transfer(world, name, account)
    world.run()
    world.live(11 * DAY, every=12 * HOUR)
    order = now(world, order)
    assert order.status is OrderStatus.COMPLETED
    return order


def departed(world: World, order: Order, name: str = NAME) -> Order:
    """Let the domain leave and the next check record the departure. Return the order after that check."""
    world.registrar.leave(name)
    due = now(world, order).due_at
    assert due is not None
    world.advance(due / 1000 - world.clock.now() / 1000)
    world.live(2 * HOUR, every=HOUR)
    order = now(world, order)
    assert order.domain_has_left
    return order


def zone_of(order: Order) -> str | None:
    resource = order.resource_as(DomainResource)
    assert resource is not None
    return resource.zone_id


def add_record(name: str = NAME) -> None:
    record = {
        "Name": f"www.{name}",
        "Type": "A",
        "TTL": 60,
        "ResourceRecords": [{"Value": "192.0.2.1"}],
    }
    route53 = bootstrap.aws_client("route53")
    (zone,) = (one["Id"] for one in route53.list_hosted_zones()["HostedZones"] if one["Name"] == f"{name}.")
    batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)


@pytest.mark.parametrize("made", [delivered, transferred])
def test_a_departed_domains_zone_is_removed_after_90_days(world: World, made: object) -> None:
    order = departed(world, made(world))  # type: ignore[operator]
    assert zone_of(order) in zones(world, NAME)
    world.live(89 * DAY, every=30 * DAY)
    assert len(zones(world, NAME)) == 1
    world.live(2 * DAY, every=DAY)
    assert zones(world, NAME) == []
    order = now(world, order)
    assert zone_of(order) is None and order.due_at is None
    assert [entry.cause for entry in order.timeline].count("DNS zone removed") == 1
    block = shown(world, order)["domain"]
    assert block["dns_zone"] is None
    assert block["transfer"] is None or block["transfer"]["next_step"] is None


def test_a_zone_with_records_stays_and_is_counted_monthly(world: World) -> None:
    order = departed(world, delivered(world))
    add_record()
    world.live(92 * DAY, every=31 * DAY)
    assert len(zones(world, NAME)) == 1 and world.metrics.counts["ZoneOfLeftDomain"] == 1
    world.live(31 * DAY, every=31 * DAY)
    assert world.metrics.counts["ZoneOfLeftDomain"] == 2
    assert zone_of(now(world, order)) in zones(world, NAME)

    route53 = bootstrap.aws_client("route53")
    zone = zone_of(now(world, order))
    for record in route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]:
        if record["Type"] == "A":
            batch = {"Changes": [{"Action": "DELETE", "ResourceRecordSet": record}]}
            route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)
    world.live(31 * DAY, every=31 * DAY)
    assert zones(world, NAME) == [] and now(world, order).due_at is None


def test_the_order_shows_no_zone_after_an_operator_deletes_it(world: World) -> None:
    order = departed(world, delivered(world))
    bootstrap.aws_client("route53").delete_hosted_zone(Id=zone_of(order))
    world.live(92 * DAY, every=31 * DAY)
    assert zone_of(now(world, order)) is None and now(world, order).due_at is None
    assert world.metrics.counts["ZoneOfLeftDomain"] == world.metrics.counts["ReconcileFailed"] == 0


def test_a_zone_used_by_a_later_order_stays(world: World) -> None:
    """A transfer back keeps the nameservers, so the later order gets the zone of the earlier order."""
    order = departed(world, delivered(world))
    zone = zone_of(order)
    made = bootstrap.aws_client("route53").get_hosted_zone(Id=zone)["DelegationSet"]["NameServers"]
    world.registrar.nameservers_before_transfer(NAME, made)
    later = transferred(world, account="credit")
    assert zone_of(later) == zone
    world.live(120 * DAY, every=30 * DAY)
    assert zones(world, NAME) == [zone] and zone_of(now(world, order)) == zone


def test_a_zone_stays_during_a_later_orders_delivery(world: World) -> None:
    order = departed(world, delivered(world))
    world.live(85 * DAY, every=85 * DAY)
    world.registrar.configure(transfer_delay=20 * DAY)
    transfer(world, NAME, "credit")
    world.run()
    world.live(10 * DAY, every=DAY)
    assert zones(world, NAME) == [zone_of(order)]


def test_an_unused_zone_of_an_earlier_order_is_removed(world: World) -> None:
    order = departed(world, delivered(world))
    later = transferred(world, account="credit")
    assert zone_of(later) != zone_of(order)
    world.live(90 * DAY, every=30 * DAY)
    assert zones(world, NAME) == [zone_of(now(world, later))]


@pytest.mark.parametrize("mishap", list(Mishap))
def test_a_zone_is_removed_whichever_side_effect_breaks(world: World, mishap: Mishap) -> None:
    struck: list[str] = []
    while True:
        name = f"quill-{len(struck)}.com"
        order = departed(world, delivered(world, name), name)
        world.advance(91 * DAY)
        world.mishaps.strike(len(struck), mishap)
        world.live(600, every=600)
        seen = list(world.mishaps.seen)
        world.mishaps.none()
        world.live(HOUR, every=600)
        assert zones(world, name) == [] and zone_of(now(world, order)) is None, struck
        if len(seen) <= len(struck):
            break
        struck.append(seen[len(struck)])
    assert "zones.remove_empty" in struck
