"""Account webhooks. The stream reports a changed order. We queue its events and send them to a receiver."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from hosting_orders.domain.callback import SCHEDULE
from hosting_orders.domain.durations import DAY
from hosting_orders.domain.providers import CallbackAnswer
from hosting_orders.domain.webhook import OFF_AFTER
from hosting_orders.usecases import requeue_webhooks
from hosting_orders.usecases.manage_webhooks import TESTS
from tests.support.mishaps import Mishap
from tests.support.table_stream import dead_letter
from tests.support.webhook_endpoints import URL, create
from tests.support.world import Reply, World, a_world, handler_of


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def shown(world: World, endpoint: dict[str, Any], account: str = "ready") -> Any:
    return world.request("GET", f"/api/webhooks/endpoints/{endpoint['id']}", account=account).body["endpoint"]


def log_of(world: World, endpoint: dict[str, Any], account: str = "ready") -> Any:
    path = f"/api/webhooks/endpoints/{endpoint['id']}/deliveries?per_page=100"
    return world.request("GET", path, account=account).body["deliveries"]


def bodies(world: World) -> list[Any]:
    return [json.loads(request.body) for request in world.webhooks.received]


def types(world: World) -> list[str]:
    return [body["type"] for body in bodies(world)]


def completed(world: World, account: str = "ready", **changes: Any) -> str:
    placed = world.place(account, **changes)
    assert placed.status == 202, placed.body
    world.run()
    return str(placed.body["orders"][0]["id"])


def test_a_secret_whose_response_was_lost_can_be_rotated(world: World) -> None:
    def post(path: str = "", body: Any = None) -> Reply:
        headers = {"Idempotency-Key": "a"}
        return world.request("POST", f"/api/webhooks/endpoints{path}", body, headers=headers)

    asked = {"url": URL, "events": ["order.completed"]}
    world.mishaps.watch(lambda name: Mishap.CRASH_AFTER if "transact" in name else None)
    assert post(body=asked).status == 502
    world.mishaps.none()
    replay = post(body=asked).body["endpoint"]
    assert replay["secret"] is None
    secret = post(f"/{replay['id']}/rotate-secret").body["endpoint"]["secret"]
    completed(world)
    (sent,) = world.webhooks.received
    assert sent.secrets[0] == secret


# -- which events are sent -----------------------------------------------------------------------------------------


def test_events_are_sent_once_and_without_personal_data(world: World) -> None:
    endpoint = create(world)
    order_id = completed(world)
    for _ in range(3):
        world.live(600, every=60)
        world.requeue_webhooks()
        world.run()
    assert sorted(types(world)) == ["order.completed", "order.created", "order.paid", "payment.succeeded"]
    for body in bodies(world):
        assert body["data"]["account_id"] == world.accounts["ready"]["id"]
    created = next(body for body in bodies(world) if body["type"] == "order.completed")
    order = world.order(order_id)
    assert created["data"] == {
        "account_id": world.accounts["ready"]["id"],
        "order_id": order_id,
        "product": "site",
        "cart_token": order.cart_token,
        "status": "completed",
    }
    text = " ".join(request.body.decode() for request in world.webhooks.received)
    for personal in ("My site", "demo@example.com", "Ada", "Amsterdam"):
        assert personal not in text
    assert len({request.message_id for request in world.webhooks.received}) == 4
    assert {entry["status"] for entry in log_of(world, endpoint)} == {"delivered"}


def test_patterns_select_the_events(world: World) -> None:
    create(world, "order.completed", "payment.*")
    completed(world)
    assert sorted(types(world)) == ["order.completed", "payment.succeeded"]


def test_an_endpoint_gets_no_events_of_other_accounts(world: World) -> None:
    create(world, account="credit")
    completed(world, "ready")
    assert world.webhooks.received == []
    assert world.items("DELIVERY#") == []


def test_events_before_an_endpoint_subscribes_are_not_sent(world: World) -> None:
    completed(world, key="before")
    world.advance(1)
    endpoint = create(world, "payment.succeeded")
    world.live(1800, every=300)  # the renewal changes the order again
    assert types(world) == []
    # A pattern that is added later matches only events after its addition.
    order_id = completed(world, key="between")
    world.advance(1)
    path = f"/api/webhooks/endpoints/{endpoint['id']}"
    assert world.request("PATCH", path, {"events": ["payment.succeeded", "order.*"]}).status == 200
    world.live(1800, every=300)
    assert types(world) == ["payment.succeeded"]
    assert world.order(order_id).version > 3  # the order has changed several times


def test_a_refund_of_an_undelivered_order_is_reported(world: World) -> None:
    create(world, "order.*")
    placed = world.place()
    world.run(finish=False)
    order_id = placed.body["orders"][0]["id"]
    world.platform.fail(order_id)
    world.platform_webhook(order_id)
    world.run()
    assert sorted(types(world)) == ["order.created", "order.failed", "order.paid", "order.refunded"]


def test_a_required_authentication_is_reported(world: World) -> None:
    create(world, account="authentication_required")
    placed = world.place("authentication_required")
    world.run()
    assert sorted(types(world)) == ["order.created", "payment.action_required"]
    action = next(body for body in bodies(world) if body["type"] == "payment.action_required")
    assert action["data"]["cart_token"] == placed.body["cart"]["token"]
    assert action["data"]["status"] == "awaiting_authentication"


def test_an_expired_log_entry_does_not_repeat_its_event(world: World) -> None:
    create(world)
    order_id = completed(world)
    known = len(world.webhooks.received)
    for item in world.items("DELIVERY#"):
        world.dynamodb.delete_item(TableName="hosting-orders-test", Key={"PK": item["PK"], "SK": item["SK"]})
    world.services.webhooks._added.clear()
    world.advance(31 * DAY / 1000)
    order = world.order(order_id)
    world.services.orders.save_order(order.noted("a late note", world.clock.now(), order.timeline[0].actor))
    world.run()
    assert len(world.webhooks.received) == known


# -- nothing is lost ------------------------------------------------------------------------------------------------


def test_a_lost_queue_message_is_queued_again(world: World) -> None:
    create(world, "order.completed")
    world.webhook_queue.broken = True
    completed(world)
    assert types(world) == []
    world.webhook_queue.broken = False
    world.advance(121)
    assert world.requeue_webhooks() == 1
    world.run()
    assert types(world) == ["order.completed"]


def test_a_repeated_stream_record_sends_nothing_twice(world: World) -> None:
    create(world, "order.completed")
    completed(world)
    world._published_records = 0
    world.services.webhooks._added.clear()
    sent = len(world.webhooks.received)
    world.run()
    assert len(world.webhooks.received) == sent == 1


def test_a_repeated_queue_message_causes_no_second_attempt(world: World) -> None:
    create(world, "order.completed")
    world.webhooks.answers = [CallbackAnswer(500)]
    messages = []
    send = world.webhook_queue.send_message

    def recording(**given: Any) -> None:
        messages.append(given["MessageBody"])
        send(**given)

    world.webhook_queue.send_message = recording  # type: ignore[method-assign]
    completed(world)
    world.webhook_queue.waiting = messages * 2
    world.send_webhooks()
    assert len(messages) == len(world.webhooks.received) == 1


def test_a_failed_write_is_repeated_by_the_same_process(world: World) -> None:
    create(world, "order.completed")
    world.stream_on = False
    completed(world)
    world.mishaps.watch(lambda name: Mishap.NOT_DONE if name == "table.put_item" else None)
    world.publish()
    assert world.items("DELIVERY#") == []
    world.mishaps.none()
    world.stream_on = True
    world.run()
    assert types(world) == ["order.completed"]


def test_discarded_stream_records_are_published(world: World) -> None:
    create(world, "order.completed")
    world.stream_on = False
    completed(world)
    records = [record.to_json() for record in world._stream().items]
    world._published_records = len(records)
    answer = handler_of("repair_events")({"Records": [dead_letter(records)]}, None)
    assert answer == {"batchItemFailures": []}
    world.stream_on = True
    world.run()
    assert types(world) == ["order.completed"]


def test_failed_attempts_are_retried_with_the_same_message(world: World) -> None:
    endpoint = create(world, "order.completed")
    world.webhooks.answers = [CallbackAnswer(500)] * 3
    completed(world)
    for _ in range(15):
        world.advance(60)
        world.requeue_webhooks()
        world.run()
    assert len(world.webhooks.received) == 4
    assert len({(one.message_id, one.body) for one in world.webhooks.received}) == 1
    (entry,) = log_of(world, endpoint)
    assert entry["status"] == "delivered"
    assert [attempt["status_code"] for attempt in entry["attempts"]] == [500, 500, 500, 204]
    assert shown(world, endpoint)["failing_since"] is None


def test_the_test_events_of_an_account_are_rate_limited(world: World) -> None:
    world.limited = True
    paths = [f"/api/webhooks/endpoints/{create(world)['id']}/test" for _ in range(2)]
    for number in range(TESTS.requests):
        assert world.request("POST", paths[number % 2]).status == 200
    sent = len(world.webhooks.received)
    refused = world.request("POST", paths[0], key="system_key")
    assert (refused.status, refused.body["code"]) == (429, "rate_limited")
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert len(world.webhooks.received) == sent
    other = create(world, account="credit")
    assert (
        world.request("POST", f"/api/webhooks/endpoints/{other['id']}/test", account="credit").status == 200
    )
    world.advance(60)
    assert world.request("POST", paths[0]).status == 200


# -- an endpoint that fails -----------------------------------------------------------------------------------------


def fail_for_days(world: World, *, answer: CallbackAnswer) -> None:
    world.webhooks.answers = [answer] * 500
    completed(world)
    for wait in (0, *SCHEDULE):
        world.advance(wait * 1.1 + 1)
        world.requeue_webhooks()
        world.run()


def test_a_disabled_endpoints_events_can_be_replayed_later(world: World) -> None:
    endpoint = create(world, "order.completed")
    other = create(world, "webhook.*")
    fail_for_days(world, answer=CallbackAnswer(503, "busy"))
    off = shown(world, endpoint)
    assert (off["enabled"], off["disabled_reason"], off["last_status_code"]) == (False, "failing", 503)
    assert off["disabled_at"] is not None
    # Only the account's other endpoint gets an event about this.
    told = [entry for entry in log_of(world, other) if entry["type"] == "webhook.endpoint_disabled"]
    assert [entry["data"]["endpoint_id"] for entry in told] == [endpoint["id"]]
    # While the endpoint is off, its events are recorded but not sent.
    world.webhooks.answers = []
    sent = len(world.webhooks.received)
    completed(world, key="while-off")
    world.live(600, every=60)
    assert len(world.webhooks.received) == sent
    assert [entry["status"] for entry in log_of(world, endpoint)] == ["held", "exhausted"]
    # A replay needs an enabled endpoint.
    path = f"/api/webhooks/endpoints/{endpoint['id']}"
    refused = world.request("POST", f"{path}/replay", {"since": "2020-01-01T00:00:00Z"})
    assert (refused.status, refused.body["code"]) == (409, "webhook_disabled")
    assert world.request("PATCH", path, {"enabled": True}).body["endpoint"]["disabled_at"] is None
    replayed = world.request("POST", f"{path}/replay", {"since": "2020-01-01T00:00:00Z"})
    assert (replayed.status, replayed.body) == (
        202,
        {"status": "accepted", "replayed": 2, "next_since": None},
    )
    world.requeue_webhooks()
    world.run()
    assert [entry["status"] for entry in log_of(world, endpoint)] == ["delivered", "delivered"]
    assert shown(world, endpoint)["failing_since"] is None


def test_a_replayed_webhook_starts_its_retries_again(world: World) -> None:
    endpoint = create(world, "order.completed")
    fail_for_days(world, answer=CallbackAnswer(503, "busy"))
    path = f"/api/webhooks/endpoints/{endpoint['id']}"
    assert world.request("PATCH", path, {"enabled": True}).status == 200
    # The receiver works again, but cannot process all replayed webhooks at once.
    world.webhooks.answers = [CallbackAnswer(429, "too many", retry_after=300)]
    assert world.request("POST", f"{path}/replay", {"since": "2020-01-01T00:00:00Z"}).status == 202
    for _ in range(8):
        world.requeue_webhooks()
        world.run()
        world.advance(60)
    (entry,) = log_of(world, endpoint)
    assert entry["status"] == "delivered"


def test_a_410_response_disables_the_endpoint(world: World) -> None:
    endpoint = create(world, "*")
    world.webhooks.answers = [CallbackAnswer(410)]
    completed(world)
    off = shown(world, endpoint)
    assert (off["enabled"], off["disabled_reason"]) == (False, "gone")
    assert {entry["status"] for entry in log_of(world, endpoint)} == {"gone", "held"}
    # An endpoint gets no event about its own end.
    assert not [entry for entry in log_of(world, endpoint) if entry["type"].startswith("webhook.")]


def test_a_success_keeps_a_failing_endpoint_enabled(world: World) -> None:
    endpoint = create(world, "order.completed")
    world.webhooks.answers = [CallbackAnswer(500)] * 3
    completed(world)
    world.advance(OFF_AFTER / 1000 + 60)
    world.requeue_webhooks()  # `run` sends the queued delivery, which succeeds
    world.webhooks.answers = []
    world.run()
    assert shown(world, endpoint)["enabled"] is True


def test_a_failing_endpoint_gets_new_events_after_a_delay(world: World) -> None:
    """They are not queued immediately. The scheduled function `requeue_webhooks` queues them later."""
    create(world, "order.completed")
    world.webhooks.answers = [CallbackAnswer(None, "no answer in time")]
    completed(world)
    sent = len(world.webhooks.received)
    completed(world, key="second")
    assert world.webhook_queue.waiting == []
    assert len(world.webhooks.received) == sent
    world.requeue_webhooks()
    world.run()
    assert len(world.webhooks.received) == sent + 1


def test_other_deliveries_wait_after_an_unanswered_attempt(world: World) -> None:
    create(world, "order.*", "payment.*")
    world.stream_on = False
    completed(world)
    world.stream_on = True
    world.webhooks.answers = [CallbackAnswer(None, "no answer in time")] * 10
    world.run()
    assert len(world.webhooks.received) == 1


def test_a_backlog_does_not_delay_other_endpoints(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(requeue_webhooks, "PER_ENDPOINT", 1)
    create(world, "order.*", "payment.*")
    create(world, "order.completed", account="credit")
    world.webhook_queue.broken = True
    completed(world)
    completed(world, "credit")
    world.webhook_queue.broken = False
    world.advance(121)
    assert world.requeue_webhooks() == 2  # one delivery of each endpoint
    # The index of due orders and carts has no webhooks.
    assert {item.kind for item in world.services.orders.due(world.clock.now(), 100)} <= {"order", "cart"}


def test_a_backlog_is_sent_at_a_fixed_rate(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(requeue_webhooks, "PER_ENDPOINT", 2)
    create(world, "order.*", "payment.*")
    world.webhook_queue.broken = True
    for key in ("one", "two"):
        completed(world, key=key)
    world.webhook_queue.broken = False
    world.advance(121)
    for minute in (1, 2, 3, 4):
        assert world.requeue_webhooks() == 2
        world.run()
        assert len(world.webhooks.received) == 2 * minute
        world.advance(59.9)  # the function runs once a minute, but not exactly
    assert len({request.message_id for request in world.webhooks.received}) == 8


def test_a_deleted_endpoint_gets_nothing_more(world: World) -> None:
    endpoint = create(world, "order.completed")
    world.webhook_queue.broken = True
    completed(world)
    world.webhook_queue.broken = False
    assert world.request("DELETE", f"/api/webhooks/endpoints/{endpoint['id']}").status == 200
    world.advance(121)
    world.requeue_webhooks()
    world.run()
    assert world.webhooks.received == []
    assert world.requeue_webhooks() == 0
