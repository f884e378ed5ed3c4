"""A domain departs when it leaves our account at the registrar. Then no renewal is started or charged.

The departure is noticed even if the domain is never ordered again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.domain.products import DomainResource
from tests.support import domain_books
from tests.support.domain_books import claims, now, renewals
from tests.support.mishaps import Mishap
from tests.support.refusals import no_new_subscriptions
from tests.support.world import World, a_world

HOUR = 3600
DAY = 24 * HOUR
NAME = "quill-bakery.com"
LEFT = "the domain has left the registrar"


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def delivered(world: World, name: str = NAME) -> Order:
    return domain_books.delivered(world, world.order_domain(name), every=300)


def until_its_charge(world: World, order: Order, *, less: float) -> None:
    """Let time pass until `less` seconds before the next term is charged. The reconciler runs at the end."""
    assert order.subscription is not None
    period = world.stripe.get(order.subscription.id)["items"]["data"][0]["current_period_end"]
    world.advance(period - world.stripe.clock.time() - less)
    world.live(60, every=60)


def invoices(world: World, order: Order) -> list[Mapping[str, Any]]:
    """The invoices of the order's renewal."""
    assert order.subscription is not None
    return [
        invoice
        for invoice in world.stripe.invoices(world.accounts["ready"]["customer"])
        if ((invoice["parent"] or {}).get("subscription_details") or {}).get("subscription")
        == order.subscription.id
    ]


def expires_in(world: World, days: float, name: str = NAME) -> None:
    world.registrar.domains[name].expires_at = world.clock.now() / 1000 + days * DAY


def assert_left(world: World, order: Order) -> None:
    """The departure is stored once, and nothing was charged after the order itself."""
    after = now(world, order)
    assert [entry.cause for entry in after.timeline].count(LEFT) == 1
    assert after.domain_has_left and after.status is OrderStatus.COMPLETED
    assert claims(world) == set() and renewals(world, order) == []
    assert world.net_paid() == order.price.amount


@pytest.mark.parametrize("departure", ["leave", "lapse"])
@pytest.mark.parametrize("webhooks", [True, False])
def test_the_next_year_of_a_departed_domain_is_not_charged(
    world: World, departure: str, webhooks: bool
) -> None:
    order = delivered(world)
    world.webhooks_on = webhooks
    world.live(100 * DAY, every=20 * DAY)
    getattr(world.registrar, departure)(NAME)
    until_its_charge(world, order, less=DAY)
    assert_left(world, order)
    world.live(60 * DAY, every=DAY)
    assert_left(world, order)
    assert invoices(world, order) == [] and world.metrics.counts["DomainRenewalFailed"] == 0
    subscription = now(world, order).subscription
    assert subscription is not None and subscription.status == "canceled"


@pytest.mark.parametrize("operation", ["GetDomainDetail", "ListDomains"])
def test_no_departure_is_stored_while_the_registrar_is_down(world: World, operation: str) -> None:
    order = delivered(world)
    world.registrar.leave(NAME)
    world.registrar.fail_next(operation, "ServiceUnavailable", status=503, times=10_000)
    until_its_charge(world, order, less=DAY)
    world.live(HOUR, every=300)
    assert not now(world, order).domain_has_left and len(renewals(world, order)) == 1
    world.registrar.clear_faults()
    world.live(HOUR, every=300)
    assert_left(world, order)


def test_a_domain_is_ours_if_the_registrar_lists_it(world: World) -> None:
    order = delivered(world)
    world.registrar.fail_next("GetDomainDetail", "InvalidInput", "not found", times=10_000)
    until_its_charge(world, order, less=DAY)
    world.live(HOUR, every=300)
    assert not now(world, order).domain_has_left and len(renewals(world, order)) == 1


def test_a_new_domain_is_ours_before_the_registrar_shows_it(world: World) -> None:
    """The renewal starts in the first hour, even if the registrar does not find the domain in that hour."""
    order_id = world.order_domain(NAME).body["orders"][0]["id"]
    world.run()
    while world.order(order_id).status is not OrderStatus.COMPLETED:
        world.live(30, every=30)
    held = dict(world.registrar.domains)
    world.registrar.lapse(NAME)
    world.live(2 * HOUR, every=300)
    world.registrar._registry.domains.update(held)
    order = world.order(order_id)
    assert not order.domain_has_left and len(renewals(world, order)) == 1


@pytest.mark.parametrize(("days", "left"), [(60, False), (99, False), (112, True)])
def test_an_expired_domain_leaves_after_its_redemption_period(world: World, days: int, left: bool) -> None:
    """In the redemption period after the expiry, the registrant can still get the domain back."""
    order = delivered(world)
    world.services.stripe.v1.subscriptions.cancel(renewals(world, order)[0]["id"])
    world.run()
    world.live(2 * DAY, every=DAY)
    resource = now(world, order).resource_as(DomainResource)
    assert resource is not None and resource.expires_at is not None
    world.live(resource.expires_at / 1000 - world.clock.now() / 1000 + days * DAY, every=25 * DAY)
    world.live(HOUR, every=HOUR)
    assert now(world, order).domain_has_left == left


def test_a_lapsed_domain_is_released_without_a_new_order(world: World) -> None:
    order = delivered(world)
    world.services.stripe.v1.subscriptions.cancel(renewals(world, order)[0]["id"])
    world.run()
    world.live(366 * DAY, every=6 * DAY)
    assert claims(world) == {NAME}
    world.live(45 * DAY, every=DAY)
    world.registrar.lapse(NAME)
    world.live(10 * DAY, every=DAY)
    assert_left(world, order)
    due = now(world, order).due_at
    assert due is None or due > world.clock.now()


