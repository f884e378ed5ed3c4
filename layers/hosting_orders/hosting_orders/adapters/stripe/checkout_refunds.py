"""Refund orders that were paid by a Checkout Session (docs/decisions.md, 45).

Only a refund of the payment intent sends money back. The credit note only records that refund.
"""

from __future__ import annotations

import logging

from hosting_orders.adapters.stripe.client import PAGE, Document, StripeApi, code_of, given
from hosting_orders.adapters.stripe.reading import has_cart, id_of, line_key_of
from hosting_orders.adapters.stripe.reading_checkout import (
    gross_by_item,
    is_paid,
    key_of_item,
    product_of_item,
)
from hosting_orders.domain.errors import RefundRefusedError
from hosting_orders.domain.providers import RefundState

_SENT_BACK = ("failed", "canceled")

_log = logging.getLogger("hosting-orders")


class StripeCheckoutRefunds:
    def __init__(self, stripe: StripeApi) -> None:
        self._stripe = stripe

    def refund(self, session_id: str, line_key: str, order_id: str, refusals: int) -> RefundState:
        """Raises RefundRefusedError or StripeError. For a free line, the refund's id is the line's id."""
        session = self._stripe.session(session_id)
        if session is None or not has_cart(session):
            raise RefundRefusedError("There is no such payment.")
        items = self._stripe.session_items(session_id)
        item = next((item for item in items if key_of_item(item) == line_key), None)
        payment_id = id_of(session["payment_intent"])
        refund = self._refund(payment_id, order_id) if payment_id else None
        if refund is None:
            if not is_paid(session):
                raise RefundRefusedError("The payment has not succeeded.")
            if item is None:
                raise RefundRefusedError("The payment has no such line.")
            amount = gross_by_item(items, session["amount_total"])[line_key]
            if amount == 0:
                return RefundState(id=item["id"], amount=0, to_credit=0)
            if payment_id is None:
                raise RefundRefusedError("The payment took no money.")
            refund = self._give_back(payment_id, order_id, amount, refusals)
        if refund["status"] in _SENT_BACK:
            raise RefundRefusedError(f"The refund did not reach the customer ({refund['status']}).")
        self._note(session, line_key, item, order_id, refund)
        return RefundState(id=refund["id"], amount=refund["amount"], to_credit=0)

    def _give_back(self, payment_id: str, order_id: str, amount: int, refusals: int) -> Document:
        parameters: Document = {
            "payment_intent": payment_id,
            "amount": amount,
            "metadata": {"order_id": order_id},
        }
        return self._stripe.give_back(
            order_id,
            lambda options: self._stripe.v1.refunds.create(given(parameters), options).to_dict(),
            known=lambda: self._refund(payment_id, order_id),
            refusals=refusals,
        )

    def _refund(self, payment_id: str, order_id: str) -> Document | None:
        """Return a failed or cancelled refund only if the order has no other refund."""
        pages = self._stripe.v1.refunds.list({"payment_intent": payment_id, "limit": PAGE}).auto_paging_iter()
        refunds = (refund.to_dict() for refund in pages)
        of_order = [refund for refund in refunds if (refund["metadata"] or {}).get("order_id") == order_id]
        of_order.sort(key=lambda refund: refund["status"] in _SENT_BACK)
        return of_order[0] if of_order else None

    def _note(
        self, session: Document, line_key: str, item: Document | None, order_id: str, refund: Document
    ) -> None:
        """Create the credit note. Only log errors, because the money is already refunded."""
        invoice_id = id_of(session.get("invoice"))
        if invoice_id is None:
            return
        try:
            if self._stripe.credit_note(invoice_id, order_id) is not None:
                return
            line = self._line(invoice_id, line_key, item)
            if line is None:
                _log.warning("a refund's line is not on the invoice", extra={"order_id": order_id})
                return
            parameters: Document = {
                "invoice": invoice_id,
                "lines": [{"type": "invoice_line_item", "invoice_line_item": line["id"], "quantity": 1}],
                "refunds": [{"type": "refund", "refund": refund["id"], "amount_refunded": refund["amount"]}],
                "reason": "order_change",
                "metadata": {"order_id": order_id},
            }
            self._stripe.v1.credit_notes.create(
                given(parameters), {"idempotency_key": f"order:{order_id}:credit_note"}
            )
        except self._stripe.sdk.StripeError as error:
            _log.warning(
                "no credit note for a refund",
                extra={"order_id": order_id, "reason": code_of(error) or type(error).__name__},
            )

    def _line(self, invoice_id: str, line_key: str, item: Document | None) -> Document | None:
        lines = self._stripe.invoice_lines(invoice_id)
        product = product_of_item(item) if item else None
        for line in lines:
            details = (line.get("pricing") or {}).get("price_details") or {}
            if line_key_of(line) == line_key or (product and id_of(details.get("product")) == product):
                return line
        return None
