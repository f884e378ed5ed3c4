"""The sweep checks all domains every day. It reports exactly those that expire soon and are not paid for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hosting_orders.domain.errors import ProviderUnavailableError
from hosting_orders.domain.order import Order
from tests.support import domain_books
from tests.support.domain_books import renewals
from tests.support.refusals import no_new_subscriptions
from tests.support.world import World, a_world

HOUR = 3600
DAY = 24 * HOUR
NAME = "hosting-example.com"


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def delivered(world: World, name: str = NAME) -> Order:
    return domain_books.delivered(world, world.order_domain(name))


def expires_in(world: World, days: float, name: str = NAME) -> None:
    """Let the domain expire at the registry in this many days."""
    world.registrar.domains[name].expires_at = world.clock.now() / 1000 + days * DAY


def test_a_domain_is_reported_daily_if_its_renewal_is_too_late(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    order = delivered(world)
    delivered(world, "another-example.com")
    assert world.sweep() == 0
    expires_in(world, 41)
    assert world.sweep() == 0
    expires_in(world, 39)
    caplog.clear()
    assert world.sweep() == world.metrics.counts["DomainExpiresUnpaid"] == 1
    (line,) = [
        record for record in caplog.records if record.message == "a domain expires soon and is not paid"
    ]
    assert (
        line.__dict__["order_id"] == order.uuid
        and line.__dict__["reason"] == "its renewal is charged too late"
    )
    world.advance(DAY)
    assert world.sweep() == 1


def test_a_domain_that_is_renewed_is_never_reported(world: World) -> None:
    delivered(world)
    reported = 0
    for _ in range(80):
        world.live(5 * DAY, every=5 * DAY)
        reported += world.sweep()
    assert world.registrar.renewals(NAME) == 1 and reported == 0


def test_a_domain_is_reported_if_its_renewal_cannot_start(world: World) -> None:
    with no_new_subscriptions(world.stripe):
        delivered(world)
        expires_in(world, 39)
        assert world.sweep() == 1


def test_a_declined_renewal_is_reported_until_it_is_paid(world: World) -> None:
    delivered(world)
    customer = world.stripe.get(world.accounts["ready"]["customer"])
    world.stripe.controls.decline(
        customer["invoice_settings"]["default_payment_method"], "insufficient_funds"
    )
    world.live(334 * DAY, every=30 * DAY)
    assert world.sweep() == 0
    world.live(4 * DAY, every=DAY)
    assert world.sweep() == 1
    (invoice,) = [one for one in world.stripe.invoices(customer["id"]) if one["status"] == "open"]
    world.stripe.controls.pay(invoice["id"], "4242424242424242")
    world.live(2 * HOUR, every=600)
    assert world.sweep() == 0 and world.registrar.renewals(NAME) == 1


def test_a_cancelled_renewal_is_reported_before_the_expiry(world: World) -> None:
    order = delivered(world)
    (renewal,) = renewals(world, order)
    world.services.stripe.v1.subscriptions.cancel(renewal["id"])
    world.run()
    assert world.sweep() == 0
    world.live(326 * DAY, every=30 * DAY)
    assert world.sweep() == 1


def test_a_failed_sweep_is_not_counted(world: World) -> None:
    """An alarm rings when the count is missing."""
    delivered(world)
    assert world.sweep() == 0 and world.metrics.counts["DomainsSwept"] == 1
    world.registrar.fail_next("ListDomains", "ServiceUnavailable", status=503, times=10)
    with pytest.raises(ProviderUnavailableError):
        world.sweep()
    assert world.metrics.counts["DomainsSwept"] == 1


def test_a_domain_of_another_stack_is_not_reported(world: World) -> None:
    """The registrar lists the domains of all stacks that share one AWS account."""
    delivered(world)
    registry = world.registrar._registry
    registry.domains["other-stack.com"] = registry.domains.pop(NAME)
    registry.domains["other-stack.com"].name = "other-stack.com"
    expires_in(world, 5, "other-stack.com")
    assert world.sweep() == 0
