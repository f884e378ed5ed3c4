"""`place` counts orders against the spend cap of their API key. An order that ends undelivered no longer counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from hosting_orders.adapters.dynamodb.orders import DynamoOrderStore
from hosting_orders.domain.account import SpendCap
from hosting_orders.domain.callback import CallbackDelivery
from hosting_orders.domain.cart import MAX_ITEMS, Cart
from hosting_orders.domain.domain_record import DomainRecord
from hosting_orders.domain.errors import (
    CapacityExhaustedError,
    CartExistsError,
    ConcurrentUpdateError,
    SpendCapExceededError,
)
from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.domain.products import DomainItem
from hosting_orders.domain.registration import DomainAction, SealedContacts
from hosting_orders.domain.spending import Spend, Spent
from tests.integration.dynamodb.conftest import no_sleep
from tests.integration.dynamodb.examples import ACCOUNT, NOW, NUMBER, a_cart, an_order, limit_places
from tests.integration.dynamodb.test_placing import outcomes
from tests.integration.dynamodb.test_saving_orders import SITE, UNDELIVERED, ended_undelivered
from tests.support.table import TABLE_NAME, InterruptedClient, everything_in, fault

DAY = "2026-09-21"
KEY = "key_1"


def spending(amount: int = 1200, day: str = DAY, key: str = KEY) -> Spend:
    return Spend(key, day, amount)


def cap(day: int | None = None, month: int | None = None) -> SpendCap:
    return SpendCap("EUR", day, month)


def place(
    store: DynamoOrderStore, number: int, spend: Spend, limit: SpendCap, **changes: Any
) -> tuple[Cart, Order]:
    order = an_order(number, spend=spend, cart_token=f"cart-{number}", **changes)
    cart = a_cart(order, token=order.cart_token)
    store.place(cart, [order], cap=limit)
    return cart, order


@pytest.mark.parametrize("limit", [cap(day=3600), cap(month=3600), cap(day=3600, month=3600)])
def test_orders_are_placed_up_to_exactly_the_cap(
    store: DynamoOrderStore, client: Any, limit: SpendCap
) -> None:
    for number in range(NUMBER, NUMBER + 3):
        place(store, number, spending(), limit)
    before = everything_in(client)
    with pytest.raises(SpendCapExceededError):
        place(store, NUMBER + 3, spending(1), limit)
    assert everything_in(client) == before
    assert store.spent(ACCOUNT, KEY, DAY) == Spent(3600, 3600)


def test_a_first_order_above_the_cap_is_refused(store: DynamoOrderStore, client: Any) -> None:
    for limit in (cap(day=1199), cap(month=0)):
        with pytest.raises(SpendCapExceededError):
            place(store, NUMBER, spending(), limit)
    assert everything_in(client) == []


@pytest.mark.parametrize(
    ("limit", "period", "left"),
    [
        (cap(day=1500), "day", 300),
        (cap(month=1500), "month", 300),
        (cap(day=1500, month=9999), "day", 300),
        (cap(day=1500, month=1400), "month", 200),
        (cap(day=1400, month=1500), "day", 200),
        (cap(day=1000), "day", 0),  # the cap was lowered after the first order
    ],
)
def test_a_refusal_names_the_period_with_less_money_left(
    store: DynamoOrderStore, limit: SpendCap, period: str, left: int
) -> None:
    place(store, NUMBER, spending(), cap(day=9999))
    with pytest.raises(SpendCapExceededError) as refused:
        place(store, NUMBER + 1, spending(1201), limit)
    assert (refused.value.period, refused.value.remaining.amount) == (period, left)
    assert "costs 12.01 EUR" in str(refused.value)


def test_a_new_day_and_a_new_month_start_at_zero(store: DynamoOrderStore) -> None:
    limit = cap(day=1200, month=2400)
    place(store, NUMBER, spending(day="2026-09-29"), limit)
    place(store, NUMBER + 1, spending(day="2026-09-30"), limit)
    with pytest.raises(SpendCapExceededError) as refused:
        place(store, NUMBER + 2, spending(day="2026-09-28"), limit)
    assert refused.value.period == "month"
    place(store, NUMBER + 3, spending(day="2026-10-01"), limit)
    assert store.spent(ACCOUNT, KEY, "2026-09-30") == Spent(1200, 2400)
    assert store.spent(ACCOUNT, KEY, "2026-10-01") == Spent(1200, 1200)
    assert store.spent(ACCOUNT, KEY, "2026-10-30") == Spent(0, 1200)


def test_keys_and_accounts_are_counted_separately(store: DynamoOrderStore) -> None:
    place(store, NUMBER, spending(), cap(day=1200))
    place(store, NUMBER + 1, spending(key="key_2"), cap(day=1200))
    order = an_order(NUMBER + 2, account_id="another", spend=spending())
    store.place(a_cart(order, account_id="another"), [order], cap=cap(day=1200))
    assert store.spent("another", KEY, DAY) == store.spent(ACCOUNT, KEY, DAY) == Spent(1200, 1200)


def test_a_cart_counts_the_sum_of_its_orders(store: DynamoOrderStore, client: Any) -> None:
    orders = [an_order(NUMBER + n, spend=spending()) for n in range(3)]
    with pytest.raises(SpendCapExceededError):
        store.place(a_cart(*orders), orders, cap=cap(day=3599))
    assert everything_in(client) == []
    store.place(a_cart(*orders), orders, cap=cap(day=3600))
    assert store.spent(ACCOUNT, KEY, DAY) == Spent(3600, 3600)


def test_an_order_that_counts_as_spending_needs_a_cap(store: DynamoOrderStore, client: Any) -> None:
    order = an_order(spend=spending())
    with pytest.raises(ValueError, match="need the cap"):
        store.place(a_cart(order), [order])
    assert everything_in(client) == []


def test_the_counter_is_kept_for_sixty_days_after_its_month(store: DynamoOrderStore, client: Any) -> None:
    place(store, NUMBER, spending(day="2026-09-01"), cap(day=1200))
    (item,) = [item for item in everything_in(client) if item["SK"]["S"].startswith("SPENDING#")]
    assert item["PK"]["S"] == f"ACCOUNT#{ACCOUNT}"
    end_of_the_month = 1_790_812_800  # 2026-10-01T00:00:00Z
    assert int(item["expires_at"]["N"]) > end_of_the_month + 60 * 86_400


# -- races ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [cap(day=3600), cap(month=4799)])
def test_twenty_concurrent_orders_cannot_exceed_the_cap(client: Any, limit: SpendCap) -> None:
    calls = [
        lambda number=number: place(DynamoOrderStore(client, TABLE_NAME, no_sleep), number, spending(), limit)
        for number in range(NUMBER, NUMBER + 20)
    ]
    assert outcomes(calls) == {"done": 3, "SpendCapExceededError": 17}
    store = DynamoOrderStore(client, TABLE_NAME)
    assert store.spent(ACCOUNT, KEY, DAY) == Spent(3600, 3600)
    assert len(store.newest(ACCOUNT, 50).orders) == 3


def test_concurrent_duplicates_raise_only_cart_exists(client: Any) -> None:
    twins = [an_order(NUMBER + twin, spend=spending()) for twin in range(8)]
    calls = [
        lambda twin=twin: DynamoOrderStore(client, TABLE_NAME, no_sleep).place(
            a_cart(twin), [twin], cap=cap(day=1200)
        )
        for twin in twins
    ]
    assert outcomes(calls) == {"done": 1, "CartExistsError": 7}


def test_a_duplicate_above_the_cap_raises_cart_exists(store: DynamoOrderStore) -> None:
    order = an_order(spend=spending())
    store.place(a_cart(order), [order], cap=cap(day=1200))
    with pytest.raises(CartExistsError):
        store.place(a_cart(order), [order], cap=cap(day=1))


def test_an_outdated_refusal_by_the_cap_raises_concurrent_update(client: Any) -> None:
    """The cap makes the transaction of a new order fail. Then another order ends and frees its amount.

    When the store reads the counter to explain the failure, the new order no longer exceeds the cap.
    """
    only_the_cap = fault("TransactionCanceledException", "None", "None", "None", "ConditionalCheckFailed")
    meddled = InterruptedClient(client, "transact_write_items", only_the_cap)
    with pytest.raises(ConcurrentUpdateError):
        place(DynamoOrderStore(meddled, TABLE_NAME, no_sleep), NUMBER, spending(), cap(day=1200))
    assert everything_in(client) == []


def test_capacity_and_spend_cap_raise_different_errors(store: DynamoOrderStore, client: Any) -> None:
    limit_places(client, 0)
    with pytest.raises(CapacityExhaustedError):
        place(store, NUMBER, spending(), cap(day=1200), capacity="wordpress")
    limit_places(client, 1)
    with pytest.raises(SpendCapExceededError):
        place(store, NUMBER, spending(), cap(day=1199), capacity="wordpress")


# -- giving back the amount of an undelivered order -----------------------------------------------------------------


@pytest.mark.parametrize("end", UNDELIVERED)
def test_the_amount_of_an_undelivered_order_is_given_back_once(
    store: DynamoOrderStore, end: OrderStatus
) -> None:
    place(store, NUMBER, spending(500), cap(day=9999))
    _, order = place(store, NUMBER + 1, spending(700), cap(day=9999))
    ended = store.save_order(ended_undelivered(order, end))
    assert ended.spend is None
    assert store.spent(ACCOUNT, KEY, DAY) == Spent(500, 500)
    store.save_order(ended.check_at(NOW + 5))
    with pytest.raises(ConcurrentUpdateError):
        store.save_order(ended_undelivered(order, end))
    assert store.spent(ACCOUNT, KEY, DAY) == Spent(500, 500)


def test_a_delivered_order_stays_counted(store: DynamoOrderStore) -> None:
    _, order = place(store, NUMBER, spending(), cap(day=9999))
    paid = store.save_order(order.paid(NOW, NOW))
    done = store.save_order(paid.delivered(SITE, None, NOW))
    assert done.spend == spending()
    store.save_order(done.check_renewal_at(NOW + 5))
    assert store.spent(ACCOUNT, KEY, DAY) == Spent(1200, 1200)


def test_an_order_stays_counted_after_its_domain_has_left(store: DynamoOrderStore) -> None:
    (order,) = domains(1)
    store.place(a_cart(order), [order], cap=cap(day=9999))
    record = replace(order.domain_record, left_at=NOW)
    saved = store.save_order(replace(order, status=OrderStatus.COMPLETED, domain=record))
    assert (saved.spend, saved.domain_claim) == (order.spend, None)
    assert store.spent(ACCOUNT, KEY, DAY) == Spent(1200, 1200)


def test_an_amount_is_given_back_to_the_day_of_its_order(store: DynamoOrderStore) -> None:
    _, order = place(store, NUMBER, spending(day="2026-09-30"), cap(day=9999))
    place(store, NUMBER + 1, spending(day="2026-10-01"), cap(day=9999))
    store.save_order(order.expired(NOW))
    assert store.spent(ACCOUNT, KEY, "2026-09-30") == Spent(0, 0)
    assert store.spent(ACCOUNT, KEY, "2026-10-01") == Spent(1200, 1200)


def test_an_order_can_end_after_its_counter_was_deleted(store: DynamoOrderStore, client: Any) -> None:
    _, order = place(store, NUMBER, spending(), cap(day=9999))
    (item,) = [item for item in everything_in(client) if item["SK"]["S"].startswith("SPENDING#")]
    client.delete_item(TableName=TABLE_NAME, Key={name: item[name] for name in ("PK", "SK")})
    assert store.save_order(order.expired(NOW)).ended
    assert store.spent(ACCOUNT, KEY, DAY) == Spent()


def domains(count: int) -> list[Order]:
    return [
        an_order(
            NUMBER + n,
            item=DomainItem(f"example-{n}.com", f"example-{n}.com", "com", DomainAction.REGISTER, 1200),
            domain=DomainRecord(f"example-{n}.com"),
            spend=spending(),
        )
        for n in range(count)
    ]


class CountingClient:
    """Records the number of writes of each transaction."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.sizes: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def transact_write_items(self, **given: Any) -> Any:
        self.sizes.append(len(given["TransactItems"]))
        return self._client.transact_write_items(**given)


def test_the_largest_cart_fits_into_one_transaction(client: Any) -> None:
    counting = CountingClient(client)
    store = DynamoOrderStore(counting, TABLE_NAME, no_sleep)
    orders = domains(MAX_ITEMS)
    cart = a_cart(*orders)
    store.place(cart, orders, contacts_of(orders), cap=cap(day=MAX_ITEMS * 1200))
    owed = [CallbackDelivery(ACCOUNT, order.number, f"msg_{order.number}") for order in orders]
    failed = [ended_undelivered(order, OrderStatus.FAILED) for order in orders]
    store.save_failed_payment(cart, failed, owed)
    assert counting.sizes == [2 + 4 * MAX_ITEMS, 2 + 4 * MAX_ITEMS]
    assert store.spent(ACCOUNT, KEY, DAY) == Spent()
    assert {order.spend for order in store.newest(ACCOUNT, 50).orders} == {None}


def contacts_of(orders: Sequence[Order]) -> list[SealedContacts]:
    return [SealedContacts(ACCOUNT, order.number, "c2VhbGVk") for order in orders]
