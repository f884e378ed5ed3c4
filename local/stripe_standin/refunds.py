"""Refunds: https://docs.stripe.com/api/refunds.

A refund succeeds immediately, unless Stripe documents another outcome for the test card, or the setting `refunds` says
otherwise. The money of a failed refund can be refunded again.
"""

from __future__ import annotations

from .customers import merge_metadata
from .errors import StripeError, bad_parameter, refused
from .money import is_whole
from .sdk_types import Json, copied, part
from .state import State, new_id

SUPPORTED = frozenset(("amount", "charge", "payment_intent", "reason", "metadata"))

SOME_TIME_LATER = 60.0
"""Seconds until a refund with a late outcome succeeds or fails. Stripe does not publish this time."""


def create(state: State, params: Json) -> Json:
    return make(state, charge_to_refund(state, params), params.get("amount"), params.get("reason"), params)


def charge_to_refund(state: State, params: Json) -> Json:
    if "payment_intent" in params:
        intent = state.get("payment_intent", params["payment_intent"], "payment_intent")
        if intent["status"] != "succeeded":
            message = f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
            raise refused(message, "payment_intent_unexpected_state", "payment_intent")
        return state.get("charge", intent["latest_charge"])
    if "charge" in params:
        return state.get("charge", params["charge"], "charge")
    raise bad_parameter("One of charge or payment_intent is required.", "parameter_missing", "charge")


def refundable(charge: Json) -> int:
    """The amount that is not refunded yet, in minor units."""
    left: int = charge["amount_captured"] - charge["amount_refunded"]
    return left


def make(state: State, charge: Json, amount: int | None, reason: str | None, params: Json) -> Json:
    """Refund `amount`, or all that is left if `amount` is None. Raises Stripe's error if this is not possible."""
    amount = check(state, charge, amount)
    prefix = "re" if charge["id"].startswith("ch_") else "pyr"
    refund = state.new(
        "refund",
        id=f"{prefix}_{new_id('refund')[3:]}",
        amount=amount,
        balance_transaction=f"txn_{new_id('refund')[3:]}",
        charge=charge["id"],
        currency=charge["currency"],
        payment_intent=charge["payment_intent"],
        reason=reason,
        status="succeeded",
    )
    if prefix == "re":
        refund["destination_details"] = {
            "type": "card",
            "card": part("refund", "DestinationDetails", "Card", type="refund", reference_status="pending"),
        }
    merge_metadata(refund, params)
    course = _course(state, charge)
    if course == "pending":
        refund.update(status="pending", pending_reason="processing")
    before = copied(charge)
    _count(charge, amount)
    state.emit("refund.created", refund)
    state.emit("charge.refunded", charge, before)
    if course == "fail":
        settle(state, refund["id"], succeeds=False)
    elif course == "fail later":
        state.later(SOME_TIME_LATER, lambda: _settle_silently(state, refund["id"], succeeds=False))
    elif course == "pending" and state.settings.refunds != "pending":
        state.later(SOME_TIME_LATER, lambda: _settle_silently(state, refund["id"], succeeds=True))
    return refund


def check(state: State, charge: Json, amount: int | None) -> int:
    """Return the amount of the refund, or raise Stripe's error."""
    if state.settings.refunds == "refuse":
        raise refused("This charge cannot be refunded.", "charge_not_refundable")
    if charge["status"] != "succeeded":
        raise refused(f"The charge {charge['id']} has not succeeded.", "charge_not_refundable")
    if charge["disputed"]:
        raise refused(
            f"Charge {charge['id']} has been charged back; cannot issue a refund.", "charge_disputed"
        )
    if amount is not None and not is_whole(amount, charge["currency"]):
        raise refused("Invalid amount: this currency has no fractions.", "invalid_charge_amount", "amount")
    left = refundable(charge)
    if left == 0:
        raise refused(f"Charge {charge['id']} has already been refunded.", "charge_already_refunded")
    if amount is None:
        return left
    if amount < 1:
        raise bad_parameter("Invalid positive integer", "parameter_invalid_integer", "amount")
    if amount > left:
        raise _too_much(charge, amount, left)
    return amount


def _too_much(charge: Json, amount: int, left: int) -> StripeError:
    message = (
        f"Refund amount ({amount} {charge['currency']}) is greater than unrefunded amount on charge "
        f"({left} {charge['currency']})"
    )
    return refused(message, "amount_too_large" if charge["amount_refunded"] == 0 else None, "amount")


def _course(state: State, charge: Json) -> str:
    """One of `succeed`, `pending`, `fail` (immediately) and `fail later`."""
    if state.settings.refunds in ("succeed", "pending", "fail"):
        return state.settings.refunds
    card = state.instruments[charge["payment_method"]].card
    return {"succeeds": "succeed", "pending": "pending", "fails": "fail later"}[
        card.refund if card else "succeeds"
    ]


def _count(charge: Json, amount: int) -> None:
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]


def settle(state: State, refund_id: str, *, succeeds: bool) -> Json:
    """Set the outcome. Raises Stripe's error if the outcome is already final. A refund can fail after its success."""
    refund = state.get("refund", refund_id)
    if refund["status"] in ("failed", "canceled") or (succeeds and refund["status"] == "succeeded"):
        raise refused(f"The refund {refund_id} is already {refund['status']}.")
    before = copied(refund)
    refund.pop("pending_reason", None)
    if succeeds:
        refund["status"] = "succeeded"
        state.emit("refund.updated", refund, before)
        return refund
    refund.update(
        status="failed",
        failure_reason="expired_or_canceled_card" if refund_id.startswith("re_") else "unknown",
        failure_balance_transaction=f"txn_{new_id('refund')[3:]}",
    )
    charge = state.get("charge", refund["charge"])
    charge_before = copied(charge)
    _count(charge, -refund["amount"])
    state.emit("refund.updated", refund, before)
    state.emit("refund.failed", refund)
    state.emit("charge.updated", charge, charge_before)
    return refund


def _settle_silently(state: State, refund_id: str, *, succeeds: bool) -> None:
    """Like `settle`, but do nothing if the outcome is already final."""
    try:
        settle(state, refund_id, succeeds=succeeds)
    except StripeError:
        return


def retrieve(state: State, params: Json, refund_id: str) -> Json:
    return state.get("refund", refund_id)


def update(state: State, params: Json, refund_id: str) -> Json:
    refund = state.get("refund", refund_id)
    before = copied(refund)
    merge_metadata(refund, params)
    state.emit("refund.updated", refund, before)
    return refund


def list_all(state: State, params: Json) -> list[Json]:
    return [
        refund
        for refund in state.all("refund")
        if all(params.get(name) in (None, refund[name]) for name in ("charge", "payment_intent"))
    ]
