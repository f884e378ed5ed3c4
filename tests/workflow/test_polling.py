"""If the demo uses a key of the real Stripe, it gets no webhooks. The reconciler then checks payments more often."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hosting_orders.domain import deadlines
from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.order import OrderStatus
from local.polling import EVERY, poll_payments
from tests.support.table import TABLE_NAME
from tests.support.world import World, a_world, boto3_client


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with a_world() as world:
        monkeypatch.setattr(world, "hear_stripe", lambda: None)
        yield world


def polled(world: World) -> None:
    """Run the demo's schedule once."""
    make_due = poll_payments(boto3_client("dynamodb"), TABLE_NAME, lambda: world.clock.now() / 1000)
    make_due()
    world.reconcile()
    world.run()


def test_an_order_is_delivered_as_soon_as_its_debit_settles(world: World) -> None:
    body = world.place("sepa").body
    order_id, token = str(body["orders"][0]["id"]), str(body["cart"]["token"])
    world.run()
    polled(world)
    assert world.cart(token, "sepa").payment.status is PaymentStatus.PROCESSING
    world.stripe.controls.settle(str(world.cart(token, "sepa").payment.reference))
    world.advance(EVERY / 1000)
    polled(world)
    assert world.order(order_id, "sepa").status is OrderStatus.COMPLETED


def test_without_polling_a_debit_waits_for_the_usual_check(world: World) -> None:
    body = world.place("sepa").body
    token = str(body["cart"]["token"])
    world.run()
    world.stripe.controls.settle(str(world.cart(token, "sepa").payment.reference))
    world.advance(EVERY / 1000)
    world.reconcile()
    assert world.cart(token, "sepa").payment.status is PaymentStatus.PROCESSING


def test_a_payment_is_read_at_most_once_in_each_interval(world: World) -> None:
    world.place("authentication_required")
    world.run()
    polled(world)
    asked = len(world.stripe.requests)
    for _ in range(3):
        polled(world)
    assert len(world.stripe.requests) == asked
    world.advance(EVERY / 1000)
    polled(world)
    assert len(world.stripe.requests) > asked
    assert EVERY < deadlines.PAYMENT_CHECK
