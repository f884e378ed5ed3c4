"""Convert Stripe's objects to domain values. Sends no requests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hosting_orders.adapters.stripe.client import Document
from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.errors import RefundRefusedError
from hosting_orders.domain.providers import PaidRenewal, PaymentState, RefundState, RenewalState

_SCHEMA = "1"
# Metadata of a Checkout Session and of every object made for it.
COLLECTED_BY, CHECKOUT = "collected_by", "checkout"

# After these declines, neither a retry nor authentication can help: https://docs.stripe.com/declines/codes.
# contracts/shown.py decides which of these codes a client sees.
FINAL_DECLINES = frozenset(
    {
        "fraudulent",
        "lost_card",
        "merchant_blacklist",
        "pickup_card",
        "restricted_card",
        "revocation_of_all_authorizations",
        "revocation_of_authorization",
        "stolen_card",
        "stop_payment_order",
    }
)


def payment_state(invoice: Document, method_type: str | None, gross: dict[str, int]) -> PaymentState:
    """Only Stripe's state decides the status (docs/design.md). `gross` maps line keys to amounts."""
    intent = intent_of(invoice)
    error = error_of(intent)
    credit = max(0, (invoice.get("ending_balance") or 0) - (invoice.get("starting_balance") or 0))
    state = PaymentState(
        status=PaymentStatus.PROCESSING,
        reference=invoice["id"],
        account_id=invoice["metadata"]["account_id"],
        cart_token=invoice["metadata"]["cart_token"],
        method_type=method_type,
        pay_url=None,
        amount_charged=invoice["amount_due"],
        credit_applied=credit if invoice.get("ending_balance") is not None else 0,
        total_net=_net(invoice),
        total_gross=invoice["total"],
        gross=gross,
        error=error,
        live=invoice["livemode"],
    )
    status = invoice["status"]
    if status == "paid":
        return replace(state, status=PaymentStatus.SUCCEEDED, error=None)
    refused_for_good = error in FINAL_DECLINES and _was_our_attempt(invoice, intent)
    if status == "void":
        if refused_for_good:
            return replace(canceled(state), status=PaymentStatus.FAILED)
        return canceled(state)
    if status == "uncollectible":
        return replace(state, status=PaymentStatus.FAILED)
    if status == "draft" or is_untried(intent) or refused_for_good:
        return state
    if takes_money(intent):
        return replace(state, error=None)
    return awaiting(state, invoice, error)


def takes_money(intent: Document | None) -> bool:
    """Whether the money has come or is on its way."""
    return intent is not None and intent["status"] in ("processing", "succeeded")


def method_type(intent: Document | None, look_up: Callable[[str], str | None]) -> str | None:
    if intent is None or is_untried(intent):
        return None
    refusal = intent.get("last_payment_error")
    method = intent.get("payment_method") or (refusal or {}).get("payment_method")
    if method is None and not refusal:
        return None
    if isinstance(method, dict):
        return str(method["type"])
    types = intent.get("payment_method_types") or []
    if len(types) == 1:
        return str(types[0])  # the only possible type, so no request is needed
    if method is None:
        return None
    return look_up(method)


def awaiting(state: PaymentState, invoice: Document, error: str | None) -> PaymentState:
    return replace(
        state,
        status=PaymentStatus.AWAITING_AUTHENTICATION,
        pay_url=invoice.get("hosted_invoice_url"),
        error=error,
    )


def canceled(state: PaymentState) -> PaymentState:
    """The amounts are 0: voiding returns the used credit."""
    return replace(state, status=PaymentStatus.CANCELED, amount_charged=0, credit_applied=0)


def refund_state(note: Document) -> RefundState:
    """Raises RefundRefusedError when the refund failed or was cancelled."""
    refunds = note.get("refunds") or []
    for refund in refunds:
        details = refund["refund"]
        if isinstance(details, dict) and details["status"] in ("failed", "canceled"):
            raise RefundRefusedError(f"The refund did not reach the customer ({details['status']}).")
    to_card = sum(refund["amount_refunded"] for refund in refunds)
    elsewhere = note.get("out_of_band_amount") or 0
    return RefundState(id=note["id"], amount=to_card, to_credit=note["total"] - to_card - elsewhere)


def renewal_state(subscription: Document, invoices: list[Document]) -> RenewalState:
    terms = sorted(
        (
            (invoice, invoice["lines"]["data"][0]["period"])
            for invoice in invoices
            if invoice["billing_reason"] == "subscription_cycle" and invoice["lines"]["data"]
        ),
        key=lambda term: (term[1]["start"], term[0]["created"]),
    )
    paid = [
        PaidRenewal(
            invoice["id"], period["start"] * 1000, period["end"] * 1000, live=bool(invoice.get("livemode"))
        )
        for invoice, period in terms
        if invoice["status"] == "paid" and not given_back(invoice)
    ]
    item = subscription["items"]["data"][0]
    begun, ends = item["current_period_start"], item["current_period_end"]
    ended = subscription["status"] in ("canceled", "incomplete_expired")
    # Stripe may start the next term shortly before it creates the term's invoice.
    invoiced = any(period["start"] == begun for _, period in terms)
    missing = not ended and begun >= subscription["billing_cycle_anchor"] and not invoiced
    payable = any(
        # A draft of an ended subscription cannot be paid once StripeRenewals.end_renewal has switched off its
        # `auto_advance`, because Stripe then never finalizes the draft.
        invoice["status"] in ("open", "uncollectible")
        or (invoice["status"] == "draft" and not (ended and not invoice["auto_advance"]))
        for invoice, _ in terms
    )
    return RenewalState(
        status=str(subscription["status"]),
        ended=ended,
        waits=missing or payable,
        next_at=ends * 1000,
        paid=tuple(paid),
        given_up=is_given_up(subscription),
    )


