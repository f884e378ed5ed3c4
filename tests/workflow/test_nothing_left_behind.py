"""A machine that is not paid for does not stay, also on a platform that forgets what it has taken down: a process that
was slow, or died, may have it made after another process has taken it down."""

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
    """Another process, whatever its reason, gives the order up."""
    failure = Failure("given_up", "The test has given it up.")
    undeliverable(world.services, world.order(order.uuid), failure, Actor.SYSTEM)


def taken_back(world: World, order: Order) -> None:
    """Another process gives it up, takes the machine down and gives the money back, all in this moment."""
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
    """Let `act` happen when a process has decided to ask for the machine and has not asked yet."""
    provision = platform._provision
    pending = [act]

    def slow(request: ServiceRequest) -> object:
        if pending:
            pending.pop()()
        return provision(request)

    platform._provision = slow  # type: ignore[method-assign,assignment]


@pytest.mark.parametrize("quick", [False, True], ids=["it is being made", "it runs at once"])
def test_what_is_asked_for_too_late_is_taken_down_by_the_process_that_asked(
    world: World, quick: bool
) -> None:
    platform = sell_machines(world, quick=quick)
    order = placed(world)
    before_it_is_asked(platform, lambda: give_up(world, order))

    world.runner.run_until_idle()

    assert platform.made[order.uuid] == 1 and platform.standing() == {}
    world.live(1200, every=60)
    assert_paid_back_with_nothing_left(world, platform, order)


@pytest.mark.parametrize("mishap", list(Mishap))
@pytest.mark.parametrize("quick", [False, True], ids=["it is being made", "it runs at once"])
def test_a_late_process_that_breaks_at_any_side_effect_leaves_nothing(mishap: Mishap, quick: bool) -> None:
    """The money went back and the machine is down before it asks, and then it breaks at each of its side effects."""
    for position in range(20):
        with a_world() as world:
            platform = sell_machines(world, quick=quick)
            order = placed(world)

            def strike(world: World = world, order: Order = order, position: int = position) -> None:
                taken_back(world, order)
                world.mishaps.strike(position, mishap)

            # Below `around`, so the answer to this request is not struck; the requests after it are.
            before_it_is_asked(platform, strike)
            world.runner.run_until_idle()
            reached = len(world.mishaps.seen) > position
            world.mishaps.none()
            world.live(3600, every=60)
            assert platform.made[order.uuid] >= 1
            assert_paid_back_with_nothing_left(world, platform, order)
            if not reached:
                return
    raise AssertionError("there is no end of side effects")


@pytest.mark.parametrize("mishap", [Mishap.ANSWER_LOST, Mishap.CRASH_AFTER])
def test_a_late_process_that_dies_with_its_request_leaves_nothing(world: World, mishap: Mishap) -> None:
    """It never sees what it has had made: the second look after the end takes that down."""
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
def test_taking_back_that_breaks_at_any_side_effect_is_done_in_the_end(mishap: Mishap) -> None:
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
    raise AssertionError("there is no end of side effects")


@pytest.mark.parametrize("mishap", list(Mishap))
def test_a_delivery_that_breaks_at_any_side_effect_makes_one_machine(mishap: Mishap) -> None:
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
    raise AssertionError("there is no end of side effects")


def test_a_platform_that_is_away_at_the_second_look_is_asked_until_it_answers(world: World) -> None:
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


def test_a_refusal_leaves_nothing_and_pays_back(world: World) -> None:
    platform = sell_machines(world)
    platform.refuse()
    order = placed(world)
    world.run()
    world.live(900, every=60)

    assert_paid_back_with_nothing_left(world, platform, order)
    assert world.order(order.uuid).failure is not None


def test_what_was_delivered_is_never_taken_down(world: World) -> None:
    platform = sell_machines(world, quick=True)
    order = placed(world)
    world.run()
    world.live(6 * 3600, every=600)

    assert world.order(order.uuid).status is OrderStatus.COMPLETED
    assert list(platform.machines) == [order.uuid] and world.net_paid() == 1400


def test_the_second_look_comes_when_no_process_can_be_left_that_read_the_order_before_its_end() -> None:
    template = yaml.load((ROOT / "template.yaml").read_text(), _Loader)
    longest = max(
        resource["Properties"].get("Timeout", template["Globals"]["Function"]["Timeout"])
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
    )

    assert 0 < longest < deadlines.CLOSING_CHECK / 1000
