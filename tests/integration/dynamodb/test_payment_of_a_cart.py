"""The methods `save_payment` and `save_failed_payment` of the order store.

A cart's roll-up is one status for all its orders. The payment and the roll-up have separate versions.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hosting_orders.adapters.dynamodb.orders import DynamoOrderStore
from hosting_orders.domain.cart import Cart, OrderSnapshot, Payment, PaymentStatus, RollupStatus
from hosting_orders.domain.errors import ConcurrentUpdateError
from hosting_orders.domain.order import Failure, Order, OrderStatus
from tests.integration.dynamodb.examples import (
    ACCOUNT,
    NOW,
    NUMBER,
    TOKEN,
    a_cart,
    a_hosted_invoice_url,
    an_order,
    limit_places,
    places_taken,
)
from tests.support.table import everything_in

DECLINED = Failure("lost_card", "The card was declined.")

SETTLED = Payment(
    status=PaymentStatus.SUCCEEDED,
    currency="EUR",
    method_type="card",
    reference="in_1",
    pay_url=a_hosted_invoice_url(),
    pay_until=NOW + 1,
    gross={"7": 1, "8": 2},
    amount_charged=11_000,
    credit_applied=1_000,
    refunded=500,
    error="card_declined",
)


def placed(store: DynamoOrderStore, *orders: Order) -> Cart:
    cart = a_cart(*orders)
    store.place(cart, orders)
    return cart


def test_a_saved_payment_can_be_read_again(store: DynamoOrderStore) -> None:
    cart = placed(store, an_order())
    changed = replace(cart.with_payment(SETTLED, NOW + 5), payment_lease=NOW + 6, due_at=NOW + 7)
    saved = store.save_payment(changed)
    assert saved == replace(changed, payment_version=1)
    assert store.cart(ACCOUNT, TOKEN) == saved


def test_only_one_of_two_processes_takes_the_payment_lease(store: DynamoOrderStore) -> None:
    seen = placed(store, an_order())
    store.save_payment(replace(seen, payment_lease=NOW + 1))
    with pytest.raises(ConcurrentUpdateError):
        store.save_payment(replace(seen, payment_lease=NOW + 2))
    after = store.cart(ACCOUNT, TOKEN)
    assert after is not None
    assert (after.payment_lease, after.payment_version) == (NOW + 1, 1)


def test_a_payment_of_an_unknown_cart_is_not_saved(store: DynamoOrderStore, client: Any) -> None:
    with pytest.raises(ConcurrentUpdateError):
        store.save_payment(a_cart(an_order()))
    assert everything_in(client) == []


def test_saving_a_payment_keeps_a_newer_roll_up(store: DynamoOrderStore) -> None:
    seen = placed(store, an_order())
    completed = OrderSnapshot(OrderStatus.COMPLETED, 4)
    store.save_roll_up(ACCOUNT, TOKEN, {NUMBER: completed})
    store.save_payment(seen.with_payment(SETTLED, NOW))
    after = store.cart(ACCOUNT, TOKEN)
    assert after is not None
    assert (after.orders[NUMBER], after.rollup_status) == (completed, RollupStatus.COMPLETED)
    assert after.payment == SETTLED


def test_saving_a_roll_up_keeps_a_newer_payment(store: DynamoOrderStore) -> None:
    seen = placed(store, an_order())
    store.save_payment(replace(seen.with_payment(SETTLED, NOW + 1), payment_lease=NOW + 9))
    store.save_roll_up(ACCOUNT, TOKEN, {NUMBER: OrderSnapshot(OrderStatus.COMPLETED, 4)})
    after = store.cart(ACCOUNT, TOKEN)
    assert after is not None
    assert (after.payment, after.payment_lease, after.payment_version) == (SETTLED, NOW + 9, 1)


def test_saving_a_payment_never_changes_the_rest_of_the_cart(store: DynamoOrderStore) -> None:
    seen = placed(store, an_order())
    store.save_payment(replace(seen, fingerprint="another", payment_method_id="another", orders={}))
    after = store.cart(ACCOUNT, TOKEN)
    assert after == replace(seen, payment_version=1)


def failing(cart: Cart, orders: list[Order]) -> tuple[Cart, list[Order]]:
    payment = replace(cart.payment, status=PaymentStatus.FAILED, error="lost_card")
    cart = replace(cart.with_payment(payment, NOW + 1), due_at=None)
    return cart, [order.payment_failed(DECLINED, NOW + 1) for order in orders]


def test_a_failed_payment_and_its_orders_are_written_together(store: DynamoOrderStore, client: Any) -> None:
    limit_places(client, 5)
    orders = [
        an_order(NUMBER, capacity="wordpress"),
        an_order(NUMBER + 1, capacity="wordpress"),
        an_order(NUMBER + 2),
    ]
    cart, failed = failing(placed(store, *orders), orders)
    store.save_failed_payment(cart, failed)
    assert store.cart(ACCOUNT, TOKEN) == replace(cart, payment_version=1)
    after = store.orders(ACCOUNT, [NUMBER, NUMBER + 1, NUMBER + 2])
    assert after == [replace(order, version=1, capacity=None) for order in failed]
    assert places_taken(client) == 0
    assert store.due(NOW * 2, 10) == []


def test_a_changed_order_prevents_saving_a_failed_payment(store: DynamoOrderStore, client: Any) -> None:
    limit_places(client, 5)
    orders = [an_order(NUMBER, capacity="wordpress"), an_order(NUMBER + 1)]
    cart, failed = failing(placed(store, *orders), orders)
    store.save_order(orders[1].cancel_requested(NOW))
    before = everything_in(client)
    with pytest.raises(ConcurrentUpdateError):
        store.save_failed_payment(cart, failed)
    assert everything_in(client) == before


def test_a_changed_payment_prevents_saving_a_failed_payment(store: DynamoOrderStore, client: Any) -> None:
    seen = placed(store, an_order())
    store.save_payment(seen.with_payment(SETTLED, NOW))
    before = everything_in(client)
    with pytest.raises(ConcurrentUpdateError):
        store.save_failed_payment(*failing(seen, [an_order()]))
    assert everything_in(client) == before


def test_saving_a_failed_payment_twice_releases_places_once(store: DynamoOrderStore, client: Any) -> None:
    limit_places(client, 5)
    orders = [an_order(NUMBER, capacity="wordpress")]
    failed = failing(placed(store, *orders), orders)
    other = an_order(NUMBER + 1, capacity="wordpress", cart_token="other")
    store.place(a_cart(other, token="other"), [other])
    store.save_failed_payment(*failed)
    with pytest.raises(ConcurrentUpdateError):
        store.save_failed_payment(*failed)
    assert places_taken(client) == 1, "the other order keeps its place"


def test_a_failed_payment_is_saved_after_a_counter_reset(store: DynamoOrderStore, client: Any) -> None:
    limit_places(client, 5, "wordpress")
    limit_places(client, 5, "ghost")
    orders = [an_order(NUMBER, capacity="wordpress"), an_order(NUMBER + 1, capacity="ghost")]
    failed = failing(placed(store, *orders), orders)
    counter = {"PK": {"S": "CATALOGUE"}, "SK": {"S": "CAPACITY#wordpress"}}
    client.put_item(TableName="hosting-orders-test", Item={**counter, "used": {"N": "0"}})
    store.save_failed_payment(*failed)
    assert [order.status for order in store.orders(ACCOUNT, [NUMBER, NUMBER + 1])] == [OrderStatus.FAILED] * 2
    assert places_taken(client, "ghost") == 0
