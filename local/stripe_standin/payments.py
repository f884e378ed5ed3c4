"""Payment intents, charges and invoice payments: how money is taken for an open invoice.

https://docs.stripe.com/api/payment_intents, /charges, /invoice-payment. A card answers at once; SEPA direct
debit is `processing` for days and then settles or fails by itself.
"""

from __future__ import annotations

from typing import Any

from . import disputes, payment_methods
from .errors import StripeError, card_refused, refused
from .published import (
    AUTHENTICATION_REQUIRED,
    CARDS,
    GENERIC_FAILURE,
    GOOD_CARD,
    Authentication,
    Card,
    Decline,
)
from .sdk_types import Json, copied, part, words
from .state import Instrument, State, new_id

SLOW_SEPA_SECONDS = 180.0
"""How much later than the others the accounts published as delayed settle."""


# -- opening and cancelling ----------------------------------------------------------------------------------


def open_payment(state: State, invoice: Json) -> None:
    """The payment intent of an invoice with something left to pay."""
    amount = invoice["amount_due"]
    if amount == 0:
        return
    intent = state.new(
        "payment_intent",
        amount=amount,
        amount_received=0,
        capture_method="automatic",
        confirmation_method="automatic",
        currency=invoice["currency"],
        customer=invoice["customer"],
        description="Payment for Invoice",
        payment_method_types=["card", "sepa_debit"] if invoice["currency"] == "eur" else ["card"],
        receipt_email=None,
        status="requires_payment_method",
    )
    intent["client_secret"] = f"{intent['id']}_secret_{new_id('payment_intent')[3:]}"
    state.new(
        "invoice_payment",
        amount_requested=amount,
        currency=invoice["currency"],
        invoice=invoice["id"],
        is_default=True,
        payment=part("invoice_payment", "Payment", type="payment_intent", payment_intent=intent["id"]),
        status="open",
    )
    state.emit("payment_intent.created", intent)


def payments_of(state: State, invoice: Json) -> list[Json]:
    return state.all("invoice_payment", invoice=invoice["id"])


def intent_of(state: State, invoice: Json) -> Json | None:
    for payment in payments_of(state, invoice):
        return state.get("payment_intent", payment["payment"]["payment_intent"])
    return None


def cancel(state: State, invoice: Json, reason: str) -> None:
    """Raises the error Stripe answers when the money is already on its way."""
    intent = intent_of(state, invoice)
    if intent is None:
        return
    if intent["status"] == "processing":
        message = (
            "You cannot cancel this PaymentIntent because it has a status of processing. Only a PaymentIntent "
            "with one of the following statuses may be canceled: requires_payment_method, requires_capture, "
            "requires_confirmation, requires_action."
        )
        raise refused(message, "payment_intent_unexpected_state")
    intent.update(
        status="canceled", canceled_at=state.clock.now(), cancellation_reason=reason, next_action=None
    )
    for payment in payments_of(state, invoice):
        payment["status"] = "canceled"
        payment["status_transitions"]["canceled_at"] = state.clock.now()
    state.emit("payment_intent.canceled", intent)


def mark_paid(state: State, invoice: Json) -> None:
    """Nothing is left to pay."""
    invoice.update(
        status="paid",
        attempted=True,
        amount_paid=invoice["amount_due"],
        amount_remaining=0,
        auto_advance=False,
    )
    invoice["status_transitions"]["paid_at"] = state.clock.now()
    state.emit("invoice.paid", invoice)
    state.emit("invoice.payment_succeeded", invoice)
    details = (invoice["parent"] or {}).get("subscription_details")
    if details:
        _activate(state, state.get("subscription", details["subscription"]))


def _activate(state: State, subscription: Json) -> None:
    if subscription["status"] in ("incomplete", "past_due"):
        before = copied(subscription)
        subscription["status"] = "active"
        state.emit("customer.subscription.updated", subscription, before)


def mark_past_due(state: State, invoice: Json) -> None:
    """The money for a later period of a subscription was not there."""
    details = (invoice["parent"] or {}).get("subscription_details")
    if details is None or invoice["billing_reason"] != "subscription_cycle":
        return
    subscription = state.get("subscription", details["subscription"])
    if subscription["status"] == "active":
        before = copied(subscription)
        subscription["status"] = "past_due"
        state.emit("customer.subscription.updated", subscription, before)


