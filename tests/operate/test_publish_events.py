"""`make publish-events` publishes the events of lost stream records, each event once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from operate.errors import OperateError
from operate.publish_events import publish_lost_events
from operate.stacks import Stack
from tests.support.deployed import FakeAccount
from tests.support.table import TABLE_NAME
from tests.support.webhook_endpoints import create
from tests.support.world import World, a_world

STACK = Stack(
    name="shop-prod",
    status="CREATE_COMPLETE",
    parameters={},
    outputs={},
    resources={"OrdersTable": TABLE_NAME, "WebhookQueue": "https://sqs.example/hooks"},
)


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def cloud(world: World) -> Any:
    return FakeAccount(dynamodb=world.dynamodb, sqs=world.webhook_queue)


def lose_an_order(world: World, account: str = "ready") -> None:
    """Complete an order whose stream records are lost, because no function reads them."""
    world.stream_on = False
    world.place(account)
    world.run()
    world._published_records = len(world._stream().items)
    world.stream_on = True


def sent(world: World) -> list[str]:
    return sorted(json.loads(request.body)["type"] for request in world.webhooks.received)


def test_lost_events_are_published_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hosting_orders.adapters.system_clock.SystemClock.now", lambda _: world.clock.now())
    create(world)
    lose_an_order(world)
    lose_an_order(world, "credit")  # this account has no webhook endpoint
    assert sent(world) == []
    said: list[str] = []
    for _ in range(2):
        publish_lost_events(cloud(world), STACK, said.append)
        world.run()
        assert sent(world) == ["order.completed", "order.created", "order.paid", "payment.succeeded"]
    assert said[0].startswith("The events of 5 orders")


def test_an_unreadable_item_does_not_stop_the_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hosting_orders.adapters.system_clock.SystemClock.now", lambda _: world.clock.now())
    create(world)
    lose_an_order(world)
    bad = {"PK": {"S": "ACCOUNT#acc_ready"}, "SK": {"S": "ORDER#0000000000000001"}}
    world.dynamodb.put_item(TableName=TABLE_NAME, Item=bad)
    said: list[str] = []
    with pytest.raises(OperateError, match=r"1 items failed.*ORDER#0000000000000001"):
        publish_lost_events(cloud(world), STACK, said.append)
    assert "ACCOUNT#acc_ready ORDER#0000000000000001 cannot be read" in said[0]
    world._published_records = len(world._stream().items)
    world.send_webhooks()
    assert "order.completed" in sent(world)


def test_the_report_does_not_count_items_that_failed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    create(world)
    lose_an_order(world)

    def broken(*_: object) -> bool:
        raise ConnectionError

    monkeypatch.setattr("hosting_orders.adapters.dynamodb.webhooks.DynamoWebhookStore.add_delivery", broken)
    monkeypatch.setattr("hosting_orders.adapters.system_clock.SystemClock.now", lambda _: world.clock.now())
    said: list[str] = []
    with pytest.raises(OperateError, match="3 items failed"):
        publish_lost_events(cloud(world), STACK, said.append)
    assert said == ["The events of 0 orders, carts and webhook endpoints are stored and queued."]
