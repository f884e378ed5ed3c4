"""The registrar is asked for a name once, whatever is lost, repeated or killed: a second order costs money."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hosting_orders.domain import durations
from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.domain.products import DomainItem
from tests.support.domain_books import (
    assert_alone,
    assert_given_back,
    assert_registered,
    claims,
    now,
    placed,
    submitted,
    told,
)
from tests.support.mishaps import Mishap
from tests.support.world import World, a_world, handler_of

NAME = "hosting-example.com"
OPERATION = {"register": "RegisterDomain", "transfer": "TransferDomain"}
DAY = 86_400


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def order_of(world: World, action: str, name: str = NAME) -> Order:
    more = {"authcode": "Secret-1"} if action == "transfer" else {}
    return placed(world, name, action=action, **more)


def live_to_the_end(world: World, order: Order) -> None:
    """As long as its product takes, and a little."""
    world.live(1800, every=150)
    if now(world, order).status is OrderStatus.PROCESSING:
        world.live(11 * DAY, every=DAY / 2)
    world.live(1200, every=600)


@pytest.mark.parametrize("action", ["register", "transfer"])
def test_a_name_is_asked_for_once_and_everything_follows_once(world: World, action: str) -> None:
    order = order_of(world, action)
    live_to_the_end(world, order)
    assert_alone(world, order)
    assert world.registrar.asked(OPERATION[action]) == 1
    assert world.runner.executions[order.uuid].transitions == 4


# -- lost answers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["register", "transfer"])
def test_a_lost_answer_to_an_order_that_was_taken_is_found_and_not_asked_again(
    world: World, action: str
) -> None:
    order = order_of(world, action)
    world.registrar.lose_next_answer(OPERATION[action])
    world.run()
    asked = now(world, order)
    assert asked.domain_record.submission is not None and asked.operation_id is None
    live_to_the_end(world, order)
    assert_alone(world, order)
    assert world.registrar.asked(OPERATION[action]) == 1


@pytest.mark.parametrize("action", ["register", "transfer"])
@pytest.mark.parametrize("code", ["ThrottlingException", "InternalFailure", "DuplicateRequest"])
def test_an_order_that_was_not_taken_is_given_once_more(world: World, action: str, code: str) -> None:
    order = order_of(world, action)
    world.registrar.fail_next(OPERATION[action], code, status=500 if code == "InternalFailure" else 400)
    live_to_the_end(world, order)
    assert_alone(world, order)
    assert world.registrar.asked(OPERATION[action]) == 2


def test_every_answer_of_the_registrar_lost_for_half_an_hour_is_still_one_registration(world: World) -> None:
    order = placed(world, NAME)
    world.registrar.lose_next_answer("*", times=40)
    world.live(1800, every=150)
    world.registrar.clear_faults()
    live_to_the_end(world, order)
    assert_alone(world, order)


def test_a_lost_answer_found_only_after_the_registration_was_through(world: World) -> None:
    order = placed(world, NAME)
    world.registrar.lose_next_answer("RegisterDomain")
    world.run()
    world.advance(3 * 3600)  # nobody looks for hours
    world.live(600, every=60)
    assert_alone(world, order)


def test_a_list_of_operations_that_lags_does_not_lead_to_a_second_registration(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer is lost and the list does not show the operation for ten minutes: longer than it takes."""
    order = placed(world, NAME)
    client = world.services.registrar._inner._asking
    listed = client.listed
    seen: list[str] = []

    def lagging(method: str, kind: str, arguments: Any) -> Any:
        seen.append(method)
        late = method == "list_operations" and world.clock.now() < order.created_at + 10 * durations.MINUTE
        return [] if late else listed(method, kind, arguments)

    monkeypatch.setattr(client, "listed", lagging)
    world.registrar.lose_next_answer("RegisterDomain")
    world.live(3600, every=200)
    assert "list_operations" in seen
    assert_alone(world, order)


