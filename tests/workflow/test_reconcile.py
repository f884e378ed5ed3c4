"""The reconciler, a scheduled function, ends every order correctly, even if webhooks are missing or repeated."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from hosting_orders.domain import deadlines
from hosting_orders.domain.callback import DeliveryStatus
from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.domain.providers import CallbackAnswer
from hosting_orders.usecases import reconcile as use_case
from tests.support.mishaps import Mishap
from tests.support.world import World, a_world

HOUR = 3600
DAY = 24 * HOUR
ENDS = {
    "ready": OrderStatus.COMPLETED,
    "trial": OrderStatus.COMPLETED,
    "credit": OrderStatus.COMPLETED,
    "sepa": OrderStatus.COMPLETED,
    "authentication_required": OrderStatus.EXPIRED,
    "declined_recoverable": OrderStatus.EXPIRED,
    "declined_final": OrderStatus.FAILED,
}
PAID = {"ready": 1200, "trial": 1200, "credit": 700, "sepa": 1200}


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def orders_of(world: World) -> dict[str, Order]:
    """Return the only order of each account."""
    found = {}
    for item in world.items("ORDER#"):
        account = item["PK"]["S"].removeprefix("ACCOUNT#acc_")
        found[account] = world.order(str(int(item["number"]["N"])), account)
    return found


def placed(world: World, account: str = "ready") -> Order:
    reply = world.place(account, callback=True)
    assert reply.status == 202
    return world.order(reply.body["orders"][0]["id"], account)


def assert_all_ended_right(world: World) -> None:
    assert {account: order.status for account, order in orders_of(world).items()} == ENDS
    assert {account: world.net_paid(account) for account in ENDS} == {a: PAID.get(a, 0) for a in ENDS}
    assert not world.stripe.open_invoices()
    assert len({request.message_id for request in world.callbacks.received}) == len(ENDS)
    assert {execution.status for execution in world.runner.executions.values()} == {"SUCCEEDED"}
    assert sum(service.built for service in world.platform.services.values()) == len(PAID)
    assert not [item for item in world.items("") if "due_at" in item]
    words = {
        OrderStatus.COMPLETED: "completed",
        OrderStatus.EXPIRED: "cancelled",
        OrderStatus.FAILED: "failed",
    }
    for account, order in orders_of(world).items():
        assert world.cart(order.cart_token, account).rollup_status == words[order.status]


def test_every_order_ends_correctly_without_webhooks(world: World) -> None:
    world.webhooks_on = world.platform_webhooks_on = False
    for account in ENDS:
        world.place(account, callback=True)
    world.live(2 * HOUR, every=900)
    world.live(16 * DAY, every=DAY / 4)
    assert_all_ended_right(world)


@pytest.mark.parametrize("seed", range(3))
def test_orders_end_correctly_with_shuffled_webhooks(seed: int) -> None:
    chance = random.Random(seed)
    with a_world() as world:
        world.webhooks_on = False
        waiting: list[Any] = []
        for account in ENDS:
            world.place(account, callback=True)
        world.fresh_stripe_events()
        world._told_events = 0
        for _ in range(40):
            fresh = world.fresh_stripe_events()
            # New event ids bypass the duplicate check, which must not be the only protection.
            waiting += [{**event, "id": f"{event['id']}{n}"} for event in fresh for n in range(3)]
            chance.shuffle(waiting)
            told, waiting = waiting[: len(waiting) // 2 + 1], waiting[len(waiting) // 2 + 1 :]
            for event in told:
                world.stripe_webhook(event)
            world.run()
            world.advance(DAY / 2)
            world.reconcile()
        for event in waiting:
            world.stripe_webhook(event)
        world.run()
        assert_all_ended_right(world)
        assert all(service.built == 1 for service in world.platform.services.values())
        assert len(world.stripe.subscriptions()) == len(PAID)


def test_a_lost_workflow_start_is_repeated(world: World) -> None:
    world.webhooks_on = False
    world.mishaps.watch(lambda name: Mishap.NOT_DONE if name == "workflow.start_execution" else None)
    order = placed(world)
    world.mishaps.none()
    assert not world.runner.executions
    world.live(600, every=60)
    assert world.order(order.uuid).status is OrderStatus.COMPLETED and world.net_paid() == 1200


@pytest.mark.parametrize("mishap", [Mishap.NOT_DONE, Mishap.CRASH_BEFORE])
def test_a_lost_call_to_resume_the_charge_step_is_repeated(world: World, mishap: Mishap) -> None:
    """If nothing resumed the execution of the paid order, it would wait for a month."""
    account = "authentication_required"
    order = placed(world, account)
    world.run()
    world.stripe.controls.pay(world.cart(order.cart_token, account).payment.reference)
    world.webhooks_on = False
    world.advance(HOUR + 60)
    world.mishaps.watch(lambda name: mishap if name == "workflow.send_task_success" else None)
    world.reconcile()
    world.mishaps.none()
    assert world.order(order.uuid, account).status is OrderStatus.PROCESSING
    assert not world.platform.services
    world.live(HOUR, every=600)
    assert world.order(order.uuid, account).status is OrderStatus.COMPLETED


def test_the_order_of_a_stopped_execution_is_refunded(world: World) -> None:
    order = placed(world)
    world.runner.run_one()
    world.runner.stop(order.uuid)
    world.live(9 * HOUR, every=1800)
    assert world.order(order.uuid).status is OrderStatus.PROVISION_FAILED
    assert world.net_paid() == 0 and len(world.callbacks.received) == 1


def test_an_unpaid_card_order_expires_after_a_day(world: World) -> None:
    order = placed(world, "authentication_required")
    world.live(DAY - 2 * HOUR, every=HOUR)
    assert world.order(order.uuid, "authentication_required").status is OrderStatus.PENDING
    world.live(4 * HOUR, every=HOUR)
    assert world.order(order.uuid, "authentication_required").status is OrderStatus.EXPIRED
    (invoice,) = world.stripe.invoices()
    assert invoice["status"] == "void"
    with pytest.raises(Exception, match="void"):
        world.stripe.controls.pay(invoice["id"])


def test_an_unpaid_order_expires_soon_after_its_deadline(world: World) -> None:
    order = placed(world, "authentication_required")
    world.run()
    pay_until = world.cart(order.cart_token, "authentication_required").payment.pay_until
    assert pay_until is not None
    world.advance((pay_until - world.clock.now()) / 1000 - 1800)
    world.live(1740, every=60)
    assert world.order(order.uuid, "authentication_required").status is OrderStatus.PENDING
    world.live(120, every=60)
    assert world.order(order.uuid, "authentication_required").status is OrderStatus.EXPIRED


@pytest.mark.parametrize("for_others", [HOUR, 3 * DAY])
def test_a_cart_expires_at_the_time_shown_to_its_customer(
    world: World, monkeypatch: pytest.MonkeyPatch, for_others: int
) -> None:
    """A later release may change the time limit. A cart that was placed before that release keeps the old limit."""
    order = placed(world, "authentication_required")
    world.run()
    payment = world.cart(order.cart_token, "authentication_required").payment
    assert payment.pay_url and payment.pay_until == order.created_at + DAY * 1000
    monkeypatch.setattr(deadlines, "CARD_EXPIRY", for_others * 1000)
    world.live(DAY - 2 * HOUR, every=HOUR)
    assert world.order(order.uuid, "authentication_required").status is OrderStatus.PENDING
    world.live(3 * HOUR, every=HOUR)
    assert world.order(order.uuid, "authentication_required").status is OrderStatus.EXPIRED
    assert world.cart(order.cart_token, "authentication_required").payment.pay_url is None


def test_an_order_does_not_expire_during_a_debit(world: World) -> None:
    world.stripe.controls.set(sepa_settles_after=13 * DAY)
    order = placed(world, "sepa")
    world.live(12.5 * DAY, every=DAY / 4)
    assert world.order(order.uuid, "sepa").status is OrderStatus.PENDING
    world.live(DAY, every=DAY / 4)
    assert world.order(order.uuid, "sepa").status is OrderStatus.COMPLETED


def test_an_order_with_an_overdue_debit_does_not_expire(
    world: World,
) -> None:
    world.stripe.controls.set(sepa_settles_after=20 * DAY)
    order = placed(world, "sepa")
    world.live(15 * DAY, every=DAY)
    asked = len(world.stripe.requests)
    world.live(HOUR, every=60)
    assert len(world.stripe.requests) - asked < 60
    world.live(6 * DAY, every=DAY / 2)
    assert world.order(order.uuid, "sepa").status is OrderStatus.COMPLETED
    assert world.net_paid("sepa") == 1200


def spoil(world: World, order: Order) -> None:
    """Poison the order: store an unreadable status, so that every check of the order fails."""
    (item,) = [item for item in world.items("ORDER#") if int(item["number"]["N"]) == order.number]
    world.dynamodb.put_item(TableName="hosting-orders-test", Item={**item, "status": {"S": "no such status"}})


def test_a_poisoned_item_does_not_stop_the_others(world: World) -> None:
    world.webhooks_on = world.platform_webhooks_on = False
    poisoned = [placed(world, "trial") for _ in range(3)]
    good = placed(world)
    for order in poisoned:
        spoil(world, order)
    world.stream_records()  # the stream is tested elsewhere
    world.stream_on = False
    world.runner.run_until_idle()
    world.live(HOUR, every=600)
    assert world.order(good.uuid).status is OrderStatus.COMPLETED
    assert world.metrics.counts["ReconcileFailed"] >= 3


def test_poisoned_items_move_to_the_back_of_the_queue(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """If poisoned items kept their place, a full batch of them would hide the good item in every run."""
    monkeypatch.setattr(use_case, "BATCH", 2)
    world.webhooks_on = False
    poisoned = [placed(world, "trial") for _ in range(4)]
    world.advance(1)
    good = placed(world, "authentication_required")
    for order in poisoned:
        spoil(world, order)
    reached = False
    real = use_case._check

    def look_at(services: Any, item: Any, body: Any) -> None:
        nonlocal reached
        reached = reached or item.key == str(good.number)
        if item.account_id == "acc_trial":
            raise RuntimeError("poison")
        real(services, item, body)

    monkeypatch.setattr(use_case, "_check", look_at)
    world.advance(200)
    for _ in range(6):
        use_case.reconcile(world.services, lambda order, name: b"", limit=2)
    assert reached


def test_a_crash_at_one_item_does_not_stop_the_others(world: World) -> None:
    """The function crashes (out of memory, time-out) while it checks the first item."""
    world.webhooks_on = False
    orders = [placed(world, account) for account in ("ready", "trial")]
    world.advance(300)
    world.mishaps.strike(1, Mishap.CRASH_BEFORE)
    world.reconcile()
    world.mishaps.none()
    world.live(1800, every=300)
    assert {world.order(o.uuid, a).status for o, a in zip(orders, ("ready", "trial"), strict=True)} == {
        OrderStatus.COMPLETED
    }


def test_a_run_is_limited_in_items_and_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(5):
        placed(world, "authentication_required")
    world.advance(300)
    assert use_case.reconcile(world.services, lambda order, name: b"", limit=3) == 3
    world.advance(HOUR)
    real = use_case._check

    def slow(services: Any, item: Any, body: Any) -> None:
        world.clock.advance(40)
        real(services, item, body)

    monkeypatch.setattr(use_case, "_check", slow)
    assert use_case.reconcile(world.services, lambda order, name: b"") == 2


def test_two_concurrent_runs_do_not_take_the_same_item(world: World) -> None:
    placed(world, "authentication_required")
    world.advance(HOUR)
    (item, *_) = world.services.orders.due(world.clock.now(), 10)
    assert world.services.orders.postpone(item, item.due_at + 1000)
    assert not world.services.orders.postpone(item, item.due_at + 2000)


def test_a_run_without_due_items_does_nothing(world: World) -> None:
    placed(world)
    world.run()
    world.live(DAY, every=HOUR)
    asked = len(world.stripe.requests)
    assert world.reconcile() == 0
    assert len(world.stripe.requests) == asked


def test_the_reconciler_sends_an_unsent_callback(world: World) -> None:
    order = placed(world)
    world.mishaps.watch(lambda name: Mishap.CRASH_BEFORE if name == "callbacks.send" else None)
    world.run()
    world.mishaps.none()
    assert world.order(order.uuid).status is OrderStatus.COMPLETED and not world.callbacks.received
    world.live(600, every=60)
    assert len({request.message_id for request in world.callbacks.received}) == 1
    delivery = world.services.deliveries.delivery(order.account_id, order.number)
    assert delivery is not None and delivery.status is DeliveryStatus.DELIVERED


def test_a_callback_is_retried_with_the_same_message_id(world: World) -> None:
    world.callbacks.answers = [CallbackAnswer(500), CallbackAnswer(None, "timed out"), CallbackAnswer(204)]
    placed(world)
    world.run()
    world.live(2 * HOUR, every=60)
    assert len(world.callbacks.received) == 3
    assert len({request.message_id for request in world.callbacks.received}) == 1
