"""Payments of a Checkout Session: their objects and events, and points that Stripe's documentation leaves open."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
import stripe

from local.stripe_standin.checkout_payment import Payer

from .conftest import Shop

pytestmark = pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")

DAY = 24 * 3600
CHALLENGED = "4000002760003184"
CHALLENGED_UNTIL_SET_UP = "4000002500003155"
DECLINED_AFTER_CHALLENGE = "4000008260003178"
INSUFFICIENT_FUNDS = "4000000000009995"
FAILING_IBAN = "DE62370400440532013001"


def _types_since(shop: Shop, first: int) -> list[str]:
    return shop.event_types()[first:]


def _told(shop: Shop, event_type: str) -> Any:
    """The object of the only event of this type."""
    (event,) = [event for event in shop.standin.events if event["type"] == event_type]
    return event["data"]["object"]


# -- by card -------------------------------------------------------------------------------------------------


def test_a_card_completes_the_session_and_pays_its_invoice(shop: Shop) -> None:
    customer = shop.customer(None)
    session = shop.session(customer, 1200, 900)
    before = len(shop.event_types())

    shop.standin.controls.pay_checkout(session.id)

    paid = shop.read_session(session, "payment_intent.latest_charge", "invoice")
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    intent, invoice = paid.payment_intent, paid.invoice
    assert (intent.status, intent.amount, intent.amount_received) == ("succeeded", 2100, 2100)
    assert (intent.setup_future_usage, intent.customer) == ("off_session", customer.id)
    assert intent.metadata["cart"] == intent.latest_charge.metadata["cart"] == "c1"
    assert (invoice.status, invoice.total, invoice.amount_paid) == ("paid", 2100, 2100)
    assert (invoice.billing_reason, invoice.metadata["cart"]) == ("manual", "c1")
    assert invoice.number
    payments = shop.read(invoice).payments.data
    assert [payment.payment.payment_intent.id for payment in payments] == [intent.id]
    assert [payment.status for payment in payments] == ["paid"]
    assert _types_since(shop, before) == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "payment_method.attached",
        "invoice.created",
        "invoice.finalized",
        "invoice_payment.paid",
        "invoice.paid",
        "invoice.payment_succeeded",
        "checkout.session.completed",
    ]
    told = _told(shop, "checkout.session.completed")
    assert told == json.loads(str(shop.read_session(session)))
    assert told["customer_details"]["email"] == "jenny@example.com"
    assert shop.net_paid(customer) == 2100


def test_the_method_is_saved_but_not_made_the_default(shop: Shop) -> None:
    customer = shop.customer(None)
    session = shop.session(customer)

    shop.standin.controls.pay_checkout(session.id)

    (saved,) = shop.client.v1.payment_methods.list({"customer": customer.id}).data
    assert saved.id == shop.read_session(session, "payment_intent").payment_intent.payment_method
    assert saved.allow_redisplay == "limited"
    assert saved.billing_details.name == "Jenny Rosen"
    settings: Any = shop.client.v1.customers.retrieve(customer.id).invoice_settings
    assert settings.default_payment_method is None


@pytest.mark.parametrize("data", [{}, {"description": "Site"}])
def test_a_method_is_saved_only_if_the_session_asks_for_it(shop: Shop, data: Any) -> None:
    """The session asks for it with `setup_future_usage`."""
    customer = shop.customer(None)
    session = shop.session(customer, payment_intent_data=data)

    shop.standin.controls.pay_checkout(session.id)

    assert shop.client.v1.payment_methods.list({"customer": customer.id}).data == []
    intent = shop.read_session(session, "payment_intent").payment_intent
    assert (intent.description, intent.metadata.to_dict()) == (data.get("description"), {})


def test_a_card_saved_by_a_payment_can_be_charged_off_session(shop: Shop) -> None:
    customer = shop.customer(None)
    session = shop.session(customer)
    shop.standin.controls.pay_checkout(session.id, CHALLENGED_UNTIL_SET_UP)
    shop.standin.controls.authenticate_checkout(session.id)
    (saved,) = shop.client.v1.payment_methods.list({"customer": customer.id}).data

    invoice = shop.open(customer)
    shop.client.v1.invoices.pay(invoice.id, {"payment_method": saved.id, "off_session": True})

    assert shop.read(invoice).status == "paid"


def test_a_declined_card_leaves_the_session_open(shop: Shop) -> None:
    customer = shop.customer(None)
    session = shop.session(customer)

    with pytest.raises(Exception, match="insufficient funds"):
        shop.standin.controls.pay_checkout(session.id, INSUFFICIENT_FUNDS)

    tried = shop.read_session(session, "payment_intent")
    assert (tried.status, tried.payment_status, tried.invoice) == ("open", "unpaid", None)
    assert tried.url == session.url
    assert tried.payment_intent.status == "requires_payment_method"
    assert tried.payment_intent.last_payment_error.decline_code == "insufficient_funds"
    assert shop.client.v1.payment_methods.list({"customer": customer.id}).data == []
    assert not [one for one in shop.event_types() if one.startswith(("checkout.", "invoice."))]
    shop.standin.controls.pay_checkout(session.id)
    paid = shop.read_session(session)
    assert (paid.status, paid.payment_intent) == ("complete", tried.payment_intent.id)
    assert len(shop.charges(customer)) == 1


def test_a_failed_bank_challenge_leaves_the_session_open(shop: Shop) -> None:
    passed, failed, declined = (shop.session(shop.customer(None)) for _ in range(3))
    shop.standin.controls.pay_checkout(passed.id, CHALLENGED)
    shop.standin.controls.pay_checkout(failed.id, CHALLENGED)
    shop.standin.controls.pay_checkout(declined.id, DECLINED_AFTER_CHALLENGE)
    assert shop.read_session(passed, "payment_intent").payment_intent.status == "requires_action"

    shop.standin.controls.authenticate_checkout(passed.id)
    shop.standin.controls.authenticate_checkout(failed.id, succeeds=False)
    with pytest.raises(Exception, match="insufficient funds"):
        shop.standin.controls.authenticate_checkout(declined.id)

    assert shop.read_session(passed).payment_status == "paid"
    for session in (failed, declined):
        still = shop.read_session(session, "payment_intent")
        assert (still.status, still.payment_intent.status) == ("open", "requires_payment_method")
    with pytest.raises(Exception, match="not waiting for authentication"):
        shop.standin.controls.authenticate_checkout(failed.id)


def test_a_session_can_be_paid_only_once(shop: Shop) -> None:
    customer = shop.customer(None)
    session = shop.session(customer)
    shop.standin.controls.pay_checkout(session.id)

    for pay in (shop.standin.controls.pay_checkout, shop.standin.controls.debit_checkout):
        with pytest.raises(Exception, match="completed already"):
            pay(session.id)
    assert shop.net_paid(customer) == 1200


def test_expiring_a_session_cancels_its_payment(shop: Shop) -> None:
    customer = shop.customer(None)
    session = shop.session(customer)
    shop.standin.controls.pay_checkout(session.id, CHALLENGED)
    shop.client.v1.checkout.sessions.expire(session.id)

    with pytest.raises(Exception, match="has expired"):
        shop.standin.controls.authenticate_checkout(session.id)
    with pytest.raises(Exception, match="has expired"):
        shop.standin.controls.pay_checkout(session.id)
    assert shop.read_session(session, "payment_intent").payment_intent.status == "canceled"
    assert shop.event_types()[-2:] == ["payment_intent.canceled", "checkout.session.expired"]
    assert shop.charges(customer) == []


def test_two_sessions_of_one_cart_can_both_be_paid_at_stripe(shop: Shop) -> None:
    customer = shop.customer(None)
    for session in (shop.session(customer), shop.session(customer)):
        shop.standin.controls.pay_checkout(session.id)

    assert shop.net_paid(customer) == 2400


def test_the_customers_credit_balance_is_not_used(shop: Shop) -> None:
    customer = shop.customer(None)
    shop.client.v1.customers.balance_transactions.create(customer.id, {"amount": -500, "currency": "eur"})
    session = shop.session(customer)

    shop.standin.controls.pay_checkout(session.id)

    invoice = shop.read_session(session, "invoice").invoice
    assert (invoice.amount_due, invoice.starting_balance, invoice.ending_balance) == (1200, -500, -500)
    assert shop.balance(customer) == -500


# -- by debit ------------------------------------------------------------------------------------------------


def test_a_debit_completes_the_session_before_its_money_arrives(shop: Shop) -> None:
    customer = shop.customer(None)
    session = shop.session(customer)

    shop.standin.controls.debit_checkout(session.id)

    on_its_way = shop.read_session(session, "payment_intent")
    assert (on_its_way.status, on_its_way.payment_status, on_its_way.url) == ("complete", "unpaid", None)
    assert on_its_way.payment_intent.status == "processing"
    assert on_its_way.invoice is None
    assert _told(shop, "checkout.session.completed")["payment_status"] == "unpaid"
    assert [
        method.type for method in shop.client.v1.payment_methods.list({"customer": customer.id}).data
    ] == ["sepa_debit"]

    shop.standin.clock.advance(6 * DAY)

    settled = shop.read_session(session, "invoice")
    assert (settled.payment_status, settled.invoice.status) == ("paid", "paid")
    assert settled.invoice.metadata["cart"] == "c1"
    assert _told(shop, "checkout.session.async_payment_succeeded")["invoice"] == settled.invoice.id
    assert shop.net_paid(customer) == 1200


def test_a_returned_debit_leaves_the_session_unpaid_permanently(shop: Shop) -> None:
    customer = shop.customer(None)
    session = shop.session(customer)
    shop.standin.controls.debit_checkout(session.id, FAILING_IBAN)

    shop.standin.clock.advance(6 * DAY)

    failed = shop.read_session(session, "payment_intent")
    assert (failed.status, failed.payment_status, failed.invoice) == ("complete", "unpaid", None)
    assert failed.payment_intent.status == "requires_payment_method"
    assert _told(shop, "checkout.session.async_payment_failed")["payment_status"] == "unpaid"
    assert "checkout.session.async_payment_succeeded" not in shop.event_types()
    with pytest.raises(Exception, match="completed already"):
        shop.standin.controls.pay_checkout(session.id)
    assert shop.net_paid(customer) == 0


def test_the_controls_for_debits_accept_the_id_of_a_session(shop: Shop) -> None:
    settled, failed = shop.session(shop.customer(None)), shop.session(shop.customer(None))
    for session in (settled, failed):
        shop.standin.controls.debit_checkout(session.id)

    shop.standin.controls.settle(settled.id)
    shop.standin.controls.fail(failed.id, "insufficient_funds")

    assert shop.read_session(settled).payment_status == "paid"
    assert shop.read_session(failed).payment_status == "unpaid"
    with pytest.raises(Exception, match="not a payment in the state processing"):
        shop.standin.controls.settle(settled.id)


def test_a_debit_is_offered_only_in_euros(shop: Shop) -> None:
    line: Any = {
        "price_data": {"currency": "usd", "unit_amount": 900, "product_data": {"name": "A"}},
        "quantity": 1,
    }
    session = shop.session(shop.customer(None), line_items=[line])

    with pytest.raises(Exception, match="cannot be paid with sepa_debit"):
        shop.standin.controls.debit_checkout(session.id)


# -- what Stripe's documentation leaves open -----------------------------------------------------------------


@pytest.mark.parametrize("reaches", [False, True])
def test_metadata_of_session_lines_can_reach_the_invoice(shop: Shop, reaches: bool) -> None:
    """The setting `checkout_line_metadata` decides whether the metadata of a session's lines reaches the invoice."""
    shop.standin.controls.set(checkout_line_metadata=reaches)
    session = shop.session(shop.customer(None), 1200, 900)
    shop.standin.controls.pay_checkout(session.id)

    invoice = shop.read_session(session, "invoice").invoice

    assert [line.description for line in invoice.lines.data] == [
        "Line 1",
        "Line 0",
    ]  # in reverse: the session has Line 0 first
    assert [line.metadata.to_dict() for line in invoice.lines.data] == (
        [{"line": "1"}, {"line": "0"}] if reaches else [{}, {}]
    )
    products = [
        shop.client.v1.products.retrieve(line.pricing.price_details.product) for line in invoice.lines.data
    ]
    # Stripe documents the product of each line, but not the metadata of each line.
    assert [product.metadata["line"] for product in products] == ["1", "0"]


