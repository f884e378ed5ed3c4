"""Listing orders: pages by offset, pages by cursor, all orders since a number, and orders by their numbers.

A page mark stores the position of an order in its account's list.
"""

from __future__ import annotations

from typing import Any

import pytest

from hosting_orders.adapters.dynamodb.orders import DynamoOrderStore
from hosting_orders.adapters.dynamodb.pages import MARK_EVERY, MAX_NEW_MARKS
from hosting_orders.domain.errors import ProviderUnavailableError
from hosting_orders.domain.ids import smallest_number_at
from hosting_orders.usecases.ports import OrderPage
from tests.integration.dynamodb.conftest import no_sleep
from tests.integration.dynamodb.examples import ACCOUNT, NOW, a_cart, an_order, place_one
from tests.support.table import TABLE_NAME


def place(store: DynamoOrderStore, *numbers: int, account_id: str = ACCOUNT) -> None:
    orders = [an_order(number, account_id=account_id) for number in numbers]
    store.place(a_cart(*orders, token=f"cart-{numbers[0]}", account_id=account_id), orders)


def numbers(page: OrderPage) -> list[int]:
    return [order.number for order in page.orders]


def test_the_newest_orders_come_first(store: DynamoOrderStore) -> None:
    place(store, 9, 10, 100, 2**49 - 1, 1)
    assert numbers(store.newest(ACCOUNT, 10)) == [2**49 - 1, 100, 10, 9, 1]


def test_an_account_lists_only_its_own_orders(store: DynamoOrderStore) -> None:
    place(store, 1, 2)
    place(store, 3, account_id="another")
    assert numbers(store.newest("another", 10)) == [3]
    assert numbers(store.newest(ACCOUNT, 10)) == [2, 1]


@pytest.mark.parametrize(
    ("limit", "skip", "expected", "has_more"),
    [
        (2, 0, [5, 4], True),
        (5, 0, [5, 4, 3, 2, 1], False),
        (4, 0, [5, 4, 3, 2], True),
        (2, 2, [3, 2], True),
        (2, 3, [2, 1], False),
        (2, 4, [1], False),
        (2, 5, [], False),
        (2, 99, [], False),
    ],
)
def test_a_page_begins_after_the_skipped_orders(
    store: DynamoOrderStore, limit: int, skip: int, expected: list[int], has_more: bool
) -> None:
    place(store, 1, 2, 3, 4, 5)
    page = store.newest(ACCOUNT, limit, skip=skip)
    assert (numbers(page), page.has_more) == (expected, has_more)


