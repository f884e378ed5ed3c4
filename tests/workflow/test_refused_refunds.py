"""A refused refund is retried and made only once, even when processes overlap."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest

from hosting_orders.domain import deadlines
from hosting_orders.domain.errors import ProviderUnavailableError
from hosting_orders.domain.order import Order, OrderStatus
from tests.support.mishaps import Crash, Mishap
from tests.support.world import World, a_world, handler_of

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
POST = "stripe.post credit_notes"


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def refused(world: World) -> Order:
    """Return one of two paid orders of a cart. This order cannot be delivered, and Stripe refused its refund."""
    reply = world.place_cart(world.site(), world.site(name="Other"))
    assert reply.status == 202
    world.run(finish=False)
    order = world.order(reply.body["orders"][0]["id"])
    world.stripe.controls.set(refunds="refuse")
    world.platform.fail(order.uuid)
    world.platform_webhook(order.uuid)
    world.run(finish=False)
    assert world.order(order.uuid).status is OrderStatus.REFUND_FAILED
    return order


def refund_step(world: World, order: Order) -> None:
    """Run RefundOrder as a process of its own, which may fail."""
    event = {"account_id": order.account_id, "order_id": order.uuid, "task_token": "t", "error": "x"}
    with suppress(ProviderUnavailableError, Crash):
        handler_of("refund_order")(event, None)


@pytest.mark.parametrize("wait", [0, 1, 30, 299])
def test_overlapping_processes_make_one_refund(world: World, wait: int) -> None:
    """While one process's request is on its way to Stripe, another process tries to refund the order."""
    order = refused(world)
    world.stripe.controls.set(refunds="as published")
    world.advance(deadlines.COMPENSATION_CHECK / 1000)
    # Begin one second before the clock reaches a multiple of five minutes. Every `wait` except 0 reaches that moment.
    # The result must be the same, because the idempotency key must not depend on the clock.
    world.advance(299 - world.clock.now() // 1000 % 300)

    def another() -> None:
        world.advance(wait)
        refund_step(world, order)

    world.mishaps.in_the_moment_of(POST, another)
    refund_step(world, order)
    world.mishaps.none()
    world.live(HOUR, every=300, finish=False)
    assert world.order(order.uuid).status is OrderStatus.PROVISION_FAILED
    assert world.net_paid() == 1200
    assert len(world.stripe.credit_notes()) == 1


def test_a_delayed_request_does_not_make_a_second_refund(world: World) -> None:
    """Stripe refuses the request of a second process, and then accepts the delayed request of the first process."""
    order = refused(world)
    world.advance(deadlines.COMPENSATION_CHECK / 1000)

    def others() -> None:
        refund_step(world, order)  # refused
        world.stripe.controls.set(refunds="as published")
        world.advance(MINUTE)
        refund_step(world, order)  # sends no request so soon after the refusal
        assert not world.stripe.credit_notes()

    world.mishaps.in_the_moment_of(POST, others)
    refund_step(world, order)
    world.mishaps.none()
    world.live(HOUR, every=300, finish=False)
    assert world.order(order.uuid).status is OrderStatus.PROVISION_FAILED
    assert world.net_paid() == 1200
    assert len(world.stripe.credit_notes()) == 1


@pytest.mark.parametrize("mishap", list(Mishap))
def test_a_refusal_is_recorded_if_any_side_effect_breaks(world: World, mishap: Mishap) -> None:
    order = refused(world)
    world.advance(deadlines.COMPENSATION_CHECK / 1000)
    before = world.order(order.uuid).refund_refusals
    for position in range(40):
        world.mishaps.strike(position, mishap)
        refund_step(world, order)
        reached = len(world.mishaps.seen) > position
        world.mishaps.none()
        world.advance(deadlines.COMPENSATION_CHECK / 1000)
        refund_step(world, order)
        world.advance(deadlines.COMPENSATION_CHECK / 1000)
        after = world.order(order.uuid).refund_refusals
        assert before is not None and after is not None and after.count > before.count
        before = after
        if not reached:
            break
    assert position > 5
    world.stripe.controls.set(refunds="as published")
    world.live(HOUR, every=300, finish=False)
    assert world.order(order.uuid).status is OrderStatus.PROVISION_FAILED
    assert world.net_paid() == 1200 and len(world.stripe.credit_notes()) == 1


def test_the_refund_of_an_ended_order_is_made_within_an_hour(world: World) -> None:
    """Stripe repeats a refusal for a day under the same idempotency key, so each retry needs another key."""
    account = "declined_recoverable"
    reply = world.place(account)
    order = world.order(reply.body["orders"][0]["id"], account)
    world.run()
    invoice = world.cart(order.cart_token, account).payment.reference or ""
    with world.stripe.state.lock:
        world.stripe.state.get("invoice", invoice)["status"] = "uncollectible"
    world.live(2 * DAY, every=HOUR)
    assert world.order(order.uuid, account).ended
    world.stripe.controls.set(refunds="refuse")
    with world.stripe.state.lock:
        world.stripe.state.get("invoice", invoice)["status"] = "open"
    world.stripe.controls.pay(invoice)
    world.live(HOUR, every=300)
    assert world.net_paid(account) == 1200 and world.metrics.counts["RefundFailed"] > 1
    world.stripe.controls.set(refunds="as published")
    world.live(HOUR, every=300)
    assert world.net_paid(account) == 0
    assert world.order(order.uuid, account).refund is not None
