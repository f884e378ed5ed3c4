"""The Refunds port at Stripe: one credit note or refund per order.

Stripe's total can differ from ours by a cent. The refund and the credit must add up to Stripe's total.
"""

from __future__ import annotations

from dataclasses import dataclass

from hosting_orders.adapters.stripe.checkout_refunds import StripeCheckoutRefunds
from hosting_orders.adapters.stripe.client import Document, StripeApi, given, note_of
from hosting_orders.adapters.stripe.reading import adding_up, gross_of, is_ours, line_key_of, refund_state
from hosting_orders.adapters.stripe.reading_checkout import is_session
from hosting_orders.domain.errors import RefundRefusedError
from hosting_orders.domain.money import part_of
from hosting_orders.domain.providers import RefundState


class StripeRefunds:
    def __init__(self, stripe: StripeApi) -> None:
        self._stripe = stripe
        self._checkout = StripeCheckoutRefunds(stripe)

    def refund(self, reference: str, line_key: str, order_id: str, refusals: int = 0) -> RefundState:
        with self._stripe.faults_translated():
            if is_session(reference):
                return self._checkout.refund(reference, line_key, order_id, refusals)
            return self._refund(reference, line_key, order_id, refusals)

    def _refund(self, invoice_id: str, line_key: str, order_id: str, refusals: int) -> RefundState:
        """Create one credit note per order. A free line needs no note: its refund gets the line's id."""
        invoice = self._stripe.invoice(invoice_id)
        if invoice is None or not is_ours(invoice):
            raise RefundRefusedError("There is no such invoice.")
        notes = self._stripe.credit_notes(invoice_id)
        known = note_of(notes, order_id)
        if known is not None:
            return refund_state(known)
        if invoice["status"] != "paid":
            raise RefundRefusedError("The invoice is not paid.")
        share = _share(invoice, self._stripe.invoice_lines(invoice_id), line_key)
        if share.gross == 0:
            return RefundState(id=share.line["id"], amount=0, to_credit=0)
        what, total = self._credited(invoice, share, notes)
        to_card = _to_card(invoice, share, notes, total)
        parameters: Document = {
            "invoice": invoice_id,
            **what,
            "reason": "order_change",
            "metadata": {"order_id": order_id},
            "expand": ["refunds.refund"],
        }
        if to_card:
            parameters["refund_amount"] = to_card
        if total - to_card:
            parameters["credit_amount"] = total - to_card
        note = self._stripe.give_back(
            order_id,
            lambda options: self._stripe.v1.credit_notes.create(given(parameters), options).to_dict(),
            known=lambda: self._stripe.credit_note(invoice_id, order_id),
            refusals=refusals,
        )
        return refund_state(note)

    def _credited(self, invoice: Document, share: _Share, notes: list[Document]) -> tuple[Document, int]:
        """Return the credit note's content and Stripe's total.

        The last refund takes all that is left, to the cent. A line that Stripe cannot preview is refunded as an amount.
        """
        left = invoice["total"] - sum(note["total"] for note in notes)
        line = {"type": "invoice_line_item", "invoice_line_item": share.line["id"], "quantity": 1}
        by_line: Document = {"lines": [line]}
        total = self._previewed(invoice["id"], by_line)
        others_done = sum("order_id" in (note["metadata"] or {}) for note in notes) >= share.others
        if others_done and abs(left - share.gross) <= share.others + 1:
            what = by_line if total == left else {"amount": left}
            return what, left
        if total is None:
            return {"amount": min(share.gross, left)}, min(share.gross, left)
        return by_line, total

    def _previewed(self, invoice_id: str, by_line: Document) -> int | None:
        try:
            shown = self._stripe.v1.credit_notes.preview(given({"invoice": invoice_id, **by_line}))
        except self._stripe.sdk.StripeError as error:
            if not self._stripe.is_refusal(error):
                raise
            return None
        return shown.post_payment_amount


@dataclass(frozen=True, slots=True)
class _Share:
    line: Document
    gross: int  # minor units
    before: int  # the gross of the earlier lines
    others: int  # how many other lines have a price


def _share(invoice: Document, lines: list[Document], line_key: str) -> _Share:
    """Sort the lines, so that the shares do not depend on other refunds."""
    lines = sorted(lines, key=lambda line: (line_key_of(line) or "", line["id"]))
    matching = [line for line in lines if line_key_of(line) == line_key]
    if len(matching) != 1:
        raise RefundRefusedError("The invoice has no such line.")
    gross = {line["id"]: gross_of(line) for line in lines}
    if abs(sum(gross.values()) - invoice["total"]) > len(lines):
        # Rounding changes each line by less than one minor unit, so this difference has another cause.
        raise RefundRefusedError("The invoice's lines do not add up to its total.")
    gross = adding_up(gross, invoice["total"])
    wanted = matching[0]
    return _Share(
        line=wanted,
        gross=max(gross[wanted["id"]], 0),
        before=sum(gross[line["id"]] for line in lines[: lines.index(wanted)]),
        others=sum(price > 0 for line_id, price in gross.items() if line_id != wanted["id"]),
    )


def _to_card(invoice: Document, share: _Share, notes: list[Document], total: int) -> int:
    # Return the line's share of the card payment, plus the rounding difference. The card never gets back more than
    # it has paid in total.
    paid_by_card: int = min(invoice["amount_paid"], invoice["total"])
    given_back: int = sum(refund["amount_refunded"] for note in notes for refund in note.get("refunds") or [])
    part = part_of(paid_by_card, share.before, share.gross, invoice["total"], invoice["currency"])
    if part:
        part += total - share.gross
    return max(0, min(part, total, paid_by_card - given_back))
