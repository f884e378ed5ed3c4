"""Every outcome of paying an invoice."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import stripe

from .conftest import Shop


def test_a_good_card_pays_immediately(shop: Shop) -> None:
    customer = shop.customer()
    invoice = shop.paid(customer, 1200, 900)

    assert (invoice.status, invoice.amount_due, invoice.amount_paid, invoice.amount_remaining) == (
        "paid",
        2100,
        2100,
        0,
    )
    assert shop.intent(invoice).status == "succeeded"
    assert shop.charges(customer) == [2100]
    assert shop.net_paid(customer) == 2100
    shop.expect_events(
        "invoice.paid", "invoice.payment_succeeded", "payment_intent.succeeded", "charge.succeeded"
    )


def test_an_invoice_shows_its_payments_only_with_expand(shop: Shop) -> None:
    invoice = shop.paid(shop.customer())

    assert "payments" not in shop.client.v1.invoices.retrieve(invoice.id)
    assert shop.read(invoice).payments.data[0].status == "paid"


def test_paying_twice_charges_once(shop: Shop) -> None:
    customer = shop.customer()
    invoice = shop.paid(customer)

    with pytest.raises(stripe.InvalidRequestError, match="Invoice is already paid"):
        shop.client.v1.invoices.pay(invoice.id)
    assert len(shop.charges(customer)) == 1


def test_a_void_invoice_cannot_be_paid(shop: Shop) -> None:
    customer = shop.customer()
    invoice = shop.open(customer)
    assert shop.client.v1.invoices.void_invoice(invoice.id).status == "void"

    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.invoices.pay(invoice.id)
    assert shop.charges(customer) == []
    assert shop.invoices(customer, "open") == []


def test_a_draft_can_be_deleted_but_not_voided(shop: Shop) -> None:
    draft = shop.draft(shop.customer())

    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.invoices.void_invoice(draft.id)
    assert shop.client.v1.invoices.delete(draft.id).deleted is True


def test_a_decline_of_a_saved_card_leaves_the_invoice_open(shop: Shop) -> None:
    customer = shop.customer("pm_card_chargeCustomerFail")
    invoice = shop.open(customer)

    with pytest.raises(stripe.CardError) as refusal:
        shop.client.v1.invoices.pay(invoice.id, {"off_session": True})
    assert (refusal.value.http_status, refusal.value.code) == (402, "card_declined")
    assert refusal.value.error is not None
    assert refusal.value.error.decline_code == "generic_decline"
    assert shop.read(invoice).status == "open"
    assert shop.intent(invoice).status == "requires_payment_method"
    assert shop.charges(customer) == []
    shop.expect_events("invoice.payment_failed")


def test_a_charge_blocked_by_radar_is_declined_as_fraudulent(shop: Shop) -> None:
    invoice = shop.open(shop.customer("pm_card_radarBlock"))

    with pytest.raises(stripe.CardError) as refusal:
        shop.client.v1.invoices.pay(invoice.id)
    assert refusal.value.code == "card_declined"
    assert refusal.value.error is not None
    assert refusal.value.error.decline_code == "fraudulent"


DECLINING = {
    "pm_card_visa_chargeDeclined": ("card_declined", "generic_decline"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "pm_card_visa_chargeDeclinedLostCard": ("card_declined", "lost_card"),
    "pm_card_visa_chargeDeclinedStolenCard": ("card_declined", "stolen_card"),
    "pm_card_chargeDeclinedExpiredCard": ("expired_card", None),
    "pm_card_chargeDeclinedIncorrectCvc": ("incorrect_cvc", None),
    "pm_card_chargeDeclinedProcessingError": ("processing_error", None),
}


@pytest.mark.parametrize(("method", "codes"), DECLINING.items())
def test_a_declining_card_cannot_be_attached(shop: Shop, method: str, codes: tuple[str, str | None]) -> None:
    customer = shop.customer(None)

    with pytest.raises(stripe.CardError) as refusal:
        shop.client.v1.payment_methods.attach(method, {"customer": customer.id})
    assert refusal.value.error is not None
    assert (refusal.value.code, getattr(refusal.value.error, "decline_code", None)) == codes
    assert shop.client.v1.payment_methods.list({"customer": customer.id}).data == []


@pytest.mark.standin_only("uses the stand-in's controls")
@pytest.mark.parametrize(("method", "codes"), DECLINING.items())
def test_a_declining_card_can_be_attached_and_declines_charges(
    shop: Shop, method: str, codes: tuple[str, str | None]
) -> None:
    """The setting `attach_decline_cards` allows a declining card to be attached."""
    requests.post(
        f"{shop.standin.url}/_standin/settings", json={"attach_decline_cards": True}
    ).raise_for_status()
    customer = shop.customer(method)
    invoice = shop.open(customer)

    with pytest.raises(stripe.CardError) as refusal:
        shop.client.v1.invoices.pay(invoice.id)
    assert refusal.value.error is not None
    assert (refusal.value.code, getattr(refusal.value.error, "decline_code", None)) == codes
    assert shop.charges(customer) == []


@pytest.mark.standin_only("looks into the stand-in")
def test_an_off_session_payment_cannot_be_authenticated(shop: Shop) -> None:
    invoice = shop.open(shop.customer("pm_card_authenticationRequired"))

    with pytest.raises(stripe.CardError) as refusal:
        shop.client.v1.invoices.pay(invoice.id, {"off_session": True})
    assert refusal.value.code == "authentication_required"
    assert shop.read(invoice).hosted_invoice_url.startswith(shop.standin.url)
    shop.expect_events("invoice.payment_action_required")


def test_an_on_session_payment_waits_for_authentication(shop: Shop) -> None:
    invoice = shop.open(shop.customer("pm_card_authenticationRequired"))

    with pytest.raises(stripe.CardError) as refusal:
        shop.client.v1.invoices.pay(invoice.id, {"off_session": False})
    assert refusal.value.code == "invoice_payment_intent_requires_action"
    assert shop.intent(invoice).status == "requires_action"


@pytest.mark.standin_only("uses the stand-in's page")
@pytest.mark.parametrize("method", ["pm_card_authenticationRequired", "pm_card_chargeCustomerFail"])
def test_an_open_invoice_can_be_paid_on_its_hosted_page(shop: Shop, method: str) -> None:
    customer = shop.customer(method)
    invoice = shop.open(customer, 1500)
    with pytest.raises(stripe.CardError):
        shop.client.v1.invoices.pay(invoice.id)
    assert invoice.hosted_invoice_url is not None

    shown = requests.get(invoice.hosted_invoice_url)
    assert "15.00" in shown.text
    requests.post(f"{invoice.hosted_invoice_url}/pay").raise_for_status()

    assert shop.read(invoice).status == "paid"
    assert shop.charges(customer) == [1500]
    assert shop.invoices(customer, "open") == []


@pytest.mark.standin_only("uses the stand-in's page")
def test_a_failed_payment_on_the_page_leaves_the_invoice_open(shop: Shop) -> None:
    customer = shop.customer("pm_card_authenticationRequired")
    invoice = shop.open(customer)
    with pytest.raises(stripe.CardError):
        shop.client.v1.invoices.pay(invoice.id)
    assert invoice.hosted_invoice_url is not None

    requests.post(f"{invoice.hosted_invoice_url}/fail")

    assert shop.read(invoice).status == "open"
    assert shop.charges(customer) == []


@pytest.mark.standin_only("uses the stand-in's controls")
def test_a_sepa_payment_is_processing_until_it_settles(shop: Shop) -> None:
    customer = shop.sepa_customer()
    invoice = shop.open(customer)
    shop.client.v1.invoices.pay(invoice.id)
    assert shop.read(invoice).status == "open"
    assert shop.intent(invoice).status == "processing"
    assert shop.charges(customer) == []

    requests.post(f"{shop.standin.url}/_standin/settle", json={"payment": invoice.id}).raise_for_status()

    assert shop.read(invoice).status == "paid"
    assert len(shop.charges(customer)) == 1
    assert shop.event_types().index("payment_intent.processing") < shop.event_types().index("invoice.paid")


@pytest.mark.standin_only("uses the stand-in's controls")
def test_a_processing_sepa_payment_can_fail(shop: Shop) -> None:
    customer = shop.sepa_customer()
    invoice = shop.open(customer)
    shop.client.v1.invoices.pay(invoice.id)

    requests.post(f"{shop.standin.url}/_standin/fail", json={"customer": customer.id}).raise_for_status()

    assert shop.read(invoice).status == "open"
    assert shop.intent(invoice).status == "requires_payment_method"
    shop.expect_events("invoice.payment_failed")


def test_a_processing_payment_prevents_paying_and_voiding(shop: Shop) -> None:
    invoice = shop.open(shop.sepa_customer())
    shop.client.v1.invoices.pay(invoice.id)

    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.invoices.pay(invoice.id)
    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.invoices.void_invoice(invoice.id)
    assert shop.read(invoice).status == "open"


def test_credit_pays_the_whole_invoice(shop: Shop) -> None:
    customer = shop.customer(None)
    shop.client.v1.customers.balance_transactions.create(customer.id, {"amount": -5000, "currency": "eur"})
    invoice = shop.open(customer, 1200)

    assert (invoice.status, invoice.amount_due, invoice.starting_balance, invoice.ending_balance) == (
        "paid",
        0,
        -5000,
        -3800,
    )
    assert shop.client.v1.customers.retrieve(customer.id).balance == -3800
    assert shop.charges(customer) == []
    assert shop.read(invoice).payments.data == []


def test_used_credit_is_restored_when_the_invoice_is_voided(shop: Shop) -> None:
    customer = shop.customer(balance=-500)
    invoice = shop.open(customer, 1200)
    assert (invoice.status, invoice.amount_due, invoice.ending_balance) == ("open", 700, 0)

    shop.client.v1.invoices.void_invoice(invoice.id)

    assert shop.client.v1.customers.retrieve(customer.id).balance == -500


def test_an_amount_too_small_to_charge_becomes_a_debt(shop: Shop) -> None:
    customer = shop.customer(balance=-1180)
    invoice = shop.open(customer, 1200)

    assert (invoice.status, invoice.amount_due, invoice.ending_balance) == ("paid", 0, 20)


def test_an_invoice_of_zero_is_paid_when_finalized(shop: Shop) -> None:
    customer = shop.customer(None)

    assert shop.open(customer, 0).status == "paid"
    assert shop.charges(customer) == []


@pytest.mark.standin_only("uses the stand-in's page")
def test_an_amount_in_yen_is_not_converted(shop: Shop) -> None:
    customer = shop.customer()
    invoice = shop.paid(customer, 1200, currency="jpy")

    assert (invoice.currency, invoice.amount_paid) == ("jpy", 1200)
    page = requests.get(str(invoice.hosted_invoice_url)).text
    assert "1200 JPY" in page and "12.00" not in page


@pytest.mark.standin_only("tax needs settings of the Stripe account")
@pytest.mark.parametrize(
    ("country", "amount", "tax"), [("DE", 1000, 190), ("FR", 1000, 200), ("DE", 1005, 191), ("US", 1000, 0)]
)
def test_automatic_tax_is_added_to_the_price(shop: Shop, country: str, amount: int, tax: int) -> None:
    customer = shop.customer(address={"country": country})
    invoice = shop.paid(customer, amount, automatic_tax={"enabled": True})

    assert (invoice.subtotal, invoice.total, invoice.amount_paid) == (amount, amount + tax, amount + tax)
    assert sum(one.amount for one in invoice.total_taxes or []) == tax
    assert invoice.total_excluding_tax == amount


@pytest.mark.standin_only("tax needs settings of the Stripe account")
def test_an_invoice_with_tax_needs_an_address(shop: Shop) -> None:
    customer = shop.client.v1.customers.create({})
    draft = shop.draft(customer, automatic_tax={"enabled": True})

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        shop.client.v1.invoices.finalize_invoice(draft.id)
    assert refusal.value.code == "customer_tax_location_invalid"


def test_an_invoice_cannot_be_paid_without_a_payment_method(shop: Shop) -> None:
    invoice = shop.open(shop.customer(None))

    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.invoices.pay(invoice.id)
    assert shop.read(invoice).status == "open"


def test_another_customers_method_cannot_pay_an_invoice(shop: Shop) -> None:
    stranger = shop.customer()
    assert stranger.invoice_settings is not None
    method = str(stranger.invoice_settings.default_payment_method)
    customer = shop.customer()
    invoice = shop.open(customer)

    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.invoices.pay(invoice.id, {"payment_method": method})
    assert shop.charges() == []


def test_a_finalized_invoice_accepts_no_more_lines(shop: Shop) -> None:
    invoice = shop.open(shop.customer())

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        shop.client.v1.invoices.add_lines(invoice.id, {"lines": [{"amount": 5}]})
    assert refusal.value.code == "invoice_not_editable"


def test_an_invoice_not_in_euros_cannot_allow_sepa_debits(shop: Shop) -> None:
    settings: Any = {"payment_settings": {"payment_method_types": ["card", "sepa_debit"]}}
    with pytest.raises(stripe.InvalidRequestError, match="sepa_debit"):
        shop.client.v1.invoices.create({"customer": shop.customer().id, "currency": "usd", **settings})


@pytest.mark.parametrize("currency", ["ugx", "isk"])
def test_ugx_and_isk_are_charged_in_whole_hundreds(shop: Shop, currency: str) -> None:
    assert shop.paid(shop.customer(), 50_000, currency=currency).status == "paid"
    with pytest.raises(stripe.InvalidRequestError, match="no fractions"):
        shop.open(shop.customer(), 50_050, currency=currency)