def test_a_debits_invoice_can_be_opened_at_completion(
    shop: Shop,
) -> None:
    """The setting `checkout_debit_invoice` can open the invoice when the session is complete but unpaid."""
    shop.standin.controls.set(checkout_debit_invoice="at completion")
    settled, failed = shop.session(shop.customer(None)), shop.session(shop.customer(None))
    for session in (settled, failed):
        shop.standin.controls.debit_checkout(session.id)
        assert shop.read_session(session, "invoice").invoice.status == "open"

    shop.standin.controls.settle(settled.id)
    shop.standin.controls.fail(failed.id)

    assert shop.read_session(settled, "invoice").invoice.status == "paid"
    unpaid = shop.read_session(failed, "invoice").invoice
    assert (unpaid.status, unpaid.auto_advance) == ("open", False)
    assert _told(shop, "invoice.payment_failed")["id"] == unpaid.id
    shop.client.v1.invoices.void_invoice(unpaid.id)
    assert shop.read_session(failed, "payment_intent").payment_intent.status == "canceled"


def test_an_open_invoice_of_checkout_can_be_paid_on_its_own_page(shop: Shop) -> None:
    shop.standin.controls.set(checkout_debit_invoice="at completion")
    session = shop.session(shop.customer(None))
    shop.standin.controls.debit_checkout(session.id)
    shop.standin.controls.fail(session.id)

    shop.standin.controls.pay(str(shop.read_session(session).invoice))

    paid = shop.read_session(session, "invoice")
    assert (paid.payment_status, paid.invoice.status) == ("paid", "paid")


