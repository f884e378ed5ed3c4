"""Each delivered order gets a renewal. Each charge uses the customer's current default payment method."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from hosting_orders.domain.order import Order
from tests.support.domain_books import delivered, renewals
from tests.support.refusals import no_new_subscriptions
from tests.support.world import World, a_world

HOUR = 3600
DAY = 24 * HOUR


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def site(world: World, **changes: object) -> Order:
    return delivered(world, world.place(**changes))  # type: ignore[arg-type]


def domain(world: World, name: str = "hosting-example.com") -> Order:
    return delivered(world, world.order_domain(name))


def until(world: World, *date: int) -> None:
    """Advance to this moment (UTC)."""
    world.advance(datetime(*date, tzinfo=UTC).timestamp() - world.clock.now() / 1000)  # type: ignore[misc]


def charged_to(world: World) -> str:
    """The payment method of the newest charge."""
    newest = max(world.stripe.charges(), key=lambda charge: (charge["created"], charge["id"]))
    return str(newest["payment_method"])


def test_a_renewal_charges_the_current_default_method(world: World) -> None:
    domain(world)
    customer = world.accounts["ready"]["customer"]
    before = charged_to(world)
    client = world.services.stripe.client
    other = client.v1.payment_methods.attach("pm_card_mastercard", {"customer": customer}).id
    client.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": other}})
    world.stripe.controls.decline(before, "insufficient_funds")
    world.live(330 * DAY, every=30 * DAY)
    world.live(10 * DAY, every=12 * HOUR)
    assert charged_to(world) == other != before
    assert world.registrar.renewals("hosting-example.com") == 1


def test_the_orders_method_becomes_the_default_if_none_is_set(world: World) -> None:
    customer = world.accounts["ready"]["customer"]
    method = world.stripe.get(customer)["invoice_settings"]["default_payment_method"]
    reply = world.place()
    kept = world.stripe.state.find(customer)
    assert kept is not None
    kept["invoice_settings"]["default_payment_method"] = None
    delivered(world, reply)
    assert world.stripe.get(customer)["invoice_settings"]["default_payment_method"] == method


@pytest.mark.parametrize(
    ("placed", "charges"),
    [
        ((1, 31), [(2, 28), (3, 31), (4, 30), (5, 31)]),
        ((1, 30), [(2, 28), (3, 30), (4, 30), (5, 30)]),
        ((1, 29), [(2, 28), (3, 29), (4, 29), (5, 29)]),
        ((3, 31), [(4, 30), (5, 31), (6, 30), (7, 31)]),
        ((12, 31), [(1, 31), (2, 28), (3, 31), (4, 30)]),
        ((1, 15), [(2, 15), (3, 15), (4, 15), (5, 15)]),
    ],
)
def test_a_monthly_term_begins_on_the_day_of_the_order(
    world: World, placed: tuple[int, int], charges: list[tuple[int, int]]
) -> None:
    year = datetime.fromtimestamp(world.clock.now() / 1000, UTC).year + 1
    while any(year_ % 4 == 0 for year_ in (year, year + 1)):
        year += 1
    until(world, year, *placed, 12)
    order = site(world)
    (renewal,) = renewals(world, order)
    begins = []
    for _ in charges:
        ends = world.stripe.get(renewal["id"])["items"]["data"][0]["current_period_end"]
        begins.append((datetime.fromtimestamp(ends, UTC).month, datetime.fromtimestamp(ends, UTC).day))
        world.live(ends + 2 * HOUR - world.stripe.clock.time(), every=3 * DAY)
    assert begins == charges
    world.live(2 * HOUR, every=HOUR)
    assert len(world.stripe.charges()) == 1 + len(charges)


def test_a_refused_renewal_start_is_retried_daily(world: World) -> None:
    with no_new_subscriptions(world.stripe):
        order = domain(world)
        assert world.metrics.counts["RenewalNotStarted"] == 1 and renewals(world, order) == []
        world.live(2 * DAY, every=HOUR)
        assert world.metrics.counts["RenewalNotStarted"] == 3
    world.live(DAY, every=HOUR)
    assert len(renewals(world, order)) == 1 and world.order(order.uuid).subscription is not None
    assert world.metrics.counts["RenewalNotStarted"] == 3


def test_a_late_domain_renewal_is_charged_immediately(world: World) -> None:
    """The subscription could not be created for 340 days. Without an immediate charge, the domain would expire."""
    with no_new_subscriptions(world.stripe):
        domain(world)
        world.live(340 * DAY, every=20 * DAY)
    world.live(3 * DAY, every=6 * HOUR)
    assert world.registrar.renewals("hosting-example.com") == 1


def test_a_renewal_with_tax_waits_for_the_customers_address() -> None:
    with a_world(automatic_tax=True) as world:
        reply = world.place()
        customer = world.accounts["ready"]["customer"]
        address = dict(world.stripe.get(customer)["address"])
        world.services.stripe.v1.customers.update(customer, {"address": ""})
        order = delivered(world, reply)
        assert renewals(world, order) == [] and world.metrics.counts["RenewalNotStarted"] == 1
        world.services.stripe.v1.customers.update(
            customer, {"address": {name: value for name, value in address.items() if value}}
        )
        world.live(DAY, every=HOUR)
        assert len(renewals(world, order)) == 1
