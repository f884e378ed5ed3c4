"""A refunded machine never keeps running, even if a slow process creates the machine after the take-down.

A closing check after the order's end deletes such a machine. The platform of these tests forgets deleted machines, so
a late request creates the machine again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import yaml

from hosting_orders.domain import deadlines
from hosting_orders.domain.order import Actor, Failure, Order, OrderStatus
from hosting_orders.domain.providers import ServiceRequest
from hosting_orders.usecases.delivery import undeliverable
from tests.support.forgetful_lightsail import CLOUD, ForgetfulLightsail, sell_machines
from tests.support.mishaps import Mishap
from tests.support.world import ROOT, World, _Loader, a_world


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def placed(world: World) -> Order:
    reply = world.place_cart({"vm": CLOUD})
    assert reply.status == 202, reply.body
    return world.order(reply.body["orders"][0]["id"])


def give_up(world: World, order: Order) -> None:
    """Abandon the order from another process."""
    failure = Failure("given_up", "The test abandoned the order.")
    undeliverable(world.services, world.order(order.uuid), failure, Actor.SYSTEM)


def taken_back(world: World, order: Order) -> None:
    """Abandon the order, and let the reconciler delete the machine and refund the money."""
    give_up(world, order)
    world.advance(deadlines.COMPENSATION_CHECK / 1000)
    world.reconcile()
    assert world.order(order.uuid).status is OrderStatus.PROVISION_FAILED


def assert_paid_back_with_nothing_left(world: World, platform: ForgetfulLightsail, order: Order) -> None:
    ended = world.order(order.uuid)
    assert ended.status is OrderStatus.PROVISION_FAILED and ended.due_at is None
    assert world.net_paid() == 0 and platform.standing() == {}
    assert {execution.status for execution in world.runner.executions.values()} == {"SUCCEEDED"}


def before_it_is_asked(platform: ForgetfulLightsail, act: Callable[[], None]) -> None:
    """Run `act` after a process has decided to request the machine and before it sends the request."""
    provision = platform._provision
    pending = [act]

    def slow(request: ServiceRequest) -> object:
        if pending:
            pending.pop()()
        return provision(request)

    platform._provision = slow  # type: ignore[method-assign,assignment]


@pytest.mark.parametrize("quick", [False, True], ids=["slow machine", "quick machine"])
def test_a_late_process_deletes_its_own_machine(world: World, quick: bool) -> None:
    """The order is abandoned after the process has decided to request the machine, and before it does so."""
    platform = sell_machines(world, quick=quick)
    order = placed(world)
    before_it_is_asked(platform, lambda: give_up(world, order))

    world.runner.run_until_idle()

    assert platform.made[order.uuid] == 1 and platform.standing() == {}
    world.live(1200, every=60)
    assert_paid_back_with_nothing_left(world, platform, order)


@pytest.mark.parametrize("mishap", list(Mishap))
@pytest.mark.parametrize("quick", [False, True], ids=["slow machine", "quick machine"])
def test_a_broken_late_process_leaves_no_machine(mishap: Mishap, quick: bool) -> None:
    """The order is already refunded when the late process requests the machine. A later side effect then fails."""
    for position in range(20):
        with a_world() as world:
            platform = sell_machines(world, quick=quick)
            order = placed(world)

            def strike(world: World = world, order: Order = order, position: int = position) -> None:
                taken_back(world, order)
                world.mishaps.strike(position, mishap)

            # `strike` runs inside the request, so its mishap can only hit a later side effect.
            before_it_is_asked(platform, strike)
            world.runner.run_until_idle()
            reached = len(world.mishaps.seen) > position
            world.mishaps.none()
            world.live(3600, every=60)
            assert platform.made[order.uuid] >= 1
            assert_paid_back_with_nothing_left(world, platform, order)
            if not reached:
                return
    raise AssertionError("too few positions to reach every side effect")


@pytest.mark.parametrize("mishap", [Mishap.ANSWER_LOST, Mishap.CRASH_AFTER])
def test_a_late_process_without_an_answer_leaves_no_machine(world: World, mishap: Mishap) -> None:
    """The process never learns that its machine exists. The closing check deletes the machine."""
    platform = sell_machines(world)
    order = placed(world)
    before_it_is_asked(platform, lambda: taken_back(world, order))
    world.mishaps.watch(lambda name: mishap if name == "platform.provision" else None)
    world.runner.run_until_idle()
    world.mishaps.none()
    assert world.order(order.uuid).ended and list(platform.machines) == [order.uuid]

    world.live(deadlines.CLOSING_CHECK / 1000 + 60, every=60)

    assert_paid_back_with_nothing_left(world, platform, order)


@pytest.mark.parametrize("mishap", list(Mishap))
def test_a_refund_is_completed_even_if_a_side_effect_fails(mishap: Mishap) -> None:
    for position in range(20):
        with a_world() as world:
            platform = sell_machines(world)
            order = placed(world)
            world.run()
            assert list(platform.machines) == [order.uuid]
            give_up(world, order)
            world.advance(deadlines.COMPENSATION_CHECK / 1000)
            world.mishaps.strike(position, mishap)
            world.reconcile()
            reached = len(world.mishaps.seen) > position
            world.mishaps.none()
            world.live(3600, every=60)
            assert_paid_back_with_nothing_left(world, platform, order)
            if not reached:
                assert position > 3
                return
    raise AssertionError("too few positions to reach every side effect")


@pytest.mark.parametrize("mishap", list(Mishap))
def test_only_one_machine_is_made_even_if_a_side_effect_fails(mishap: Mishap) -> None:
    for position in range(20):
        with a_world() as world:
            platform = sell_machines(world, quick=True)
            order = placed(world)
            world.mishaps.strike(position, mishap)
            world.runner.run_until_idle()
            reached = len(world.mishaps.seen) > position
            world.mishaps.none()
            world.runner.advance(60)
            world.live(1800, every=60)
            assert world.order(order.uuid).status is OrderStatus.COMPLETED
            assert platform.made[order.uuid] == 1 and list(platform.machines) == [order.uuid]
            assert world.net_paid() == 1400
            if not reached:
                assert position > 4
                return
    raise AssertionError("too few positions to reach every side effect")


def test_the_closing_check_is_repeated_after_a_failure(world: World) -> None:
    platform = sell_machines(world)
    order = placed(world)
    world.run()
    taken_back(world, order)
    platform._provision(platform.asked[0])
    world.mishaps.watch(lambda name: Mishap.NOT_DONE if name == "platform.deprovision" else None)
    world.live(1800, every=60)
    assert list(platform.machines) == [order.uuid]
    world.mishaps.none()

    world.live(600, every=60)

    assert_paid_back_with_nothing_left(world, platform, order)


def test_a_refused_machine_is_refunded_and_leaves_nothing(world: World) -> None:
    platform = sell_machines(world)
    platform.refuse()
    order = placed(world)
    world.run()
    world.live(900, every=60)

    assert_paid_back_with_nothing_left(world, platform, order)
    assert world.order(order.uuid).failure is not None


def test_a_delivered_machine_is_never_deleted(world: World) -> None:
    platform = sell_machines(world, quick=True)
    order = placed(world)
    world.run()
    world.live(6 * 3600, every=600)

    assert world.order(order.uuid).status is OrderStatus.COMPLETED
    assert list(platform.machines) == [order.uuid] and world.net_paid() == 1400


def test_the_closing_check_comes_later_than_any_function_can_run() -> None:
    template = yaml.load((ROOT / "template.yaml").read_text(), _Loader)
    longest = max(
        resource["Properties"].get("Timeout", template["Globals"]["Function"]["Timeout"])
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
    )

    assert 0 < longest < deadlines.CLOSING_CHECK / 1000
