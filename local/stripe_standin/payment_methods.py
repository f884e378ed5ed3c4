"""Payment methods: https://docs.stripe.com/api/payment_methods.

Stripe publishes ids for testing, such as `pm_card_visa`. Each use of such an id creates a new payment method.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from .errors import StripeError, bad_parameter, card_refused, no_such, refused
from .published import (
    BANK_ACCOUNTS,
    CARDS,
    INCORRECT_CARD,
    INCORRECT_NUMBER,
    PAYMENT_METHODS,
    SEPA_PAYMENT_METHODS,
    TOKENS,
    BankAccount,
    Card,
    Decline,
    valid_iban,
)
from .sdk_types import Json, part
from .state import Instrument, State

SUPPORTED = frozenset(("type", "card", "sepa_debit", "billing_details", "metadata", "allow_redisplay"))
_OF_A_TYPE = ("card", "sepa_debit")


def create(state: State, params: Json) -> Json:
    kind = params.get("type")
    if kind == "card":
        return _create_card(state, params)
    if kind == "sepa_debit":
        return _create_sepa_debit(state, params)
    raise bad_parameter("The stand-in knows the types card and sepa_debit.", None, "type")


def _create_card(state: State, params: Json) -> Json:
    given = params.get("card", {})
    if token := given.get("token"):
        if token not in TOKENS:
            raise no_such("token", token, "card[token]")
        return new_card(state, CARDS[TOKENS[token]], params)
    for name in ("number", "exp_month", "exp_year"):
        if name not in given:
            raise bad_parameter(
                f"Missing required param: card[{name}].", "parameter_missing", f"card[{name}]"
            )
    number = given["number"].replace(" ", "").replace("-", "")
    if number == INCORRECT_CARD:
        raise _check_failed(INCORRECT_NUMBER, "card[number]")
    if number not in CARDS:
        message = (
            "Your card was declined. Your request was in test mode, but used a non test card. "
            "For a list of valid test cards, visit: https://stripe.com/docs/testing."
        )
        raise card_refused("card_declined", message, decline_code="test_mode_live_card", param="card[number]")
    if not 1 <= given["exp_month"] <= 12:
        raise _check_failed(
            Decline("invalid_expiry_month", None, "Your card's expiration month is invalid."),
            "card[exp_month]",
        )
    if given["exp_year"] < datetime.fromtimestamp(state.clock.now(), UTC).year:
        raise _check_failed(
            Decline("invalid_expiry_year", None, "Your card's expiration year is invalid."), "card[exp_year]"
        )
    return new_card(state, CARDS[number], params)


def _check_failed(decline: Decline, param: str | None = None, **facts: Any) -> StripeError:
    return card_refused(
        decline.code, decline.message, decline_code=decline.decline_code, param=param, **facts
    )


def _create_sepa_debit(state: State, params: Json) -> Json:
    iban = params.get("sepa_debit", {}).get("iban", "").replace(" ", "").upper()
    if not valid_iban(iban):
        raise bad_parameter("The IBAN you provided is invalid.", "account_number_invalid", "sepa_debit[iban]")
    for name in ("name", "email"):
        if not params.get("billing_details", {}).get(name):
            at = f"billing_details[{name}]"
            raise bad_parameter(f"Missing required param: {at}.", "parameter_missing", at)
    if iban not in BANK_ACCOUNTS:
        message = "You must use a test bank account number in test mode."
        raise bad_parameter(message, "payment_method_invalid_parameter_testmode", "sepa_debit[iban]")
    return new_sepa_debit(state, BANK_ACCOUNTS[iban], params)


def new_card(state: State, card: Card, params: Json) -> Json:
    given = params.get("card", {})
    method = _new(state, "card", params, Instrument(card=card))
    method["card"] = part(
        "payment_method", "Card",
        brand=card.brand, display_brand=card.brand, country=card.country, funding=card.funding,
        exp_month=given.get("exp_month", 12), exp_year=given.get("exp_year", 2034),
        fingerprint=_fingerprint(card.number), last4=card.number[-4:], regulated_status="unregulated",
        checks=part("payment_method", "Card", "Checks", cvc_check="pass" if "cvc" in given else None),
        networks={"available": [card.brand], "preferred": None},
        three_d_secure_usage={"supported": True},
    )  # fmt: skip
    return method


def new_sepa_debit(state: State, account: BankAccount, params: Json) -> Json:
    method = _new(state, "sepa_debit", params, Instrument(account=account))
    method["sepa_debit"] = part(
        "payment_method", "SepaDebit",
        bank_code=account.iban[4:12], branch_code="", country=account.iban[:2],
        fingerprint=_fingerprint(account.iban), last4=account.iban[-4:],
    )  # fmt: skip
    return method


def _new(state: State, kind: str, params: Json, instrument: Instrument) -> Json:
    details = params.get("billing_details", {})
    address = details.get("address")
    method = state.new(
        "payment_method",
        type=kind,
        allow_redisplay=params.get("allow_redisplay", "unspecified"),
        billing_details=part(
            "payment_method", "BillingDetails",
            address=part("payment_method", "BillingDetails", "Address", **(address or {})),
            **{name: details.get(name) for name in ("email", "name", "phone")},
        ),
        metadata=params.get("metadata") or {},
    )  # fmt: skip
    # A payment method has the details of its own type only.
    keep = {"id", "object", "type", "billing_details", "created", "customer", "customer_account", "livemode",
            "metadata", "allow_redisplay"}  # fmt: skip
    for name in [name for name in method if name not in keep]:
        del method[name]
    state.instruments[method["id"]] = instrument
    return method


def mandate_of(method: Json) -> str:
    return f"mandate_{method['id'][3:]}"


def _fingerprint(number: str) -> str:
    return hashlib.sha256(number.encode()).hexdigest()[:16]


def resolve(state: State, method_id: str, param: str = "payment_method") -> Json:
    """Return the payment method. An id that Stripe publishes for testing creates a new one."""
    if method_id in PAYMENT_METHODS:
        return new_card(state, CARDS[PAYMENT_METHODS[method_id]], {})
    if method_id in SEPA_PAYMENT_METHODS:
        owner = {"billing_details": {"name": "Jenny Rosen", "email": "jenny@example.com"}}
        return new_sepa_debit(state, SEPA_PAYMENT_METHODS[method_id], owner)
    return state.get("payment_method", method_id, param)


def retrieve(state: State, params: Json, method_id: str) -> Json:
    return resolve(state, method_id, "id")


def attach(state: State, params: Json, method_id: str) -> Json:
    customer_id = params.get("customer")
    if not customer_id:
        raise bad_parameter("Missing required param: customer.", "parameter_missing", "customer")
    return attach_to(state, method_id, state.get("customer", customer_id, "customer"), "id")


def attach_to(state: State, method_id: str, customer: Json, param: str = "payment_method") -> Json:
    method = resolve(state, method_id, param)
    if method["customer"] not in (None, customer["id"]):
        raise refused(
            "The payment method you provided has already been attached to a customer.", None, "payment_method"
        )
    card = state.instruments[method["id"]].card
    if card and card.decline and not card.attachable and not state.settings.attach_decline_cards:
        # Stripe asks the bank before it saves a card, and the bank declines this card.
        raise _check_failed(card.decline)
    if method["customer"] is None:
        method["customer"] = customer["id"]
        state.emit("payment_method.attached", method)
    return method


def list_of_customer(state: State, params: Json, customer_id: str) -> list[Json]:
    state.get("customer", customer_id)
    found = state.all("payment_method", customer=customer_id)
    return [method for method in found if params.get("type") in (None, method["type"])]


def list_all(state: State, params: Json) -> list[Json]:
    found = state.all("payment_method")
    return [
        method
        for method in found
        if params.get("type") in (None, method["type"])
        and params.get("customer") in (None, method["customer"])
        and method["customer"]
    ]
