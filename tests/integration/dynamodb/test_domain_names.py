"""A claim reserves a domain for one order across all accounts.

The claim and the order's contacts are deleted if the order ends undelivered.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hosting_orders.adapters.dynamodb.codec import decode
from hosting_orders.adapters.dynamodb.items import order_from_item, order_to_item
from hosting_orders.adapters.dynamodb.orders import DynamoOrderStore
from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.catalogue import DomainPrice, Tld
from hosting_orders.domain.domain_record import DomainRecord
from hosting_orders.domain.errors import CartExistsError, DomainTakenError
from hosting_orders.domain.order import Failure, Order
from hosting_orders.domain.products import DomainItem, DomainResource
from hosting_orders.domain.registration import DomainAction, SealedContacts
from tests.integration.dynamodb.examples import (
    ACCOUNT,
    NOW,
    NUMBER,
    TOKEN,
    a_cart,
    a_catalogue_store,
    an_order,
)
from tests.support.table import everything_in

NAME = "example.com"


def a_domain_order(number: int = NUMBER, name: str = NAME, **changes: Any) -> Order:
    item = DomainItem(name, name, "com", DomainAction.REGISTER, renewal_amount=1400)
    return an_order(number, item=item, domain=DomainRecord(name), **changes)


def contacts_of(order: Order) -> SealedContacts:
    return SealedContacts(order.account_id, order.number, owner="sealed")


def place(store: DynamoOrderStore, order: Order, **cart: Any) -> None:
    store.place(a_cart(order, **cart), [order], [contacts_of(order)])


def test_order_claim_and_contacts_are_written_together(store: DynamoOrderStore) -> None:
    place(store, a_domain_order())
    assert store.order(ACCOUNT, NUMBER) == a_domain_order()
    assert store.domain_taken(NAME)
    assert store.contacts(ACCOUNT, NUMBER) == contacts_of(a_domain_order())
    assert store.contacts("another", NUMBER) is None


@pytest.mark.parametrize("account", [ACCOUNT, "another"])
def test_a_domain_is_sold_once_across_accounts(store: DynamoOrderStore, client: Any, account: str) -> None:
    place(store, a_domain_order())
    before = everything_in(client)
    second = a_domain_order(NUMBER + 1, account_id=account)
    with pytest.raises(DomainTakenError) as refused:
        store.place(a_cart(second, token="other", account_id=account), [second], [contacts_of(second)])
    assert refused.value.name == NAME
    assert everything_in(client) == before


def test_a_cart_cannot_be_placed_twice(
    store: DynamoOrderStore,
) -> None:
    place(store, a_domain_order())
    with pytest.raises(CartExistsError):
        place(store, a_domain_order(NUMBER + 1))


def test_an_undelivered_order_releases_its_domain(
    store: DynamoOrderStore,
) -> None:
    place(store, a_domain_order())
    failed = store.save_order(a_domain_order().payment_failed(Failure("payment_failed", "no"), NOW + 1))
    assert failed.domain_claim is None
    assert not store.domain_taken(NAME)
    assert store.contacts(ACCOUNT, NUMBER) is None
    place(store, a_domain_order(NUMBER + 1), token="another-cart")
    store.save_order(failed.check_at(NOW + 2))
    assert store.domain_taken(NAME), "an order without a claim deleted the next owner's claim"


def test_a_delivered_order_keeps_its_domain_and_contacts(store: DynamoOrderStore) -> None:
    place(store, a_domain_order())
    paid = store.save_order(a_domain_order().paid(NOW + 1, NOW + 2))
    store.save_order(paid.delivered(DomainResource(("ns1.example",), "Z1", ("ns1.example",)), None, NOW + 3))
    assert store.domain_taken(NAME)
    assert store.contacts(ACCOUNT, NUMBER) is not None


def test_a_failed_payment_releases_all_domains_of_the_cart(store: DynamoOrderStore) -> None:
    orders = [a_domain_order(NUMBER, "one.com"), a_domain_order(NUMBER + 1, "two.com")]
    cart = a_cart(*orders)
    store.place(cart, orders, [contacts_of(order) for order in orders])
    payment = replace(cart.payment, status=PaymentStatus.FAILED)
    failed = [order.payment_failed(Failure("cart_pay_failed", "no"), NOW + 1) for order in orders]
    store.save_failed_payment(cart.with_payment(payment, NOW + 1), failed)
    for order in orders:
        assert not store.domain_taken(order.item_as(DomainItem).ascii_name)
        assert store.contacts(ACCOUNT, order.number) is None
    assert store.cart(ACCOUNT, TOKEN) is not None


def test_an_order_ends_even_if_its_claim_was_deleted_by_hand(store: DynamoOrderStore, client: Any) -> None:
    place(store, a_domain_order())
    table = client.list_tables()["TableNames"][0]
    claim = next(item for item in everything_in(client) if decode(item)["SK"] == "DOMAIN")
    client.delete_item(TableName=table, Key={"PK": claim["PK"], "SK": claim["SK"]})
    failed = store.save_order(a_domain_order().payment_failed(Failure("payment_failed", "no"), NOW + 1))
    assert store.order(ACCOUNT, NUMBER) == failed
    assert store.contacts(ACCOUNT, NUMBER) is None


def test_a_stored_order_without_a_kind_is_a_site() -> None:
    """Orders that were stored before domains existed have no kind."""
    item = order_to_item(an_order())
    del item["item"]["kind"]
    assert order_from_item(item) == an_order()


def test_a_tld_is_stored_with_its_prices(client: Any) -> None:
    tld = Tld(
        "com",
        {("standard", "EUR"): DomainPrice(1200, 1100, 1400), ("reseller", "USD"): DomainPrice(900, 900, 900)},
        {("gold.com", "standard", "EUR"): DomainPrice(250_000, 250_000, 1400)},
    )
    store = a_catalogue_store(client)
    store.put_tld(tld)
    assert store.load().tlds == {"com": tld}
