"""The Refunds port at Stripe: one credit note or refund per order."""

from __future__ import annotations

from hosting_orders.adapters.stripe.checkout_refunds import StripeCheckoutRefunds
from hosting_orders.adapters.stripe.client import Document, StripeApi, given
from hosting_orders.adapters.stripe.reading import gross_of, is_ours, line_key_of, refund_state
from hosting_orders.adapters.stripe.reading_checkout import is_session
from hosting_orders.domain.errors import RefundRefusedError
from hosting_orders.domain.providers import RefundState


class StripeRefunds:
    def __init__(self, stripe: StripeApi) -> None:
        self._stripe = stripe
        self._checkout = StripeCheckoutRefunds(stripe)

    def refund(self, reference: str, line_key: str, order_id: str) -> RefundState:
        with self._stripe.faults_translated():
            if is_session(reference):
                return self._checkout.refund(reference, line_key, order_id)
            return self._refund(reference, line_key, order_id)

    def _refund(self, invoice_id: str, line_key: str, order_id: str) -> RefundState:
        """Create one credit note per order. A free line needs none: the line's own id serves as the refund id."""
        invoice = self._stripe.invoice(invoice_id)
        if invoice is None or not is_ours(invoice):
            raise RefundRefusedError("There is no such invoice.")
        known = self._stripe.credit_note(invoice_id, order_id)
        if known is not None:
            return refund_state(known)
        if invoice["status"] != "paid":
            raise RefundRefusedError("The invoice is not paid.")
        line, to_card, to_credit = _share(invoice, self._stripe.invoice_lines(invoice_id), line_key)
        if to_card + to_credit == 0:
            return RefundState(id=line["id"], amount=0, to_credit=0)
        parameters: Document = {
            "invoice": invoice_id,
            "lines": [{"type": "invoice_line_item", "invoice_line_item": line["id"], "quantity": 1}],
            "reason": "order_change",
            "metadata": {"order_id": order_id},
            "expand": ["refunds.refund"],
        }
        if to_card:
            parameters["refund_amount"] = to_card
        if to_credit:
            parameters["credit_amount"] = to_credit
        note = self._stripe.give_back(
            order_id,
            lambda options: self._stripe.v1.credit_notes.create(given(parameters), options).to_dict(),
            known=lambda: self._stripe.credit_note(invoice_id, order_id),
        )
        return refund_state(note)


def _share(invoice: Document, lines: list[Document], line_key: str) -> tuple[Document, int, int]:
    """Return the order's line and its shares for the card and the credit.

    The card's money is spread along the lines in a fixed order. A share does not depend on other refunds, and the
    shares add up to the cent.
    """
    lines = sorted(lines, key=lambda line: (line_key_of(line) or "", line["id"]))
    matching = [line for line in lines if line_key_of(line) == line_key]
    if len(matching) != 1:
        raise RefundRefusedError("The invoice has no such line.")
    total = sum(gross_of(line) for line in lines)
    if total != invoice["total"]:
        raise RefundRefusedError("The invoice's lines do not add up to its total.")
    paid_by_card = min(invoice["amount_paid"], total)
    wanted = matching[0]
    gross = gross_of(wanted)
    if gross <= 0:
        return wanted, 0, 0
    before = sum(gross_of(line) for line in lines[: lines.index(wanted)])
    to_card = (before + gross) * paid_by_card // total - before * paid_by_card // total
    return wanted, to_card, gross - to_card