def test_the_invoice_can_appear_after_the_payment_event(shop: Shop) -> None:
    """The setting `checkout_invoice_lags` says how many seconds the invoice is late."""
    shop.standin.controls.set(checkout_invoice_lags=30)
    session = shop.session(shop.customer(None))
    shop.standin.controls.pay_checkout(session.id)
    assert _told(shop, "checkout.session.completed")["invoice"] is None
    assert shop.read_session(session).invoice is None

    shop.standin.clock.advance(31)

    assert shop.read_session(session, "invoice").invoice.status == "paid"


@pytest.mark.parametrize("possible", [False, True])
def test_credit_notes_for_a_sessions_invoice_can_be_refused(shop: Shop, possible: bool) -> None:
    """The setting `checkout_credit_notes` decides whether the invoice of a session allows credit notes."""
    shop.standin.controls.set(checkout_credit_notes=possible)
    customer = shop.customer()
    session = shop.session(customer, 1200, 900)
    shop.standin.controls.pay_checkout(session.id)
    invoice = shop.read_session(session, "invoice").invoice
    line: Any = {"type": "invoice_line_item", "invoice_line_item": invoice.lines.data[0].id, "quantity": 1}
    note: Any = {"invoice": invoice.id, "lines": [line], "refund_amount": 900}

    if possible:
        shop.client.v1.credit_notes.preview(note)
        shop.client.v1.credit_notes.create(note)
    else:
        for call in (shop.client.v1.credit_notes.preview, shop.client.v1.credit_notes.create):
            with pytest.raises(stripe.InvalidRequestError, match="Refund its payment instead"):
                call(note)
        shop.client.v1.refunds.create(
            {"payment_intent": shop.read_session(session).payment_intent, "amount": 900}
        )

    assert shop.net_paid(customer) == 1200
    other = shop.paid(customer, 500)
    shop.client.v1.credit_notes.create({"invoice": other.id, "amount": 500, "refund_amount": 500})


