"""The index `due` holds only the orders, carts and callbacks that the reconciler must check again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hosting_orders.adapters.dynamodb import keys
from hosting_orders.adapters.dynamodb.callbacks import DynamoCallbackStore
from hosting_orders.adapters.dynamodb.orders import DynamoOrderStore
from hosting_orders.domain.callback import CallbackDelivery
from hosting_orders.domain.ids import callback_message_id
from hosting_orders.usecases.ports import DueItem
from tests.integration.dynamodb.examples import ACCOUNT, NOW, NUMBER, TOKEN, a_cart, an_order
from tests.support.table import TABLE_NAME, everything_in


def in_the_index(client: Any) -> int:
    return len(client.scan(TableName=TABLE_NAME, IndexName="due")["Items"])


def test_due_orders_carts_and_callbacks_are_listed(store: DynamoOrderStore, client: Any) -> None:
    order = an_order(due_at=NOW + 30)
    store.place(a_cart(order, due_at=NOW + 10), [order])
    delivery = CallbackDelivery(ACCOUNT, NUMBER, callback_message_id(NUMBER), due_at=NOW + 20)
    DynamoCallbackStore(client, TABLE_NAME).save_delivery(delivery)
    assert store.due(NOW + 30, 10) == [
        DueItem(ACCOUNT, "cart", TOKEN, NOW + 10),
        DueItem(ACCOUNT, "callback", str(NUMBER), NOW + 20),
        DueItem(ACCOUNT, "order", str(NUMBER), NOW + 30),
    ]


def test_an_item_is_not_due_before_its_due_time(store: DynamoOrderStore) -> None:
    order = an_order(due_at=NOW + 30)
    store.place(a_cart(order, due_at=None), [order])
    assert store.due(NOW + 29, 10) == []
    assert len(store.due(NOW + 30, 10)) == 1


def test_an_item_without_a_due_time_is_not_in_the_index(store: DynamoOrderStore, client: Any) -> None:
    order = an_order(due_at=None)
    store.place(a_cart(order, due_at=None), [order])
    assert in_the_index(client) == 0
    assert not [item for item in everything_in(client) if "due_shard" in item]


def test_due_items_of_all_shards_are_sorted_by_due_time(
    store: DynamoOrderStore,
) -> None:
    orders = [an_order(NUMBER + place, due_at=NOW + (place * 37) % 40) for place in range(40)]
    store.place(a_cart(*orders, due_at=None), orders)
    due = store.due(NOW + 100, 7)
    assert [item.due_at for item in due] == [NOW + wait for wait in range(7)]
    assert len(store.due(NOW + 100, 100)) == 40


def test_items_are_spread_over_all_shards(store: DynamoOrderStore, client: Any) -> None:
    orders = [an_order(NUMBER + place) for place in range(40)]
    store.place(a_cart(*orders), orders)
    assert {item["due_shard"]["S"] for item in everything_in(client) if "due_shard" in item} == set(
        keys.due_shards()
    )


def test_a_new_due_time_replaces_the_old(store: DynamoOrderStore) -> None:
    order = an_order(due_at=NOW)
    store.place(a_cart(order, due_at=None), [order])
    store.save_order(order.check_at(NOW + 500))
    assert store.due(NOW + 499, 10) == []
    assert [item.due_at for item in store.due(NOW + 500, 10)] == [NOW + 500]


def test_an_ended_order_leaves_the_index(store: DynamoOrderStore, client: Any) -> None:
    order = an_order()
    store.place(a_cart(order, due_at=None), [order])
    assert in_the_index(client) == 1
    store.save_order(order.expired(NOW))
    assert in_the_index(client) == 0


def test_saving_a_payment_can_change_the_due_time_of_a_cart(store: DynamoOrderStore, client: Any) -> None:
    order = an_order(due_at=None)
    cart = a_cart(order)
    store.place(cart, [order])
    cart = store.save_payment(replace(cart, due_at=None))
    assert in_the_index(client) == 0
    assert store.cart(ACCOUNT, TOKEN) == cart
    store.save_payment(replace(cart, due_at=NOW + 5))
    assert [item.due_at for item in store.due(NOW + 5, 10)] == [NOW + 5]


def test_a_roll_up_leaves_the_carts_due_time_unchanged(store: DynamoOrderStore) -> None:
    order = an_order(due_at=None)
    cart = a_cart(order, due_at=NOW)
    store.place(cart, [order])
    ended = store.save_order(order.expired(NOW))
    news = replace(cart.orders[NUMBER], status=ended.status, version=ended.version)
    store.save_roll_up(ACCOUNT, TOKEN, {NUMBER: news})
    assert store.due(NOW, 10) == [DueItem(ACCOUNT, "cart", TOKEN, NOW)]


def test_the_shard_of_a_key_is_the_same_in_every_process() -> None:
    """The expected shards are constants, because Python's `hash` of a text differs between processes."""
    assert keys.due_shard(keys.order("account", 1)) == "DUE#0"
    assert keys.due_shard(keys.cart("account", "token")) == "DUE#3"


def test_an_item_of_an_unknown_kind_in_the_index_is_ignored(store: DynamoOrderStore, client: Any) -> None:
    order = an_order(due_at=NOW)
    store.place(a_cart(order, due_at=None), [order])
    stray = {"PK": {"S": "ACCOUNT#x"}, "SK": {"S": "SOMETHING#1"}}
    due = {"due_at": {"N": "1"}, "due_shard": {"S": keys.due_shards()[0]}}
    client.put_item(TableName=TABLE_NAME, Item={**stray, **due})
    assert [item.kind for item in store.due(NOW, 10)] == ["order"]
