"""`save_order` checks the version of an order.

A product can have a limited number of places. If an order ends undelivered, `save_order` releases its place.
"""

from __future__ import annotations

import threading
from typing import Any

import pytest

from hosting_orders.adapters.dynamodb.orders import DynamoOrderStore
from hosting_orders.domain.errors import ConcurrentUpdateError, HostingOrdersError, ProviderUnavailableError
from hosting_orders.domain.order import Actor, Failure, Order, OrderStatus
from hosting_orders.domain.products import SiteResource
from tests.integration.dynamodb.conftest import no_sleep
from tests.integration.dynamodb.examples import (
    ACCOUNT,
    NOW,
    NUMBER,
    a_cart,
    a_catalogue_store,
    a_full_order,
    an_order,
    limit_places,
    place_one,
    places_taken,
)
from tests.support.table import TABLE_NAME, InterruptedClient, everything_in, fault

FAILURE = Failure("declined", "The card was declined.")
SITE = SiteResource("site-1", "shop.example", "192.0.2.1", "admin", "c2VhbGVk", 22)


def ended_undelivered(order: Order, end: OrderStatus) -> Order:
    """The order after the fewest changes that lead to this end."""
    if end is OrderStatus.FAILED:
        return order.payment_failed(FAILURE, NOW)
    if end is OrderStatus.EXPIRED:
        return order.expired(NOW)
    if end is OrderStatus.CANCELED:
        return order.cancel_requested(NOW).refunded(None, NOW)
    return order.undeliverable(FAILURE, NOW, Actor.SYSTEM).refunded(None, NOW)


UNDELIVERED = [OrderStatus.FAILED, OrderStatus.EXPIRED, OrderStatus.CANCELED, OrderStatus.PROVISION_FAILED]


def test_a_saved_order_is_stored_with_its_next_version(store: DynamoOrderStore) -> None:
    placed = place_one(store)
    saved = store.save_order(placed.paid(NOW + 1, NOW + 2))
    assert saved.version == placed.version + 1
    assert store.order(ACCOUNT, NUMBER) == saved
    again = store.save_order(saved.begin_provisioning(NOW + 3, NOW + 4))
    assert store.order(ACCOUNT, NUMBER) == again


def test_save_order_stores_every_field_of_an_order(store: DynamoOrderStore) -> None:
    placed = place_one(store)
    saved = store.save_order(a_full_order(version=placed.version))
    assert store.order(ACCOUNT, NUMBER) == saved


def test_a_writer_with_an_outdated_order_changes_nothing(store: DynamoOrderStore, client: Any) -> None:
    seen = place_one(store)
    store.save_order(seen.paid(NOW + 1, NOW + 2))
    before = everything_in(client)
    with pytest.raises(ConcurrentUpdateError):
        store.save_order(seen.expired(NOW + 1))
    assert everything_in(client) == before


def test_save_order_refuses_an_order_that_was_never_placed(store: DynamoOrderStore, client: Any) -> None:
    with pytest.raises(ConcurrentUpdateError):
        store.save_order(an_order().expired(NOW))
    assert everything_in(client) == []


def test_cancellation_and_provisioning_are_never_both_saved(client: Any, store: DynamoOrderStore) -> None:
    for race in range(10):
        placed = place_one(store, number=NUMBER + race, cart_token=f"cart-{race}")
        paid = store.save_order(placed.paid(NOW, NOW))
        rivals = [paid.cancel_requested(NOW + 1), paid.begin_provisioning(NOW + 1, NOW + 2)]
        start, lost = threading.Barrier(2), []

        def save(order: Order, start: threading.Barrier = start, lost: list[Order] = lost) -> None:
            start.wait()
            try:
                DynamoOrderStore(client, TABLE_NAME, no_sleep).save_order(order)
            except HostingOrdersError:
                lost.append(order)

        threads = [threading.Thread(target=save, args=[rival]) for rival in rivals]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (loser,) = lost
        after = store.order(ACCOUNT, placed.number)
        assert after is not None
        assert (after.provisioning_at is None) == (loser.provisioning_at is not None)
        assert (after.status is OrderStatus.CANCELING) == (loser.status is not OrderStatus.CANCELING)


@pytest.mark.parametrize("end", UNDELIVERED)
def test_an_undelivered_order_releases_its_place(
    store: DynamoOrderStore, client: Any, end: OrderStatus
) -> None:
    limit_places(client, 5)
    placed = place_one(store, capacity="wordpress")
    ended = store.save_order(ended_undelivered(placed, end))
    assert (ended.status, ended.capacity) == (end, None)
    assert store.order(ACCOUNT, NUMBER) == ended
    assert places_taken(client) == 0


