"""`PlatformStuck` counts orders and refunds that wait for an unreachable platform. An alarm watches this count."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hosting_orders.domain.order import Actor, Failure, Order, OrderStatus
from hosting_orders.usecases.delivery import undeliverable
from tests.support.machines import MACHINES, order_machine
from tests.support.world import World, a_world


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def placed(world: World, place: int) -> Order:
    reply = order_machine(world, {"hostname": "web-1", **MACHINES[place]}, "ready", key="one")
    assert reply.status == 202, reply.body
    return world.order(reply.body["data"]["token"])


def be_away(world: World) -> None:
    world.platform.be_unavailable(10_000)
    world.lightsail.standin.fail_next("*", "AccessDeniedException", times=10_000)


@pytest.mark.parametrize("place", [0, 1], ids=["http", "lightsail"])
def test_an_unreachable_platform_makes_a_paid_order_stuck(world: World, place: int) -> None:
    be_away(world)
    order = placed(world, place)
    world.live(10 * 60, every=60)
    assert world.metrics.counts["PlatformStuck"] == 0
    world.live(20 * 60, every=60)
    assert world.metrics.counts["PlatformStuck"] > 0
    assert world.order(order.uuid).status is OrderStatus.PROCESSING

    world.platform.clear_faults()
    world.lightsail.standin.clear_faults()
    world.live(40 * 60, every=60)
    assert world.order(order.uuid).status is OrderStatus.COMPLETED


@pytest.mark.parametrize("place", [0, 1], ids=["http", "lightsail"])
def test_an_unreachable_platform_makes_a_refund_stuck(world: World, place: int) -> None:
    order = placed(world, place)
    world.run(finish=False)
    be_away(world)
    failure = Failure("given_up", "The test abandoned the order.")
    undeliverable(world.services, world.order(order.uuid), failure, Actor.SYSTEM)
    world.live(60 * 60, every=60)
    assert world.metrics.counts["PlatformStuck"] > 0
    assert world.order(order.uuid).status is OrderStatus.REFUNDING and world.net_paid() > 0

    world.platform.clear_faults()
    world.lightsail.standin.clear_faults()
    world.live(40 * 60, every=60)
    assert world.order(order.uuid).status is OrderStatus.PROVISION_FAILED and world.net_paid() == 0
    assert not any(any(platform.standing().get(order.uuid, {}).values()) for platform in world.platforms)
