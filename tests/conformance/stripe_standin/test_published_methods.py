"""Each test payment method behaves as Stripe documents it."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from local.stripe_standin.published import BANK_ACCOUNTS, CARDS, PAYMENT_METHODS, SEPA_PAYMENT_METHODS
from local.stripe_standin.published import valid_iban as is_valid

from .conftest import Shop

DAY = 86_400.0
DECLINES = {
    "4000000000000002": ("card_declined", "generic_decline"),
    "4000000000009995": ("card_declined", "insufficient_funds"),
    "4000000000009987": ("card_declined", "lost_card"),
    "4000000000009979": ("card_declined", "stolen_card"),
    "4000000000006975": ("card_declined", "card_velocity_exceeded"),
    "4000000000000069": ("expired_card", None),
    "4000000000000127": ("incorrect_cvc", None),
    "4000000000000119": ("processing_error", None),
}


def card(number: str, **more: Any) -> Any:
    return {
        "type": "card",
        "card": {"number": number, "exp_month": 12, "exp_year": 2034, "cvc": "123", **more},
    }


def luhn(number: str) -> int:
    digits = [int(digit) for digit in reversed(number)]
    return (sum(digits[::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])) % 10


def test_every_card_number_and_iban_has_a_valid_check_digit() -> None:
    assert [number for number in CARDS if luhn(number) != 0] == []
    assert [iban for iban in BANK_ACCOUNTS if not is_valid(iban)] == []
    assert len(BANK_ACCOUNTS) == len(SEPA_PAYMENT_METHODS)
    assert set(PAYMENT_METHODS.values()) <= CARDS.keys()


@pytest.mark.standin_only("uses the stand-in's controls")
@pytest.mark.parametrize("number", DECLINES)
def test_each_declining_card_gives_its_published_code(shop: Shop, number: str) -> None:
    """Stripe refuses to attach such a card to a customer. The stand-in attaches it if `attach_decline_cards` is set."""
    method = shop.client.v1.payment_methods.create(card(number))
    customer = shop.customer(None)
    for _ in range(2):
        with pytest.raises(stripe.CardError) as refusal:
            shop.client.v1.payment_methods.attach(method.id, {"customer": customer.id})
    assert (refusal.value.code, refusal.value.error.decline_code) == DECLINES[number]
    assert shop.client.v1.payment_methods.retrieve(method.id).customer is None

    shop.standin.controls.set(attach_decline_cards=True)
    invoice = shop.open(shop.customer(method.id))
    with pytest.raises(stripe.CardError) as decline:
        shop.client.v1.invoices.pay(invoice.id)

    assert (decline.value.code, decline.value.error.decline_code) == DECLINES[number]
    error = shop.intent(invoice).last_payment_error
    assert (error.code, error.decline_code) == DECLINES[number]
    assert shop.charges() == []


@pytest.mark.standin_only("uses the stand-in's controls")
def test_a_card_can_be_made_to_decline_with_any_code(shop: Shop) -> None:
    customer = shop.customer()
    method = str(customer.invoice_settings.default_payment_method)  # type: ignore[union-attr]
    shop.standin.controls.decline(method, "pickup_card")
    invoice = shop.open(customer)
    with pytest.raises(stripe.CardError) as decline:
        shop.client.v1.invoices.pay(invoice.id)
    assert decline.value.error.decline_code == "pickup_card"

    shop.standin.controls.decline(method, None)
    assert shop.client.v1.invoices.pay(invoice.id).status == "paid"


def test_a_card_can_be_given_by_token_or_by_number(shop: Shop) -> None:
    by_token = shop.client.v1.payment_methods.create({"type": "card", "card": {"token": "tok_mastercard"}})
    by_number: Any = shop.client.v1.payment_methods.create(card("5555 5555 5555 4444"))

    assert by_token.card is not None
    assert (by_token.card.brand, by_token.card.last4) == ("mastercard", "4444")
    assert by_token.card.fingerprint == by_number.card.fingerprint
    assert by_token.id != by_number.id
    assert "sepa_debit" not in by_token.to_dict()


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (card("4242424242424241"), "incorrect_number"),
        (card("4111111111111111"), "card_declined"),  # not a test card
        (card("4242424242424242", exp_month=13), "invalid_expiry_month"),
        (card("4242424242424242", exp_year=1970), "invalid_expiry_year"),
    ],
)
def test_an_invalid_card_is_refused_when_created(shop: Shop, given: Any, code: str) -> None:
    with pytest.raises(stripe.CardError) as refusal:
        shop.client.v1.payment_methods.create(given)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("iban", "code"),
    [
        ("DE89370400440532013009", "account_number_invalid"),
        ("GB82WEST12345698765432", "payment_method_invalid_parameter_testmode"),
    ],
)
def test_an_invalid_or_real_iban_is_refused(shop: Shop, iban: str, code: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        shop.sepa_customer(iban)
    assert (refusal.value.code, refusal.value.param) == (code, "sepa_debit[iban]")


# -- 3D Secure -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "off_session", "on_session"),
    [
        ("pm_card_authenticationRequired", "authentication_required", "requires_action"),
        ("pm_card_threeDSecure2Required", "authentication_required", "requires_action"),
        ("pm_card_authenticationRequiredOnSetup", "authentication_required", "requires_action"),
        ("pm_card_authenticationRequiredSetupForOffSession", "paid", "requires_action"),
        ("pm_card_threeDSecureOptional", "paid", "paid"),
    ],
)
def test_each_card_needs_authentication_as_published(
    shop: Shop, method: str, off_session: str, on_session: str
) -> None:
    customer = shop.customer(method)
    seen = []
    for absent in (True, False):
        invoice = shop.open(customer)
        try:
            seen.append(shop.client.v1.invoices.pay(invoice.id, {"off_session": absent}).status)
        except stripe.CardError as refusal:
            seen.append(str(refusal.code).removeprefix("invoice_payment_intent_"))
    assert seen == [off_session, on_session]


@pytest.mark.standin_only("uses the stand-in's controls")
def test_a_card_set_up_earlier_pays_without_authentication(shop: Shop) -> None:
    customer = shop.customer("pm_card_authenticationRequiredOnSetup")
    shop.standin.controls.set_up(str(customer.invoice_settings.default_payment_method))  # type: ignore[union-attr]

    assert shop.paid(customer).status == "paid"


@pytest.mark.standin_only("uses the stand-in's controls")
def test_a_payment_can_be_declined_after_its_authentication(shop: Shop) -> None:
    customer = shop.customer("pm_card_authenticationRequiredChargeDeclinedInsufficientFunds")
    invoice = shop.open(customer)
    with pytest.raises(stripe.CardError):
        shop.client.v1.invoices.pay(invoice.id, {"off_session": False})
    assert shop.intent(invoice).status == "requires_action"

    with pytest.raises(Exception, match="insufficient funds"):
        shop.standin.controls.pay(invoice.id)

    assert shop.read(invoice).status == "open"
    assert shop.intent(invoice).last_payment_error.decline_code == "insufficient_funds"


# -- SEPA ----------------------------------------------------------------------------------------------------


@pytest.mark.standin_only("moves the stand-in's time")
@pytest.mark.parametrize(
    ("method", "status", "code"),
    [
        ("pm_success_de", "paid", None),
        ("pm_failed_at", "open", "generic_could_not_process"),
        ("pm_insufficientFunds_fr", "open", "insufficient_funds"),
        ("pm_exceedsWeeklyVolumeLimit_be", "open", "charge_exceeds_source_limit"),
        ("pm_exceedsWeeklyTransactionLimit_de", "open", "charge_exceeds_weekly_limit"),
    ],
)
def test_a_debit_ends_as_documented(shop: Shop, method: str, status: str, code: str | None) -> None:
    invoice = shop.open(shop.debtor(method))
    assert shop.client.v1.invoices.pay(invoice.id).status == "open"
    assert shop.intent(invoice).status == "processing"

    shop.standin.clock.advance(6 * DAY)

    assert shop.read(invoice).status == status
    (charge,) = shop.all_charges()
    assert charge["failure_code"] == code
    assert charge["id"].startswith("py_")


@pytest.mark.standin_only("uses the stand-in's controls")
def test_a_delayed_debit_takes_three_minutes_longer(shop: Shop) -> None:
    shop.standin.controls.set(sepa_settles_after=0)
    invoice = shop.open(shop.debtor("pm_successDelayed_de"))
    shop.client.v1.invoices.pay(invoice.id)
    shop.standin.clock.advance(170)
    assert shop.read(invoice).status == "open"
    shop.standin.clock.advance(20)
    assert shop.read(invoice).status == "paid"


@pytest.mark.standin_only("moves the stand-in's time")
def test_a_debit_can_succeed_and_then_be_disputed(shop: Shop) -> None:
    invoice = shop.open(shop.debtor("pm_disputed_de"))
    shop.client.v1.invoices.pay(invoice.id)
    shop.standin.clock.advance(6 * DAY)

    assert shop.read(invoice).status == "paid"
    (dispute,) = shop.standin.disputes()
    assert (dispute["amount"], dispute["charge"]) == (1200, shop.all_charges()[0].id)


@pytest.mark.standin_only("uses the stand-in's controls")
def test_a_debit_can_be_made_to_wait_until_it_is_settled(shop: Shop) -> None:
    """If the setting `sepa_settles` is false, a debit is processing until the control `settle` is called."""
    shop.standin.controls.set(sepa_settles=False)
    invoice = shop.open(shop.debtor("pm_success_de"))
    shop.client.v1.invoices.pay(invoice.id)
    shop.standin.clock.advance(100 * DAY)
    assert shop.intent(invoice).status == "processing"

    shop.standin.controls.settle(invoice.id)
    assert shop.read(invoice).status == "paid"
    with pytest.raises(Exception, match="processing"):
        shop.standin.controls.fail(invoice.id)


def test_an_invoice_not_in_euros_cannot_be_paid_by_debit(shop: Shop) -> None:
    invoice = shop.open(shop.debtor("pm_success_de"), currency="usd")
    with pytest.raises(stripe.InvalidRequestError, match="eur"):
        shop.client.v1.invoices.pay(invoice.id)


# -- refunds and disputes ------------------------------------------------------------------------------------


@pytest.mark.standin_only("moves the stand-in's time")
def test_a_pending_refund_succeeds_later(shop: Shop) -> None:
    invoice = shop.paid(shop.customer("pm_card_pendingRefund"))
    refund = shop.client.v1.refunds.create({"payment_intent": shop.intent(invoice).id})
    assert refund.status == "pending"
    shop.standin.clock.advance(3600)
    assert shop.client.v1.refunds.retrieve(refund.id).status == "succeeded"


@pytest.mark.standin_only("moves the stand-in's time")
def test_a_refund_can_fail_an_hour_after_it_succeeded(shop: Shop) -> None:
    customer = shop.customer("pm_card_refundFail")
    invoice = shop.paid(customer)
    refund = shop.client.v1.refunds.create({"payment_intent": shop.intent(invoice).id})
    assert (refund.status, shop.net_paid(customer)) == ("succeeded", 0)

    shop.standin.clock.advance(3600)

    failed = shop.client.v1.refunds.retrieve(refund.id)
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    assert shop.net_paid(customer) == 1200
    shop.expect_events("refund.failed")
    again = shop.client.v1.refunds.create({"payment_intent": shop.intent(invoice).id})
    assert (again.amount, again.status) == (1200, "succeeded")


def test_a_disputed_charge_cannot_be_refunded(shop: Shop) -> None:
    invoice = shop.paid(shop.customer("pm_card_createDispute"))
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        shop.client.v1.refunds.create({"payment_intent": shop.intent(invoice).id})
    assert refusal.value.code == "charge_disputed"
    assert shop.refunds() == []
