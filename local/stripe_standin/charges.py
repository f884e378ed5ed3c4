"""Charges: how a payment intent collects money. See https://docs.stripe.com/api/payment_intents and
https://docs.stripe.com/api/charges.

A card charge ends immediately. A SEPA debit is `processing` for days. The intent's `Payee` (its invoice or Checkout
Session) is notified of the outcome.
"""

from __future__ import annotations

from typing import Any

from . import disputes, payment_methods
from .errors import StripeError, card_refused, refused
from .money import is_whole
from .published import AUTHENTICATION_REQUIRED, Authentication, Card, Decline
from .sdk_types import Json, copied, part, words
from .state import Instrument, Payee, State, new_id

SLOW_SEPA_SECONDS = 180.0
"""The additional time until a debit settles, for the test accounts whose debits Stripe documents as delayed."""


def new_intent(state: State, payee: Payee, **values: Any) -> Json:
    if not is_whole(values["amount"], values["currency"]):
        raise refused("Invalid amount: this currency has no fractions.", "invalid_charge_amount", "amount")
    intent = state.new(
        "payment_intent",
        amount_received=0,
        capture_method="automatic",
        confirmation_method="automatic",
        receipt_email=None,
        status="requires_payment_method",
        **values,
    )
    intent["client_secret"] = f"{intent['id']}_secret_{new_id('payment_intent')[3:]}"
    state.payees[intent["id"]] = payee
    return intent


def cancel(state: State, intent: Json, reason: str) -> None:
    """Raises Stripe's error when a payment is processing."""
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


# -- charging ------------------------------------------------------------------------------------------------


def take(state: State, intent: Json, method: Json, *, off_session: bool, authenticated: bool = False) -> None:
    """Charge `method`, or start a debit or an authentication.

    Raises the card error when the card is declined. The payment intent records the attempt.
    """
    intent.update(last_payment_error=None, next_action=None, payment_method=method["id"])
    instrument = state.instruments[method["id"]]
    if instrument.account is not None:
        if intent["currency"] != "eur":
            intent["payment_method"] = None
            message = "The payment method type sepa_debit can only be used with the currency eur."
            raise refused(message, "payment_method_invalid_parameter", "payment_method")
        if not instrument.mandate:
            intent["payment_method"] = None
            message = (
                "When confirming a PaymentIntent with a sepa_debit PaymentMethod, mandate_data is required."
            )
            raise refused(message, "parameter_missing", "mandate_data")
        _debit(state, intent, method)
    else:
        assert instrument.card is not None
        _charge_card(state, intent, method, off_session=off_session, authenticated=authenticated)


def _charge_card(state: State, intent: Json, method: Json, *, off_session: bool, authenticated: bool) -> None:
    instrument = state.instruments[method["id"]]
    card = instrument.card
    assert card is not None
    payee = state.payees[intent["id"]]
    if not authenticated and _must_authenticate(card, instrument, off_session):
        if off_session:
            raise _declined(state, intent, method, AUTHENTICATION_REQUIRED)
        intent.update(
            status="requires_action",
            next_action=part(
                "payment_intent", "NextAction", type="use_stripe_sdk",
                use_stripe_sdk={"type": "three_d_secure_redirect", "stripe_js": payee.page},
            ),
        )  # fmt: skip
        state.emit("payment_intent.requires_action", intent)
        payee.asked()
        return
    decline = instrument.decline or card.decline
    if decline is not None:
        raise _declined(state, intent, method, decline)
    charge = _new_charge(state, intent, method, "succeeded")
    _succeed(state, intent, charge)
    if card.dispute:
        disputes.open_dispute(state, charge, card.dispute)


def _must_authenticate(card: Card, instrument: Instrument, off_session: bool) -> bool:
    return {
        Authentication.NEVER: False,
        Authentication.ALWAYS: True,
        Authentication.UNLESS_SET_UP: not (off_session and instrument.set_up),
        Authentication.ON_SESSION: not off_session,
    }[card.authentication]


def _declined(state: State, intent: Json, method: Json, decline: Decline) -> StripeError:
    charge = _new_charge(state, intent, method, "failed", decline)
    _fail(state, intent, charge, method, decline)
    state.payees[intent["id"]].failed(decline)
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


def _succeed(state: State, intent: Json, charge: Json) -> None:
    intent.update(
        status="succeeded", amount_received=intent["amount"], last_payment_error=None, next_action=None
    )
    state.emit("charge.succeeded", charge)
    state.emit("payment_intent.succeeded", intent)
    state.payees[intent["id"]].paid()


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
        metadata=dict(intent["metadata"]),
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
            mandate=payment_methods.mandate_of(method),
            **{name: own[name] for name in ("bank_code", "branch_code", "country", "fingerprint", "last4")},
        )  # fmt: skip
    return {"type": kind, kind: inner}


# -- SEPA direct debit ---------------------------------------------------------------------------------------


def _debit(state: State, intent: Json, method: Json) -> None:
    charge = _new_charge(state, intent, method, "pending")
    intent["status"] = "processing"
    state.emit("charge.pending", charge)
    state.emit("payment_intent.processing", intent)
    state.payees[intent["id"]].processing()
    account = state.instruments[method["id"]].account
    assert account is not None
    seconds = state.settings.sepa_settles_after + (SLOW_SEPA_SECONDS if account.delayed else 0)

    def outcome() -> None:
        # A request under /_standin may already have settled the debit, or turned automatic settlement off.
        if state.settings.sepa_settles and intent["latest_charge"] == charge["id"]:
            settle(state, intent["id"], account.failure_code)

    state.later(seconds, outcome)


def settle(state: State, intent_id: str, failure_code: str | None = None) -> Json:
    """End a processing SEPA payment. With a `failure_code` it fails. Otherwise it succeeds."""
    intent = state.get("payment_intent", intent_id)
    if intent["status"] != "processing":
        return intent
    charge = state.get("charge", intent["latest_charge"])
    method = state.get("payment_method", intent["payment_method"])
    if failure_code is None:
        charge.update(
            status="succeeded", paid=True, amount_captured=charge["amount"],
            balance_transaction=f"txn_{new_id('charge')[3:]}",
        )  # fmt: skip
        _succeed(state, intent, charge)
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
    decline = Decline(code, None, message)
    _fail(state, intent, charge, method, decline)
    state.payees[intent_id].failed(decline, late=True)
    return intent


# -- authentication ------------------------------------------------------------------------------------------


def fail_authentication(state: State, intent: Json | None) -> None:
    method = method_to_authenticate(state, intent)
    if intent is None or method is None:
        raise refused("This payment is not waiting for authentication.")
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
    state.payees[intent["id"]].failed(decline)


def method_to_authenticate(state: State, intent: Json | None) -> Json | None:
    """The card that waits for the customer's authentication, or None."""
    if intent is None:
        return None
    if intent["status"] == "requires_action":
        return state.get("payment_method", intent["payment_method"])
    error = intent["last_payment_error"]
    if intent["status"] == "requires_payment_method" and error and error["code"] == "authentication_required":
        return state.get("payment_method", error["payment_method"]["id"])
    return None
