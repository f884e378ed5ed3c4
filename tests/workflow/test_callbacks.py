"""Each ended order sends one callback, and failed attempts are retried for days. The time is virtual."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from hosting_orders.domain.callback import SCHEDULE, CallbackDelivery
from hosting_orders.domain.ids import parse_order_id
from hosting_orders.domain.order import Actor, OrderStatus
from hosting_orders.domain.products import SiteResource
from hosting_orders.domain.providers import CallbackAnswer
from tests.support.mishaps import Mishap
from tests.support.table import everything_in
from tests.support.world import World, a_world, handler_of

HOUR = 3600
DAY = 24 * HOUR
AUTHORIZATION = "Bearer 12345"  # World.place sends this as the callback's `authorization`
FAILED = CallbackAnswer(500)


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def placed(world: World, account: str = "ready", **changes: Any) -> str:
    return str(world.place(account, callback=True, **changes).body["orders"][0]["id"])


def completed(world: World, *answers: CallbackAnswer) -> str:
    """Return the id of a completed order. Its callback attempts receive these answers in turn, then always 204."""
    world.callbacks.answers = list(answers)
    order_id = placed(world)
    world.run()
    assert world.order(order_id).status is OrderStatus.COMPLETED
    return order_id


def delivery(world: World, order_id: str, account: str = "ready") -> CallbackDelivery:
    number = parse_order_id(order_id)
    assert number is not None
    found = world.services.deliveries.delivery(world.accounts[account]["id"], number)
    assert found is not None
    return found


def wait_for_the_next_attempt(world: World, order_id: str) -> float:
    """Advance until the next attempt is due, let the reconciler make it, and return the seconds waited."""
    due_at = delivery(world, order_id).due_at
    assert due_at is not None
    made, seconds = len(world.callbacks.received), (due_at - world.clock.now()) / 1000
    if seconds > 1:
        world.advance(seconds - 1)
        world.reconcile()
        assert len(world.callbacks.received) == made, "an attempt was made too early"
        world.advance(1)
    world.reconcile()
    assert len(world.callbacks.received) == made + 1
    return seconds


def attempts(world: World, order_id: str) -> Any:
    reply = world.request("GET", f"/api/orders/{order_id}/callbacks")
    assert reply.status == 200, reply.body
    return reply.body


def state_on_the_order(world: World, order_id: str) -> Any:
    return world.request("GET", f"/api/orders/{order_id}").body["callback"]


def redeliver(world: World, order_id: str, message_id: str, **more: Any) -> Any:
    return world.request("POST", f"/api/orders/{order_id}/callbacks/{message_id}/redeliver", **more)


# -- the first attempt ---------------------------------------------------------------------------------------------


def test_the_workflow_makes_the_first_attempt_immediately(world: World) -> None:
    order_id = completed(world)
    (message,) = world.callbacks.received
    assert message.url == "https://client.example/hook"
    assert message.authorization == AUTHORIZATION
    assert message.secrets == (f"whsec_{world.accounts['ready']['id']}",)
    assert message.timestamp == world.clock.now() // 1000
    assert json.loads(message.body)["task"]["orders"] == [{"id": order_id, "status": "completed"}]
    world.live(DAY, every=6 * HOUR)
    assert len(world.callbacks.received) == 1


@pytest.mark.parametrize("answer", [FAILED, CallbackAnswer(None, "no answer in time"), CallbackAnswer(410)])
def test_a_failing_receiver_does_not_fail_the_execution(world: World, answer: CallbackAnswer) -> None:
    completed(world, answer)
    (execution,) = world.runner.executions.values()
    assert execution.status == "SUCCEEDED"


def end_by(world: World, end: OrderStatus) -> tuple[str, str]:
    """Cause an order to end with this status and return (order id, account). The caller must still call `world.run`."""
    match end:
        case OrderStatus.COMPLETED:
            return completed(world), "ready"
        case OrderStatus.FAILED:
            reply = world.place("declined_final", callback=True)
            assert reply.status == 422
            (order,) = world.services.orders.newest(world.accounts["declined_final"]["id"], 2).orders
            return order.uuid, "declined_final"
        case OrderStatus.PROVISION_FAILED:
            order_id = placed(world)
            world.run(finish=False)
            world.platform.fail(order_id)
            world.platform_webhook(order_id)
            return order_id, "ready"
        case OrderStatus.CANCELED:
            order_id = placed(world, "authentication_required")
            world.run()
            path = f"/api/orders/{order_id}"
            assert world.request("DELETE", path, account="authentication_required").status == 202
            return order_id, "authentication_required"
        case _:
            order_id = placed(world, "authentication_required")
            world.run()
            world.live(DAY + HOUR, every=HOUR)
            return order_id, "authentication_required"


@pytest.mark.parametrize(
    ("end", "kind", "task", "sites"),
    [
        (OrderStatus.COMPLETED, "order.completed", "OK", 1),
        (OrderStatus.FAILED, "order.failed", "FAILED", 0),
        (OrderStatus.PROVISION_FAILED, "order.failed", "FAILED", 0),
        (OrderStatus.CANCELED, "order.cancelled", "CANCELLED", 0),
        (OrderStatus.EXPIRED, "order.cancelled", "CANCELLED", 0),
    ],
)
def test_every_end_status_sends_one_callback(
    world: World, end: OrderStatus, kind: str, task: str, sites: int
) -> None:
    order_id, account = end_by(world, end)
    world.run()
    world.live(10 * 60, every=60)
    assert world.order(order_id, account).status is end
    (message,) = world.callbacks.received
    body = json.loads(message.body)
    assert (body["type"], body["task"]["status"]) == (kind, task)
    assert len(body["task"]["sites"]) == sites
    assert [order["id"] for order in body["task"]["orders"]] == [order_id]
    assert message.authorization == AUTHORIZATION


def test_an_order_in_progress_sends_no_callback(world: World) -> None:
    waits_for_customer = placed(world, "authentication_required")
    waits_for_bank = placed(world, "sepa")
    delivered_slowly = placed(world)
    world.run(finish=False)
    world.stripe.controls.set(refunds="refuse")
    refused = placed(world)
    world.run(finish=False)
    world.platform.fail(refused)
    world.platform_webhook(refused)
    world.live(3 * HOUR, every=HOUR, finish=False)
    assert world.order(waits_for_customer, "authentication_required").status is OrderStatus.PENDING
    assert world.order(waits_for_bank, "sepa").status is OrderStatus.PENDING
    assert world.order(delivered_slowly).status is OrderStatus.PROCESSING
    assert world.order(refused).status is OrderStatus.REFUND_FAILED
    for order_id in (
        delivered_slowly,
        refused,
    ):  # no callback is sent even if the callback step runs too early
        handler_of("send_callback")({"account_id": world.accounts["ready"]["id"], "order_id": order_id}, None)
    assert world.callbacks.received == []
    for order_id in (delivered_slowly, refused):
        nothing_yet = {"id": None, "status": "not_due", "attempts": 0, "next_at": None}
        assert state_on_the_order(world, order_id) == nothing_yet
        assert attempts(world, order_id) == {"callback": nothing_yet, "attempts": []}


def test_callbacks_and_their_records_contain_no_secret(world: World) -> None:
    order_id = completed(world, FAILED)
    wait_for_the_next_attempt(world, order_id)
    shown = world.request("GET", f"/api/orders/{order_id}").body
    password = world.platform.password(order_id)
    site = world.order(order_id).resource_as(SiteResource)
    assert (
        site is not None and shown["site"]["ssh_data"]["password"] == password
    )  # the owner of the site may see the password
    secrets = (password, site.username, site.ip_address, AUTHORIZATION, "12345")
    for message in world.callbacks.received:
        text = message.body.decode()
        for secret in (*secrets, *message.secrets, "password"):
            assert secret not in text
        assert "Bearer" not in repr(message)
    stored = json.dumps(everything_in(world.dynamodb), default=str)
    history = json.dumps([execution.history for execution in world.runner.executions.values()], default=str)
    for secret in (password, AUTHORIZATION):
        assert secret not in stored
        assert secret not in history
    del shown["site"]
    for answer in (
        shown,
        attempts(world, order_id),
        redeliver(world, order_id, delivery(world, order_id).message_id),
    ):
        assert AUTHORIZATION not in json.dumps(answer, default=str)


def test_no_authorization_is_sent_if_the_client_gave_none(world: World) -> None:
    body = {**world.site(), "callback": {"url": "https://client.example/hook"}}
    assert world.request("POST", "/api/orders", body).status == 202
    world.run()
    assert [message.authorization for message in world.callbacks.received] == [None]


# -- retries -------------------------------------------------------------------------------------------------------


def test_retries_follow_the_whole_schedule_and_then_stop(world: World) -> None:
    order_id = completed(world, *[FAILED] * 100)
    began = world.clock.now()
    waits = []
    for number in range(1, len(SCHEDULE) + 1):
        state = state_on_the_order(world, order_id)
        assert (state["status"], state["attempts"]) == ("pending", number)
        waits.append(wait_for_the_next_attempt(world, order_id))
    for waited, wanted in zip(waits, SCHEDULE, strict=True):
        assert wanted <= waited <= wanted * 1.1
    assert any(waited > wanted for waited, wanted in zip(waits, SCHEDULE, strict=True))  # jitter
    assert sum(SCHEDULE) < (world.clock.now() - began) / 1000 < sum(SCHEDULE) * 1.1 + HOUR < 5 * DAY
    # The vendor of contract 002 promises its clients a retry every 2 to 5 minutes, then every 5 to 10, then every 15
    # minutes for up to 4 hours.
    assert SCHEDULE[:4] == (120, 180, 300, 900)
    assert 3.5 * HOUR < sum(SCHEDULE[:18]) <= 4 * HOUR

    assert len(world.callbacks.received) == len(SCHEDULE) + 1
    assert len({message.message_id for message in world.callbacks.received}) == 1
    assert len({message.body for message in world.callbacks.received}) == 1
    assert {message.authorization for message in world.callbacks.received} == {AUTHORIZATION}
    stamps = [message.timestamp for message in world.callbacks.received]
    assert stamps == sorted(set(stamps))  # each attempt is signed with its own timestamp

    assert world.metrics.counts["CallbackExhausted"] == 1
    state = state_on_the_order(world, order_id)
    assert (state["status"], state["attempts"], state["next_at"]) == ("exhausted", len(SCHEDULE) + 1, None)
    assert world.order(order_id).status is OrderStatus.COMPLETED
    last = world.order(order_id).timeline[-1]
    assert (last.actor, last.cause) == (Actor.SYSTEM, "callback exhausted")
    world.live(10 * DAY, every=DAY)
    assert len(world.callbacks.received) == len(SCHEDULE) + 1
    assert world.metrics.counts["CallbackExhausted"] == 1


def test_the_first_success_ends_the_retries(world: World) -> None:
    order_id = completed(
        world, FAILED, CallbackAnswer(None, "no connection"), CallbackAnswer(302), CallbackAnswer(204)
    )
    for _ in range(3):
        wait_for_the_next_attempt(world, order_id)
    body = attempts(world, order_id)
    assert body["callback"] == {
        "id": delivery(world, order_id).message_id,
        "status": "delivered",
        "attempts": 4,
        "next_at": None,
    }
    assert [(one["attempt"], one["status_code"], one["error"]) for one in body["attempts"]] == [
        (1, 500, None),
        (2, None, "no connection"),
        (3, 302, None),
        (4, 204, None),
    ]
    world.live(DAY, every=6 * HOUR)
    assert len(world.callbacks.received) == 4


def test_the_last_attempt_shows_when_the_next_attempt_is_due(world: World) -> None:
    order_id = completed(world, FAILED, CallbackAnswer(503, None, 7200))
    first_at = world.clock.now()
    wait_for_the_next_attempt(world, order_id)
    body = attempts(world, order_id)
    first, second = body["attempts"]
    assert first["at"] < second["at"] < second["next_at"]
    assert first["next_at"] is None
    assert second["next_at"] == body["callback"]["next_at"] == state_on_the_order(world, order_id)["next_at"]
    assert {first["id"], second["id"]} == {world.callbacks.received[0].message_id}
    assert delivery(world, order_id).attempts[0].at == first_at


@pytest.mark.parametrize(
    ("retry_after", "least", "most"),
    [
        (None, 120, 132),
        (0, 120, 132),  # never sooner than the schedule
        (60, 120, 132),
        (3600, 3600, 3600),
        (DAY, DAY, DAY),
        (DAY + 1, DAY, DAY),  # one day is the maximum
        (10**9 - 1, DAY, DAY),
        (-5, 120, 132),
    ],
)
def test_retry_after_is_honoured_for_up_to_a_day(
    world: World, retry_after: int | None, least: int, most: int
) -> None:
    order_id = completed(world, CallbackAnswer(503, None, retry_after))
    assert least <= wait_for_the_next_attempt(world, order_id) <= most


def test_a_410_response_ends_the_retries(world: World) -> None:
    order_id = completed(world, FAILED, CallbackAnswer(410))
    wait_for_the_next_attempt(world, order_id)
    assert state_on_the_order(world, order_id)["status"] == "gone"
    world.live(10 * DAY, every=DAY)
    assert len(world.callbacks.received) == 2
    assert "CallbackExhausted" not in world.metrics.counts


def test_a_later_dispute_does_not_change_the_message(world: World) -> None:
    order_id = completed(world, FAILED)
    (charge,) = world.stripe.charges(world.accounts["ready"]["customer"])
    world.stripe.controls.dispute(charge["id"])
    world.run()
    assert world.order(order_id).timeline[-1].cause == "the customer disputes the charge"
    wait_for_the_next_attempt(world, order_id)
    first, second = world.callbacks.received
    assert first.body == second.body


# -- crashes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mishap", [Mishap.CRASH_BEFORE, Mishap.CRASH_AFTER])
def test_a_retry_after_a_crash_has_the_same_message_id(world: World, mishap: Mishap) -> None:
    order_id = placed(world)
    world.run(finish=False)
    struck = []

    def strike(name: str) -> Mishap | None:
        if name != "callbacks.send" or struck:
            return None
        struck.append(name)
        return mishap

    world.mishaps.watch(strike)
    world.run()
    world.advance(60)
    world.run()
    assert struck
    assert len(world.callbacks.received) == (2 if mishap is Mishap.CRASH_AFTER else 1)
    assert len({message.message_id for message in world.callbacks.received}) == 1
    assert delivery(world, order_id).due_at is None
    (execution,) = world.runner.executions.values()
    assert execution.status == "SUCCEEDED"


def test_the_reconciler_sends_the_callback_of_a_failed_workflow(world: World) -> None:
    order_id = placed(world)
    world.run(finish=False)
    world.mishaps.watch(lambda name: Mishap.CRASH_BEFORE if name == "callbacks.send" else None)
    world.run()
    world.live(11 * HOUR, every=1800)
    (execution,) = world.runner.executions.values()
    assert (execution.status, execution.states[-1]) == ("FAILED", "SendCallback")
    assert world.callbacks.received == []
    world.mishaps.none()
    world.live(HOUR, every=600)
    assert world.order(order_id).status is OrderStatus.COMPLETED
    assert len(world.callbacks.received) == 1
    assert state_on_the_order(world, order_id)["status"] == "delivered"


# -- redelivery ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", ["delivered", "gone", "pending"])
def test_a_message_is_redelivered_within_a_minute(world: World, before: str) -> None:
    answer = {"delivered": CallbackAnswer(204), "gone": CallbackAnswer(410), "pending": FAILED}[before]
    order_id = completed(world, answer)
    message_id = world.callbacks.received[0].message_id
    assert state_on_the_order(world, order_id)["status"] == before
    reply = redeliver(world, order_id, message_id)
    assert reply.status == 202
    assert (reply.body["callback"]["id"], reply.body["callback"]["status"]) == (message_id, "pending")
    world.advance(60)
    world.reconcile()
    first, second = world.callbacks.received
    assert (second.message_id, second.body, second.url) == (message_id, first.body, first.url)
    assert second.authorization == AUTHORIZATION
    assert state_on_the_order(world, order_id) == {
        "id": message_id,
        "status": "delivered",
        "attempts": 2,
        "next_at": None,
    }
    world.live(DAY, every=6 * HOUR)
    assert len(world.callbacks.received) == 2


def test_a_redelivery_after_the_last_retry_makes_one_attempt(world: World) -> None:
    order_id = completed(world, *[FAILED] * (len(SCHEDULE) + 2))
    for _ in SCHEDULE:
        wait_for_the_next_attempt(world, order_id)
    message_id = delivery(world, order_id).message_id
    assert redeliver(world, order_id, message_id).status == 202
    world.reconcile()
    assert state_on_the_order(world, order_id)["status"] == "exhausted"
    assert redeliver(world, order_id, message_id).status == 202
    world.reconcile()
    assert state_on_the_order(world, order_id)["status"] == "delivered"
    assert len(world.callbacks.received) == len(SCHEDULE) + 3


def test_many_redeliveries_keep_the_stored_record_small(world: World) -> None:
    order_id = completed(world, *[FAILED] * 400)
    message_id = delivery(world, order_id).message_id
    for _ in range(150):
        assert redeliver(world, order_id, message_id).status == 202
        world.reconcile()
    assert len(world.callbacks.received) == 151
    state = attempts(world, order_id)
    assert state["callback"]["attempts"] == 151
    shown = [one["attempt"] for one in state["attempts"]]
    assert len(shown) <= 100
    assert shown == list(range(152 - len(shown), 152))  # the newest attempts
    assert state["callback"]["status"] == "exhausted"


def test_only_messages_of_the_callers_order_are_redelivered(world: World) -> None:
    order_id = completed(world)
    message_id = delivery(world, order_id).message_id
    other = placed(world)
    world.run(finish=False)
    for path_order, message, account in (
        (order_id, "msg_unknown", "ready"),
        (order_id, message_id, "sepa"),
        (other, message_id, "ready"),  # this order has not ended, so it has no message yet
        ("00000000-0000-8000-8000-000000000000", message_id, "ready"),
    ):
        reply = redeliver(world, path_order, message, account=account)
        assert (reply.status, reply.body["code"]) == (404, "not_found")
    assert redeliver(world, order_id, message_id, account=None).status in (400, 401)
    world.reconcile()
    assert len(world.callbacks.received) == 1
    reply = world.request("GET", f"/api/orders/{order_id}/callbacks", account="sepa")
    assert (reply.status, reply.body["code"]) == (404, "not_found")


def test_an_order_without_a_callback_sends_none(world: World) -> None:
    order_id = str(world.place().body["orders"][0]["id"])
    world.run()
    world.live(HOUR, every=600)
    assert "callback" not in world.request("GET", f"/api/orders/{order_id}").body
    assert attempts(world, order_id)["attempts"] == []
    assert redeliver(world, order_id, "msg_1").status == 404
    assert world.items("CALLBACK#") == []
    assert world.callbacks.received == []


# -- testing a receiver --------------------------------------------------------------------------------------------


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value).__name__


def test_the_sample_message_has_the_shape_of_a_real_message(world: World) -> None:
    reply = world.request("GET", "/api/webhooks/task")
    assert reply.status == 200
    completed(world)
    (message,) = world.callbacks.received
    assert shape(reply.body) == shape(json.loads(message.body))
    assert world.request("GET", "/api/webhooks/task", account=None).status == 401
