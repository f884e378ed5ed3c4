"""A site is built exactly once, even if steps are interrupted or webhooks are lost, repeated, early, late or forged."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hosting_orders.domain.order import Order, OrderStatus
from tests.support.mishaps import Mishap
from tests.support.world import World, a_world


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def placed(world: World) -> Order:
    reply = world.place(callback=True)
    assert reply.status == 202
    return world.order(reply.body["orders"][0]["id"])


def being_built(world: World) -> Order:
    order = placed(world)
    world.run(finish=False)
    assert world.platform.services[order.uuid].operation.status == "running"
    return world.order(order.uuid)


def assert_delivered_once(world: World, order: Order) -> None:
    ended = world.order(order.uuid)
    assert ended.status is OrderStatus.COMPLETED
    assert ended.resource is not None
    world.live(60)  # the reconciler starts the renewal
    assert world.order(order.uuid).subscription is not None
    assert world.platform.built(order.uuid) == 1 and not world.platform.deprovisioned
    assert world.net_paid() == 1200 and len(world.stripe.subscriptions()) == 1
    assert len({request.message_id for request in world.callbacks.received}) == 1
    assert {execution.status for execution in world.runner.executions.values()} == {"SUCCEEDED"}


@pytest.mark.parametrize("mishap", list(Mishap))
def test_one_site_is_built_whichever_side_effect_fails(mishap: Mishap) -> None:
    for position in range(20):
        with a_world() as world:
            order = placed(world)
            world.mishaps.strike(position, mishap)
            world.runner.run_until_idle()
            reached = len(world.mishaps.seen) > position
            world.mishaps.none()
            world.runner.advance(60)
            world.live_until_settled(order.uuid, every=300, most=1200)
            assert_delivered_once(world, order)
            if not reached:
                assert position > 4
                world.live(1200, every=600)
                assert_delivered_once(world, order)
                return
    raise AssertionError("too few positions to reach every side effect")


@pytest.mark.parametrize("mishap", list(Mishap))
def test_an_interrupted_webhook_succeeds_when_sent_again(mishap: Mishap) -> None:
    for position in range(20):
        with a_world() as world:
            order = being_built(world)
            world.platform.finish(order.uuid)
            world.mishaps.strike(position, mishap)
            first = world.platform_webhook(order.uuid)
            reached = len(world.mishaps.seen) > position
            world.mishaps.none()
            if first.status != 200:
                assert world.platform_webhook(order.uuid).status == 200
            world.run()
            world.live_until_settled(order.uuid, every=600, most=1200)  # long before the step times out
            assert_delivered_once(world, order)
            if not reached:
                assert position > 3
                world.live(1200, every=600)
                assert_delivered_once(world, order)
                return
    raise AssertionError("too few positions to reach every side effect")


def test_twenty_webhooks_for_one_operation_deliver_once(world: World) -> None:
    order = being_built(world)
    world.platform.finish(order.uuid)
    for _ in range(20):
        assert world.platform_webhook(order.uuid).status == 200
    world.run()
    assert_delivered_once(world, order)
    assert len(world.callbacks.received) == 1


def test_a_webhook_that_arrives_days_late_changes_nothing(world: World) -> None:
    order = being_built(world)
    world.run()
    before = world.order(order.uuid)
    world.advance(5 * 86_400)
    assert world.platform_webhook(order.uuid).status == 200
    world.run()
    assert world.order(order.uuid) == before
    assert_delivered_once(world, order)


def test_a_webhook_may_arrive_before_the_operation_is_stored(world: World) -> None:
    order = placed(world)
    world.platform.configure(delay=0)
    early: list[int] = []

    def tell_first(name: str) -> Mishap | None:
        if early == [] and name == "table.put_item" and order.uuid in world.platform.services:
            early.append(0)
            early.append(world.platform_webhook(order.uuid).status)
        return None

    world.mishaps.watch(tell_first)
    world.runner.run_until_idle()
    world.mishaps.none()
    assert early == [0, 200]
    world.run()
    assert_delivered_once(world, order)


def test_a_forged_webhook_changes_nothing(world: World) -> None:
    order = being_built(world)
    world.platform.finish(order.uuid)
    before = world.order(order.uuid)
    body, headers = world.platform.completion_webhook(order.uuid)
    for forged in (
        {**headers, "webhook-signature": "v1,AAAA"},
        {name: value for name, value in headers.items() if name != "webhook-signature"},
        {**headers, "webhook-id": "evt-other"},
    ):
        reply = world.request("POST", "/webhooks/platform", account=None, headers=forged, raw=body)
        assert reply.status == 401
    assert (
        world.request("POST", "/webhooks/platform", account=None, headers=headers, raw=body + b" ").status
        == 401
    )
    assert world.order(order.uuid) == before


def test_a_webhook_of_a_running_operation_completes_no_order(world: World) -> None:
    order = being_built(world)
    assert world.platform_webhook(order.uuid).status == 200
    world.run(finish=False)
    assert world.order(order.uuid).status is OrderStatus.PROCESSING


def test_lost_platform_answers_do_not_build_a_second_site(world: World) -> None:
    order = placed(world)
    world.platform.lose_answers(3)
    world.runner.run_until_idle()
    world.runner.advance(120)
    world.run()
    assert_delivered_once(world, order)


def test_an_order_is_delivered_after_a_platform_outage(world: World) -> None:
    order = placed(world)
    world.platform.be_unavailable(5)
    world.runner.run_until_idle()
    world.runner.advance(300)
    world.run()
    assert_delivered_once(world, order)


def test_the_reconciler_delivers_a_site_without_webhooks(world: World) -> None:
    world.platform_webhooks_on = False
    order = being_built(world)
    world.live(1800)
    assert_delivered_once(world, order)