def test_a_registration_that_failed_at_once_behind_a_lost_answer_is_not_tried_again(world: World) -> None:
    order = placed(world, "fail-example.com")
    world.registrar.lose_next_answer("RegisterDomain")
    world.run()
    world.registrar.fail("fail-example.com")
    world.live(3600, every=200)
    assert_given_back(world, order)
    assert world.registrar.submissions("fail-example.com") == 1 and world.net_paid() == 0


def test_a_failed_registration_of_the_order_before_is_not_taken_for_this_one(world: World) -> None:
    name = "twice-example.com"
    first = submitted(world, name)
    world.registrar.fail(name)
    world.live(1200, every=60)
    assert_given_back(world, first)
    second = placed(world, name)
    world.registrar.fail_next("RegisterDomain")
    world.live(1800, every=150)
    assert_registered_of(world, second, submissions=2)


def assert_registered_of(world: World, order: Order, submissions: int) -> None:
    ended = now(world, order)
    name = order.item_as(DomainItem).ascii_name
    assert ended.status is OrderStatus.COMPLETED
    assert (world.registrar.submissions(name), world.registrar.registrations(name)) == (submissions, 1)
    assert world.net_paid() == order.price.amount and claims(world) == {name}


def the_step_again(world: World, order: Order) -> None:
    """Lambda may run one invocation twice."""
    token = world.runner.executions[order.uuid].waiting_token
    step = {"account_id": order.account_id, "order_id": order.uuid, "task_token": token}
    handler_of("register_domain")(step, None)


# -- the same step twice -------------------------------------------------------------------------------------------


def test_a_step_that_runs_twice_at_once_asks_once(world: World) -> None:
    """Its twin runs from beginning to end in the very moment before the registrar is asked."""
    order = placed(world, NAME)
    world.mishaps.in_the_moment_of("registrar.submit", lambda: the_step_again(world, order))
    world.runner.run_until_idle()
    world.mishaps.none()
    live_to_the_end(world, order)
    assert world.registrar.asked("RegisterDomain") == 1
    assert_alone(world, order)


@pytest.mark.parametrize("side_effect", ["table.put_item", "registrar.find", "registrar.submit"])
def test_the_step_and_the_schedule_at_once_ask_once(world: World, side_effect: str) -> None:
    """The schedule looks again after a throttle, and in that very moment the step's twin runs."""
    order = placed(world, NAME)
    world.registrar.fail_next("RegisterDomain")
    world.run()
    world.mishaps.in_the_moment_of(side_effect, lambda: the_step_again(world, order))
    world.advance(61)
    world.reconcile()
    world.mishaps.none()
    live_to_the_end(world, order)
    assert_alone(world, order)
    assert world.registrar.asked("RegisterDomain") == 2  # the throttled one, and one more


def test_two_runs_of_the_schedule_at_once_ask_once(world: World) -> None:
    order = placed(world, NAME)
    world.registrar.fail_next("RegisterDomain")
    world.run()
    world.advance(61)
    world.mishaps.in_the_moment_of("registrar.submit", world.reconcile)
    world.reconcile()
    world.mishaps.none()
    live_to_the_end(world, order)
    assert_alone(world, order)
    assert world.registrar.asked("RegisterDomain") == 2  # the throttled one, and one more


def test_a_step_that_is_tried_again_while_the_schedule_delivers_is_let_go(world: World) -> None:
    """The second try has read the order as one to be delivered; then another delivers it; then it stores its token.
    A transfer's step would wait for 35 days."""
    order = placed(world, NAME)
    world.mishaps.watch(lambda name: Mishap.CRASH_AFTER if name == "registrar.submit" else None)
    world.runner.run_until_idle()
    world.mishaps.none()
    assert now(world, order).operation_id is None

    def deliver() -> None:
        world.clock.advance(130)
        world.reconcile()
        assert now(world, order).status is OrderStatus.COMPLETED

    world.mishaps.in_the_moment_of("table.put_item", deliver)
    world.runner.advance(2)
    world.mishaps.none()
    assert now(world, order).status is OrderStatus.COMPLETED
    live_to_the_end(world, order)
    assert_alone(world, order)


