"""The current code reads the items that earlier versions stored (tests/fixtures/). Clients get the same responses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from hosting_orders.adapters.dynamodb import codec, items
from hosting_orders.domain.ids import parse_order_id
from hosting_orders.domain.placement import Channel, Placement
from tests.support.record_items import use_open_cipher
from tests.support.table import TABLE_NAME
from tests.support.world import ROOT, World, a_world

RECORDINGS = sorted((ROOT / "tests" / "fixtures").glob("items_*.json"))


def test_there_are_recordings() -> None:
    assert RECORDINGS


@pytest.fixture(scope="module", params=RECORDINGS, ids=lambda path: path.stem)
def recording(request: pytest.FixtureRequest) -> Any:
    return json.loads(request.param.read_text())


@pytest.fixture(scope="module")
def world(recording: Any) -> Iterator[World]:
    """A world with the recorded items in its table, at the time of the recording."""
    with a_world() as world:
        use_open_cipher(world)
        for item in recording["items"]:
            world.dynamodb.put_item(TableName=TABLE_NAME, Item=item)
        world.clock.advance_to(recording["now"])
        yield world


def test_clients_get_the_recorded_responses(world: World, recording: Any) -> None:
    assert len(recording["answers"]) > 50
    for question, (status, body) in recording["answers"].items():
        account, _, path = question.partition(" ")
        reply = world.request("GET", path, account=account)
        assert (question, reply.status, reply.body) == (question, status, body)


def test_orders_keep_their_status(world: World, recording: Any) -> None:
    seen = set()
    for order_id, status in recording["orders"].values():
        found = [
            world.services.orders.order(account["id"], parse_order_id(order_id))
            for account in world.accounts.values()
        ]
        (order,) = [order for order in found if order is not None]
        assert order.status == status
        seen.add(status)
    assert seen >= {
        "pending",
        "processing",
        "completed",
        "canceled",
        "expired",
        "refund_failed",
        "provision_failed",
    }


def test_an_order_without_a_placement_keeps_its_channel(recording: Any) -> None:
    """The stored channel is read unchanged, whether it is `api` or another channel."""
    kept = [codec.decode(item) for item in recording["items"] if item["SK"]["S"].startswith("ORDER#")]
    for item in kept:
        if "placed" not in item:
            assert items.order_from_item(item).placed == Placement(Channel(item["channel"]))
            assert items.order_from_item({**item, "channel": "mcp"}).placed == Placement(Channel.MCP)


READERS = {
    "ORDER": (items.order_from_item, items.order_to_item),
    "CALLBACK": (items.delivery_from_item, items.delivery_to_item),
    "CONTACTS": (items.contacts_from_item, items.contacts_to_item),
    "ACCOUNT": (items.account_from_item, items.account_to_item),
    "USER": (items.user_from_item, items.user_to_item),
    "KEY": (items.credential_from_item, items.credential_to_item),
    "PLAN": (items.plan_from_item, items.plan_to_item),
    "LOCATION": (items.location_from_item, items.location_to_item),
    "TLD": (items.tld_from_item, items.tld_to_item),
}


@pytest.mark.parametrize("kind", READERS)
def test_writing_an_item_again_loses_nothing(recording: Any, kind: str) -> None:
    """Every value of the old item is also in the new item. The attribute's name may differ."""
    read, write = READERS[kind]
    kept = [codec.decode(item) for item in recording["items"] if item["SK"]["S"].split("#")[0] == kind]
    assert kept
    for item in kept:
        again = write(read(item))
        assert read(again) == read(item)
        assert set(values(item)) <= set(values(again)), item["SK"]


def test_writing_a_cart_again_loses_nothing(recording: Any) -> None:
    stored = {
        item["SK"]["S"]: codec.decode(item)
        for item in recording["items"]
        if item["SK"]["S"].startswith("CART#")
    }
    carts = {sort: item for sort, item in stored.items() if not sort.endswith("#ROLLUP")}
    assert carts
    for sort, item in carts.items():
        rollup = stored.get(sort + "#ROLLUP")
        cart = items.cart_from_items(item, rollup)
        again = items.cart_to_item(cart)
        assert items.cart_from_items(again, rollup) == cart
        assert set(values(item)) <= set(values(again))
        if rollup is not None:
            assert set(values(rollup)) <= set(values(items.rollup_to_item(cart)))


def values(value: Any) -> Iterator[Any]:
    """The values of an item without their names. False, zero and empty values are left out."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from values(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from values(inner)
    elif value:
        yield value
