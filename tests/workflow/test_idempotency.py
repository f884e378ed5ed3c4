"""The same request again: however often, however many at once, and whatever broke the time before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from hosting_orders.domain.order import Order, OrderStatus
from tests.support.mishaps import Mishap
from tests.support.world import World, a_world

# Well more than placing an order has; the test finds out where they end.
MOST_SIDE_EFFECTS = 25


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def the_order(world: World) -> Order:
    (item,) = world.items("ORDER#")
    return world.order(str(int(item["number"]["N"])))


def assert_delivered_once(world: World, orders: int = 1) -> None:
    assert [item["status"]["S"] for item in world.items("ORDER#")] == ["completed"] * orders
    assert world.net_paid() == 1200 * orders
    assert len(world.stripe.charges()) == orders
    assert not world.stripe.open_invoices()
    assert [invoice["status"] for invoice in world.stripe.invoices()] == ["paid"] * orders
    world.live(60)  # renewals begin in the schedule
    assert len(world.runner.executions) == orders
    assert sum(service.built for service in world.platform.services.values()) == orders
    assert len(world.stripe.subscriptions()) == orders


def test_twenty_posts_at_once_are_one_order_and_one_charge(world: World) -> None:
    world.place()  # functions are imported before the threads begin
    world.run()
    with ThreadPoolExecutor(20) as threads:
        replies = list(threads.map(lambda _: world.place(key="once"), range(20)))
    assert Counter(reply.status for reply in replies) == {202: 20}
    assert len({reply.body["cart"]["token"] for reply in replies}) == 1
    assert len({reply.body["orders"][0]["id"] for reply in replies}) == 1
    assert sum("idempotent-replayed" in reply.headers for reply in replies) == 19
    world.live(1800)
    assert_delivered_once(world, orders=2)


def test_the_same_key_with_another_body_is_refused_and_changes_nothing(world: World) -> None:
    first = world.place(key="k")
    second = world.place(key="k", name="Another site")
    assert (second.status, second.body["code"]) == (422, "idempotency_key_reused")
    assert first.status == 202 and len(world.items("ORDER#")) == 1
    world.run()
    assert_delivered_once(world)


def test_a_replay_after_the_end_only_reads(world: World) -> None:
    first = world.place(key="k")
    world.run()
    again = world.place(key="k")
    world.run()
    assert again.status == 202 and again.headers["idempotent-replayed"] == "true"
    assert again.body["orders"][0]["id"] == first.body["orders"][0]["id"]
    assert again.body["orders"][0]["status"] == "completed"
    assert_delivered_once(world)


@pytest.mark.parametrize("webhooks", [True, False])
def test_a_replay_of_a_refused_payment_is_refused_again(world: World, webhooks: bool) -> None:
    world.webhooks_on = webhooks
    first = world.place("declined_final", key="k")
    world.run()
    world.live(3600)
    again = world.place("declined_final", key="k")
    assert (first.status, again.status) == (422, 422)
    assert again.body["code"] == "cart_pay_failed"
    assert len(world.stripe.invoices()) == 1


def by_client(world: World) -> None:
    """The client alone repeats its request; no webhook of Stripe comes and no schedule runs."""
    world.webhooks_on = False
    world.advance(121)  # until then its first process might still be at it
    assert world.place(key="k", callback=True).status == 202
    world.run()


def by_schedule(world: World) -> None:
    """Nobody but the schedule looks after the order."""
    world.webhooks_on = world.platform_webhooks_on = False
    world.live_until_settled(the_order(world).uuid, every=600, most=3600)


@pytest.mark.parametrize("mishap", list(Mishap))
@pytest.mark.parametrize("carry_on", [by_client, by_schedule])
def test_an_order_survives_every_mishap_of_its_placing(
    carry_on: Callable[[World], None], mishap: Mishap
) -> None:
    """One side effect of place_order after the other goes wrong, in a world of its own."""
    for position in range(MOST_SIDE_EFFECTS):
        with a_world() as world:
            world.mishaps.strike(position, mishap)
            reply = world.place(key="k", callback=True)
            reached = len(world.mishaps.seen) > position
            name = world.mishaps.seen[position] if reached else ""
            world.mishaps.none()
            if not world.items("ORDER#"):
                # It was told that nothing was written, and so it is. The client asks again.
                assert reply.status >= 500 and not world.stripe.invoices(), (position, name)
                assert world.place(key="k", callback=True).status == 202
                world.run()
            else:
                carry_on(world)
            assert_delivered_once(world)
            assert len({request.message_id for request in world.callbacks.received}) == 1, (position, name)
            if not reached:
                assert position > 6
                return
    raise AssertionError("there is no end of side effects")


@pytest.mark.parametrize("mishap", [Mishap.CRASH_BEFORE, Mishap.CRASH_AFTER])
def test_stripe_s_webhooks_alone_carry_a_charged_order_on(world: World, mishap: Mishap) -> None:
    """The process dies after the charge: no client comes back and no schedule runs."""
    world.mishaps.watch(lambda name: mishap if name == "workflow.start_execution" else None)
    assert world.place(key="k").status == 502
    world.mishaps.none()
    world.run()
    assert_delivered_once(world)


def test_a_process_that_dies_right_after_the_charge_is_replaced_by_the_webhook(world: World) -> None:
    world.mishaps.watch(lambda name: Mishap.CRASH_AFTER if name.endswith("invoices/pay") else None)
    assert world.place(key="k").status == 502
    world.mishaps.none()
    assert world.net_paid() == 1200
    world.run()
    assert_delivered_once(world)


def test_a_declined_payment_whose_process_died_before_tidying_up_is_tidied_up(world: World) -> None:
    """Stripe had refused the card for good, and nobody was left to void the invoice."""
    world.mishaps.watch(lambda name: Mishap.CRASH_BEFORE if name.endswith("invoices/void") else None)
    assert world.place("declined_final", key="k", callback=True).status == 502
    world.mishaps.none()
    assert world.stripe.open_invoices()
    world.live(900, every=60)
    assert not world.stripe.open_invoices()
    (item,) = world.items("ORDER#")
    assert item["status"]["S"] == "failed"
    assert world.place("declined_final", key="k", callback=True).status == 422
    assert len(world.callbacks.received) == 1 and not world.platform.services


def test_a_fault_of_the_table_does_not_give_the_money_back(world: World) -> None:
    """Faults are retried by the workflow; only facts lead to RefundOrder."""
    struck: list[str] = []

    def once_per_step(name: str) -> Mishap | None:
        if len(struck) < 6 and name.startswith("table"):
            struck.append(name)
            return Mishap.NOT_DONE
        return None

    world.place(key="k")
    world.mishaps.watch(once_per_step)
    world.runner.run_until_idle()
    world.runner.advance(600)
    world.mishaps.none()
    world.run()
    assert len(struck) == 6
    assert the_order(world).status is OrderStatus.COMPLETED
    assert_delivered_once(world)


def test_a_replay_while_stripe_is_away_is_answered_as_the_first_request_was(world: World) -> None:
    world.mishaps.watch(lambda name: Mishap.NOT_DONE if name.startswith("stripe.post") else None)
    first = world.place(key="k")
    assert first.status == 202
    world.advance(300)  # the first process's right to start the payment has ended
    again = world.place(key="k")
    assert (again.status, again.headers["idempotent-replayed"]) == (202, "true")
    assert again.body["orders"][0]["id"] == first.body["orders"][0]["id"]
    world.mishaps.watch()
    world.live(1800)
    assert_delivered_once(world)