def test_a_delivered_order_keeps_its_place(store: DynamoOrderStore, client: Any) -> None:
    limit_places(client, 5)
    placed = place_one(store, capacity="wordpress")
    delivered = store.save_order(placed.paid(NOW, NOW).delivered(SITE, None, NOW))
    assert delivered.capacity == "wordpress"
    assert store.order(ACCOUNT, NUMBER) == delivered
    assert places_taken(client) == 1


@pytest.mark.parametrize("on_the_way", ["canceling", "refunding"])
def test_canceling_or_refunding_orders_keep_their_place(
    store: DynamoOrderStore, client: Any, on_the_way: str
) -> None:
    limit_places(client, 5)
    paid = place_one(store, capacity="wordpress").paid(NOW, NOW)
    if on_the_way == "canceling":
        store.save_order(paid.cancel_requested(NOW))
    else:
        store.save_order(paid.undeliverable(FAILURE, NOW, Actor.PLATFORM))
    assert places_taken(client) == 1


def test_saving_the_end_twice_releases_one_place(store: DynamoOrderStore, client: Any) -> None:
    limit_places(client, 5)
    placed = place_one(store, capacity="wordpress")
    other = an_order(NUMBER + 1, capacity="wordpress", cart_token="other")
    store.place(a_cart(other, token="other"), [other])
    expired = placed.expired(NOW)
    ended = store.save_order(expired)
    with pytest.raises(ConcurrentUpdateError):
        store.save_order(expired)
    store.save_order(ended)
    assert places_taken(client) == 1, "the other order keeps its place"


def test_a_refused_save_releases_no_place(store: DynamoOrderStore, client: Any) -> None:
    limit_places(client, 5)
    placed = place_one(store, capacity="wordpress")
    store.save_order(placed.paid(NOW, NOW))
    before = everything_in(client)
    with pytest.raises(ConcurrentUpdateError):
        store.save_order(placed.expired(NOW))
    assert everything_in(client) == before


def test_an_order_can_end_if_its_capacity_counter_was_reset(store: DynamoOrderStore, client: Any) -> None:
    limit_places(client, 5)
    placed = place_one(store, capacity="wordpress")
    counter = {"PK": {"S": "CATALOGUE"}, "SK": {"S": "CAPACITY#wordpress"}}
    client.put_item(TableName=TABLE_NAME, Item={**counter, "capacity": {"N": "5"}, "used": {"N": "0"}})
    ended = store.save_order(placed.expired(NOW))
    assert store.order(ACCOUNT, NUMBER) == ended
    assert places_taken(client) == 0, "the counter is never negative"


def test_an_order_can_end_without_its_capacity_counter(store: DynamoOrderStore, client: Any) -> None:
    limit_places(client, 5)
    placed = place_one(store, capacity="wordpress")
    client.delete_item(
        TableName=TABLE_NAME, Key={"PK": {"S": "CATALOGUE"}, "SK": {"S": "CAPACITY#wordpress"}}
    )
    ended = store.save_order(placed.expired(NOW))
    assert store.order(ACCOUNT, NUMBER) == ended
    assert a_catalogue_store(client).load().variants["wordpress"].capacity is None, (
        "the counter is not created again"
    )


def test_a_write_is_retried_after_a_transaction_conflict(client: Any, store: DynamoOrderStore) -> None:
    placed = place_one(store)
    meeting = fault("TransactionConflictException")
    busy = DynamoOrderStore(InterruptedClient(client, "put_item", meeting, meeting), TABLE_NAME, no_sleep)
    saved = busy.save_order(placed.paid(NOW, NOW))
    assert store.order(ACCOUNT, NUMBER) == saved


def test_a_conflict_at_every_retry_raises_concurrent_update(client: Any, store: DynamoOrderStore) -> None:
    placed = place_one(store)
    meeting = fault("TransactionConflictException")
    busy = DynamoOrderStore(InterruptedClient(client, "put_item", *[meeting] * 99), TABLE_NAME, no_sleep)
    with pytest.raises(ConcurrentUpdateError):
        busy.save_order(placed.paid(NOW, NOW))
    assert store.order(ACCOUNT, NUMBER) == placed


def test_a_throttled_write_raises_provider_unavailable(client: Any, store: DynamoOrderStore) -> None:
    placed = place_one(store)
    throttled = fault("ProvisionedThroughputExceededException")
    busy = DynamoOrderStore(InterruptedClient(client, "put_item", throttled), TABLE_NAME, no_sleep)
    with pytest.raises(ProviderUnavailableError):
        busy.save_order(placed.paid(NOW, NOW))
    assert store.order(ACCOUNT, NUMBER) == placed