def invoice_of(state: State, intent_id: str) -> Json | None:
    """The invoice that a payment intent pays for."""
    for payment in state.all("invoice_payment"):
        if payment["payment"]["payment_intent"] == intent_id:
            return state.get("invoice", payment["invoice"])
    return None


# -- taking money --------------------------------------------------------------------------------------------


def collect(
    state: State, invoice: Json, method: Json, *, off_session: bool, authenticated: bool = False
) -> None:
    """Tries to pay an open invoice. Raises the card error that the request is answered with.

    `off_session`: the customer is not there to authenticate. What was tried stays on the payment intent.
    """
    intent = intent_of(state, invoice)
    assert intent is not None, "an open invoice has a payment"
    if intent["status"] == "processing":
        message = "This invoice's payment is processing. It cannot be paid again until that has an outcome."
        raise refused(message, "payment_intent_unexpected_state")
    invoice.update(attempted=True, attempt_count=max(1, invoice["attempt_count"]))
    intent.update(last_payment_error=None, next_action=None, payment_method=method["id"])
    instrument = state.instruments[method["id"]]
    if instrument.account is not None:
        if intent["currency"] != "eur":
            intent["payment_method"] = None
            message = "The payment method type sepa_debit can only be used with the currency eur."
            raise refused(message, "payment_method_invalid_parameter", "payment_method")
        _debit(state, invoice, intent, method)
    else:
        assert instrument.card is not None
        _charge_card(state, invoice, intent, method, off_session=off_session, authenticated=authenticated)


def _charge_card(
    state: State, invoice: Json, intent: Json, method: Json, *, off_session: bool, authenticated: bool
) -> None:
    instrument = state.instruments[method["id"]]
    card = instrument.card
    assert card is not None
    if not authenticated and _must_authenticate(card, instrument, off_session):
        if off_session:
            raise _declined(state, invoice, intent, method, AUTHENTICATION_REQUIRED)
        intent.update(
            status="requires_action",
            next_action=part(
                "payment_intent", "NextAction", type="use_stripe_sdk",
                use_stripe_sdk={"type": "three_d_secure_redirect", "stripe_js": invoice["hosted_invoice_url"]},
            ),
        )  # fmt: skip
        state.emit("payment_intent.requires_action", intent)
        state.emit("invoice.payment_failed", invoice)
        state.emit("invoice.payment_action_required", invoice)
        message = (
            "This payment requires additional user action before it can be completed successfully. Payment "
            "can be completed using the PaymentIntent associated with the invoice."
        )
        raise card_refused("invoice_payment_intent_requires_action", message, payment_intent=copied(intent))
    decline = instrument.decline or card.decline
    if decline is not None:
        raise _declined(state, invoice, intent, method, decline)
    charge = _new_charge(state, intent, method, "succeeded")
    _succeed(state, invoice, intent, charge)
    if card.dispute:
        disputes.open_dispute(state, charge, card.dispute)


def _must_authenticate(card: Card, instrument: Instrument, off_session: bool) -> bool:
    return {
        Authentication.NEVER: False,
        Authentication.ALWAYS: True,
        Authentication.UNLESS_SET_UP: not (off_session and instrument.set_up),
        Authentication.ON_SESSION: not off_session,
    }[card.authentication]


def _declined(state: State, invoice: Json, intent: Json, method: Json, decline: Decline) -> StripeError:
    """Writes what a decline leaves behind; the error is what the request is answered with."""
    charge = _new_charge(state, intent, method, "failed", decline)
    _fail(state, intent, charge, method, decline)
    state.emit("invoice.payment_failed", invoice)
    if decline is AUTHENTICATION_REQUIRED:
        state.emit("invoice.payment_action_required", invoice)
    return card_refused(
        decline.code,
        decline.message,
        decline_code=decline.decline_code,
        charge=charge["id"],
        payment_intent=copied(intent),
        payment_method=copied(method),
    )


def _fail(state: State, intent: Json, charge: Json, method: Json, decline: Decline) -> None:
    intent.update(
        status="requires_payment_method",
        payment_method=None,
        last_payment_error=part(
            "payment_intent", "LastPaymentError",
            charge=charge["id"], code=decline.code, decline_code=decline.decline_code,
            message=decline.message, type="card_error", payment_method=copied(method),
        ),
    )  # fmt: skip
    state.emit("charge.failed", charge)
    state.emit("payment_intent.payment_failed", intent)


