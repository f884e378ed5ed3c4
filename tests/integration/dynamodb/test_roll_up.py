"""`save_roll_up` with old, repeated, reordered and concurrent updates of orders.

A roll-up is one status for a whole cart.
"""

from __future__ import annotations

import threading
import time
from itertools import permutations
from typing import Any

import pytest

from hosting_orders.adapters.dynamodb.orders import DynamoOrderStore
from hosting_orders.domain.cart import Cart, OrderSnapshot, RollupStatus, roll_up
from hosting_orders.domain.errors import ConcurrentUpdateError
from hosting_orders.domain.order import OrderStatus
from tests.integration.dynamodb.conftest import no_sleep
from tests.integration.dynamodb.examples import ACCOUNT, NUMBER, TOKEN, a_cart, an_order
from tests.support.table import TABLE_NAME, InterruptedClient, everything_in

PROCESSING = OrderSnapshot(OrderStatus.PROCESSING, 1)
COMPLETED = OrderSnapshot(OrderStatus.COMPLETED, 3)
EXPIRED = OrderSnapshot(OrderStatus.EXPIRED, 1)


def placed(store: DynamoOrderStore, count: int = 1) -> Cart:
    orders = [an_order(NUMBER + place) for place in range(count)]
    cart = a_cart(*orders)
    store.place(cart, orders)
    return cart


def a_moment(seconds: float) -> None:
    """Sleep for a tenth of the requested time, so that other threads can run."""
    time.sleep(seconds / 10)


def cart_now(store: DynamoOrderStore) -> Cart:
    cart = store.cart(ACCOUNT, TOKEN)
    assert cart is not None
    return cart


def test_an_update_of_an_order_changes_the_roll_up_of_its_cart(store: DynamoOrderStore) -> None:
    placed(store, 2)
    told = store.save_roll_up(ACCOUNT, TOKEN, {NUMBER: COMPLETED})
    assert told == cart_now(store)
    assert told is not None
    assert told.orders == {NUMBER: COMPLETED, NUMBER + 1: OrderSnapshot(OrderStatus.PENDING, 0)}
    assert (told.rollup_status, told.rollup_version) == (RollupStatus.PROCESSING, 1)
    told = store.save_roll_up(ACCOUNT, TOKEN, {NUMBER + 1: EXPIRED})
    assert told == cart_now(store)
    assert told is not None
    assert (told.rollup_status, told.rollup_version) == (RollupStatus.PARTIAL, 2)


def test_an_update_for_an_unknown_cart_creates_nothing(store: DynamoOrderStore, client: Any) -> None:
    assert store.save_roll_up(ACCOUNT, TOKEN, {NUMBER: COMPLETED}) is None
    assert everything_in(client) == []


@pytest.mark.parametrize(
    "old",
    [COMPLETED, PROCESSING, OrderSnapshot(OrderStatus.PENDING, 0), OrderSnapshot(OrderStatus.REFUNDING, 3)],
)
def test_old_and_repeated_updates_write_nothing(
    store: DynamoOrderStore, client: Any, old: OrderSnapshot
) -> None:
    placed(store)
    store.save_roll_up(ACCOUNT, TOKEN, {NUMBER: COMPLETED})
    never = InterruptedClient(client, "put_item", _must_not_be_called)
    told = DynamoOrderStore(never, TABLE_NAME).save_roll_up(ACCOUNT, TOKEN, {NUMBER: old})
    assert told == cart_now(store)
    assert told is not None
    assert told.rollup_version == 1


def test_an_update_of_an_unknown_order_writes_nothing(store: DynamoOrderStore, client: Any) -> None:
    cart = placed(store)
    never = InterruptedClient(client, "put_item", _must_not_be_called)
    assert DynamoOrderStore(never, TABLE_NAME).save_roll_up(ACCOUNT, TOKEN, {NUMBER + 77: COMPLETED}) == cart


def _must_not_be_called() -> None:
    raise AssertionError("nothing may be written here")


def test_the_sequence_of_updates_does_not_change_the_result(client: Any) -> None:
    news = [
        {NUMBER: PROCESSING},
        {NUMBER: COMPLETED},
        {NUMBER + 1: OrderSnapshot(OrderStatus.REFUNDING, 2), NUMBER: PROCESSING},
        {NUMBER + 1: OrderSnapshot(OrderStatus.PROVISION_FAILED, 3)},
    ]
    store = DynamoOrderStore(client, TABLE_NAME)
    ends = set()
    for run, order_of_news in enumerate(permutations(news)):
        orders = [an_order(NUMBER + 2 * run + place, account_id=f"account-{run}") for place in range(2)]
        store.place(a_cart(*orders, account_id=f"account-{run}"), orders)
        for piece in (*order_of_news, order_of_news[0]):
            own = {number + 2 * run: mark for number, mark in piece.items()}
            store.save_roll_up(f"account-{run}", TOKEN, own)
        cart = store.cart(f"account-{run}", TOKEN)
        assert cart is not None
        ends.add((tuple(cart.orders.values()), cart.rollup_status))
    marks = (COMPLETED, OrderSnapshot(OrderStatus.PROVISION_FAILED, 3))
    assert ends == {(marks, RollupStatus.PARTIAL)}