def test_the_lease_of_a_process_that_died_is_waited_for(world: World) -> None:
    order = placed(world, NAME)
    seen: list[str] = []

    def choose(name: str) -> Mishap | None:
        seen.append(name)
        return Mishap.CRASH_BEFORE if name == "registrar.submit" and seen.count(name) == 1 else None

    world.mishaps.watch(choose)
    world.runner.run_until_idle()
    assert world.registrar.asked("RegisterDomain") == 0
    world.live(60, every=20)  # the machine tries the step again, the schedule looks: it may still be at it
    assert seen.count("registrar.submit") == 1
    world.mishaps.none()
    live_to_the_end(world, order)
    assert_alone(world, order)


# -- every side effect, every kind of mishap -----------------------------------------------------------------------


@pytest.mark.parametrize("mishap", list(Mishap))
def test_a_registration_that_breaks_anywhere_registers_once(mishap: Mishap) -> None:
    """Every side effect of the step RegisterDomain, one after the other, in one world."""
    with a_world() as world:
        world.webhooks_on = False  # Stripe's news have no part in this
        for position in range(20):
            order = placed(world, f"name-{position}.com")
            while now(world, order).status is OrderStatus.PENDING:
                assert world.runner.run_one()
            world.mishaps.strike(position, mishap)
            world.runner.run_until_idle()
            reached = len(world.mishaps.seen) > position
            world.mishaps.none()
            world.live_until_settled(order.uuid, every=150, most=2400)
            assert_ended_well(world, order, position)
            if not reached:
                assert position > 3
                world.live(1800, every=600)
                assert_ended_well(world, order, position)
                return
    raise AssertionError("there is no end of side effects")


@pytest.mark.parametrize("mishap", list(Mishap))
def test_a_delivery_that_breaks_anywhere_is_finished_once(mishap: Mishap) -> None:
    """Every side effect from the schedule's question to the end of the order and its renewal."""
    with a_world() as world:
        world.webhooks_on = False  # Stripe's news have no part in this
        for position in range(30):
            order = submitted(world, f"name-{position}.com")
            world.advance(130)
            world.mishaps.strike(position, mishap)
            world.reconcile()
            world.reconcile()  # the renewal
            reached = len(world.mishaps.seen) > position
            world.mishaps.none()
            world.live_until_settled(order.uuid, every=150, most=2400)
            assert_ended_well(world, order, position)
            if not reached:
                assert position > 8
                world.live(1800, every=600)
                assert_ended_well(world, order, position)
                return
    raise AssertionError("there is no end of side effects")


@pytest.mark.parametrize("mishap", list(Mishap))
def test_a_lost_answer_whose_search_breaks_anywhere_registers_once(mishap: Mishap) -> None:
    """Two mishaps: the answer to the order is lost, and then something while it is looked for."""
    with a_world() as world:
        world.webhooks_on = False  # Stripe's news have no part in this
        for position in range(30):
            order = placed(world, f"name-{position}.com")
            world.registrar.lose_next_answer("RegisterDomain")
            world.run()
            world.advance(61)
            world.mishaps.strike(position, mishap)
            world.reconcile()
            reached = len(world.mishaps.seen) > position
            world.mishaps.none()
            world.live_until_settled(order.uuid, every=150, most=2400)
            assert_ended_well(world, order, position)
            if not reached:
                assert position > 3
                world.live(1800, every=600)
                assert_ended_well(world, order, position)
                return
    raise AssertionError("there is no end of side effects")


def assert_ended_well(world: World, order: Order, position: int) -> None:
    assert_registered(world, order)
    assert world.net_paid() == 1200 * (position + 1) and not world.stripe.credit_notes(), position
    assert told(world) == position + 1
