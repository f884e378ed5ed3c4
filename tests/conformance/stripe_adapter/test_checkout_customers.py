"""Customers that Stripe does not know yet, and their saved payment methods."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from hosting_orders.domain.account import Account, BillingContact
from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.errors import PaymentNotStartedError, ProviderUnavailableError
from hosting_orders.domain.providers import SavedMethod
from tests.conformance.stripe_adapter.shop import (
    FAULTS,
    Shop,
    spoilt_runs,
)

# -- customers and their methods ----------------------------------------------------------------------------

ACCOUNT = Account("acc_1", "Rosen Ltd", "EUR", "monthly", created_at=0, updated_at=0)
CONTACT = BillingContact(
    "Jenny Rosen", "jenny@example.com", "Street 1", "10115", "Berlin", "DE", "Rosen Ltd", "DE1"
)


def account_of(shop: Shop, **other: Any) -> Account:
    return replace(ACCOUNT, id=shop.once("acc_1"), **other)


def test_a_customer_is_created_from_the_billing_contact(shop: Shop) -> None:
    customer_id = shop.payments.customer_for(account_of(shop, billing_contact=CONTACT))
    made = shop.api.customers.retrieve(customer_id).to_dict()
    assert (made["name"], made["email"]) == ("Jenny Rosen", "jenny@example.com")
    assert made["metadata"] == {"account_id": shop.once("acc_1")}
    address = {name: value for name, value in made["address"].items() if value}
    assert address == {"line1": "Street 1", "postal_code": "10115", "city": "Berlin", "country": "DE"}
    bare = shop.api.customers.retrieve(shop.payments.customer_for(account_of(shop))).to_dict()
    assert (bare["name"], bare["email"], bare["address"]) == ("Rosen Ltd", None, None)


def test_a_customer_is_created_once_whichever_request_fails(shop: Shop) -> None:
    numbers = itertools.count()
    account = ACCOUNT

    def prepare() -> Callable[[], tuple[str, str]]:
        nonlocal account
        account = replace(ACCOUNT, id=shop.once(f"acc_{next(numbers)}"), billing_contact=CONTACT)
        return lambda: (shop.payments.customer_for(account), shop.payments.customer_for(account))

    for spoilt, (first, again) in spoilt_runs(shop, prepare):
        assert first == again, spoilt
        assert shop.api.customers.retrieve(first).metadata["account_id"] == account.id, spoilt


def test_a_changed_contact_creates_a_new_customer(shop: Shop) -> None:
    first = shop.payments.customer_for(account_of(shop, billing_contact=CONTACT))
    moved = account_of(shop, billing_contact=replace(CONTACT, city="Hamburg"))
    second = shop.payments.customer_for(moved)
    assert second != first
    assert shop.api.customers.retrieve(second).address.city == "Hamburg"
    assert shop.payments.customer_for(moved) == second


def test_no_payment_starts_if_the_customer_is_refused(shop: Shop) -> None:
    nowhere = account_of(shop, billing_contact=replace(CONTACT, country="Germany"))
    with pytest.raises(PaymentNotStartedError) as refusal:
        shop.payments.customer_for(nowhere)
    assert refusal.value.decline_code == "country_code_invalid"


def _paid_method(shop: Shop) -> SavedMethod:
    _, _, state = shop.opened()
    shop.standin.controls.pay_checkout(state.reference)
    saved = shop.now_of(state.reference).saved
    assert saved is not None
    return saved


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
def test_the_paying_method_becomes_the_default(shop: Shop) -> None:
    saved = _paid_method(shop)
    assert shop.payments.default_method(saved.customer_id) is None
    for _ in range(2):
        shop.payments.keep_method(saved)
        default = shop.payments.default_method(saved.customer_id)
        assert default is not None
        assert (default.id, default.type) == (saved.id, "card")
    charged = shop.payments.charge(shop.cart((saved.customer_id, saved.id)))
    assert charged.status is PaymentStatus.SUCCEEDED


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
def test_an_existing_default_method_is_not_replaced(shop: Shop) -> None:
    customer, method = shop.customer()
    page = shop.payments.open_checkout(shop.page(customer))
    shop.standin.controls.pay_checkout(page.reference)
    saved = shop.now_of(page.reference).saved
    assert saved is not None
    assert saved.id != method
    shop.payments.keep_method(saved)
    default = shop.payments.default_method(customer)
    assert default is not None
    assert default.id == method


@pytest.mark.standin_only("looks into the stand-in")
def test_a_legacy_default_source_is_not_replaced(shop: Shop) -> None:
    """A source is Stripe's older kind of payment method. Stripe still charges a customer's default source."""
    saved = _paid_method(shop)
    shop.standin.state.get("customer", saved.customer_id)["default_source"] = "card_of_old"
    shop.payments.keep_method(saved)
    assert shop.payments.default_method(saved.customer_id) is None


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("place", [0, 1])
def test_a_retry_makes_the_paying_method_the_default(shop: Shop, kind: str, place: int) -> None:
    saved = _paid_method(shop)
    shop.wire.spoil(place, kind)
    with pytest.raises(ProviderUnavailableError):
        shop.payments.keep_method(saved)
    shop.wire.spoil(None)
    shop.payments.keep_method(saved)
    default = shop.payments.default_method(saved.customer_id)
    assert default is not None
    assert default.id == saved.id


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
def test_a_refused_default_method_raises_no_error(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    saved = _paid_method(shop)
    shop.payments.keep_method(SavedMethod("cus_unknown", saved.id))
    assert caplog.records == []
    shop.payments.keep_method(SavedMethod(saved.customer_id, "pm_unknown"))
    assert [record.message for record in caplog.records] == ["the payment method was not made the default"]
    assert shop.payments.default_method(saved.customer_id) is None
