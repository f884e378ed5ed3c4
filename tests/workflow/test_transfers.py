"""Slow transfers and registrations: what the customer sees, how often we query the registrar, and how they end."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from hosting_orders.domain import deadlines, durations
from hosting_orders.domain.order import Order, OrderStatus
from tests.support.domain_books import (
    assert_alone,
    assert_given_back,
    cancel,
    claims,
    contacts,
    endings,
    now,
    placed,
    renewals,
    shown,
    submitted,
    told,
    transfer,
    waiting,
    zones,
)
from tests.support.world import World, a_world

NAME = "moving-example.com"
HOUR = 3600
DAY = 24 * HOUR


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def under_way(world: World, name: str = NAME) -> Order:
    order = transfer(world, name)
    world.run()
    return now(world, order)


def block(world: World, order: Order) -> Any:
    return shown(world, order)["domain"]


def test_the_order_shows_each_step_of_a_ten_day_transfer(world: World) -> None:
    order = transfer(world, NAME)
    assert block(world, order)["status"] == "pending"
    world.run()
    begun = block(world, order)
    assert (begun["status"], begun["transfer"]["state"]) == ("transferring", "in_progress")
    deadline = begun["transfer"]["deadline"]
    assert deadline is not None
    # The stand-in's timetable: accepted after half a day, auth code checked by day 2, confirmed by the registrant by
    # day 5, released by the old registrar by day 10.
    world.live(DAY, every=6 * HOUR)
    assert block(world, order)["transfer"]["state"] == "in_progress"
    world.live(2 * DAY, every=6 * HOUR)
    waits = block(world, order)
    assert (waits["status"], waits["transfer"]["state"]) == ("action_required", "waiting_for_customer")
    assert waits["registry_state"] == "PENDING_AUTHORIZATION"
    assert "e-mail" in waits["transfer"]["next_step"]
    assert waits["next_step"] == waits["transfer"]["next_step"]
    assert (waits["registration_id"], waits["nameservers"], waits["dns_zone"]) == (None, [], None)
    world.live(5 * DAY, every=6 * HOUR)
    released = block(world, order)
    assert (released["status"], released["transfer"]["state"]) == ("transferring", "in_progress")
    assert released["registry_state"] is None and "current registrar" in released["transfer"]["next_step"]
    assert released["transfer"]["deadline"] == deadline
    assert now(world, order).status is OrderStatus.PROCESSING and told(world) == 0
    world.live(2 * DAY + 2 * HOUR, every=2 * HOUR)
    done = block(world, order)
    assert (done["status"], done["transfer"]["state"]) == ("active", "completed")
    assert done["transfer"]["deadline"] is None and done["registration_id"] is not None
    # The domain keeps its name servers, so existing services keep working. Our own zone is ready too.
    assert done["nameservers"] == ["ns1.former-registrar.example", "ns2.former-registrar.example"]
    assert [done["dns_zone"]["id"]] == zones(world, NAME)
    assert set(done["dns_zone"]["nameservers"]).isdisjoint(done["nameservers"])
    assert_alone(world, order)
    assert world.runner.executions[order.uuid].transitions == 4
    waits_told = [entry for entry in now(world, order).timeline if entry.cause.startswith("waiting")]
    assert [entry.cause for entry in waits_told] == ["waiting: PENDING_AUTHORIZATION"]


def test_the_registrar_is_queried_only_as_scheduled(world: World) -> None:
    """`deadlines.registrar_check` says when the next query is due. The reconciler may run earlier, but then it does
    not query the registrar.
    """
    order = under_way(world)
    asked: list[int] = []
    for every, seconds in ((20, 1800), (600, 6 * HOUR), (1200, DAY)):
        for _ in range(seconds // every):
            before = world.registrar.asked("GetOperationDetail")
            world.advance(every)
            world.reconcile()
            times = world.registrar.asked("GetOperationDetail") - before
            assert times <= 1, "queried twice in one run"
            asked += [world.clock.now()] * times
    for earlier, later in pairwise(asked):
        due = deadlines.registrar_check(order, earlier)
        assert due <= later < due + 1200 * durations.SECOND  # the reconciler runs at least every 1200 seconds
    assert len(asked) > 20 and len([at for at in asked if at > asked[-1] - 12 * durations.HOUR]) <= 13
    assert world.runner.executions[order.uuid].transitions == 3  # charge, route, register


def test_a_long_transfer_takes_four_state_transitions(world: World) -> None:
    world.registrar.configure(transfer_delay=25 * DAY)
    order = under_way(world)
    world.live(26 * DAY, every=DAY)
    assert_alone(world, order)
    assert world.runner.executions[order.uuid].transitions == 4


@pytest.mark.parametrize("day", [1, 3, 8])
def test_a_rejected_transfer_is_refunded(world: World, day: int) -> None:
    order = under_way(world)
    world.live(day * DAY, every=DAY / 2)
    world.registrar.reject(NAME, "The current registrar rejected the transfer.")
    world.live(3 * HOUR, every=HOUR / 2)
    assert_given_back(world, order)
    assert world.net_paid() == 0 and told(world) == 1 and endings(world) == {"SUCCEEDED"}
    ended = now(world, order)
    assert ended.failure is not None and ended.failure.code == "transfer_failed"
    assert "The transfer was rejected" in ended.failure.message
    assert block(world, order)["transfer"]["state"] == "failed"
    again = transfer(world, NAME)
    world.live(11 * DAY, every=DAY)
    assert now(world, again).status is OrderStatus.COMPLETED and world.net_paid() == 1200


def test_a_late_refusal_of_the_auth_code_leads_to_a_refund(world: World) -> None:
    """Our own check found the auth code valid. The registrar refuses it a day later."""
    order = under_way(world)
    world.live(DAY, every=DAY / 2)
    world.registrar.fail(NAME, "The authorization code that you got from the current registrar is not valid.")
    world.live(3 * HOUR, every=HOUR)
    assert_given_back(world, order)
    assert world.net_paid() == 0


def test_an_endless_transfer_is_abandoned_at_its_deadline(world: World) -> None:
    world.registrar.configure(transfer_delay=90 * DAY)
    order = under_way(world)
    world.live(29 * DAY, every=DAY)
    assert now(world, order).status is OrderStatus.PROCESSING and world.net_paid() == 1200
    assert world.metrics.counts["RegistrationAbandoned"] == 0
    world.live(2 * DAY, every=6 * HOUR)
    assert_given_back(world, order)
    assert world.net_paid() == 0 and told(world) == 1 and not waiting(world)
    assert world.metrics.counts["RegistrationAbandoned"] == 1
    assert world.runner.executions[order.uuid].states == [
        *("ChargeOrder", "RouteByType", "RegisterDomain", "RefundOrder", "SendCallback")
    ]
    # The transfer completes two months later. This changes no order and no charge, and we no longer query the transfer.
    world.live(61 * DAY, every=10 * DAY)
    assert world.registrar.registrations(NAME) == 1
    assert_given_back(world, order)
    assert world.net_paid() == 0 and told(world) == 1


def test_a_transfer_may_complete_on_its_last_day(world: World) -> None:
    world.registrar.configure(transfer_delay=30 * DAY - HOUR)
    order = under_way(world)
    world.live(29 * DAY, every=DAY)
    world.live(DAY, every=2 * HOUR)
    world.live(60)
    assert_alone(world, order)


def test_a_completed_transfer_is_delivered_after_its_deadline(world: World) -> None:
    """The reconciler does not run for 31 days, so the deadline passes. The registrar completes the transfer in time."""
    world.registrar.configure(transfer_delay=20 * DAY)
    order = under_way(world)
    world.advance(31 * DAY)
    world.live(HOUR, every=600)
    assert_alone(world, order)
    assert world.metrics.counts["RegistrationAbandoned"] == 0


@pytest.mark.parametrize("action", ["register", "transfer"])
def test_the_order_shows_what_the_registrant_must_do(world: World, action: str) -> None:
    name = "action-example.com"
    more = {"authcode": "Secret-1"} if action == "transfer" else {}
    order = placed(world, name, action=action, **more)
    world.live(3 * DAY, every=DAY / 2)
    waits = block(world, order)
    assert (waits["status"], waits["registry_state"]) == ("action_required", "PENDING_CUSTOMER_ACTION")
    assert "e-mail" in waits["next_step"]
    if action == "transfer":
        assert waits["transfer"]["state"] == "waiting_for_customer"
        assert waits["transfer"]["deadline"] is not None
    assert shown(world, order)["order"]["status"] == "processing" and world.net_paid() == 1200
    world.registrar.approve(name)
    world.live(6 * DAY, every=DAY / 2)
    assert_alone(world, order)
    assert block(world, order)["status"] == "active"


def test_an_unconfirmed_registration_is_abandoned_after_a_week(world: World) -> None:
    order = submitted(world, "action-example.com")
    world.live(6 * DAY, every=DAY / 2)
    assert now(world, order).status is OrderStatus.PROCESSING
    world.live(2 * DAY, every=DAY / 2)
    assert_given_back(world, order)
    assert world.net_paid() == 0 and world.metrics.counts["RegistrationAbandoned"] == 1
    assert endings(world) == {"SUCCEEDED"} and not waiting(world)


def test_the_renewal_is_charged_a_month_before_the_year_ends(world: World) -> None:
    order = under_way(world)
    world.live(11 * DAY, every=DAY)
    (renewal,) = renewals(world, order)
    anchor = renewal["billing_cycle_anchor"] * 1000
    begun = order.created_at
    assert 334 * durations.DAY <= anchor - begun <= 336 * durations.DAY
    (item,) = renewal["items"]["data"]
    assert item["price"]["unit_amount"] == 1400  # the price of another year, not of the transfer


def test_a_transfer_cannot_be_cancelled_or_repeated(world: World) -> None:
    order = under_way(world)
    world.live(3 * DAY, every=DAY)
    refused = cancel(world, order)
    assert (refused.status, refused.body["reason"]) == (409, "provisioning_started")
    again = world.order_domain(NAME, "credit", action="transfer", authcode="Secret-1")
    assert (again.status, again.body["code"]) == (422, "domain_add_failed")
    assert world.net_paid("credit") == 0 and claims(world) == {NAME} and contacts(world) == {order.number}
    world.live(8 * DAY, every=DAY)
    assert_alone(world, order)