@pytest.mark.parametrize(
    ("name", "value"), [("checkout_debit_invoice", "at noon"), ("checkout_credit_notes", "perhaps")]
)
def test_a_setting_with_an_invalid_value_is_refused(shop: Shop, name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        shop.standin.controls.set(**{name: value})


def test_a_session_creates_an_invoice_only_if_asked(shop: Shop) -> None:
    session = shop.session(shop.customer(None), invoice_creation={"enabled": False})
    shop.standin.controls.pay_checkout(session.id)

    assert shop.read_session(session).invoice is None
    assert shop.invoices() == []


# -- customers and tax ---------------------------------------------------------------------------------------


def test_a_customer_is_created_because_an_invoice_needs_one(shop: Shop) -> None:
    session = shop.session(customer_email="new@example.com")
    assert (session.customer, session.customer_creation) == (None, "if_required")

    shop.standin.controls.pay_checkout(session.id, payer=Payer(name="Piet", country="NL"))

    customer = shop.read_session(session, "customer").customer
    assert (customer.email, customer.name, customer.address.country) == ("new@example.com", "Piet", "NL")
    assert len(shop.client.v1.payment_methods.list({"customer": customer.id}).data) == 1


def test_a_guest_gets_a_customer_only_when_required(shop: Shop) -> None:
    guest = shop.session(invoice_creation={"enabled": False})
    known = shop.session(invoice_creation={"enabled": False}, customer_creation="always")
    for session in (guest, known):
        shop.standin.controls.pay_checkout(session.id)

    paid = shop.read_session(guest)
    assert (paid.customer, paid.customer_details.email) == (None, "jenny@example.com")
    assert shop.read_session(known, "customer").customer.email == "jenny@example.com"


def test_a_payment_needs_an_email_address(shop: Shop) -> None:
    session = shop.session()

    with pytest.raises(Exception, match="e-mail address is required"):
        shop.standin.controls.pay_checkout(session.id, payer=Payer(country="DE"))
    assert shop.read_session(session).payment_intent is None


@pytest.mark.parametrize("saves", [False, True])
def test_entered_details_are_saved_only_when_requested(shop: Shop, saves: bool) -> None:
    customer = shop.client.v1.customers.create({"name": "Jenny Rosen", "address": {"country": "DE"}})
    update: Any = {"customer_update": {"address": "auto", "name": "auto"}} if saves else {}
    session = shop.session(customer, **update)

    shop.standin.controls.pay_checkout(session.id, payer=Payer("p@example.com", "Piet", "NL", "1011 AB"))

    found: Any = shop.client.v1.customers.retrieve(customer.id)
    assert found.email == "p@example.com"
    assert (found.name, found.address.country) == (("Piet", "NL") if saves else ("Jenny Rosen", "DE"))
    details = shop.read_session(session).customer_details
    assert (details.name, details.address.country, details.address.postal_code) == ("Piet", "NL", "1011 AB")


def test_the_entered_or_the_stored_address_decides_the_tax(shop: Shop) -> None:
    """Without `customer_update`, the stored address of a known customer decides, and not the entered address."""
    tax = {"automatic_tax": {"enabled": True}}
    fixed = shop.session(shop.customer(None), 1000, **tax)
    typed = shop.session(shop.customer(None), 1000, customer_update={"address": "auto"}, **tax)
    guest = shop.session(None, 1000, **tax)
    for session in (fixed, typed, guest):
        shop.standin.controls.pay_checkout(session.id, payer=Payer("p@example.com", "Piet", "NL"))

    totals = {}
    for name, session in (("fixed", fixed), ("typed", typed), ("guest", guest)):
        paid = shop.read_session(session, "payment_intent", "invoice")
        totals[name] = paid.amount_total
        assert paid.payment_intent.amount_received == paid.invoice.total == paid.amount_total
        assert paid.invoice.total_taxes[0].amount == paid.amount_total - 1000
        assert paid.invoice.automatic_tax.status == "complete"
    assert totals == {"fixed": 1190, "typed": 1210, "guest": 1210}


def test_another_attempt_from_another_country_changes_the_amount(shop: Shop) -> None:
    session = shop.session(None, 1000, automatic_tax={"enabled": True})
    with pytest.raises(Exception, match="insufficient funds"):
        shop.standin.controls.pay_checkout(
            session.id, INSUFFICIENT_FUNDS, Payer("p@example.com", "Piet", "NL")
        )

    shop.standin.controls.pay_checkout(session.id, payer=Payer("p@example.com", "Piet", "DE"))

    paid = shop.read_session(session, "payment_intent", "invoice", "customer")
    assert paid.payment_intent.amount_received == paid.amount_total == paid.invoice.amount_paid == 1190
    assert paid.customer.address.country == "DE"


def test_a_payment_with_automatic_tax_needs_a_country(shop: Shop) -> None:
    session = shop.session(None, automatic_tax={"enabled": True})

    with pytest.raises(Exception, match="country is required"):
        shop.standin.controls.pay_checkout(session.id, payer=Payer("p@example.com"))
    assert shop.read_session(session).payment_intent is None


# -- events and refunds --------------------------------------------------------------------------------------


def test_webhooks_of_a_session_are_signed_and_shuffled(shop: Shop) -> None:
    shop.standin.controls.set_webhooks(shuffle=7)
    session = shop.session(shop.customer(None))
    shop.standin.controls.pay_checkout(session.id)
    shop.standin.deliver_webhooks()

    events = [
        stripe.Webhook.construct_event(body, signature, "whsec_of_the_conformance_tests")  # type: ignore[no-untyped-call]
        for body, signature in shop.webhooks.received
    ]
    (completed,) = [event for event in events if event.type == "checkout.session.completed"]
    assert completed.data.object.id == session.id
    assert completed.data.object.metadata["cart"] == "c1"
    in_order = [event["id"] for event in shop.standin.events]
    assert sorted(event.id for event in events) == sorted(in_order)
    assert [event.id for event in events] != in_order


def test_the_payment_of_a_session_can_be_refunded(shop: Shop) -> None:
    customer = shop.customer(None)
    session = shop.session(customer)
    shop.standin.controls.pay_checkout(session.id)
    intent = shop.read_session(session).payment_intent

    shop.client.v1.refunds.create({"payment_intent": intent})

    assert shop.net_paid(customer) == 0
    after = shop.read_session(session, "invoice")
    assert (after.payment_status, after.invoice.status) == ("paid", "paid")


def test_a_processing_debit_cannot_be_refunded(shop: Shop) -> None:
    session = shop.session(shop.customer(None))
    shop.standin.controls.debit_checkout(session.id)

    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        shop.client.v1.refunds.create({"payment_intent": shop.read_session(session).payment_intent})


def test_the_summary_of_a_customer_lists_its_sessions(shop: Shop) -> None:
    customer = shop.customer(None)
    session = shop.session(customer)
    shop.standin.controls.pay_checkout(session.id)

    (found,) = shop.standin.controls.summary(customer.id)["checkout_sessions"]

    assert (found["id"], found["status"], found["payment_status"]) == (session.id, "complete", "paid")


def test_money_and_session_agree_after_random_steps(shop: Shop) -> None:
    chance = random.Random(11)
    controls = shop.standin.controls
    steps = [
        controls.pay_checkout,
        lambda one: controls.pay_checkout(one, INSUFFICIENT_FUNDS),
        lambda one: controls.pay_checkout(one, CHALLENGED),
        controls.authenticate_checkout,
        lambda one: controls.authenticate_checkout(one, succeeds=False),
        controls.debit_checkout,
        controls.settle,
        controls.fail,
        controls.expire_checkout,
    ]
    ends = set()
    for _ in range(60):
        customer = shop.customer(None)
        session = shop.session(customer)
        for step in chance.choices(steps, k=4):
            try:
                step(session.id)
            except Exception as refusal:
                assert type(refusal).__name__ == "StripeError"
        found = shop.read_session(session, "invoice")
        ends.add((found.status, found.payment_status))
        assert shop.net_paid(customer) == (1200 if found.payment_status == "paid" else 0)
        assert (found.url is None) == (found.status != "open")
        assert (found.invoice and found.invoice.status) == (
            "paid" if found.payment_status == "paid" else None
        )
    assert ends == {("open", "unpaid"), ("complete", "paid"), ("complete", "unpaid"), ("expired", "unpaid")}