def is_given_up(subscription: Document) -> bool:
    """Stripe's retries have ended without a payment. Stripe's settings decide between `unpaid` and `canceled`."""
    reason = (subscription.get("cancellation_details") or {}).get("reason")
    status = subscription["status"]
    return status == "unpaid" or (status == "canceled" and reason == "payment_failed")


def given_back(invoice: Document) -> bool:
    given_back: int = invoice.get("post_payment_credit_notes_amount") or 0
    return given_back > 0 and given_back >= invoice["total"]


def cart_metadata(account_id: str, cart_token: str) -> dict[str, str]:
    return {"account_id": account_id, "cart_token": cart_token, "schema": _SCHEMA}


def renewal_metadata(account_id: str, order_id: str, starts_at: int) -> dict[str, str]:
    """`starts_at` is epoch milliseconds."""
    return {
        "account_id": account_id,
        "order_id": order_id,
        "renewal_from": str(starts_at // 1000),
        "schema": _SCHEMA,
    }


def order_renewed_by(invoice: Document) -> tuple[str, str] | None:
    """Return (account id, order id)."""
    metadata = invoice.get("metadata") or {}
    if "renewal_from" not in metadata or not metadata.get("order_id") or not metadata.get("account_id"):
        return None
    return metadata["account_id"], metadata["order_id"]


def has_cart(document: Document) -> bool:
    metadata = document.get("metadata") or {}
    return "account_id" in metadata and "cart_token" in metadata


def is_ours(invoice: Document) -> bool:
    """Invoices made by Checkout are only receipts, so they are not ours."""
    return has_cart(invoice) and not is_made_by_checkout(invoice)


def is_made_by_checkout(invoice: Document) -> bool:
    return (invoice.get("metadata") or {}).get(COLLECTED_BY) == CHECKOUT


def id_of(value: Any) -> str | None:
    if isinstance(value, dict):
        value = value.get("id")
    return value if isinstance(value, str) and value else None


def intent_of(invoice: Document) -> Document | None:
    payments = (invoice.get("payments") or {}).get("data") or []
    for payment in sorted(payments, key=lambda p: (p["status"] != "paid", not p["is_default"])):
        intent = payment["payment"].get("payment_intent")
        if isinstance(intent, dict):
            return intent
    return None


def is_untried(intent: Document | None) -> bool:
    if intent is None:
        return True
    waiting = intent["status"] in ("requires_payment_method", "requires_confirmation")
    return waiting and not intent.get("last_payment_error")


def error_of(intent: Document | None) -> str | None:
    error = (intent or {}).get("last_payment_error") or {}
    return error.get("decline_code") or error.get("code")


def _was_our_attempt(invoice: Document, intent: Document | None) -> bool:
    # The decline may be of another method that the customer tried on the hosted page.
    error = (intent or {}).get("last_payment_error") or {}
    tried, ours = id_of(error.get("payment_method")), id_of(invoice.get("default_payment_method"))
    return tried is None or ours is None or tried == ours


def _net(invoice: Document) -> int:
    # Stripe sends no `total_excluding_tax` for an invoice without tax.
    net = invoice.get("total_excluding_tax")
    return int(invoice["total"] if net is None else net)


def gross_of(line: Document) -> int:
    """In minor units, with tax and after discounts."""
    taxes = sum(tax["amount"] for tax in line.get("taxes") or [] if tax["tax_behavior"] == "exclusive")
    gross: int = net_of(line) + taxes
    return gross


def net_of(line: Document) -> int:
    """In minor units, after discounts."""
    net: int = line["amount"] - sum(discount["amount"] for discount in line.get("discount_amounts") or [])
    return net


def gross_by_line(lines: list[Document], total: int) -> dict[str, int]:
    return adding_up({key: gross_of(line) for line in lines if (key := line_key_of(line)) is not None}, total)


def adding_up(gross: dict[str, int], total: int) -> dict[str, int]:
    rest = total - sum(gross.values())
    if gross and rest:
        # The difference, which usually comes from rounding, is added to the largest line.
        gross[max(gross, key=lambda key: gross[key])] += rest
    return gross


def line_key_of(line: Document) -> str | None:
    order = (line.get("metadata") or {}).get("order")
    return order if isinstance(order, str) else None


def subscription_of(invoice: Document) -> str | None:
    details = (invoice.get("parent") or {}).get("subscription_details") or {}
    return id_of(details.get("subscription"))
