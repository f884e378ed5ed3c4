"""A renewal has a due time of its own, independent of upkeep.

A delivered domain order has upkeep while the registrant's verification or the DNS zone is missing. Upkeep is checked
several times a day.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from hosting_orders.domain.errors import ProviderUnavailableError
from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.domain.registration import Zone
from hosting_orders.usecases.left_domains import release_departed_domain
from tests.support.domain_books import now, renewals
from tests.support.refusals import no_new_subscriptions
from tests.support.world import World, a_world

HOUR = 3600
DAY = 24 * HOUR
UNVERIFIED = "unverified-bakery.com"
WITHOUT_ZONE = "confirmed-bakery.com"


class NoZones:
    """Route 53 when the account's quota of zones is used up."""

    def ensure(self, name: str, order_id: str, nameservers: Sequence[str]) -> Zone:
        raise ProviderUnavailableError("no zone can be created")


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def delivered(world: World, name: str) -> Order:
    """Return a delivered domain order that has upkeep."""
    if not name.startswith("unverified-"):
        world.services.__dict__["zones"] = NoZones()
    order_id = world.order_domain(name).body["orders"][0]["id"]
    world.run()
    world.live(HOUR, every=300)
    order = world.order(order_id)
    assert order.status is OrderStatus.COMPLETED and order.has_upkeep
    return order


def upkeep_checks(world: World) -> int:
    return world.metrics.counts["RegistrantUnverified"] + world.metrics.counts["ZoneMissing"]


def expires_in(world: World, name: str, days: float) -> None:
    world.registrar.domains[name].expires_at = world.clock.now() / 1000 + days * DAY


@pytest.mark.parametrize("name", [UNVERIFIED, WITHOUT_ZONE])
def test_starting_a_renewal_is_retried_daily_during_upkeep(world: World, name: str) -> None:
    with no_new_subscriptions(world.stripe):
        order = delivered(world, name)
        assert world.metrics.counts["RenewalNotStarted"] == 1
        checked = upkeep_checks(world)
        world.live(3 * DAY, every=HOUR)
        assert world.metrics.counts["RenewalNotStarted"] == 4
        assert upkeep_checks(world) >= checked + 12
    world.live(DAY, every=HOUR)
    assert len(renewals(world, order)) == 1 and now(world, order).has_upkeep


def test_a_refused_renewal_is_retried_daily_during_upkeep(world: World) -> None:
    order = delivered(world, "norenewal-bakery.com")
    world.live(334 * DAY, every=20 * DAY)
    world.live(4 * DAY, every=HOUR)
    counted, asked = world.metrics.counts["DomainRenewalFailed"], world.registrar.asked("RenewDomain")
    assert counted >= 1
    checked = upkeep_checks(world)
    world.live(3 * DAY, every=HOUR)
    assert world.metrics.counts["DomainRenewalFailed"] == counted + 3
    assert world.registrar.asked("RenewDomain") == asked + 3
    assert upkeep_checks(world) >= checked + 60 and now(world, order).has_upkeep


@pytest.mark.parametrize("name", [UNVERIFIED, WITHOUT_ZONE])
def test_upkeep_does_not_call_stripe(world: World, name: str) -> None:
    delivered(world, name)
    asked = len(world.stripe.requests)
    world.live(5 * DAY, every=HOUR)
    assert len(world.stripe.requests) == asked


@pytest.mark.parametrize("name", [UNVERIFIED, WITHOUT_ZONE])
def test_a_late_renewal_charge_is_reported_during_upkeep(world: World, name: str) -> None:
    delivered(world, name)
    assert world.sweep() == 0
    expires_in(world, name, 39)
    assert world.sweep() == 1


@pytest.mark.parametrize("name", [UNVERIFIED, WITHOUT_ZONE])
def test_a_domain_is_renewed_during_upkeep(world: World, name: str) -> None:
    order = delivered(world, name)
    world.live(334 * DAY, every=20 * DAY)
    world.live(4 * DAY, every=HOUR)
    assert world.registrar.renewals(name) == 1 and now(world, order).has_upkeep


@pytest.mark.parametrize("webhooks", [True, False])
def test_a_renewal_starts_within_an_hour_after_a_fault(world: World, webhooks: bool) -> None:
    """After a fault, the renewal stays due. Only a refusal postpones it to the next day."""
    world.webhooks_on = webhooks
    world.stripe.faults.add("error", "/v1/subscriptions", times=3)
    order = delivered(world, UNVERIFIED)
    world.live(HOUR, every=300)
    assert len(renewals(world, order)) == 1


@pytest.mark.parametrize("name", [UNVERIFIED, WITHOUT_ZONE])
def test_an_order_without_a_renewal_due_time_is_renewed(world: World, name: str) -> None:
    """Earlier releases stored orders without the field `renewal_due_at`."""
    order = delivered(world, name)
    older = replace(now(world, order), renewal_due_at=None)
    assert older.due_at is not None and older.due_at <= world.clock.now() + DAY * 1000
    world.services.orders.save_order(older)
    asked = len(world.stripe.requests)
    world.live(DAY, every=HOUR)
    assert asked < len(world.stripe.requests) <= asked + 3  # Stripe is read once, to find the renewal's time
    world.live(334 * DAY, every=20 * DAY)
    world.live(4 * DAY, every=HOUR)
    assert world.registrar.renewals(name) == 1


def test_a_renewal_ends_if_the_zone_check_finds_the_domain_gone(
    world: World,
) -> None:
    order = delivered(world, WITHOUT_ZONE)
    world.live(2 * DAY, every=HOUR)
    world.registrar.leave(WITHOUT_ZONE)

    class FindsTheDeparture(NoZones):
        def ensure(self, name: str, order_id: str, nameservers: Sequence[str]) -> Zone:
            release_departed_domain(world.services, name)
            return super().ensure(name, order_id, nameservers)

    world.services.__dict__["zones"] = FindsTheDeparture()
    world.live(2 * HOUR, every=HOUR)
    assert now(world, order).domain_has_left
    assert renewals(world, order) == []


def test_no_confirmation_is_noted_for_a_domain_that_leaves(world: World) -> None:
    order = delivered(world, UNVERIFIED)
    world.live(2 * DAY, every=HOUR)
    world.registrar.leave(UNVERIFIED)
    world.live(7 * HOUR, every=HOUR)
    causes = [entry.cause for entry in now(world, order).timeline]
    assert "the domain has left the registrar" in causes
    assert "the registrant has confirmed the e-mail address" not in causes
    assert renewals(world, order) == []