def _succeed(state: State, invoice: Json, intent: Json, charge: Json) -> None:
    intent.update(
        status="succeeded", amount_received=intent["amount"], last_payment_error=None, next_action=None
    )
    state.emit("charge.succeeded", charge)
    state.emit("payment_intent.succeeded", intent)
    for payment in payments_of(state, invoice):
        payment.update(status="paid", amount_paid=intent["amount"])
        payment["status_transitions"]["paid_at"] = state.clock.now()
        state.emit("invoice_payment.paid", payment)
    mark_paid(state, invoice)


def _new_charge(
    state: State, intent: Json, method: Json, status: str, decline: Decline | None = None
) -> Json:
    succeeded = status == "succeeded"
    prefix = "ch" if method["type"] == "card" else "py"
    charge = state.new(
        "charge",
        id=f"{prefix}_{new_id('charge')[3:]}",
        amount=intent["amount"],
        amount_captured=intent["amount"] if succeeded else 0,
        balance_transaction=f"txn_{new_id('charge')[3:]}" if succeeded else None,
        billing_details=copied(method["billing_details"]),
        captured=status != "failed",
        currency=intent["currency"],
        customer=intent["customer"],
        description=intent["description"],
        failure_code=decline.code if decline else None,
        failure_message=decline.message if decline else None,
        fraud_details={},
        outcome=_outcome(state.instruments[method["id"]], status, decline),
        paid=succeeded,
        payment_intent=intent["id"],
        payment_method=method["id"],
        payment_method_details=_details(method),
        status=status,
    )
    charge["receipt_url"] = f"{state.base_url}/receipts/{charge['id']}" if succeeded else None
    intent["latest_charge"] = charge["id"]
    return charge


def _outcome(instrument: Instrument, status: str, decline: Decline | None) -> Json:
    blocked = bool(instrument.card and instrument.card.blocked)
    facts: dict[str, Any] = {
        "network_status": "approved_by_network", "reason": None, "risk_level": "normal",
        "seller_message": "Payment complete.", "type": "authorized",
    }  # fmt: skip
    if blocked:
        facts = {
            "network_status": "not_sent_to_network", "reason": "highest_risk_level", "risk_level": "highest",
            "seller_message": "Stripe blocked this payment as too risky.", "type": "blocked",
        }  # fmt: skip
    elif decline is not None:
        reason = decline.decline_code or decline.code
        facts |= {
            "network_status": "declined_by_network", "reason": reason, "type": "issuer_declined",
            "seller_message": f"The bank returned the decline code `{reason}`.",
        }  # fmt: skip
    if instrument.account is not None:
        facts["risk_level"] = "not_assessed"
    return part("charge", "Outcome", **facts)


def _details(method: Json) -> Json:
    kind = method["type"]
    own = method[kind]
    if kind == "card":
        inner = part(
            "charge", "PaymentMethodDetails", "Card",
            network=own["brand"],
            **{name: own[name] for name in ("brand", "country", "exp_month", "exp_year", "fingerprint",
                                            "funding", "last4", "regulated_status")},
        )  # fmt: skip
    else:
        inner = part(
            "charge", "PaymentMethodDetails", "SepaDebit",
            mandate=f"mandate_{method['id'][3:]}",
            **{name: own[name] for name in ("bank_code", "branch_code", "country", "fingerprint", "last4")},
        )  # fmt: skip
    return {"type": kind, kind: inner}


# -- SEPA direct debit ---------------------------------------------------------------------------------------


def _debit(state: State, invoice: Json, intent: Json, method: Json) -> None:
    charge = _new_charge(state, intent, method, "pending")
    intent["status"] = "processing"
    state.emit("charge.pending", charge)
    state.emit("payment_intent.processing", intent)
    account = state.instruments[method["id"]].account
    assert account is not None
    seconds = state.settings.sepa_settles_after + (SLOW_SEPA_SECONDS if account.delayed else 0)

    def outcome() -> None:
        # A control may have been faster, and may have been told that nothing settles by itself.
        if state.settings.sepa_settles and intent["latest_charge"] == charge["id"]:
            settle(state, intent["id"], account.failure_code)

    state.later(seconds, outcome)