def test_an_update_between_reading_and_writing_is_not_lost(store: DynamoOrderStore, client: Any) -> None:
    placed(store, 3)
    rivals = [
        lambda: store.save_roll_up(ACCOUNT, TOKEN, {NUMBER + 1: COMPLETED}),
        lambda: store.save_roll_up(ACCOUNT, TOKEN, {NUMBER + 2: EXPIRED}),
    ]
    slow = DynamoOrderStore(InterruptedClient(client, "put_item", *rivals), TABLE_NAME, no_sleep)
    told = slow.save_roll_up(ACCOUNT, TOKEN, {NUMBER: COMPLETED})
    assert told == cart_now(store)
    assert told is not None
    assert list(told.orders.values()) == [COMPLETED, COMPLETED, EXPIRED]
    assert (told.rollup_status, told.rollup_version) == (RollupStatus.PARTIAL, 3)


def test_an_older_update_does_not_replace_a_newer_update(store: DynamoOrderStore, client: Any) -> None:
    placed(store)
    slow = InterruptedClient(
        client, "put_item", lambda: store.save_roll_up(ACCOUNT, TOKEN, {NUMBER: COMPLETED})
    )
    told = DynamoOrderStore(slow, TABLE_NAME).save_roll_up(ACCOUNT, TOKEN, {NUMBER: PROCESSING})
    assert told == cart_now(store)
    assert told is not None
    assert (told.orders[NUMBER], told.rollup_version) == (COMPLETED, 1)


def test_a_conflict_at_every_retry_raises_an_error(store: DynamoOrderStore, client: Any) -> None:
    placed(store)
    rivals = [
        lambda version=version: store.save_roll_up(
            ACCOUNT, TOKEN, {NUMBER: OrderSnapshot(OrderStatus.PROCESSING, version)}
        )
        for version in range(1, 100)
    ]
    unlucky = DynamoOrderStore(InterruptedClient(client, "put_item", *rivals), TABLE_NAME, no_sleep)
    with pytest.raises(ConcurrentUpdateError):
        unlucky.save_roll_up(ACCOUNT, TOKEN, {NUMBER: OrderSnapshot(OrderStatus.COMPLETED, 1000)})
    assert cart_now(store).orders[NUMBER].status is OrderStatus.PROCESSING


def test_concurrent_roll_ups_of_many_orders_lose_nothing(client: Any, store: DynamoOrderStore) -> None:
    count = 24
    placed(store, count)
    ends = [OrderStatus.COMPLETED, OrderStatus.EXPIRED, OrderStatus.CANCELED]
    news = {NUMBER + place: OrderSnapshot(ends[place % 3], 2) for place in range(count)}
    batches = [dict(list(news.items())[start::3]) for start in range(3)]
    failures: list[Exception] = []

    def roll(batch: dict[int, OrderSnapshot]) -> None:
        try:
            for number, mark in batch.items():
                DynamoOrderStore(client, TABLE_NAME, a_moment).save_roll_up(ACCOUNT, TOKEN, {number: mark})
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=roll, args=[batch]) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    cart = cart_now(store)
    assert cart.orders == news
    assert cart.rollup_status is roll_up(mark.status for mark in news.values()) is RollupStatus.PARTIAL
    assert cart.rollup_version == count


def test_a_roll_up_costs_the_same_for_every_order(store: DynamoOrderStore, client: Any) -> None:
    """Even in a large cart, `save_roll_up` makes one query and one write."""
    placed(store, 49)  # the cart, its orders and their claims are 99 writes; a transaction allows 100
    calls: list[str] = []
    counting = _Counting(client, calls)
    for number in (NUMBER, NUMBER + 48):
        calls.clear()
        DynamoOrderStore(counting, TABLE_NAME).save_roll_up(ACCOUNT, TOKEN, {number: COMPLETED})
        assert calls == ["query", "put_item"]


class _Counting:
    def __init__(self, client: Any, calls: list[str]) -> None:
        self._client = client
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        self._calls.append(name)
        return getattr(self._client, name)
