"""The estimated cost of an order, from Stripe's preview of an invoice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hosting_orders.adapters.stripe.collection import StripeCollection
from hosting_orders.adapters.stripe.invoices import StripeInvoices
from hosting_orders.domain.account import Account, BillingContact
from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.errors import PaymentNotStartedError, ProviderUnavailableError
from hosting_orders.domain.providers import ChargeLine, Estimate
from tests.conformance.stripe_adapter.shop import TWO_LINES, Shop

CONTACT = BillingContact("Jenny", "jenny@example.com", "Street 1", "1015", "Amsterdam", "NL")


def account(customer: str | None, **changes: Any) -> Account:
    given: dict[str, Any] = {"stripe_customer_id": customer, "billing_contact": CONTACT, **changes}
    return Account("acc", "Account", "EUR", "standard", 1, 1, **given)


def estimate(
    shop: Shop, whose: Account, *, on_page: bool = False, automatic_tax: bool = False
) -> Estimate | None:
    payments = StripeCollection(shop.adapter(automatic_tax=automatic_tax))
    return payments.estimate(whose, TWO_LINES, on_page=on_page)


def subscribe(shop: Shop, customer: str) -> None:
    product = shop.api.products.create({"name": "Hosting"})
    price = {
        "currency": "eur",
        "product": product.id,
        "unit_amount": 3000,
        "recurring": {"interval": "month"},
    }
    shop.api.subscriptions.create({"customer": customer, "items": [{"price_data": price}]})


def test_without_tax_the_estimate_is_the_sum_of_the_lines(shop: Shop) -> None:
    customer, _ = shop.customer(credit=500)
    assert estimate(shop, account(customer)) == Estimate(2100, 2100, balance=-500)
    assert shop.statuses(customer) == []


def test_stripe_is_not_called_without_tax_and_without_customer(shop: Shop) -> None:
    shop.wire.spoil(0)
    assert estimate(shop, account(None), on_page=True) == Estimate(2100, 2100, balance=0)
    assert shop.wire.count == 0


@pytest.mark.standin_only("tax needs settings of the Stripe account")
def test_the_estimate_equals_the_charge(shop: Shop) -> None:
    whose = shop.customer()
    expected = estimate(shop, account(whose[0]), automatic_tax=True)
    state = StripeInvoices(shop.adapter(automatic_tax=True)).charge(shop.cart(whose))
    assert expected == Estimate(2100, state.total_gross, balance=0)


@pytest.mark.standin_only("tax needs settings of the Stripe account")
def test_an_estimate_for_a_payment_page_uses_the_billing_contact(shop: Shop) -> None:
    customer, _ = shop.customer(credit=500)
    for whose in (account(None), account(customer)):
        assert estimate(shop, whose, on_page=True, automatic_tax=True) == Estimate(2100, 2541, 0, final=False)
    nowhere = account(None, billing_contact=replace(CONTACT, country=""))
    assert estimate(shop, nowhere, on_page=True, automatic_tax=True) is None


@pytest.mark.standin_only("uses the stand-in's controls")
@pytest.mark.parametrize("rounding", ["line", "invoice"])
def test_an_estimate_includes_a_discount_but_no_subscription(shop: Shop, rounding: str) -> None:
    shop.standin.controls.set(tax_rounding=rounding)
    customer, _ = shop.customer()
    subscribe(shop, customer)
    shop.standin.controls.discount(customer=customer, percent="10")
    assert estimate(shop, account(customer), automatic_tax=True) == Estimate(1890, 2249, balance=0)


@pytest.mark.standin_only("uses the stand-in's controls")
@pytest.mark.parametrize("rounding", ["line", "invoice"])
@pytest.mark.parametrize("percent", ["0", "7"])
def test_a_subscription_does_not_change_the_rounding_of_tax(shop: Shop, rounding: str, percent: str) -> None:
    shop.standin.controls.set(tax_rounding=rounding)
    customer, _ = shop.customer()
    shop.standin.controls.discount(customer=customer, percent=percent)
    payments = StripeCollection(shop.adapter(automatic_tax=True))
    lines = [ChargeLine(str(place), "Site", 1202) for place in range(12)]
    alone = payments.estimate(account(customer), lines, on_page=False)
    subscribe(shop, customer)
    assert payments.estimate(account(customer), lines, on_page=False) == alone


def test_an_estimate_includes_all_lines_of_a_long_order(shop: Shop) -> None:
    customer, _ = shop.customer()
    lines = [ChargeLine(str(place), f"Line {place}", 100 + place) for place in range(20)]
    found = shop.payments.estimate(account(customer), lines, on_page=False)
    assert found == Estimate(2190, 2190, balance=0)


@pytest.mark.standin_only("uses the stand-in's controls")
def test_there_is_no_estimate_if_stripe_refuses_the_location(shop: Shop) -> None:
    customer, _ = shop.customer()
    refusal = {"type": "invalid_request_error", "code": "customer_tax_location_invalid", "message": "Where?"}
    shop.standin.controls.add_fault("refuse", "/v1/invoices/create_preview", status=400, error=refusal)
    assert estimate(shop, account(customer), automatic_tax=True) is None


def test_an_unknown_customer_is_a_refusal_and_not_a_fault(shop: Shop) -> None:
    with pytest.raises(PaymentNotStartedError):
        estimate(shop, account("cus_unknown"))
    customer, _ = shop.customer()
    for kind in ("dropped", "lost", "error"):
        shop.wire.spoil(0, kind)
        with pytest.raises(ProviderUnavailableError):
            estimate(shop, account(customer))
    shop.wire.spoil(None)


# -- the maximum of a charge ---------------------------------------------------------------------------------------


@pytest.mark.standin_only("tax needs settings of the Stripe account")
@pytest.mark.parametrize("credit", [0, 500, 9000])
def test_an_invoice_above_the_maximum_is_not_paid(shop: Shop, credit: int) -> None:
    whose = shop.customer(credit=credit)
    payments = StripeInvoices(shop.adapter(automatic_tax=True))
    request = replace(shop.cart(whose), max_gross=2498)
    with pytest.raises(PaymentNotStartedError, match="costs more with tax"):
        payments.charge(request)
    with pytest.raises(PaymentNotStartedError):  # a retry does not charge either
        payments.charge(request)
    assert shop.taken(whose[0]) == []
    assert set(shop.statuses(whose[0])) <= {"void"}
    assert shop.api.customers.retrieve(whose[0]).balance == -credit
    allowed = replace(shop.cart(whose), max_gross=2499)
    assert payments.charge(allowed).status is PaymentStatus.SUCCEEDED


@pytest.mark.standin_only("tax needs settings of the Stripe account")
def test_a_cost_that_rises_above_the_maximum_is_not_charged(shop: Shop) -> None:
    whose = shop.customer()
    payments = StripeInvoices(shop.adapter(automatic_tax=True))
    hungary = {"address": {"country": "HU", "line1": "Street 1"}}
    shop.wire.meanwhile["POST finalize"] = lambda: shop.api.customers.update(whose[0], hungary)
    with pytest.raises(PaymentNotStartedError, match="costs more with tax"):
        payments.charge(replace(shop.cart(whose), max_gross=2499))
    assert shop.statuses(whose[0]) == ["void"]
    assert shop.taken(whose[0]) == []
