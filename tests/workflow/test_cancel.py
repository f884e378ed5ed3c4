"""A cancel either succeeds and returns the money, or is refused with a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from hosting_orders.domain.catalogue import Variant
from hosting_orders.domain.order import Order, OrderStatus
from tests.support.mishaps import Mishap
from tests.support.world import Reply, World, a_world

DAY = 86_400


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        world.services.catalogue.put_variant(Variant("scarce", capacity=3))
        yield world


def placed(world: World, account: str) -> Order:
    reply = world.place(account, callback=True, variant="scarce")
    assert reply.status == 202
    return world.order(reply.body["orders"][0]["id"], account)


def cancel(world: World, order: Order) -> Reply:
    return world.request("DELETE", f"/api/orders/{order.uuid}", account=account_of(order))


def account_of(order: Order) -> str:
    return order.account_id.removeprefix("acc_")


def places_taken(world: World) -> int:
    (counter,) = world.items("CAPACITY#")  # read from the table, because the catalogue is cached for a minute
    return int(counter["used"]["N"])


def test_a_cancel_frees_the_capacity_of_the_order(world: World) -> None:
    order = placed(world, "ready")
    assert places_taken(world) == 1
    cancel(world, order)
    world.run()
    assert places_taken(world) == 0


def assert_canceled(world: World, order: Order) -> None:
    ended = world.order(order.uuid, account_of(order))
    assert ended.status is OrderStatus.CANCELED
    assert world.net_paid(account_of(order)) == 0 and not world.stripe.open_invoices()
    assert not world.platform.services and places_taken(world) == 0
    assert len(world.callbacks.received) == 1
    assert {execution.status for execution in world.runner.executions.values()} <= {"SUCCEEDED"}
    shown = world.request("GET", f"/api/orders/{order.uuid}", account=account_of(order)).body
    assert shown["order"]["status"] == "cancelled"
    assert shown["cancellation"]["can_cancel"] is False


@pytest.mark.parametrize("account", ["authentication_required", "declined_recoverable"])
def test_a_cancelled_unpaid_order_cannot_be_paid(world: World, account: str) -> None:
    order = placed(world, account)
    world.run()
    assert cancel(world, order).status == 202
    world.run()
    assert_canceled(world, order)
    assert {invoice["status"] for invoice in world.stripe.invoices()} == {"void"}


def test_credit_used_by_a_cancelled_order_is_returned(world: World) -> None:
    order = placed(world, "credit")
    assert cancel(world, order).status == 202  # the order is paid, but its workflow has not run yet
    world.run()
    assert_canceled(world, order)
    assert world.stripe.balance(world.accounts["credit"]["customer"]) == -500


@pytest.mark.parametrize("outcome", ["settle", "fail"])
def test_a_cancel_during_a_debit_waits_for_the_bank(world: World, outcome: str) -> None:
    world.stripe.controls.set(sepa_settles_after=30 * DAY)
    order = placed(world, "sepa")
    world.run()
    assert cancel(world, order).status == 202
    world.live(2 * DAY, every=DAY / 4)
    assert world.order(order.uuid, "sepa").status is OrderStatus.CANCELING
    invoice = world.cart(order.cart_token, "sepa").payment.reference
    getattr(world.stripe.controls, outcome)(invoice)
    world.run()
    world.live(3600)
    assert_canceled(world, order)
    assert len(world.stripe.credit_notes()) == (outcome == "settle")


def test_a_paid_order_can_be_cancelled_before_delivery(world: World) -> None:
    order = placed(world, "ready")
    assert world.net_paid() == 1200
    assert cancel(world, order).status == 202
    world.run()
    assert_canceled(world, order)


def test_an_order_can_be_cancelled_right_before_delivery(world: World) -> None:
    order = placed(world, "ready")
    while world.order(order.uuid).status is OrderStatus.PENDING:
        assert world.runner.run_one()
    assert world.order(order.uuid).provisioning_at is None
    assert cancel(world, order).status == 202
    world.run()
    assert_canceled(world, order)


def test_an_order_being_delivered_cannot_be_cancelled(world: World) -> None:
    order = placed(world, "ready")
    world.run(finish=False)
    reply = cancel(world, order)
    assert (reply.status, reply.body["code"]) == (409, "order_not_cancellable")
    assert reply.body["reason"] == "provisioning_started"
    world.run()
    assert world.order(order.uuid).status is OrderStatus.COMPLETED
    assert cancel(world, order).body["reason"] == "already_ended"
    assert world.net_paid() == 1200 and places_taken(world) == 1


def test_a_second_cancel_is_refused_as_already_cancelled(world: World) -> None:
    order = placed(world, "authentication_required")
    assert cancel(world, order).status == 202
    second = cancel(world, order)
    assert (second.status, second.body["reason"]) == (409, "already_cancelled")
    world.run()
    assert_canceled(world, order)


def test_an_order_being_refunded_cannot_be_cancelled(world: World) -> None:
    order = placed(world, "ready")
    world.run(finish=False)
    world.stripe.controls.set(refunds="refuse")
    world.platform.fail(order.uuid)
    world.platform_webhook(order.uuid)
    world.run()
    assert cancel(world, order).body["reason"] == "refund_in_progress"


@pytest.mark.parametrize("account", ["declined_final", "authentication_required"])
def test_an_ended_unpaid_order_cannot_be_cancelled(world: World, account: str) -> None:
    world.place(account, callback=True, variant="scarce")
    world.live(2 * DAY, every=DAY / 4)
    (item,) = world.items("ORDER#")
    order = world.order(str(int(item["number"]["N"])), account)
    assert order.ended
    assert (cancel(world, order).status, cancel(world, order).body["reason"]) == (409, "already_ended")
    assert places_taken(world) == 0


# -- races: another process acts right before a write ---------------------------------------------------------------


def in_the_moment_before(world: World, write: int, act: Callable[[], object]) -> None:
    """Run `act` right before one of the next writes to the table. `write` 1 is the first of them."""
    count = 0

    def choose(name: str) -> Mishap | None:
        nonlocal count
        if name in ("table.put_item", "table.transact_write_items"):
            count += 1
            if count == write:
                act()
        return None

    world.mishaps.watch(choose)


@pytest.mark.parametrize("write", range(1, 5))
def test_either_a_concurrent_cancel_or_the_delivery_wins(world: World, write: int) -> None:
    order = placed(world, "ready")
    replies: list[Reply] = []
    in_the_moment_before(world, write, lambda: replies.append(cancel(world, order)))
    world.runner.run_until_idle()
    world.mishaps.none()
    world.run()
    world.live(3600)
    (reply,) = replies
    if reply.status == 202:
        assert_canceled(world, order)
    else:
        assert reply.status == 409
        assert world.order(order.uuid).status is OrderStatus.COMPLETED
        assert world.net_paid() == 1200 and world.platform.built(order.uuid) == 1


def test_a_delivery_that_starts_during_a_cancel_wins(world: World) -> None:
    order = placed(world, "ready")
    in_the_moment_before(world, 1, world.runner.run_until_idle)
    reply = cancel(world, order)
    world.mishaps.none()
    assert (reply.status, reply.body["reason"]) == (409, "provisioning_started")
    world.run()
    assert world.order(order.uuid).status is OrderStatus.COMPLETED and world.net_paid() == 1200


@pytest.mark.parametrize("cancel_first", [True, False])
def test_a_cancel_wins_over_a_concurrent_payment(world: World, cancel_first: bool) -> None:
    account = "authentication_required"
    order = placed(world, account)
    world.run()
    world.stripe.controls.pay(world.cart(order.cart_token, account).payment.reference)
    if cancel_first:
        assert cancel(world, order).status == 202
        world.run()
    else:
        # The cancel arrives while the payment is being recorded.
        replies: list[Reply] = []
        in_the_moment_before(world, 1, lambda: replies.append(cancel(world, order)))
        world.hear_stripe()
        world.mishaps.none()
        world.run()
        assert [reply.status for reply in replies] == [202]
    world.live(3600)
    assert_canceled(world, order)


def test_an_order_cancelled_during_its_charge_is_refunded(world: World) -> None:
    replies: list[Reply] = []

    def choose(name: str) -> Mishap | None:
        if name.endswith("invoices/pay") and not replies:
            (item,) = world.items("ORDER#")
            order_id = str(int(item["number"]["N"]))
            replies.append(world.request("DELETE", f"/api/orders/{world.order(order_id).uuid}"))
        return None

    world.mishaps.watch(choose)
    reply = world.place(callback=True, variant="scarce")
    world.mishaps.none()
    assert [reply.status for reply in replies] == [202] and reply.status == 202
    world.run()
    world.live(1800)
    assert_canceled(world, world.order(reply.body["orders"][0]["id"]))


@pytest.mark.parametrize("mishap", list(Mishap))
def test_a_broken_side_effect_does_not_stop_a_cancel(world: World, mishap: Mishap) -> None:
    for position in range(6):
        world.callbacks.received.clear()
        order = placed(world, "authentication_required")
        world.run()
        world.mishaps.strike(position, mishap)
        status = cancel(world, order).status
        reached = len(world.mishaps.seen) > position
        world.mishaps.none()
        if status != 202 and world.order(order.uuid, account_of(order)).cancel_requested_at is None:
            assert cancel(world, order).status == 202
        world.live(1800, every=600)
        assert_canceled(world, order)
        if not reached:
            return
    raise AssertionError("too few positions to reach every side effect")
