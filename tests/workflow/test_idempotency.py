"""A request may be repeated many times, concurrently or after a failure.

A repeated request is called a replay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from hosting_orders.domain.order import Order, OrderStatus
from tests.support.mishaps import Mishap
from tests.support.world import World, a_world

# More side effects than placing an order has. The test finds the real number.
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
    world.live(60)  # the reconciler starts renewals
    assert len(world.runner.executions) == orders
    assert sum(service.built for service in world.platform.services.values()) == orders
    assert len(world.stripe.subscriptions()) == orders


def test_twenty_concurrent_posts_make_and_charge_one_order(world: World) -> None:
    world.place()  # import the functions before the threads start
    world.run()
    with ThreadPoolExecutor(20) as threads:
        replies = list(threads.map(lambda _: world.place(key="once"), range(20)))
    assert Counter(reply.status for reply in replies) == {202: 20}
    assert len({reply.body["cart"]["token"] for reply in replies}) == 1
    assert len({reply.body["orders"][0]["id"] for reply in replies}) == 1
    assert sum("idempotent-replayed" in reply.headers for reply in replies) == 19
    world.live(1800)
    assert_delivered_once(world, orders=2)


def test_an_idempotency_key_with_another_body_is_refused(world: World) -> None:
    first = world.place(key="k")
    second = world.place(key="k", name="Another site")
    assert (second.status, second.body["code"]) == (422, "idempotency_key_reused")
    assert first.status == 202 and len(world.items("ORDER#")) == 1
    world.run()
    assert_delivered_once(world)


def test_a_replay_after_delivery_changes_nothing(world: World) -> None:
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
    """The client repeats its request. Neither webhooks nor the reconciler continue the order."""
    world.webhooks_on = False
    world.advance(121)  # the first process's payment lease has expired
    assert world.place(key="k", callback=True).status == 202
    world.run()


def by_schedule(world: World) -> None:
    """Only the reconciler continues the order. There are no webhooks."""
    world.webhooks_on = world.platform_webhooks_on = False
    world.live_until_settled(the_order(world).uuid, every=600, most=3600)


@pytest.mark.parametrize("mishap", list(Mishap))
@pytest.mark.parametrize("carry_on", [by_client, by_schedule])
def test_an_order_is_placed_once_if_any_side_effect_breaks(
    carry_on: Callable[[World], None], mishap: Mishap
) -> None:
    for position in range(MOST_SIDE_EFFECTS):
        with a_world() as world:
            world.mishaps.strike(position, mishap)
            reply = world.place(key="k", callback=True)
            reached = len(world.mishaps.seen) > position
            name = world.mishaps.seen[position] if reached else ""
            world.mishaps.none()
            if not world.items("ORDER#"):
                # Nothing was written, as the response says. The client retries.
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
    raise AssertionError("too few positions to reach every side effect")


@pytest.mark.parametrize("mishap", [Mishap.CRASH_BEFORE, Mishap.CRASH_AFTER])
def test_stripe_webhooks_alone_continue_a_charged_order(world: World, mishap: Mishap) -> None:
    """The client does not retry and the reconciler does not run."""
    world.mishaps.watch(lambda name: mishap if name == "workflow.start_execution" else None)
    assert world.place(key="k").status == 502
    world.mishaps.none()
    world.run()
    assert_delivered_once(world)


def test_a_webhook_continues_an_order_after_a_crash(world: World) -> None:
    world.mishaps.watch(lambda name: Mishap.CRASH_AFTER if name.endswith("invoices/pay") else None)
    assert world.place(key="k").status == 502
    world.mishaps.none()
    assert world.net_paid() == 1200
    world.run()
    assert_delivered_once(world)


def test_a_declined_invoice_is_voided_after_a_crash(world: World) -> None:
    """The process crashed between the permanent decline and voiding the invoice."""
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


def test_a_table_fault_does_not_cause_a_refund(world: World) -> None:
    """The workflow retries faults. Only a definite failure of the order leads to RefundOrder."""
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


def test_a_replay_in_an_outage_gets_the_first_response(world: World) -> None:
    world.mishaps.watch(lambda name: Mishap.NOT_DONE if name.startswith("stripe.post") else None)
    first = world.place(key="k")
    assert first.status == 202
    world.advance(300)  # the first process's payment lease has expired
    again = world.place(key="k")
    assert (again.status, again.headers["idempotent-replayed"]) == (202, "true")
    assert again.body["orders"][0]["id"] == first.body["orders"][0]["id"]
    world.mishaps.watch()
    world.live(1800)
    assert_delivered_once(world)
