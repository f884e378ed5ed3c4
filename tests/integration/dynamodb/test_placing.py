"""`place` writes the cart, its orders and their capacity in one transaction, or writes nothing.

A capacity counter counts how many places of a variant are taken.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from hosting_orders.adapters.dynamodb.orders import DynamoOrderStore
from hosting_orders.domain import deadlines
from hosting_orders.domain.cart import OrderSnapshot
from hosting_orders.domain.errors import (
    CapacityExhaustedError,
    CartExistsError,
    ConcurrentUpdateError,
    HostingOrdersError,
    NumberTakenError,
    ProviderUnavailableError,
    QuoteUsedError,
)
from hosting_orders.domain.order import OrderStatus
from tests.integration.dynamodb.conftest import no_sleep
from tests.integration.dynamodb.examples import (
    ACCOUNT,
    NOW,
    NUMBER,
    TOKEN,
    a_cart,
    a_catalogue_store,
    a_full_order,
    an_order,
    limit_places,
    places_taken,
)
from tests.support.table import TABLE_NAME, InterruptedClient, everything_in, fault


def outcomes(calls: list[Callable[[], object]]) -> Counter[str]:
    """Make all calls concurrently, each in its own thread. Count the outcomes: `done` or the error's class."""
    start = threading.Barrier(len(calls))
    seen: list[str] = []

    def run(call: Callable[[], object]) -> None:
        start.wait()
        try:
            call()
            seen.append("done")
        except HostingOrdersError as error:
            seen.append(type(error).__name__)

    threads = [threading.Thread(target=run, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(seen)


def test_cart_and_orders_are_stored_as_placed(client: Any, store: DynamoOrderStore) -> None:
    limit_places(client, 1)
    orders = [a_full_order(NUMBER), an_order(NUMBER - 5)]
    cart = a_cart(*orders)
    store.place(cart, orders)
    assert store.cart(ACCOUNT, TOKEN) == cart
    assert store.order(ACCOUNT, NUMBER) == orders[0]
    assert store.order(ACCOUNT, NUMBER - 5) == orders[1]


def test_unknown_carts_and_orders_are_none(store: DynamoOrderStore) -> None:
    assert store.cart(ACCOUNT, TOKEN) is None
    assert store.order(ACCOUNT, NUMBER) is None


def test_another_account_sees_nothing(store: DynamoOrderStore) -> None:
    store.place(a_cart(an_order()), [an_order()])
    assert store.cart("another", TOKEN) is None
    assert store.order("another", NUMBER) is None
    assert store.orders("another", [NUMBER]) == []
    assert store.newest("another", 10).orders == ()


def test_the_beginning_of_a_cart_token_finds_no_cart(store: DynamoOrderStore) -> None:
    store.place(a_cart(an_order()), [an_order()])
    assert store.cart(ACCOUNT, "") is None
    assert store.cart(ACCOUNT, TOKEN[:-1]) is None


def test_a_second_cart_with_the_same_token_is_refused(client: Any, store: DynamoOrderStore) -> None:
    limit_places(client, 5)
    first = an_order(NUMBER, capacity="wordpress")
    store.place(a_cart(first), [first])
    before = everything_in(client)
    twin = an_order(NUMBER + 1, capacity="wordpress")
    with pytest.raises(CartExistsError):
        store.place(a_cart(twin), [twin])
    assert everything_in(client) == before


def test_a_taken_order_number_is_refused_and_leaves_nothing(store: DynamoOrderStore, client: Any) -> None:
    limit_places(client, 5)
    store.place(a_cart(an_order()), [an_order()])
    before = everything_in(client)
    orders = [an_order(NUMBER - 1, capacity="wordpress"), an_order(NUMBER)]
    with pytest.raises(NumberTakenError):
        store.place(a_cart(*orders, token="another"), orders)
    assert everything_in(client) == before


def test_a_duplicate_number_within_a_cart_is_refused(store: DynamoOrderStore, client: Any) -> None:
    orders = [an_order(), an_order()]
    with pytest.raises(NumberTakenError):
        store.place(a_cart(*orders), orders)
    assert everything_in(client) == []


def test_a_cart_must_match_its_orders(store: DynamoOrderStore, client: Any) -> None:
    with pytest.raises(ValueError, match="exactly its new orders"):
        store.place(a_cart(), [an_order()])
    with pytest.raises(ValueError, match="all of them pending"):
        store.place(a_cart(orders={NUMBER: OrderSnapshot(OrderStatus.COMPLETED, 4)}), [an_order()])
    assert everything_in(client) == []


def test_an_order_adds_one_to_its_capacity_counter(store: DynamoOrderStore, client: Any) -> None:
    limit_places(client, 2)
    order = an_order(capacity="wordpress")
    store.place(a_cart(order), [order])
    assert places_taken(client) == 1


def test_nothing_is_written_when_the_capacity_is_exhausted(store: DynamoOrderStore, client: Any) -> None:
    limit_places(client, 0)
    before = everything_in(client)
    orders = [an_order(NUMBER, capacity="wordpress"), an_order(NUMBER + 1)]
    with pytest.raises(CapacityExhaustedError) as refused:
        store.place(a_cart(*orders), orders)
    assert refused.value.resource == "wordpress"
    assert everything_in(client) == before


def test_the_error_names_the_exhausted_counter(store: DynamoOrderStore, client: Any) -> None:
    limit_places(client, 5, "wordpress")
    limit_places(client, 0, "ghost")
    orders = [an_order(NUMBER, capacity="wordpress"), an_order(NUMBER + 1, capacity="ghost")]
    with pytest.raises(CapacityExhaustedError) as refused:
        store.place(a_cart(*orders), orders)
    assert refused.value.resource == "ghost"
    assert places_taken(client, "wordpress") == 0


def test_an_order_without_its_capacity_counter_is_refused(store: DynamoOrderStore, client: Any) -> None:
    for orders in (
        [an_order(capacity="void")],
        [an_order(capacity="void"), an_order(NUMBER + 1, capacity="void")],
    ):
        with pytest.raises(CapacityExhaustedError):
            store.place(a_cart(*orders), orders)
    assert everything_in(client) == []


@pytest.mark.parametrize(("free", "placed"), [(2, False), (3, True)])
def test_a_cart_gets_all_its_places_or_none(
    store: DynamoOrderStore, client: Any, free: int, placed: bool
) -> None:
    limit_places(client, free)
    orders = [an_order(NUMBER + place, capacity="wordpress") for place in range(3)]
    if placed:
        store.place(a_cart(*orders), orders)
    else:
        with pytest.raises(CapacityExhaustedError):
            store.place(a_cart(*orders), orders)
    assert places_taken(client) == (3 if placed else 0)
    assert (store.cart(ACCOUNT, TOKEN) is not None) == placed


def test_a_place_taken_meanwhile_is_not_sold_twice(client: Any) -> None:
    """Another cart takes a place after `place` has counted the free places and before it writes."""
    limit_places(client, 3)
    rival = an_order(NUMBER + 9, capacity="wordpress")

    def rival_comes_first() -> None:
        DynamoOrderStore(client, TABLE_NAME).place(a_cart(rival, token="rival"), [rival])

    store = DynamoOrderStore(InterruptedClient(client, "transact_write_items", rival_comes_first), TABLE_NAME)
    orders = [an_order(NUMBER + place, capacity="wordpress") for place in range(3)]
    with pytest.raises(CapacityExhaustedError):
        store.place(a_cart(*orders), orders)
    assert places_taken(client) == 1


def test_a_cart_is_refused_if_capacity_is_lowered_meanwhile(client: Any) -> None:
    """An operator lowers the capacity after `place` has counted the free places and before it writes."""
    limit_places(client, 3)
    meddled = InterruptedClient(client, "transact_write_items", lambda: limit_places(client, 1))
    orders = [an_order(NUMBER + place, capacity="wordpress") for place in range(2)]
    with pytest.raises(CapacityExhaustedError):
        DynamoOrderStore(meddled, TABLE_NAME).place(a_cart(*orders), orders)
    assert places_taken(client) == 0


def test_a_raised_capacity_applies_to_the_next_attempt(store: DynamoOrderStore, client: Any) -> None:
    limit_places(client, 0)
    order = an_order(capacity="wordpress")
    with pytest.raises(CapacityExhaustedError):
        store.place(a_cart(order), [order])
    limit_places(client, 1)
    store.place(a_cart(order), [order])
    assert places_taken(client) == 1


def test_twenty_concurrent_duplicates_store_one_cart(client: Any) -> None:
    limit_places(client, 50)
    twins = [an_order(NUMBER + twin, capacity="wordpress") for twin in range(20)]
    calls = [
        lambda twin=twin: DynamoOrderStore(client, TABLE_NAME, no_sleep).place(a_cart(twin), [twin])
        for twin in twins
    ]
    assert outcomes(calls) == {"done": 1, "CartExistsError": 19}
    assert places_taken(client) == 1
    placed = DynamoOrderStore(client, TABLE_NAME).newest(ACCOUNT, 50).orders
    assert len(placed) == 1


def test_duplicates_for_the_last_place_raise_cart_exists(client: Any) -> None:
    limit_places(client, 1)
    twins = [an_order(NUMBER + twin, capacity="wordpress") for twin in range(8)]
    calls = [
        lambda twin=twin: DynamoOrderStore(client, TABLE_NAME, no_sleep).place(a_cart(twin), [twin])
        for twin in twins
    ]
    assert outcomes(calls) == {"done": 1, "CartExistsError": 7}


@pytest.mark.parametrize(("each", "limit", "placed"), [(1, 3, 3), (2, 5, 2)])
def test_concurrent_carts_never_get_more_places_than_exist(
    client: Any, each: int, limit: int, placed: int
) -> None:
    limit_places(client, limit)
    calls = []
    for stranger in range(10):
        orders = [
            an_order(NUMBER + 10 * stranger + place, account_id=f"account-{stranger}", capacity="wordpress")
            for place in range(each)
        ]
        cart = a_cart(*orders, account_id=f"account-{stranger}")
        calls.append(
            lambda cart=cart, orders=orders: DynamoOrderStore(client, TABLE_NAME, no_sleep).place(
                cart, orders
            )
        )
    assert outcomes(calls) == {"done": placed, "CapacityExhaustedError": 10 - placed}
    assert places_taken(client) == placed * each
    stored_orders = [item for item in everything_in(client) if item["SK"]["S"].startswith("ORDER")]
    assert len(stored_orders) == placed * each


# -- errors of transactions, which moto does not raise by itself ---------------------------------------------


def test_a_transaction_conflict_is_retried(client: Any) -> None:
    conflict = fault("TransactionCanceledException", "TransactionConflict", "None")
    store = DynamoOrderStore(
        InterruptedClient(client, "transact_write_items", *[conflict] * 3), TABLE_NAME, no_sleep
    )
    store.place(a_cart(an_order()), [an_order()])
    assert store.cart(ACCOUNT, TOKEN) == a_cart(an_order())


def test_a_conflict_with_a_duplicate_raises_cart_exists(client: Any) -> None:
    twin = an_order(NUMBER + 1)

    def twin_wins() -> None:
        DynamoOrderStore(client, TABLE_NAME).place(a_cart(twin), [twin])
        fault("TransactionCanceledException", "TransactionConflict", "None")()

    store = DynamoOrderStore(
        InterruptedClient(client, "transact_write_items", twin_wins), TABLE_NAME, no_sleep
    )
    with pytest.raises(CartExistsError):
        store.place(a_cart(an_order()), [an_order()])
    assert store.order(ACCOUNT, NUMBER) is None


def test_endless_conflicts_raise_cart_exists_for_a_duplicate(client: Any) -> None:
    twin = an_order(NUMBER + 1)
    DynamoOrderStore(client, TABLE_NAME).place(a_cart(twin), [twin])
    conflict = fault("TransactionCanceledException", "TransactionConflict", "None")
    store = DynamoOrderStore(
        InterruptedClient(client, "transact_write_items", *[conflict] * 99), TABLE_NAME, no_sleep
    )
    with pytest.raises(CartExistsError):
        store.place(a_cart(an_order()), [an_order()])


def test_endless_conflicts_raise_concurrent_update_error(client: Any) -> None:
    conflict = fault("TransactionCanceledException", "None", "TransactionConflict")
    store = DynamoOrderStore(
        InterruptedClient(client, "transact_write_items", *[conflict] * 99), TABLE_NAME, no_sleep
    )
    with pytest.raises(ConcurrentUpdateError):
        store.place(a_cart(an_order()), [an_order()])
    assert everything_in(client) == []


def test_a_duplicate_is_found_after_a_failed_capacity_check(client: Any) -> None:
    limit_places(client, 1)
    twin = an_order(NUMBER + 1, capacity="wordpress")
    DynamoOrderStore(client, TABLE_NAME).place(a_cart(twin), [twin])
    only_the_counter = fault("TransactionCanceledException", "None", "None", "ConditionalCheckFailed")
    store = DynamoOrderStore(
        InterruptedClient(client, "transact_write_items", only_the_counter), TABLE_NAME, no_sleep
    )
    with pytest.raises(CartExistsError):
        store.place(a_cart(an_order(capacity="wordpress")), [an_order(capacity="wordpress")])


def test_a_duplicate_raises_cart_exists_if_no_place_is_left(client: Any, store: DynamoOrderStore) -> None:
    limit_places(client, 2)
    twins = [an_order(NUMBER + place, capacity="wordpress") for place in range(2)]
    store.place(a_cart(*twins), twins)
    ours = [an_order(NUMBER + 5 + place, capacity="wordpress") for place in range(2)]
    with pytest.raises(CartExistsError):
        store.place(a_cart(*ours), ours)


def test_a_throttled_transaction_raises_provider_unavailable(client: Any) -> None:
    throttled = fault("TransactionCanceledException", "None", "ThrottlingError")
    store = DynamoOrderStore(
        InterruptedClient(client, "transact_write_items", throttled), TABLE_NAME, no_sleep
    )
    with pytest.raises(ProviderUnavailableError):
        store.place(a_cart(an_order()), [an_order()])
    assert everything_in(client) == []


def test_placing_again_after_a_fault_works(client: Any) -> None:
    busy = fault("InternalServerError", status=500)
    store = DynamoOrderStore(InterruptedClient(client, "transact_write_items", busy), TABLE_NAME, no_sleep)
    with pytest.raises(ProviderUnavailableError):
        store.place(a_cart(an_order()), [an_order()])
    store.place(a_cart(an_order()), [an_order()])
    assert store.order(ACCOUNT, NUMBER) == an_order()


def test_the_catalogue_shows_the_taken_places(client: Any, store: DynamoOrderStore) -> None:
    limit_places(client, 1)
    order = an_order(capacity="wordpress")
    store.place(a_cart(order), [order])
    variant = a_catalogue_store(client).load().variants["wordpress"]
    assert (variant.used, variant.capacity, variant.available) == (1, 1, False)


def test_times_of_a_cart_are_stored_to_the_millisecond(store: DynamoOrderStore) -> None:
    cart = replace(a_cart(an_order()), created_at=NOW + 7, updated_at=NOW + 8, payment_lease=NOW + 9)
    store.place(cart, [an_order()])
    assert store.cart(ACCOUNT, TOKEN) == cart


def test_an_order_number_is_unique_across_accounts(store: DynamoOrderStore, client: Any) -> None:
    """Ids at providers are computed from the number alone, so two accounts must never share a number."""
    store.place(a_cart(an_order()), [an_order()])
    before = everything_in(client)
    twin = an_order(account_id="another-account")
    with pytest.raises(NumberTakenError):
        store.place(a_cart(twin, account_id="another-account"), [twin])
    assert everything_in(client) == before


# -- quotes --------------------------------------------------------------------------------------------------------


def test_only_one_cart_can_use_a_quote(store: DynamoOrderStore, client: Any) -> None:
    first, second = an_order(), an_order(NUMBER + 1)
    assert not store.quote_used(ACCOUNT, "q")
    store.place(a_cart(first, quote_id="q", max_gross=1200), [first])
    assert store.quote_used(ACCOUNT, "q") and not store.quote_used("another", "q")
    kept = store.cart(ACCOUNT, TOKEN)
    assert kept is not None and (kept.quote_id, kept.max_gross) == ("q", 1200)
    before = everything_in(client)
    with pytest.raises(QuoteUsedError):
        store.place(a_cart(second, token="other", quote_id="q"), [second])
    assert everything_in(client) == before
    store.place(a_cart(second, token="other", quote_id="r"), [second])


def test_a_duplicate_with_the_same_quote_raises_cart_exists(store: DynamoOrderStore) -> None:
    order = an_order()
    store.place(a_cart(order, quote_id="q"), [order])
    with pytest.raises(CartExistsError):
        store.place(a_cart(order, quote_id="q"), [order])


def test_a_taken_number_leaves_the_quote_unused(store: DynamoOrderStore) -> None:
    store.place(a_cart(an_order()), [an_order()])
    with pytest.raises(NumberTakenError):
        store.place(a_cart(an_order(), token="other", quote_id="q"), [an_order()])
    assert not store.quote_used(ACCOUNT, "q")


def test_only_one_of_many_concurrent_carts_can_use_a_quote(store: DynamoOrderStore) -> None:
    def placing(place: int) -> Callable[[], object]:
        order = an_order(NUMBER + place)
        return lambda: store.place(a_cart(order, token=f"cart-{place}", quote_id="q"), [order])

    assert outcomes([placing(place) for place in range(8)]) == {"done": 1, "QuoteUsedError": 7}


def test_a_used_quote_is_stored_for_longer_than_it_is_valid(store: DynamoOrderStore, client: Any) -> None:
    order = an_order()
    store.place(a_cart(order, quote_id="q"), [order])
    (used,) = [item for item in everything_in(client) if "QUOTE#" in str(item)]
    kept_for = int(used["expires_at"]["N"]) - NOW // 1000
    assert kept_for > 2 * deadlines.QUOTE // 1000
