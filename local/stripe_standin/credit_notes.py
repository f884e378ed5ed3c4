"""Credit notes: https://docs.stripe.com/api/credit_notes.

A credit note first lowers the amount still to pay (`pre_payment_amount`). The rest (`post_payment_amount`) must equal
the sum of the refunds (`refund_amount`, `refunds`), the credit (`credit_amount`) and the money returned outside of
Stripe (`out_of_band_amount`).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from . import customers, discounts, payments, refunds, tax
from .errors import bad_parameter, refused
from .sdk_types import Json, copied, part
from .state import State

SUPPORTED = frozenset(
    ("invoice", "lines", "amount", "refund_amount", "credit_amount", "out_of_band_amount", "refunds", "reason",
     "memo", "metadata", "email_type")
)  # fmt: skip


_MONEY = frozenset(("refund_amount", "credit_amount", "out_of_band_amount", "refunds"))


@dataclass(frozen=True)
class _Plan:
    invoice: Json
    note: Json
    refund_amount: int
    credit_amount: int
    linked: list[Json]


def create(state: State, params: Json) -> Json:
    plan = _plan(state, params)
    note, invoice = plan.note, plan.invoice
    if plan.refund_amount:
        refunds.check(state, _charge_of(state, invoice), plan.refund_amount)
    state.keep(note)
    if plan.refund_amount:
        refund = refunds.make(state, _charge_of(state, invoice), plan.refund_amount, None, {})
        plan.linked.append(_link(refund["id"], plan.refund_amount))
    note["refunds"] = plan.linked
    if plan.credit_amount:
        customer = state.get("customer", invoice["customer"])
        transaction = customers.change_balance(
            state, customer, -plan.credit_amount,
            currency=invoice["currency"], type="credit_note", credit_note=note["id"], invoice=invoice["id"],
        )  # fmt: skip
        note["customer_balance_transaction"] = transaction["id"]
    _settle_invoice(state, invoice, note)
    state.emit("credit_note.created", note)
    return note


def preview(state: State, params: Json) -> Json:
    """The credit note that `create` would make."""
    plan = _plan(state, params, shown=True)
    plan.note["refunds"] = plan.linked
    return plan.note


def preview_lines(state: State, params: Json) -> list[Json]:
    lines: list[Json] = preview(state, params)["lines"]["data"]
    return lines[::-1]  # page() reverses each list, so reverse it here to keep the lines' order


def _settle_invoice(state: State, invoice: Json, note: Json) -> None:
    invoice["post_payment_credit_notes_amount"] += note["post_payment_amount"]
    taken = note["pre_payment_amount"]
    if not taken:
        return
    invoice["pre_payment_credit_notes_amount"] += taken
    invoice["amount_due"] -= taken
    invoice["amount_remaining"] -= taken
    if invoice["amount_due"] == 0:
        payments.cancel(state, invoice, "automatic")
        payments.mark_paid(state, invoice)
        return
    for payment in payments.payments_of(state, invoice):
        payment["amount_requested"] = invoice["amount_due"]
        intent = state.get("payment_intent", payment["payment"]["payment_intent"])
        intent["amount"] = invoice["amount_due"]


def _plan(state: State, params: Json, *, shown: bool = False) -> _Plan:
    invoice = state.get("invoice", params["invoice"], "invoice")
    if invoice["status"] not in ("open", "paid"):
        message = (
            f"You can only create a credit note for an open or paid invoice; this is {invoice['status']}."
        )
        raise refused(message, None, "invoice")
    if invoice["id"] in state.checkout_invoices and not state.settings.checkout_credit_notes:
        message = "You cannot create a credit note for an invoice of a Checkout Session. Refund its payment instead."
        raise refused(message, None, "invoice")
    ways = [way for way in ("amount", "lines") if way in params]
    if len(ways) != 1:
        message = "You must provide exactly one of amount and lines."
        raise bad_parameter(message, "parameters_exclusive" if ways else "parameter_missing", "amount")
    issued = state.all("credit_note", invoice=invoice["id"], status="issued")
    if "lines" in params:
        lines = [
            _line(state, invoice, issued, line, f"lines[{place}]")
            for place, line in enumerate(params["lines"])
        ]
    else:
        lines = [_line_of_amount(state, invoice, params["amount"])]
    note = _note(state, invoice, issued, lines, params)
    left = invoice["total"] - sum(earlier["total"] for earlier in issued)
    if not 0 < note["total"] <= left:
        message = (
            f"The credit note's total ({note['total']}) must be positive and at most "
            f"{left}, the amount of the invoice that is not credited yet."
        )
        raise refused(message, "amount_too_large" if note["total"] > 0 else None, ways[0])
    if shown and state.settings.previews_take_no_money and not params.keys() & _MONEY:
        return _Plan(invoice, note, 0, 0, [])
    return _with_money(state, invoice, note, params)


def _with_money(state: State, invoice: Json, note: Json, params: Json) -> _Plan:
    if note["pre_payment_amount"]:
        intent = payments.intent_of(state, invoice)
        if intent and intent["status"] == "processing":
            message = "The invoice's payment is processing; what is still to be paid cannot be changed."
            raise refused(message, "payment_intent_unexpected_state")
    linked = _linked(state, invoice, params.get("refunds", []))
    refund_amount, credit_amount, outside = (
        params.get(name, 0) for name in ("refund_amount", "credit_amount", "out_of_band_amount")
    )
    if min(refund_amount, credit_amount, outside) < 0:
        raise bad_parameter("Invalid non-negative integer", "parameter_invalid_integer", "refund_amount")
    together = refund_amount + credit_amount + outside + sum(one["amount_refunded"] for one in linked)
    if together != note["post_payment_amount"]:
        message = (
            f"The sum of refund amounts, credit amount and out of band amount ({together}) must equal the "
            f"post payment amount ({note['post_payment_amount']})."
        )
        raise refused(message)
    note["out_of_band_amount"] = outside or None
    return _Plan(invoice, note, refund_amount, credit_amount, linked)


def _linked(state: State, invoice: Json, given: list[Json]) -> list[Json]:
    """Return the links to the given refunds. Stripe does not document which refunds it refuses to link.

    The stand-in refuses a refund of another invoice, a failed or cancelled refund, and an amount that is already
    linked.
    """
    linked: list[Json] = []
    payments_of_it = [
        payment["payment"]["payment_intent"] for payment in payments.payments_of(state, invoice)
    ]
    for place, one in enumerate(given):
        at = f"refunds[{place}][refund]"
        refund = state.get("refund", one.get("refund", ""), at)
        amount: int = one["amount_refunded"] if "amount_refunded" in one else refund["amount"]
        if refund["payment_intent"] not in payments_of_it:
            raise refused(
                f"The refund {refund['id']} does not belong to a payment of this invoice.", None, at
            )
        earlier = (link for note in state.all("credit_note", status="issued") for link in note["refunds"])
        left = refund["amount"] - sum(
            link["amount_refunded"] for link in (*earlier, *linked) if link["refund"] == refund["id"]
        )
        if refund["status"] in ("failed", "canceled") or not 0 < amount <= left:
            raise refused(
                f"The refund {refund['id']} cannot be linked with {amount}: {max(left, 0)} is not linked yet, "
                "and a failed or cancelled refund cannot be linked.",
                None,
                at,
            )
        linked.append(_link(refund["id"], amount))
    return linked


def _charge_of(state: State, invoice: Json) -> Json:
    intent = payments.intent_of(state, invoice)
    if intent is None or intent["status"] != "succeeded":
        raise refused("This invoice has no charge to refund.", None, "refund_amount")
    return state.get("charge", intent["latest_charge"])


def _link(refund_id: str, amount: int) -> Json:
    return part("credit_note", "Refund", amount_refunded=amount, refund=refund_id, type="refund")


def _note(state: State, invoice: Json, issued: list[Json], lines: list[Json], params: Json) -> Json:
    earlier = len(issued)
    taxes = tax.total([one for line in lines for one in line["taxes"]])
    if taxes and "lines" in params and state.settings.tax_rounding == "invoice":
        taxes[0]["amount"] += _tax_so_far(invoice, issued, lines) - sum(one["amount"] for one in taxes)
    exclusive = sum(one["amount"] for one in taxes if one["tax_behavior"] == "exclusive")
    inclusive = sum(one["amount"] for one in taxes if one["tax_behavior"] == "inclusive")
    subtotal = sum(line["amount"] for line in lines)
    discount = sum(line["discount_amount"] for line in lines)
    total = subtotal - discount + exclusive
    before = min(total, invoice["amount_remaining"])
    note = state.draft(
        "credit_note",
        amount=total,
        currency=invoice["currency"],
        customer=invoice["customer"],
        discount_amount=discount,
        effective_at=state.clock.now(),
        invoice=invoice["id"],
        memo=params.get("memo"),
        number=f"{invoice['number']}-CN-{earlier + 1:02d}",
        pdf=f"{state.base_url}/i/{invoice['id']}?credit_note={earlier + 1}",
        post_payment_amount=total - before,
        pre_payment_amount=before,
        reason=params.get("reason"),
        status="issued",
        subtotal=subtotal,
        subtotal_excluding_tax=subtotal - inclusive,
        total=total,
        total_excluding_tax=total - exclusive - inclusive,
        total_taxes=taxes,
        type="post_payment" if before == 0 else "pre_payment" if before == total else "mixed",
    )
    customers.merge_metadata(note, params)
    note["lines"].update(data=lines, url=f"/v1/credit_notes/{note['id']}/lines")
    return note


def _tax_so_far(invoice: Json, issued: list[Json], lines: list[Json]) -> int:
    """This note's tax, when tax is rounded for the whole invoice.

    It is the tax on all credited lines, minus the tax of earlier notes.
    """
    credited = [line for note in issued for line in note["lines"]["data"]] + lines
    net = sum(line["amount"] - line["discount_amount"] for line in credited)
    whole = sum(one["amount"] for one in invoice["total_taxes"])
    given_back: int = sum(one["amount"] for note in issued for one in note["total_taxes"])
    return tax.rounded(Decimal(whole) * net / (invoice["total"] - whole)) - given_back


# -- lines ---------------------------------------------------------------------------------------------------


def _line(state: State, invoice: Json, issued: list[Json], given: Json, at: str) -> Json:
    quantity: int | None = given.get("quantity")
    if given["type"] == "custom_line_item":
        if invoice["automatic_tax"]["enabled"]:
            message = (
                "custom_line_item is not valid when the invoice is set up with automatic_tax[enabled]=true."
            )
            raise bad_parameter(message, None, f"{at}[type]")
        unit: Any = given.get("unit_amount", given.get("unit_amount_decimal", 0))
        amount = tax.rounded(Decimal(unit) * (quantity or 1))
        return _new_line(state, given, amount, quantity=quantity or 1, line=None, taxes=[])
    wanted = given.get("invoice_line_item", "")
    line = next((line for line in invoice["lines"]["data"] if line["id"] == wanted), None)
    if line is None:
        raise refused(
            f"No such invoice line item: '{wanted}'", "resource_missing", f"{at}[invoice_line_item]"
        )
    if ("amount" in given) == (quantity is not None):
        raise bad_parameter(
            "Give exactly one of amount and quantity.", "parameters_exclusive", f"{at}[amount]"
        )
    if quantity is None:
        amount = int(given["amount"])
    else:
        amount = tax.rounded(Decimal(line["amount"]) * quantity / (line["quantity"] or 1))
    credited = [
        earlier
        for note in issued
        for earlier in note["lines"]["data"]
        if earlier["invoice_line_item"] == wanted
    ]
    left = line["amount"] - sum(earlier["amount"] for earlier in credited)
    if not 0 <= amount <= left:
        message = (
            f"The line's amount ({amount}) must be from 0 to {left}, its amount that is not credited yet."
        )
        raise refused(message, "amount_too_large", f"{at}[amount]")
    taxes = _taxes(line, amount, credited)
    made = _new_line(state, given, amount, quantity=quantity, line=line, taxes=taxes)
    if line["amount"]:
        made["discount_amount"] = tax.rounded(Decimal(discounts.of_line(line)) * amount / line["amount"])
    return made


def _taxes(line: Json, amount: int, credited: list[Json]) -> list[Json]:
    """The tax on all credited amounts, including this one, minus the tax of earlier notes.

    When the line is fully credited, the taxes of all its notes therefore add up to the tax of the line.
    """
    so_far = sum(earlier["amount"] for earlier in credited) + amount
    share = Decimal(so_far) / line["amount"] if line["amount"] else Decimal(0)
    taxes = []
    for place, charged in enumerate(line["taxes"]):
        one = dict(charged)
        for name in ("amount", "taxable_amount"):
            before = sum(earlier["taxes"][place][name] for earlier in credited)
            one[name] = tax.rounded(charged[name] * share) - before
        taxes.append(one)
    return taxes


def _line_of_amount(state: State, invoice: Json, amount: int) -> Json:
    share = Decimal(amount) / invoice["total"] if invoice["total"] else Decimal(0)
    taxes = [
        one | {name: tax.rounded(one[name] * share) for name in ("amount", "taxable_amount")}
        for one in invoice["total_taxes"]
    ]
    exclusive = sum(one["amount"] for one in taxes if one["tax_behavior"] == "exclusive")
    given = {"type": "custom_line_item", "description": f"Credit for {invoice['number']}"}
    return _new_line(state, given, amount - exclusive, quantity=1, line=None, taxes=taxes)


def _new_line(
    state: State, given: Json, amount: int, *, quantity: int | None, line: Json | None, taxes: list[Json]
) -> Json:
    unit = Decimal(amount) / (quantity or 1)
    return state.draft(
        "credit_note_line_item",
        amount=amount,
        description=given.get("description", line["description"] if line else None),
        discount_amount=0,
        invoice_line_item=line["id"] if line else None,
        metadata=given.get("metadata") or {},
        quantity=quantity,
        taxes=taxes,
        type=given["type"],
        unit_amount=int(unit) if unit == int(unit) else None,
        unit_amount_decimal=format(round(unit, 12).normalize(), "f"),
    )


# -- read and update -----------------------------------------------------------------------------------------


def retrieve(state: State, params: Json, note_id: str) -> Json:
    return state.get("credit_note", note_id)


def update(state: State, params: Json, note_id: str) -> Json:
    note = state.get("credit_note", note_id)
    before = copied(note)
    if "memo" in params:
        note["memo"] = params["memo"]
    customers.merge_metadata(note, params)
    state.emit("credit_note.updated", note, before)
    return note


def list_all(state: State, params: Json) -> list[Json]:
    return [
        note
        for note in state.all("credit_note")
        if all(params.get(name) in (None, note[name]) for name in ("invoice", "customer"))
    ]
