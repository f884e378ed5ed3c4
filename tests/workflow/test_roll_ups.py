"""A roll-up is a cart's status, computed from its orders.

If Lambda discards stream records, the roll-ups of their carts are repaired later.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hosting_orders.adapters.dynamodb import orders as order_store
from hosting_orders.domain.cart import RollupStatus
from hosting_orders.domain.order import OrderStatus
from tests.support.table_stream import dead_letter
from tests.support.world import World, a_world, handler_of

HOUR = 3600
DAY = 24 * HOUR
# The first attempt plus MaximumRetryAttempts of the stream's event source mapping in template.yaml.
ATTEMPTS = 21


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def placed(world: World, account: str = "ready") -> tuple[str, str]:
    """Place an order. Return its id and its cart's token."""
    known = {item["number"]["N"] for item in world.items("ORDER#")}
    assert world.place(account).status in (202, 422)
    (number,) = {item["number"]["N"] for item in world.items("ORDER#")} - known
    order = world.order(number, account)
    return order.uuid, order.cart_token


def repair(*letters: dict[str, Any]) -> list[str]:
    """Process these messages. Return the ids of the messages that stay in the queue."""
    answer = handler_of("repair_roll_ups")({"Records": list(letters)}, None)
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def given_up(world: World) -> list[dict[str, Any]]:
    """Return the new stream records of orders without passing them to the stream's function."""
    return [r for r in world.stream_records() if r["dynamodb"]["Keys"]["SK"]["S"].startswith("ORDER#")]


# -- the reconciler -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("account", "status"),
    [
        ("ready", RollupStatus.COMPLETED),
        ("credit", RollupStatus.COMPLETED),
        ("declined_final", RollupStatus.FAILED),
        ("authentication_required", RollupStatus.CANCELLED),
    ],
)
def test_the_reconciler_corrects_an_ended_orders_roll_up(
    world: World, account: str, status: RollupStatus
) -> None:
    world.stream_on = False
    _, token = placed(world, account)
    world.live(2 * DAY, every=HOUR)

    assert world.cart(token, account).rollup_status is status


def test_roll_ups_of_domains_and_cancelled_orders_are_corrected(world: World) -> None:
    world.stream_on = False
    domain = world.order_domain("hosting-example.com").body
    order_id, token = placed(world)
    assert world.request("DELETE", f"/api/orders/{order_id}").status in (200, 202)
    world.live(DAY, every=HOUR)

    ended = world.order(order_id)
    assert ended.ended and ended.status is not OrderStatus.COMPLETED
    assert world.cart(token).rollup_status is RollupStatus.CANCELLED
    assert world.cart(domain["cart"]["token"]).rollup_status is RollupStatus.COMPLETED


def test_a_correct_roll_up_is_not_written_again(world: World) -> None:
    _, token = placed(world)
    world.run()
    before = world.cart(token)
    assert before.rollup_status is RollupStatus.COMPLETED
    world.stream_on = False
    world.live(HOUR, every=60)

    assert world.cart(token).rollup_version == before.rollup_version


# -- the queue of discarded batches ---------------------------------------------------------------------------


def test_a_discarded_batch_is_repaired(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.stream_on = False
    _, token = placed(world)
    records = given_up(world)

    def fails(*_: Any) -> None:
        raise RuntimeError("planted")

    with monkeypatch.context() as planted:
        planted.setattr(order_store.DynamoOrderStore, "save_roll_up", fails)
        for _ in range(ATTEMPTS):
            answer = handler_of("roll_up_cart")({"Records": records}, None)
            assert answer["batchItemFailures"]
        # The queue's function fails in the same way, so the message stays in the queue.
        assert repair(dead_letter(records)) == ["1"]
    assert world.cart(token).rollup_version == 0

    assert repair(dead_letter(records)) == []
    assert world.cart(token).rollup_status is RollupStatus.PENDING
    assert all(mark.version == 0 for mark in world.cart(token).orders.values())


def test_a_repair_uses_the_current_state_of_the_orders(world: World) -> None:
    world.stream_on = False
    order_id, token = placed(world)
    first = given_up(world)
    world.run()
    assert world.order(order_id).status is OrderStatus.COMPLETED
    assert world.cart(token).rollup_status is not RollupStatus.COMPLETED

    assert repair(dead_letter(first)) == []
    assert world.cart(token).rollup_status is RollupStatus.COMPLETED
    version = world.cart(token).rollup_version
    assert repair(dead_letter(first)) == []
    assert world.cart(token).rollup_version == version


def test_every_cart_of_a_batch_is_repaired(world: World) -> None:
    world.stream_on = False
    tokens = [placed(world)[1] for _ in range(4)]
    records = given_up(world)
    world.run()
    assert repair(dead_letter(records)) == []

    assert {world.cart(token).rollup_status for token in tokens} == {RollupStatus.COMPLETED}


def test_only_the_records_of_the_batch_are_read(world: World) -> None:
    world.stream_on = False
    _, first = placed(world)
    records = given_up(world)
    _, second = placed(world)
    world.run()
    assert repair(dead_letter(records)) == []

    assert world.cart(first).rollup_status is RollupStatus.COMPLETED
    assert world.cart(second).rollup_version == 0


def test_an_unreadable_record_does_not_block_other_carts(world: World) -> None:
    world.stream_on = False
    _, bad = placed(world)
    _, good = placed(world)
    records = given_up(world)
    world.run()
    image = records[0]["dynamodb"]["NewImage"]
    kept, image["status"] = image["status"], {"S": "no status of ours"}
    assert repair(dead_letter(records, "7")) == ["7"]
    assert world.cart(good).rollup_status is RollupStatus.COMPLETED
    assert world.cart(bad).rollup_version == 0

    image["status"] = kept
    assert repair(dead_letter(records, "7")) == []
    assert world.cart(bad).rollup_status is RollupStatus.COMPLETED


def test_expired_records_are_left_to_the_reconciler(world: World) -> None:
    world.stream_on = False
    _, token = placed(world)
    records = given_up(world)
    world.streams.trimmed = 10_000

    assert repair(dead_letter(records)) == []
    assert world.cart(token).rollup_version == 0
    world.live(HOUR, every=300)
    assert world.cart(token).rollup_status is RollupStatus.COMPLETED


def test_a_batch_of_an_unknown_shard_is_left_to_the_reconciler(world: World) -> None:
    world.stream_on = False
    placed(world)
    letter = dead_letter(given_up(world))
    letter["body"] = letter["body"].replace("shardId-0", "shardId-9")

    assert repair(letter) == []


def test_an_unreadable_message_does_not_block_the_others(world: World) -> None:
    world.stream_on = False
    _, token = placed(world)
    records = given_up(world)
    world.run()
    unknown = {"messageId": "2", "eventSource": "aws:sqs", "body": "{}"}

    assert repair(unknown, dead_letter(records)) == ["2"]
    assert world.cart(token).rollup_status is RollupStatus.COMPLETED
