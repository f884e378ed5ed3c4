"""Charge renewal terms by our own invoices (docs/money.md)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hosting_orders.adapters.stripe.billing import DELETED, Bill, Biller, decline_of, is_busy
from hosting_orders.adapters.stripe.client import Document, StripeApi
from hosting_orders.adapters.stripe.reading import given_back, renewal_metadata
from hosting_orders.domain.errors import PaymentNotStartedError
from hosting_orders.domain.providers import TermRequest, TermState, TermStatus

if TYPE_CHECKING:
    import stripe


class StripeTerms:
    def __init__(self, stripe: StripeApi) -> None:
        self._stripe = stripe
        self._biller = Biller(stripe)

    def charge(self, term: TermRequest) -> TermState:
        with self._stripe.faults_translated():
            if self._is_stopped(term):
                return replace(self._closed(term), stopped=True)
            invoice = self._known(term)
            if invoice is None and term.reference is not None:
                return _state(None)  # an operator has deleted the draft invoice
            if invoice is None:
                try:
                    invoice = self._stripe.invoice(self._biller.create(_bill(term)))
                except PaymentNotStartedError as not_made:
                    return TermState(TermStatus.UNPAID, None, reason=not_made.decline_code)
            if invoice is None or is_busy(invoice) or invoice["status"] not in ("draft", "open"):
                return _state(invoice)
            refusal = self._attempt(term, invoice)
            return _state(self._stripe.invoice(invoice["id"]), refusal)

    def state(self, term: TermRequest) -> TermState:
        with self._stripe.faults_translated():
            reference = term.reference or self._biller.look(_bill(term))
            return (
                _state(self._stripe.invoice(reference)) if reference else TermState(TermStatus.UNPAID, None)
            )

    def close(self, term: TermRequest) -> TermState:
        with self._stripe.faults_translated():
            return self._closed(term)

    def _closed(self, term: TermRequest) -> TermState:
        reference = term.reference or self._biller.look(_bill(term))
        return _state(self._biller.close(self._stripe.invoice(reference or "")))

    def _is_stopped(self, term: TermRequest) -> bool:
        # Every order with a renewal has a product at Stripe, whether a subscription or our own invoices charge it. An
        # operator archives the product to stop the renewal.
        product = self._stripe.found(lambda: self._stripe.v1.products.retrieve(product_id(term.order_id)))
        return product is not None and not product["active"]

    def _known(self, term: TermRequest) -> Document | None:
        bill = _bill(term)
        reference = term.reference or (self._biller.look(bill) if self._biller.is_old(bill) else None)
        return self._stripe.invoice(reference or "")

    def _attempt(self, term: TermRequest, invoice: Document) -> stripe.StripeError | None:
        again = f":{term.tried}" if term.tried else ""
        refusal = self._collect(term, invoice, again)
        now = self._stripe.invoice(invoice["id"])
        if now is not None and self._biller.unfinished(now, refusal):
            # Another process did one of the steps first, so Stripe refused our request. Do the steps that are left.
            refusal = self._collect(term, now, f"{again}:again") or refusal
        return refusal

    def _collect(self, term: TermRequest, invoice: Document, again: str) -> stripe.StripeError | None:
        bill, status = _bill(term), invoice["status"]
        lines = self._biller.missing(bill, invoice["id"]) if status == "draft" else ()
        return self._stripe.refusal_of(
            lambda: self._biller.collect(bill, invoice["id"], status=status, lines=lines, again=again)
        )


def product_id(order_id: str) -> str:
    return f"order_{order_id}"


def _bill(term: TermRequest) -> Bill:
    return Bill(
        key=f"order:{term.order_id}:term:{term.starts_at // 1000}",
        metadata=renewal_metadata(term.account_id, term.order_id, term.starts_at),
        customer_id=term.customer_id,
        payment_method_id="",
        currency=term.currency,
        lines=(term.line,),
        created_at=term.starts_at,
        period=(term.starts_at, term.ends_at),
    )


def _state(invoice: Document | None, refusal: stripe.StripeError | None = None) -> TermState:
    if invoice is None or invoice["status"] in ("void", DELETED):
        return TermState(TermStatus.NOT_CHARGED, None)
    reference, live = invoice["id"], bool(invoice["livemode"])
    if invoice["status"] == "paid":
        status = TermStatus.NOT_CHARGED if given_back(invoice) else TermStatus.PAID
        return TermState(status, reference, live)
    status = TermStatus.UNDER_WAY if is_busy(invoice) else TermStatus.UNPAID
    return TermState(status, reference, live, reason=decline_of(refusal))
