"""Amounts to the cent: tax, balances, and credit notes."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from local.stripe_standin import sdk_types

from .conftest import Shop


def lines_of(invoice: Any, *parts: tuple[int, int]) -> Any:
    """The lines of a credit note. Each part is the index of the invoice's line and the net amount to credit."""
    return [
        {"type": "invoice_line_item", "invoice_line_item": invoice.lines.data[line].id, "amount": amount}
        for line, amount in parts
    ]


# -- tax -----------------------------------------------------------------------------------------------------


@pytest.mark.standin_only("tax needs settings of the Stripe account")
@pytest.mark.parametrize(
    ("country", "net", "tax", "reason"),
    [
        ("DE", 999, 190, "standard_rated"),  # 189.81
        ("FI", 1002, 256, "standard_rated"),  # 255.51
        ("AT", 1003, 201, "standard_rated"),  # 200.60
        ("LU", 50, 9, "standard_rated"),  # 8.50 is rounded up
        ("US", 999, 0, "not_collecting"),
    ],
)
def test_the_tax_depends_on_the_customers_country(
    shop: Shop, country: str, net: int, tax: int, reason: str
) -> None:
    invoice: Any = shop.open(
        shop.customer(address={"country": country}), net, automatic_tax={"enabled": True}
    )

    assert (invoice.subtotal, invoice.total, invoice.total_excluding_tax) == (net, net + tax, net)
    assert invoice.amount_due == net + tax
    (total,) = invoice.total_taxes
    assert (total.amount, total.tax_behavior, total.taxability_reason) == (tax, "exclusive", reason)
    assert invoice.lines.data[0].taxes[0].amount == tax
    assert invoice.automatic_tax.status == "complete"


@pytest.mark.standin_only("tax needs settings of the Stripe account")
def test_the_tax_of_an_invoice_is_the_sum_of_rounded_taxes(shop: Shop) -> None:
    invoice: Any = shop.open(shop.customer(), 13, 13, 13, automatic_tax={"enabled": True})
    # 19 % of 13 is 2.47, rounded to 2. Rounding the tax of the whole invoice once, from 7.41, would give 7.
    assert [line.taxes[0].amount for line in invoice.lines.data] == [2, 2, 2]
    assert invoice.total - invoice.subtotal == invoice.total_taxes[0].amount == 6


@pytest.mark.standin_only("tax needs settings of the Stripe account")
def test_a_price_can_include_the_tax(shop: Shop) -> None:
    price_data: Any = {
        "currency": "eur",
        "unit_amount": 1190,
        "tax_behavior": "inclusive",
        "product_data": {"name": "VPS"},
    }
    draft = shop.client.v1.invoices.create(
        {"customer": shop.customer().id, "currency": "eur", "automatic_tax": {"enabled": True}}
    )
    shop.client.v1.invoices.add_lines(draft.id, {"lines": [{"price_data": price_data, "quantity": 2}]})
    invoice: Any = shop.client.v1.invoices.finalize_invoice(draft.id)

    assert (invoice.total, invoice.total_excluding_tax, invoice.subtotal_excluding_tax) == (2380, 2000, 2000)
    assert (invoice.total_taxes[0].amount, invoice.total_taxes[0].taxable_amount) == (380, 2000)


@pytest.mark.standin_only("tax needs settings of the Stripe account")
@pytest.mark.parametrize(("exempt", "reason"), [("reverse", "reverse_charge"), ("exempt", "customer_exempt")])
def test_an_exempt_customer_pays_no_tax(shop: Shop, exempt: str, reason: str) -> None:
    invoice: Any = shop.open(shop.customer(tax_exempt=exempt), automatic_tax={"enabled": True})
    assert (invoice.total, invoice.total_taxes[0].taxability_reason) == (1200, reason)