class Counting:
    """Counts the items that queries read, with the items that the adapter skips. DynamoDB charges for all of them."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.items = self.calls = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def query(self, **request: Any) -> Any:
        answer = self._client.query(**request)
        self.items += answer["ScannedCount"]
        self.calls += 1
        return answer


def cost_of(client: Any, skip: int, limit: int = 20) -> int:
    counting = Counting(client)
    DynamoOrderStore(counting, TABLE_NAME).newest(ACCOUNT, limit, skip=skip)
    return counting.items + counting.calls


def place_many(store: DynamoOrderStore, numbers: list[int]) -> None:
    for start in range(0, len(numbers), 40):
        place(store, *numbers[start : start + 40])


def test_page_marks_limit_the_cost_of_a_page(store: DynamoOrderStore, client: Any) -> None:
    place_many(store, list(range(1, 401)))
    shallow = cost_of(client, 0)
    assert cost_of(client, 380) > 400  # these orders have no page marks yet
    store.mark_pages(ACCOUNT, before=10**9)
    costs = [cost_of(client, skip) for skip in range(0, 500, 20)]
    most = 2 * MARK_EVERY + shallow + 10
    assert max(costs) <= most
    place_many(store, list(range(401, 801)))
    store.mark_pages(ACCOUNT, before=10**9)
    assert max(cost_of(client, skip) for skip in range(0, 900, 60)) <= most


@pytest.mark.parametrize("before", [1, 333, 10**9])
def test_page_marks_do_not_change_the_pages(store: DynamoOrderStore, before: int) -> None:
    """Some orders may have no page marks yet, for example new orders."""
    numbers_placed = list(range(3, 900, 3))
    place_many(store, numbers_placed)
    store.mark_pages(ACCOUNT, before=before)
    store.mark_pages(ACCOUNT, before=before)  # a second run changes nothing
    place(store, 1600, 1601, 1602)
    place(store, 700, account_id="another")
    every = [1602, 1601, 1600, *reversed(numbers_placed)]
    for skip in [*range(0, len(every) + 100, 23), len(every) - 1, len(every), 10**12]:
        page = store.newest(ACCOUNT, 20, skip=skip)
        assert numbers(page) == every[skip : skip + 20]
        assert page.has_more is (skip + 20 < len(every))


def test_page_marks_are_written_in_limited_steps(store: DynamoOrderStore, client: Any) -> None:
    """One call of `mark_pages` reads a limited number of orders, even if the account has no page marks yet."""
    place_many(store, list(range(1, MARK_EVERY * (MAX_NEW_MARKS + 3))))
    counting = Counting(client)
    for _ in range(3):
        counting.items = 0
        DynamoOrderStore(counting, TABLE_NAME).mark_pages(ACCOUNT, before=10**9)
        assert counting.items <= MARK_EVERY * MAX_NEW_MARKS + 1
    assert cost_of(client, MARK_EVERY * (MAX_NEW_MARKS + 1)) <= 2 * MARK_EVERY + 40


def test_only_orders_before_the_given_number_get_page_marks(store: DynamoOrderStore) -> None:
    place_many(store, list(range(10, 1010, 10)))
    store.mark_pages(ACCOUNT, before=500)
    place(store, *range(501, 560, 10))  # written late: orders with higher numbers exist already
    every = sorted([*range(10, 1010, 10), *range(501, 560, 10)], reverse=True)
    store.mark_pages(ACCOUNT, before=10**9)
    for skip in range(0, len(every), 5):
        assert numbers(store.newest(ACCOUNT, 5, skip=skip)) == every[skip : skip + 5]


def test_an_account_without_orders_has_an_empty_page(store: DynamoOrderStore) -> None:
    assert store.newest(ACCOUNT, 10) == store.newest(ACCOUNT, 10, skip=3) == OrderPage((), has_more=False)


@pytest.mark.parametrize(
    ("number", "expected", "has_more"),
    [
        (5, [4, 3], True),
        (3, [2, 1], False),
        (2, [1], False),
        (1, [], False),
        (0, [], False),
        (99, [5, 4], True),
    ],
)
def test_older_orders_begin_just_below_the_number(
    store: DynamoOrderStore, number: int, expected: list[int], has_more: bool
) -> None:
    place(store, 1, 2, 3, 4, 5)
    page = store.older_than(ACCOUNT, number, 2)
    assert (numbers(page), page.has_more) == (expected, has_more)


@pytest.mark.parametrize(
    ("number", "expected", "has_more"),
    [
        (1, [3, 2], True),
        (3, [5, 4], False),
        (4, [5], False),
        (5, [], False),
        (10**20, [], False),
        (-7, [2, 1], True),
    ],
)
def test_newer_orders_begin_just_above_the_number(
    store: DynamoOrderStore, number: int, expected: list[int], has_more: bool
) -> None:
    place(store, 1, 2, 3, 4, 5)
    page = store.newer_than(ACCOUNT, number, 2)
    assert (numbers(page), page.has_more) == (expected, has_more)


def test_orders_placed_meanwhile_do_not_shift_the_cursor(store: DynamoOrderStore) -> None:
    place(store, 10, 20, 30, 40, 50)
    seen = numbers(store.newest(ACCOUNT, 2))
    place(store, 60)  # newer than all other orders
    place(store, 45)  # among the orders of the page that was just read
    while (page := store.older_than(ACCOUNT, seen[-1], 2)).orders:
        seen += numbers(page)
        place(store, seen[-1] * 1000)
    assert seen == [50, 40, 30, 20, 10]


def test_going_back_and_forward_returns_to_the_same_page(store: DynamoOrderStore) -> None:
    place(store, 1, 2, 3, 4, 5, 6)
    second = store.older_than(ACCOUNT, 5, 2)
    assert numbers(second) == [4, 3]
    back = store.newer_than(ACCOUNT, second.orders[0].number, 2)
    assert numbers(back) == [6, 5]
    assert numbers(store.older_than(ACCOUNT, back.orders[-1].number, 2)) == [4, 3]


def test_a_list_since_a_number_includes_the_order_of_that_number(store: DynamoOrderStore) -> None:
    place(store, 1, 2, 3, 4, 5)
    assert [order.number for order in store.since(ACCOUNT, 3, 10)] == [5, 4, 3]
    assert [order.number for order in store.since(ACCOUNT, 3, 2)] == [5, 4]
    assert store.since(ACCOUNT, 6, 10) == []


def test_orders_can_be_listed_since_a_given_time(
    store: DynamoOrderStore,
) -> None:
    before, after = smallest_number_at(NOW) - 1, smallest_number_at(NOW) + 12345
    place(store, before, after)
    assert [order.number for order in store.since(ACCOUNT, smallest_number_at(NOW), 10)] == [after]


def test_orders_come_in_the_requested_sequence(
    store: DynamoOrderStore,
) -> None:
    place(store, 1, 2, 3)
    place(store, 4, account_id="another")
    assert [order.number for order in store.orders(ACCOUNT, [3, 7, 1, 4, 3])] == [3, 1]
    assert store.orders(ACCOUNT, []) == []


def test_more_orders_than_fit_in_one_batch_are_all_read(store: DynamoOrderStore) -> None:
    for start in range(1, 121, 40):
        place(store, *range(start, start + 40))
    wanted = list(range(120, 0, -1))
    assert [order.number for order in store.orders(ACCOUNT, wanted)] == wanted


class PartialAnswers:
    """Returns only the first item of a batch and the other keys as unprocessed, like a busy DynamoDB."""

    def __init__(self, client: Any, times: int) -> None:
        self._client = client
        self._times = times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def batch_get_item(self, **call: Any) -> dict[str, Any]:
        if self._times == 0:
            answer: dict[str, Any] = self._client.batch_get_item(**call)
            return answer
        self._times -= 1
        request = call["RequestItems"][TABLE_NAME]
        first, rest = request["Keys"][:1], request["Keys"][1:]
        answer = self._client.batch_get_item(RequestItems={TABLE_NAME: {**request, "Keys": first}})
        return {**answer, "UnprocessedKeys": {TABLE_NAME: {**request, "Keys": rest}}}


def test_unprocessed_keys_of_a_busy_table_are_requested_again(store: DynamoOrderStore, client: Any) -> None:
    place(store, 1, 2, 3, 4)
    busy = DynamoOrderStore(PartialAnswers(client, times=2), TABLE_NAME, no_sleep)
    assert [order.number for order in busy.orders(ACCOUNT, [1, 2, 3, 4])] == [1, 2, 3, 4]


def test_a_permanently_busy_table_raises_an_error(store: DynamoOrderStore, client: Any) -> None:
    place(store, *range(1, 21))
    busy = DynamoOrderStore(PartialAnswers(client, times=99), TABLE_NAME, no_sleep)
    with pytest.raises(ProviderUnavailableError):
        busy.orders(ACCOUNT, list(range(1, 21)))


class SmallPages:
    """Returns at most two items per response, as DynamoDB does after a megabyte."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def query(self, **request: Any) -> Any:
        return self._client.query(**{**request, "Limit": min(request.get("Limit", 2), 2)})


def test_small_pages_of_dynamodb_do_not_shorten_our_pages(store: DynamoOrderStore, client: Any) -> None:
    place(store, *range(1, 12))
    small = DynamoOrderStore(SmallPages(client), TABLE_NAME)
    page = small.newest(ACCOUNT, 4, skip=5)
    assert (numbers(page), page.has_more) == ([6, 5, 4, 3], True)
    assert numbers(small.newer_than(ACCOUNT, 3, 5)) == [8, 7, 6, 5, 4]
    assert len(small.since(ACCOUNT, 1, 100)) == 11
    assert small.newest(ACCOUNT, 4, skip=11).orders == ()


def test_a_new_order_is_listed_immediately(store: DynamoOrderStore) -> None:
    order = place_one(store)
    assert store.newest(ACCOUNT, 10).orders == (order,)