def refused_at_first(world: World, days: float) -> Order:
    """A delivered domain. Stripe has refused to start its renewal for `days` days."""
    with no_new_subscriptions(world.stripe):
        order = delivered(world)
        world.live(days * DAY, every=DAY)
    assert renewals(world, order) == [] and now(world, order).subscription is None
    return order


def test_a_refused_renewal_is_not_started_after_a_departure(world: World) -> None:
    order = refused_at_first(world, days=30)
    world.registrar.leave(NAME)
    world.live(3 * DAY, every=6 * HOUR)
    assert_left(world, order)
    assert now(world, order).subscription is None


def test_a_refused_renewal_waits_until_the_registrar_answers(world: World) -> None:
    order = refused_at_first(world, days=10)
    world.registrar.fail_next("GetDomainDetail", "ServiceUnavailable", status=503, times=10_000)
    world.live(2 * DAY, every=6 * HOUR)
    assert renewals(world, order) == [] and not now(world, order).domain_has_left
    world.registrar.clear_faults()
    world.live(HOUR, every=300)
    assert len(renewals(world, order)) == 1


def test_a_renewal_is_never_started_for_an_expired_domain(world: World) -> None:
    """Many registries do not renew an expired domain, and the customer would pay for nothing. An operator decides."""
    order = refused_at_first(world, days=10)
    with no_new_subscriptions(world.stripe):
        world.live(360 * DAY, every=10 * DAY)
    refused = world.metrics.counts["RenewalNotStarted"]
    world.live(3 * DAY, every=DAY)
    assert world.net_paid() == order.price.amount and renewals(world, order) == []
    assert world.metrics.counts["RenewalNotStarted"] == refused + 3
    # The operator renews the domain in the console. Then the next year is charged as usual.
    world.registrar.domains[NAME].expires_at += 365 * DAY
    world.live(2 * DAY, every=DAY)
    assert len(renewals(world, order)) == 1


def test_the_open_invoice_of_a_departed_domain_is_voided(world: World) -> None:
    order = delivered(world)
    customer = world.stripe.get(world.accounts["ready"]["customer"])
    world.stripe.controls.decline(
        customer["invoice_settings"]["default_payment_method"], "insufficient_funds"
    )
    until_its_charge(world, order, less=60)
    world.live(3 * DAY, every=HOUR)
    assert [invoice["status"] for invoice in invoices(world, order)] == ["open"]
    world.registrar.leave(NAME)
    world.live(2 * DAY, every=HOUR)
    assert [invoice["status"] for invoice in invoices(world, order)] == ["void"]
    assert_left(world, order)
    assert now(world, order).due_at is None or now(world, order).due_at > world.clock.now()  # type: ignore[operator]


def test_the_draft_invoice_of_a_departed_domain_is_never_paid(world: World) -> None:
    """The registrar answers only after Stripe has begun the term."""
    order = delivered(world)
    world.registrar.leave(NAME)
    world.registrar.fail_next("ListDomains", "ServiceUnavailable", status=503, times=10_000)
    until_its_charge(world, order, less=600)
    world.live(1200, every=60)
    assert [invoice["status"] for invoice in invoices(world, order)] == ["draft"]
    world.registrar.clear_faults()
    world.live(1200, every=300)
    world.live(3 * DAY, every=12 * HOUR)
    assert [invoice["status"] for invoice in invoices(world, order)] == ["draft"]
    assert_left(world, order)


@pytest.mark.parametrize("mishap", list(Mishap))
def test_a_departure_is_recorded_once_whatever_breaks(world: World, mishap: Mishap) -> None:
    struck: list[str] = []
    while True:
        name = f"quill-{len(struck)}.com"
        order = delivered(world, name)
        world.registrar.leave(name)
        assert order.subscription is not None
        period = world.stripe.get(order.subscription.id)["items"]["data"][0]["current_period_end"]
        world.advance(period - world.stripe.clock.time() - DAY)
        world.mishaps.strike(len(struck), mishap)
        world.live(600, every=600)
        seen = list(world.mishaps.seen)
        world.mishaps.none()
        world.live(2 * DAY, every=12 * HOUR)
        after = now(world, order)
        assert [entry.cause for entry in after.timeline].count(LEFT) == 1, struck
        assert renewals(world, order) == [] and invoices(world, order) == [] and name not in claims(world)
        if len(seen) <= len(struck):
            break
        struck.append(seen[len(struck)])
    assert len(struck) > 3


def test_the_daily_sweep_makes_an_expired_domain_due_again(world: World) -> None:
    """Older releases left an order without a due time when its renewal had ended."""
    order = delivered(world)
    world.services.stripe.v1.subscriptions.cancel(renewals(world, order)[0]["id"])
    world.run()
    world.live(2 * DAY, every=DAY)
    world.services.orders.save_order(replace(now(world, order), due_at=None))
    world.sweep()
    assert now(world, order).due_at is None
    world.live(470 * DAY, every=47 * DAY)
    assert not now(world, order).domain_has_left
    world.sweep()
    world.live(HOUR, every=600)
    assert_left(world, order)


def test_an_unstored_renewal_of_a_departed_domain_ends(world: World) -> None:
    """The process crashes after Stripe has created the subscription, and before the order stores it."""
    order = refused_at_first(world, days=3)
    world.mishaps.watch(lambda name: Mishap.CRASH_AFTER if name == "stripe.post subscriptions" else None)
    world.live(DAY, every=HOUR)
    world.mishaps.none()
    assert len(renewals(world, order)) == 1 and now(world, order).subscription is None
    world.registrar.leave(NAME)
    world.live(HOUR, every=600)
    assert_left(world, order)
    world.live(400 * DAY, every=5 * DAY)
    assert_left(world, order)