@pytest.mark.standin_only("tax needs settings of the Stripe account")
def test_an_invoice_shows_why_it_was_not_finalized(shop: Shop) -> None:
    draft = shop.draft(shop.customer(address={"city": "Nowhere"}), automatic_tax={"enabled": True})
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        shop.client.v1.invoices.finalize_invoice(draft.id)

    assert refusal.value.code == "customer_tax_location_invalid"
    invoice: Any = shop.client.v1.invoices.retrieve(draft.id)
    assert (invoice.status, invoice.automatic_tax.status) == ("draft", "requires_location_inputs")
    assert invoice.last_finalization_error.code == "customer_tax_location_invalid"
    shop.expect_events("invoice.finalization_failed")


# -- the balance ---------------------------------------------------------------------------------------------


def test_a_debt_is_added_to_the_next_invoice(shop: Shop) -> None:
    customer = shop.customer()
    shop.client.v1.customers.balance_transactions.create(customer.id, {"amount": 300, "currency": "eur"})
    invoice: Any = shop.paid(customer, 1200)

    assert (invoice.amount_due, invoice.starting_balance, invoice.ending_balance) == (1500, 300, 0)
    assert shop.net_paid(customer) == 1500


def test_a_draft_shows_the_customers_current_balance(shop: Shop) -> None:
    customer = shop.customer()
    draft = shop.draft(customer)
    shop.client.v1.customers.balance_transactions.create(customer.id, {"amount": -300, "currency": "eur"})

    read = shop.client.v1.invoices.retrieve(draft.id)
    assert (read.starting_balance, read.ending_balance, read.amount_due) == (-300, None, 1200)


def test_every_change_of_the_balance_is_recorded(shop: Shop) -> None:
    customer = shop.customer(None, balance=-2000)
    invoice = shop.open(customer, 1200)
    shop.client.v1.credit_notes.create({"invoice": invoice.id, "amount": 1200, "credit_amount": 1200})

    listed = shop.client.v1.customers.balance_transactions.list(customer.id).data
    assert [(one.type, one.amount, one.ending_balance) for one in listed] == [
        ("credit_note", -1200, -2000),
        ("applied_to_invoice", 1200, -800),
        ("initial", -2000, -2000),
    ]


def test_a_negative_invoice_becomes_credit(shop: Shop) -> None:
    customer = shop.customer(balance=-100)
    invoice = shop.open(customer, 500, -800)
    assert (invoice.status, invoice.total, invoice.amount_due) == ("paid", -300, 0)
    assert (invoice.starting_balance, invoice.ending_balance) == (-100, -400)
    assert shop.charges(customer) == []


def test_credit_in_one_currency_does_not_pay_for_another(shop: Shop) -> None:
    customer = shop.customer(balance=-2000)
    invoice = shop.open(customer, 1200, currency="usd")
    assert (invoice.amount_due, shop.balance(customer)) == (1200, -2000)


# -- credit notes --------------------------------------------------------------------------------------------


@pytest.mark.standin_only("tax needs settings of the Stripe account")
@pytest.mark.parametrize("parts", [(333, 333, 334), (1, 1, 998), (500, 500), (13, 27, 960), (1000,)])
def test_credit_notes_for_parts_of_a_line_return_its_tax(shop: Shop, parts: tuple[int, ...]) -> None:
    invoice: Any = shop.paid(shop.customer(address={"country": "FI"}), 1000, automatic_tax={"enabled": True})
    for amount in parts:
        credit: Any = {"invoice": invoice.id, "lines": lines_of(invoice, (0, amount))}
        total = 0
        for guess in range(amount, amount * 2 + 2):
            try:
                total = shop.client.v1.credit_notes.preview({**credit, "refund_amount": guess}).total
                break
            except stripe.InvalidRequestError:
                continue
        shop.client.v1.credit_notes.create({**credit, "refund_amount": total})

    notes = shop.notes()
    assert sum(note.total for note in notes) == invoice.total == 1255
    assert sum(tax.amount for note in notes for tax in note.total_taxes or []) == 255
    assert shop.net_paid() == 0
    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.credit_notes.create({**credit, "refund_amount": 1})


