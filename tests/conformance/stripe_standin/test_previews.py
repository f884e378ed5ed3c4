"""A preview of an invoice creates no invoice. It includes the next term of the customer's subscription."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from .conftest import Shop


def items(*amounts: int) -> list[Any]:
    return [
        {
            "amount": amount,
            "currency": "eur",
            "description": f"Line {number}",
            "metadata": {"line": str(number)},
            "tax_behavior": "exclusive",
        }
        for number, amount in enumerate(amounts)
    ]


def preview(shop: Shop, *amounts: int, **params: Any) -> Any:
    given: Any = {"currency": "eur", "invoice_items": items(*amounts), **params}
    return shop.client.v1.invoices.create_preview(given)


def test_a_preview_adds_up_and_creates_no_invoice(shop: Shop) -> None:
    customer = shop.customer()
    seen = preview(shop, 1200, 900, customer=customer.id)
    assert seen.id.startswith("upcoming_in")
    assert (seen.subtotal, seen.total, seen.amount_due) == (2100, 2100, 2100)
    assert [line.metadata.to_dict() for line in seen.lines.data] == [{"line": "0"}, {"line": "1"}]
    assert shop.invoices(customer) == []
    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.invoices.pay(seen.id)


def test_a_balance_lowers_the_amount_due_but_is_not_used_up(shop: Shop) -> None:
    customer = shop.customer(balance=-500)
    seen = preview(shop, 1200, customer=customer.id)
    assert (seen.starting_balance, seen.total, seen.amount_due) == (-500, 1200, 700)
    assert shop.balance(customer) == -500


def test_the_lines_of_a_long_preview_are_listed_by_its_id(shop: Shop) -> None:
    seen = preview(shop, *range(100, 112), customer=shop.customer().id)
    assert (len(seen.lines.data), seen.lines.has_more) == (10, True)
    lines = shop.client.v1.invoices.line_items.list(seen.id, {"limit": 100}).data
    assert sorted(line.amount for line in lines) == list(range(100, 112))


def test_the_next_term_of_a_subscription_is_part_of_a_preview(shop: Shop) -> None:
    customer = shop.customer()
    product = shop.client.v1.products.create({"name": "Hosting"})
    price: Any = {"currency": "eur", "product": product.id, "unit_amount": 3000}
    price["recurring"] = {"interval": "month"}
    shop.client.v1.subscriptions.create({"customer": customer.id, "items": [{"price_data": price}]})
    seen = preview(shop, 1200, customer=customer.id)
    assert sorted(line.amount for line in seen.lines.data) == [1200, 3000]
    assert seen.total == 4200


@pytest.mark.standin_only("tax needs settings of the Stripe account")
def test_tax_uses_the_given_address_or_the_customers_address(shop: Shop) -> None:
    tax: Any = {"automatic_tax": {"enabled": True}}
    of_customer = preview(shop, 1000, customer=shop.customer().id, **tax)
    assert (of_customer.total, of_customer.automatic_tax.status) == (1190, "complete")
    details = {"address": {"country": "NL"}}
    before = len(shop.standin.state.all("customer"))
    someone = preview(shop, 1000, customer_details=details, **tax)
    assert (someone.total, someone.customer) == (1210, None)
    unknown = preview(shop, 1000, customer_details={"address": ""}, **tax)
    assert (unknown.total, unknown.automatic_tax.status) == (1000, "requires_location_inputs")
    state = shop.standin.state
    assert len(state.all("customer")) == before
    assert state.all("price") == state.all("product") == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"automatic_tax": {"enabled": True}},
        {"customer": "cus_unknown"},
        {"invoice_items": [{"amount": 1, "currency": "usd"}]},
        {"invoice_items": [{"currency": "eur"}]},
        {"customer_details": {"address": {"country": "Germany"}}, "automatic_tax": {"enabled": True}},
    ],
)
@pytest.mark.standin_only("Stripe words its refusals in its own way")
def test_an_invalid_preview_is_refused(shop: Shop, wrong: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.invoices.create_preview({"currency": "eur", "invoice_items": items(1), **wrong})
