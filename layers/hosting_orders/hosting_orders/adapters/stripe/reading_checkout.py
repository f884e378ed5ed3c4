"""Convert Checkout Sessions to domain values. Sends no requests."""

from __future__ import annotations

from dataclasses import replace

from hosting_orders.adapters.stripe.client import Document
from hosting_orders.adapters.stripe.reading import (
    adding_up,
    canceled,
    error_of,
    id_of,
    line_key_of,
    method_type,
    takes_money,
)
from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.providers import PaymentState, SavedMethod

_FAILED = "payment_failed"  # when Stripe gives no reason


def is_session(reference: str) -> bool:
    return reference.startswith("cs_")


def session_state(session: Document, gross: dict[str, int]) -> PaymentState:
    """The status depends only on Stripe's objects (docs/design.md).

    A declined card leaves the session open for another try. A returned debit may leave a payable invoice. If it
    does, the status is PROCESSING, with an `error`, until the invoice is void.
    """
    intent = _intent_of(session)
    total = session["amount_total"]
    error = error_of(intent)
    state = PaymentState(
        status=PaymentStatus.PROCESSING,
        reference=session["id"],
        account_id=session["metadata"]["account_id"],
        cart_token=session["metadata"]["cart_token"],
        method_type=method_type(intent, lambda method_id: None),
        pay_url=None,
        amount_charged=total,
        credit_applied=0,
        total_net=session["amount_subtotal"] - (session.get("total_details") or {}).get("amount_discount", 0),
        total_gross=total,
        gross=gross,
        live=session["livemode"],
    )
    if is_paid(session):
        return replace(state, status=PaymentStatus.SUCCEEDED, saved=_saved(session, intent))
    if is_under_way(session):
        return state
    if session["status"] == "open":
        return replace(
            state,
            status=PaymentStatus.AWAITING_AUTHENTICATION,
            pay_url=session["url"],
            pay_until=session["expires_at"] * 1000,
            error=error,
        )
    if session["status"] == "expired":
        return replace(canceled(state), error=error)
    if payable_invoice(session) is not None:
        return replace(state, error=error or _FAILED)
    return replace(state, status=PaymentStatus.FAILED, error=error or _FAILED)


def is_paid(session: Document) -> bool:
    """After a returned debit, the customer may still pay the invoice."""
    return session["payment_status"] in ("paid", "no_payment_required") or _invoice_status(session) == "paid"


def is_under_way(session: Document) -> bool:
    return takes_money(_intent_of(session))


def payable_invoice(session: Document) -> str | None:
    return id_of(session.get("invoice")) if _invoice_status(session) in ("open", "uncollectible") else None


def nearness(session: Document) -> tuple[int, int, str]:
    """Sort key: closest to payment first, then the oldest."""
    status = "paid" if is_paid(session) else session["status"]
    return ("paid", "complete", "open", "expired").index(status), session["created"], session["id"]


def gross_by_item(items: list[Document], total: int) -> dict[str, int]:
    keyed = ((key_of_item(item), item["amount_total"]) for item in items)
    return adding_up({key: amount for key, amount in keyed if key is not None}, total)


def key_of_item(item: Document) -> str | None:
    product = (item.get("price") or {}).get("product")
    return line_key_of(item) or (line_key_of(product) if isinstance(product, dict) else None)


def product_of_item(item: Document) -> str | None:
    return id_of((item.get("price") or {}).get("product"))


def _saved(session: Document, intent: Document | None) -> SavedMethod | None:
    customer, method = id_of(session.get("customer")), id_of((intent or {}).get("payment_method"))
    if intent is None or not intent.get("setup_future_usage") or customer is None or method is None:
        return None
    return SavedMethod(customer, method)


def _intent_of(session: Document) -> Document | None:
    intent = session.get("payment_intent")
    return intent if isinstance(intent, dict) else None


def _invoice_status(session: Document) -> str | None:
    invoice = session.get("invoice")
    return invoice["status"] if isinstance(invoice, dict) else None
