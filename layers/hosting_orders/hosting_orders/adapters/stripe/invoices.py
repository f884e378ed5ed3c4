"""Collect a cart's payment with one Stripe invoice, which can be paid only once (docs/design.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hosting_orders.adapters.stripe.billing import (
    ABOVE_MAXIMUM,
    DELETED,
    Bill,
    Biller,
    decline_of,
    is_busy,
    nearest,
)
from hosting_orders.adapters.stripe.client import Document, StripeApi
from hosting_orders.adapters.stripe.reading import (
    FINAL_DECLINES,
    awaiting,
    canceled,
    cart_metadata,
    gross_by_line,
    intent_of,
    is_ours,
    method_type,
    payment_state,
)
from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.errors import NotFoundError, PaymentNotStartedError
from hosting_orders.domain.providers import ChargeRequest, PaymentMethod, PaymentState

if TYPE_CHECKING:
    import stripe

_WHY = {
    **dict.fromkeys(FINAL_DECLINES, "The payment method was declined."),
    ABOVE_MAXIMUM: "The order costs more with tax than when it was checked. Nothing was charged.",
}


class StripeInvoices:
    def __init__(self, stripe: StripeApi) -> None:
        self._stripe = stripe
        self._biller = Biller(stripe)

    def default_method(self, customer_id: str) -> PaymentMethod | None:
        if not customer_id:
            return None
        with self._stripe.faults_translated():
            customer = self._stripe.found(
                lambda: self._stripe.v1.customers.retrieve(
                    customer_id, {"expand": ["invoice_settings.default_payment_method"]}
                )
            )
        method = ((customer or {}).get("invoice_settings") or {}).get("default_payment_method")
        return PaymentMethod(id=method["id"], type=method["type"]) if method else None

    def charge(self, request: ChargeRequest) -> PaymentState:
        bill, biller = _bill(request), self._biller
        with self._stripe.faults_translated():
            invoice_id = biller.look(bill) if biller.is_old(bill) else None
            refusal: stripe.StripeError | None = None
            if invoice_id is None:
                invoice_id = biller.create(bill)
                refusal = self._stripe.refusal_of(
                    lambda: biller.collect(bill, invoice_id, status="draft", lines=bill.lines, again="")
                )
            invoice = self._stripe.invoice(invoice_id)
            if biller.unfinished(invoice, refusal):
                refusal = self._stripe.refusal_of(lambda: biller.carry_on(bill, invoice, ":again")) or refusal
                invoice = self._stripe.invoice(invoice_id)
            return self._outcome(invoice, refusal)

    def state(self, invoice_id: str) -> PaymentState | None:
        """PROCESSING with an `error` means that our own attempt was declined permanently, and `charge` has not voided
        the invoice yet. After any other decline or a returned debit, the state is AWAITING_AUTHENTICATION: the customer
        can still pay.
        """
        with self._stripe.faults_translated():
            return self.state_of(self._stripe.invoice(invoice_id))

    def state_of(self, invoice: Document | None) -> PaymentState | None:
        return self._state(invoice) if invoice and is_ours(invoice) else None

    def find(self, customer_id: str, cart_token: str, created_at: int) -> PaymentState | None:
        if not customer_id:
            return None
        with self._stripe.faults_translated():
            found = nearest(
                [
                    invoice
                    for invoice in self._biller.invoices_since(customer_id, created_at)
                    if is_ours(invoice) and invoice["metadata"]["cart_token"] == cart_token
                ]
            )
            invoice = self._stripe.invoice(found) if found else None
            return self._state(invoice) if invoice else None

    def void(self, invoice_id: str) -> PaymentState:
        """Raises NotFoundError if the invoice is not ours."""
        with self._stripe.faults_translated():
            invoice = self._stripe.invoice(invoice_id)
            if invoice is not None and not is_ours(invoice):
                raise NotFoundError("No such payment.")
            return self._closed(invoice_id, invoice)

    def _outcome(self, invoice: Document | None, refusal: stripe.StripeError | None) -> PaymentState:
        """Raises PaymentNotStartedError if the invoice can no longer be paid."""
        if invoice is None:
            raise PaymentNotStartedError("The payment was withdrawn.")
        state = self._state(invoice)
        if state.status in (PaymentStatus.SUCCEEDED, PaymentStatus.AWAITING_AUTHENTICATION):
            return state
        declined = state.error or decline_of(refusal)
        if state.status is PaymentStatus.PROCESSING:
            if is_busy(invoice):
                return state
            if isinstance(refusal, self._stripe.sdk.CardError) and declined not in FINAL_DECLINES:
                return awaiting(state, invoice, declined)
            # The payment was declined permanently, or Stripe refused the request before it tried to charge.
            state = self._closed(invoice["id"], invoice)
            if state.status in (PaymentStatus.SUCCEEDED, PaymentStatus.PROCESSING):
                return state
        raise PaymentNotStartedError(_WHY.get(declined or "", "The payment could not be started."), declined)

    def _closed(self, invoice_id: str, invoice: Document | None) -> PaymentState:
        closed = self._biller.close(invoice)
        if closed is None:
            live = self._stripe.live
            return PaymentState(PaymentStatus.CANCELED, invoice_id, "", "", None, None, 0, 0, live=live)
        if closed["status"] == DELETED:
            return canceled(self._state({**closed, "status": "draft"}))
        return self._state(closed)

    def _state(self, invoice: Document) -> PaymentState:
        shown = invoice["lines"]
        # The tax of a draft is not final, so a draft has no gross amounts yet.
        settled = invoice["status"] != "draft"
        lines = self._stripe.invoice_lines(invoice["id"]) if settled and shown["has_more"] else shown["data"]
        gross = gross_by_line(lines, invoice["total"]) if settled else {}
        return payment_state(invoice, method_type(intent_of(invoice), self._type_of), gross)

    def _type_of(self, method_id: str) -> str | None:
        found = self._stripe.found(lambda: self._stripe.v1.payment_methods.retrieve(method_id))
        return str(found["type"]) if found else None


def _bill(request: ChargeRequest) -> Bill:
    return Bill(
        key=f"cart:{request.account_id}:{request.cart_token}",
        metadata=cart_metadata(request.account_id, request.cart_token),
        customer_id=request.customer_id,
        payment_method_id=request.payment_method_id,
        currency=request.currency,
        lines=request.lines,
        created_at=request.created_at,
        max_gross=request.max_gross,
    )
