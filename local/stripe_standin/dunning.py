"""Collect all invoices of a subscription except the first (dunning): the draft, the retries, and the end.

Stripe chooses the days of the retries itself. In the stand-in, the setting `retry_days` gives them.
https://docs.stripe.com/billing/revenue-recovery/smart-retries
"""

from __future__ import annotations

from . import invoices, payments
from .errors import StripeError
from .sdk_types import Json, copied, part
from .state import State

CHECK_AGAIN = 3600.0
"""Seconds between two checks of a draft, while an endpoint refuses its `invoice.created`."""
NOT_RETRIED = frozenset(
    ("authentication_required", "highest_risk_level", "incorrect_number", "lost_card", "pickup_card",
     "revocation_of_all_authorizations", "revocation_of_authorization", "stolen_card", "transaction_not_allowed")
)  # fmt: skip
"""Decline codes after which Stripe does not charge the same payment method again."""


def collect_later(state: State, invoice: Json, created_event: str) -> None:
    """Collect the invoice about an hour after its creation.

    While an endpoint refuses `invoice.created`, wait up to three days.
    """
    begun = state.now_of(invoice)
    latest = begun + state.settings.refused_drafts_wait_for

    def attempt() -> None:
        now = state.now_of(invoice)
        if now < latest and state.was_refused(created_event):
            state.at(invoice, min(latest, now + CHECK_AGAIN), attempt)
        else:
            collect(state, invoice["id"])

    state.at(invoice, begun + state.settings.renewals_are_drafts_for, attempt)


def collect(state: State, invoice_id: str) -> None:
    invoice = state.find(invoice_id)
    # A request may have deleted or finalized the draft, or turned `auto_advance` off.
    if invoice is not None and invoice["status"] == "draft" and invoice["auto_advance"]:
        _charge(state, invoice)


def _charge(state: State, invoice: Json) -> None:
    try:
        if invoice["status"] == "draft":
            invoices.finalize(state, {}, invoice["id"])
        if invoice["status"] == "open":
            invoices.pay(state, {"off_session": True}, invoice["id"])
    except StripeError:
        payments.mark_past_due(state, invoice)


def period_unpaid(state: State, invoice: Json) -> None:
    """Plan the next attempt. After the last attempt, end the dunning."""
    days = retry_days(state.settings.retry_days)
    done = max(1, invoice["attempt_count"]) - 1
    if done >= len(days):
        _end(state, invoice)
        return
    at = state.now_of(invoice) + int(days[done] * 86_400)
    invoice["next_payment_attempt"] = at

    def retry() -> None:
        if invoice["next_payment_attempt"] != at or invoice["status"] not in ("draft", "open"):
            return
        invoice.update(attempt_count=done + 2, next_payment_attempt=None)
        if _is_final(state, invoice):
            payments.mark_past_due(state, invoice)
        else:
            _charge(state, invoice)

    state.at(invoice, at, retry)


def retry_days(text: str) -> list[float]:
    """Raises ValueError if the text is not a list of numbers."""
    return [float(days) for days in text.split()]


def _is_final(state: State, invoice: Json) -> bool:
    """Whether the payment method of the next attempt was declined for a permanent reason."""
    intent = payments.intent_of(state, invoice)
    error = (intent or {}).get("last_payment_error")
    customer = state.get("customer", invoice["customer"])
    method = invoice["default_payment_method"] or customer["invoice_settings"]["default_payment_method"]
    if not error or (error["payment_method"] or {}).get("id") != method:
        return False
    return (error["decline_code"] or error["code"]) in NOT_RETRIED


def _end(state: State, invoice: Json) -> None:
    """Apply the setting `after_retries`. The subscription does not change if its newest invoice is paid."""
    invoice.update(auto_advance=False, next_payment_attempt=None)
    subscription = state.get("subscription", invoice["parent"]["subscription_details"]["subscription"])
    newest = state.find(subscription["latest_invoice"])
    if subscription["status"] != "past_due" or (newest is not None and newest["status"] == "paid"):
        return
    before = copied(subscription)
    if state.settings.after_retries == "unpaid":
        subscription["status"] = "unpaid"
        state.emit("customer.subscription.updated", subscription, before)
    elif state.settings.after_retries == "cancel":
        now = state.now_of(subscription)
        details = part("subscription", "CancellationDetails", reason="payment_failed")
        subscription.update(status="canceled", canceled_at=now, ended_at=now, cancellation_details=details)
        state.emit("customer.subscription.deleted", subscription)