def test_a_preview_changes_nothing(shop: Shop) -> None:
    invoice: Any = shop.paid(shop.customer(), 1200)
    credit: Any = {"invoice": invoice.id, "lines": lines_of(invoice, (0, 700)), "refund_amount": 700}
    assert shop.client.v1.credit_notes.preview(credit).total == 700

    assert (shop.notes(), shop.refunds()) == ([], [])
    assert shop.read(invoice).post_payment_credit_notes_amount == 0


def test_a_credit_note_on_an_open_invoice_lowers_the_amount_due(shop: Shop) -> None:
    customer = shop.customer()
    invoice = shop.open(customer, 1200)
    note = shop.client.v1.credit_notes.create({"invoice": invoice.id, "amount": 500})

    assert (note.type, note.pre_payment_amount, note.post_payment_amount) == ("pre_payment", 500, 0)
    shop.client.v1.invoices.pay(invoice.id)
    assert shop.net_paid(customer) == 700
    assert shop.read(invoice).status == "paid"


def test_a_credit_note_for_a_whole_open_invoice_closes_it(shop: Shop) -> None:
    invoice = shop.open(shop.customer(), 1200)
    shop.client.v1.credit_notes.create({"invoice": invoice.id, "amount": 1200})

    assert shop.read(invoice).status == "paid"
    assert shop.intent(invoice).status == "canceled"
    assert shop.charges() == []


def test_one_credit_note_covers_amount_due_and_used_credit(shop: Shop) -> None:
    customer = shop.customer(balance=-300)
    invoice = shop.open(customer, 1200)
    note = shop.client.v1.credit_notes.create({"invoice": invoice.id, "amount": 1200, "credit_amount": 300})
    assert (note.type, note.pre_payment_amount, note.post_payment_amount) == ("mixed", 900, 300)
    assert shop.balance(customer) == -300


def test_a_credit_note_is_refused_while_a_payment_is_processing(shop: Shop) -> None:
    invoice = shop.open(shop.debtor("pm_success_de"))
    shop.client.v1.invoices.pay(invoice.id)
    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.credit_notes.create({"invoice": invoice.id, "amount": 1200})
    assert shop.notes() == []


def test_a_credit_note_can_be_linked_to_an_earlier_refund(shop: Shop) -> None:
    invoice = shop.paid(shop.customer(), 1200)
    refund = shop.client.v1.refunds.create({"payment_intent": shop.intent(invoice).id, "amount": 1200})
    note = shop.client.v1.credit_notes.create(
        {"invoice": invoice.id, "amount": 1200, "refunds": [{"refund": refund.id}]}
    )
    assert [one.refund for one in note.refunds] == [refund.id]
    assert len(shop.refunds()) == 1


def test_a_credit_note_refunds_at_most_the_card_payment(shop: Shop) -> None:
    invoice = shop.paid(shop.customer(balance=-500), 1200)
    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.credit_notes.create({"invoice": invoice.id, "amount": 1200, "refund_amount": 1200})
    assert (shop.notes(), shop.refunds()) == ([], [])


# -- the fields of the stand-in's objects --------------------------------------------------------------------


def test_the_field_check_finds_missing_required_fields() -> None:
    bare = sdk_types.skeleton("invoice")

    found = "\n".join(sdk_types.violations("invoice", bare))
    for forgotten in ("invoice.id", "invoice.currency", "invoice.collection_method", "invoice.issuer.type"):
        assert forgotten in found


@pytest.mark.standin_only("looks into the stand-in")
def test_a_field_unknown_to_stripe_cannot_be_set(shop: Shop) -> None:
    with pytest.raises(AttributeError, match="colour"):
        shop.standin.state.draft("invoice", colour="red")
    with pytest.raises(AttributeError, match="colour"):
        sdk_types.part("invoice", "AutomaticTax", colour="red")
