"""A domain order is submitted to the registrar only once, because each accepted submission costs money."""

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
    """Let time pass for as long as the registration or transfer takes, and a little longer."""
    world.live(1800, every=150)
    if now(world, order).status is OrderStatus.PROCESSING:
        world.live(11 * DAY, every=DAY / 2)
    world.live(1200, every=600)


@pytest.mark.parametrize("action", ["register", "transfer"])
def test_a_domain_is_submitted_once_and_delivered_once(world: World, action: str) -> None:
    order = order_of(world, action)
    live_to_the_end(world, order)
    assert_alone(world, order)
    assert world.registrar.asked(OPERATION[action]) == 1
    assert world.runner.executions[order.uuid].transitions == 4


# -- lost answers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["register", "transfer"])
def test_a_submission_is_not_repeated_if_its_answer_is_lost(world: World, action: str) -> None:
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
def test_a_submission_is_repeated_once_after_an_error(world: World, action: str, code: str) -> None:
    order = order_of(world, action)
    world.registrar.fail_next(OPERATION[action], code, status=500 if code == "InternalFailure" else 400)
    live_to_the_end(world, order)
    assert_alone(world, order)
    assert world.registrar.asked(OPERATION[action]) == 2


def test_a_domain_is_registered_once_if_answers_are_lost(world: World) -> None:
    order = placed(world, NAME)
    world.registrar.lose_next_answer("*", times=40)
    world.live(1800, every=150)
    world.registrar.clear_faults()
    live_to_the_end(world, order)
    assert_alone(world, order)


def test_a_registration_is_found_after_its_completion(world: World) -> None:
    order = placed(world, NAME)
    world.registrar.lose_next_answer("RegisterDomain")
    world.run()
    world.advance(3 * 3600)  # the reconciler does not run in these hours
    world.live(600, every=60)
    assert_alone(world, order)


def test_a_lagging_list_causes_no_second_registration(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The registrar's list of operations shows nothing for ten minutes. A registration takes less than ten minutes."""
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


def test_a_failed_registration_is_not_repeated(world: World) -> None:
    order = placed(world, "fail-example.com")
    world.registrar.lose_next_answer("RegisterDomain")
    world.run()
    world.registrar.fail("fail-example.com")
    world.live(3600, every=200)
    assert_given_back(world, order)
    assert world.registrar.submissions("fail-example.com") == 1 and world.net_paid() == 0


def test_an_earlier_failure_does_not_fail_a_new_order(world: World) -> None:
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
    """Run RegisterDomain again with the same task token, because Lambda may run an invocation twice."""
    token = world.runner.executions[order.uuid].waiting_token
    step = {"account_id": order.account_id, "order_id": order.uuid, "task_token": token}
    handler_of("register_domain")(step, None)


# -- concurrent runs -----------------------------------------------------------------------------------------------


def test_two_concurrent_runs_of_the_step_submit_once(world: World) -> None:
    """The second run starts and ends right before the first run calls the registrar."""
    order = placed(world, NAME)
    world.mishaps.in_the_moment_of("registrar.submit", lambda: the_step_again(world, order))
    world.runner.run_until_idle()
    world.mishaps.none()
    live_to_the_end(world, order)
    assert world.registrar.asked("RegisterDomain") == 1
    assert_alone(world, order)


@pytest.mark.parametrize("side_effect", ["table.put_item", "registrar.find", "registrar.submit"])
def test_a_concurrent_step_and_reconciler_submit_once(world: World, side_effect: str) -> None:
    """The reconciler retries a throttled call, and the step runs again at the same moment."""
    order = placed(world, NAME)
    world.registrar.fail_next("RegisterDomain")
    world.run()
    world.mishaps.in_the_moment_of(side_effect, lambda: the_step_again(world, order))
    world.advance(61)
    world.reconcile()
    world.mishaps.none()
    live_to_the_end(world, order)
    assert_alone(world, order)
    assert world.registrar.asked("RegisterDomain") == 2  # the throttled call and one more


def test_two_concurrent_reconciler_runs_submit_once(world: World) -> None:
    order = placed(world, NAME)
    world.registrar.fail_next("RegisterDomain")
    world.run()
    world.advance(61)
    world.mishaps.in_the_moment_of("registrar.submit", world.reconcile)
    world.reconcile()
    world.mishaps.none()
    live_to_the_end(world, order)
    assert_alone(world, order)
    assert world.registrar.asked("RegisterDomain") == 2  # the throttled call and one more


def test_a_step_retried_during_the_delivery_is_answered(world: World) -> None:
    """The retry stores its task token after the reconciler has delivered the domain.

    If nothing answered that token, the execution would wait until the step's time-out, which is 35 days.
    """
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


def test_a_crashed_process_blocks_others_during_its_lease(world: World) -> None:
    order = placed(world, NAME)
    seen: list[str] = []

    def choose(name: str) -> Mishap | None:
        seen.append(name)
        return Mishap.CRASH_BEFORE if name == "registrar.submit" and seen.count(name) == 1 else None

    world.mishaps.watch(choose)
    world.runner.run_until_idle()
    assert world.registrar.asked("RegisterDomain") == 0
    world.live(60, every=20)  # the workflow and the reconciler retry, but the crashed process holds the lease
    assert seen.count("registrar.submit") == 1
    world.mishaps.none()
    live_to_the_end(world, order)
    assert_alone(world, order)


# -- every kind of failure at every side effect --------------------------------------------------------------------


@pytest.mark.parametrize("mishap", list(Mishap))
def test_a_domain_is_registered_once_if_its_step_breaks(mishap: Mishap) -> None:
    with a_world() as world:
        world.webhooks_on = False  # Stripe's events are irrelevant here
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
    raise AssertionError("too few positions to reach every side effect")


@pytest.mark.parametrize("mishap", list(Mishap))
def test_a_delivery_is_completed_once_if_it_breaks(mishap: Mishap) -> None:
    """In each round, another side effect fails between the reconciler's query and the start of the renewal."""
    with a_world() as world:
        world.webhooks_on = False  # Stripe's events are irrelevant here
        for position in range(30):
            order = submitted(world, f"name-{position}.com")
            world.advance(130)
            world.mishaps.strike(position, mishap)
            world.reconcile()
            world.reconcile()  # starts the renewal
            reached = len(world.mishaps.seen) > position
            world.mishaps.none()
            world.live_until_settled(order.uuid, every=150, most=2400)
            assert_ended_well(world, order, position)
            if not reached:
                assert position > 8
                world.live(1800, every=600)
                assert_ended_well(world, order, position)
                return
    raise AssertionError("too few positions to reach every side effect")


@pytest.mark.parametrize("mishap", list(Mishap))
def test_a_domain_is_registered_once_if_the_search_breaks(
    mishap: Mishap,
) -> None:
    """The registrar's answer is lost, so the reconciler searches the registrar's operations for the submission."""
    with a_world() as world:
        world.webhooks_on = False  # Stripe's events are irrelevant here
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
    raise AssertionError("too few positions to reach every side effect")


def assert_ended_well(world: World, order: Order, position: int) -> None:
    assert_registered(world, order)
    assert world.net_paid() == 1200 * (position + 1) and not world.stripe.credit_notes(), position
    assert told(world) == position + 1
