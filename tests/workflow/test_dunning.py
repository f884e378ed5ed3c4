"""If Stripe cannot collect a renewal, Stripe retries. Stripe's settings decide what happens after the last retry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hosting_orders.domain.causes import STRIPE_GAVE_UP
from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.domain.products import ProductKind
from tests.support.world import World, a_world

HOUR = 3600
DAY = 24 * HOUR
RETRIES = "3 5"  # how many days Stripe waits before each retry


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        world.stripe.controls.set(retry_days=RETRIES)
        yield world


def renewing(world: World, kind: ProductKind) -> Order:
    """A delivered order. The customer's card is declined from now on."""
    reply = world.order_domain() if kind is ProductKind.DOMAIN else world.place()
    world.run()
    world.live(600, every=60)
    order = world.order(str(reply.body["orders"][0]["id"]))
    assert order.status is OrderStatus.COMPLETED and order.subscription is not None
    decline(world, order, "insufficient_funds")
    return order


def decline(world: World, order: Order, code: str | None) -> None:
    customer = world.stripe.get(subscription(world, order)["customer"])
    world.stripe.controls.decline(customer["invoice_settings"]["default_payment_method"], code)


def subscription(world: World, order: Order) -> dict[str, Any]:
    assert order.subscription is not None
    return world.stripe.get(order.subscription.id)


def pass_to(world: World, moment: float) -> None:
    world.advance(moment - world.stripe.clock.time() + 1)
    world.run()


def declined(world: World, order: Order) -> dict[str, Any]:
    """Let the next term begin. Return its invoice after Stripe has tried once to charge it."""
    pass_to(world, subscription(world, order)["items"]["data"][0]["current_period_end"])
    pass_to(world, world.stripe.clock.time() + HOUR + 60)
    return world.stripe.get(subscription(world, order)["latest_invoice"])


def exhausted(world: World, order: Order) -> dict[str, Any]:
    invoice = declined(world, order)
    for _ in RETRIES.split():
        pass_to(world, invoice["next_payment_attempt"])
        invoice = world.stripe.get(invoice["id"])
    assert (invoice["status"], invoice["next_payment_attempt"]) == ("open", None)
    return invoice


def status(world: World, order: Order) -> str:
    after = world.order(order.uuid)
    assert after.subscription is not None and after.status is OrderStatus.COMPLETED
    return after.subscription.status


def causes(world: World, order: Order) -> list[str]:
    return [entry.cause for entry in world.order(order.uuid).timeline]


@pytest.mark.parametrize("kind", [ProductKind.SITE, ProductKind.DOMAIN])
def test_a_successful_retry_keeps_the_renewal_active(world: World, kind: ProductKind) -> None:
    order = renewing(world, kind)
    invoice = declined(world, order)
    assert status(world, order) == "past_due"
    decline(world, order, None)
    pass_to(world, invoice["next_payment_attempt"])
    assert status(world, order) == "active"
    assert STRIPE_GAVE_UP not in causes(world, order)
    assert "RenewalUnpaid" not in world.metrics.counts
    world.live(2 * HOUR, every=HOUR)
    assert world.registrar.renewals("hosting-example.com") == (1 if kind is ProductKind.DOMAIN else 0)


@pytest.mark.parametrize(
    ("setting", "becomes"), [("unpaid", "unpaid"), ("cancel", "canceled"), ("past_due", "past_due")]
)
def test_the_end_of_the_retries_is_reported_at_most_once(
    world: World, setting: str, becomes: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.stripe.controls.set(after_retries=setting)
    order = renewing(world, ProductKind.SITE)
    exhausted(world, order)
    world.stripe.controls.send_all_events()
    world.run()
    assert status(world, order) == becomes
    reported = 0 if setting == "past_due" else 1
    assert causes(world, order).count(STRIPE_GAVE_UP) == reported
    assert world.metrics.counts.get("RenewalUnpaid", 0) == reported
    # The alarm's runbook begins with this log line.
    lines = [vars(each) for each in caplog.records if each.message == "a renewal is not paid"]
    assert [(line["order_id"], line["reason"]) for line in lines] == [(order.uuid, STRIPE_GAVE_UP)] * reported
    assert world.platform.built(order.uuid) == 1


def test_a_second_unpaid_term_is_reported_again(world: World) -> None:
    world.stripe.controls.set(after_retries="unpaid")
    order = renewing(world, ProductKind.SITE)
    for times in (1, 2):
        invoice = exhausted(world, order)
        assert causes(world, order).count(STRIPE_GAVE_UP) == world.metrics.counts["RenewalUnpaid"] == times
        world.stripe.controls.pay(invoice["id"], "4242424242424242")
        world.run()
        assert status(world, order) == "active"


@pytest.mark.parametrize("setting", ["unpaid", "cancel"])
def test_the_daily_check_reports_a_renewal_that_stays_unpaid(world: World, setting: str) -> None:
    world.stripe.controls.set(after_retries=setting)
    order = renewing(world, ProductKind.DOMAIN)
    world.webhooks_on = False
    exhausted(world, order)
    world.live(3 * DAY, every=DAY)
    world.webhooks_on = True
    world.stripe.controls.send_all_events()
    world.run()
    assert causes(world, order).count(STRIPE_GAVE_UP) == world.metrics.counts["RenewalUnpaid"] == 1


def test_a_cancelled_renewal_is_not_reported_as_unpaid(world: World) -> None:
    order = renewing(world, ProductKind.SITE)
    world.services.stripe.v1.subscriptions.cancel(subscription(world, order)["id"])
    world.run()
    assert status(world, order) == "canceled"
    assert STRIPE_GAVE_UP not in causes(world, order)
    assert "RenewalUnpaid" not in world.metrics.counts


@pytest.mark.parametrize("setting", ["unpaid", "cancel", "past_due"])
def test_a_domain_that_is_paid_after_the_retries_is_renewed(world: World, setting: str) -> None:
    world.stripe.controls.set(after_retries=setting)
    order = renewing(world, ProductKind.DOMAIN)
    invoice = exhausted(world, order)
    world.live(2 * DAY, every=DAY)
    assert world.registrar.asked("RenewDomain") == 0
    assert world.order(order.uuid).due_at is not None  # the customer can still pay
    world.stripe.controls.pay(invoice["id"], "4242424242424242")
    world.run()
    world.live(2 * HOUR, every=600)
    assert world.registrar.renewals("hosting-example.com") == 1
    assert status(world, order) == {"cancel": "canceled"}.get(setting, "active")


def test_a_domain_is_renewed_after_its_invoice_was_a_draft(world: World) -> None:
    world.stripe.controls.set(renewals_are_drafts_for=72 * HOUR)
    order = renewing(world, ProductKind.DOMAIN)
    decline(world, order, None)
    pass_to(world, subscription(world, order)["items"]["data"][0]["current_period_end"])
    world.live(71 * HOUR, every=24 * HOUR)
    assert world.registrar.asked("RenewDomain") == 0
    world.live(3 * HOUR, every=HOUR)
    assert world.registrar.renewals("hosting-example.com") == 1
    assert len(world.stripe.charges(subscription(world, order)["customer"])) == 2
