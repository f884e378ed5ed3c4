"""Disputes: https://docs.stripe.com/api/disputes.

The charges of some test cards and bank accounts are disputed. `Controls.dispute` disputes any successful charge.
"""

from __future__ import annotations

from .sdk_types import Json, part
from .state import State

RESPOND_WITHIN = 10 * 86_400


def open_dispute(state: State, charge: Json, reason: str) -> Json:
    charge["disputed"] = True
    dispute = state.new(
        "dispute",
        amount=charge["amount"] - charge["amount_refunded"],
        charge=charge["id"],
        currency=charge["currency"],
        evidence_details=part(
            "dispute", "EvidenceDetails",
            due_by=state.clock.now() + RESPOND_WITHIN, submission_method="not_submitted",
        ),
        is_charge_refundable=False,
        payment_intent=charge["payment_intent"],
        reason=reason,
        status="needs_response",
    )  # fmt: skip
    card = charge["payment_method_details"].get("card")
    if card:
        dispute["payment_method_details"] = {
            "type": "card",
            "card": part(
                "dispute", "PaymentMethodDetails", "Card",
                brand=card["brand"], case_type="chargeback", network=card["network"],
            ),
        }  # fmt: skip
    state.emit("charge.dispute.created", dispute)
    return dispute


def retrieve(state: State, params: Json, dispute_id: str) -> Json:
    return state.get("dispute", dispute_id)


def list_all(state: State, params: Json) -> list[Json]:
    return [
        dispute
        for dispute in state.all("dispute")
        if all(params.get(name) in (None, dispute[name]) for name in ("charge", "payment_intent"))
    ]