def settle(state: State, intent_id: str, failure_code: str | None = None) -> Json:
    """The bank's word on a SEPA payment that is processing: the money has come, or why it has not."""
    intent = state.get("payment_intent", intent_id)
    if intent["status"] != "processing":
        return intent
    invoice = invoice_of(state, intent_id)
    assert invoice is not None, "every payment here is for an invoice"
    charge = state.get("charge", intent["latest_charge"])
    method = state.get("payment_method", intent["payment_method"])
    if failure_code is None:
        charge.update(
            status="succeeded", paid=True, amount_captured=charge["amount"],
            balance_transaction=f"txn_{new_id('charge')[3:]}",
        )  # fmt: skip
        _succeed(state, invoice, intent, charge)
        account = state.instruments[method["id"]].account
        if account and account.disputed:
            disputes.open_dispute(state, charge, "debit_not_authorized")
        return intent
    message = "The customer's bank could not process the debit."
    charge.update(
        status="failed", paid=False, captured=False, failure_code=failure_code, failure_message=message,
        outcome=part("charge", "Outcome", network_status="declined_by_network", reason=failure_code,
                     risk_level="not_assessed", seller_message=message, type="issuer_declined"),
    )  # fmt: skip
    known = failure_code in words("payment_intent", "LastPaymentError", field="code")
    code = failure_code if known else "payment_intent_payment_attempt_failed"
    _fail(state, intent, charge, method, Decline(code, None, message))
    state.emit("invoice.payment_failed", invoice)
    mark_past_due(state, invoice)
    return intent


def fail_processing(state: State, intent_id: str, failure_code: str = GENERIC_FAILURE) -> Json:
    return settle(state, intent_id, failure_code)


# -- the customer on the hosted page -------------------------------------------------------------------------


def pay_on_page(state: State, invoice: Json, number: str | None = None) -> None:
    """The customer pays an open invoice in person, and authenticates when asked.

    With the card that is waiting for authentication; with another one when `number` says which; otherwise
    with a good one. Raises the card error that the page shows.
    """
    waiting = None if number else method_to_authenticate(state, invoice)
    if waiting is not None:
        collect(state, invoice, waiting, off_session=False, authenticated=True)
        return
    method = payment_methods.new_card(state, CARDS[number or GOOD_CARD], {})
    collect(state, invoice, method, off_session=False, authenticated=True)


def fail_authentication(state: State, invoice: Json) -> None:
    """The customer does not pass their bank's authentication."""
    intent = intent_of(state, invoice)
    method = method_to_authenticate(state, invoice)
    if intent is None or method is None:
        raise refused("This invoice's payment is not waiting for authentication.")
    message = (
        "We are unable to authenticate your payment method. Please choose a different payment method and try "
        "again."
    )
    decline = Decline("payment_intent_authentication_failure", None, message)
    intent.update(
        status="requires_payment_method",
        payment_method=None,
        next_action=None,
        last_payment_error=part(
            "payment_intent", "LastPaymentError",
            code=decline.code, message=decline.message, type="invalid_request_error",
            payment_method=copied(method),
        ),
    )  # fmt: skip
    state.emit("payment_intent.payment_failed", intent)
    state.emit("invoice.payment_failed", invoice)


def method_to_authenticate(state: State, invoice: Json) -> Json | None:
    """The card that the open payment waits for its owner to authenticate, if it does."""
    intent = intent_of(state, invoice)
    if intent is None:
        return None
    if intent["status"] == "requires_action":
        return state.get("payment_method", intent["payment_method"])
    error = intent["last_payment_error"]
    if intent["status"] == "requires_payment_method" and error and error["code"] == "authentication_required":
        return state.get("payment_method", error["payment_method"]["id"])
    return None


# -- reading -------------------------------------------------------------------------------------------------


def retrieve_intent(state: State, params: Json, intent_id: str) -> Json:
    return state.get("payment_intent", intent_id)


def list_intents(state: State, params: Json) -> list[Json]:
    found = state.all("payment_intent")
    return [intent for intent in found if params.get("customer") in (None, intent["customer"])]


def retrieve_charge(state: State, params: Json, charge_id: str) -> Json:
    return state.get("charge", charge_id)


def list_charges(state: State, params: Json) -> list[Json]:
    return [
        charge
        for charge in state.all("charge")
        if all(params.get(name) in (None, charge[name]) for name in ("customer", "payment_intent"))
    ]


def list_invoice_payments(state: State, params: Json) -> list[Json]:
    wanted = params.get("payment", {}).get("payment_intent")
    return [
        payment
        for payment in state.all("invoice_payment")
        if all(params.get(name) in (None, payment[name]) for name in ("invoice", "status"))
        and wanted in (None, payment["payment"]["payment_intent"])
    ]


def retrieve_invoice_payment(state: State, params: Json, payment_id: str) -> Json:
    return state.get("invoice_payment", payment_id)
