"""The page on which a customer pays an invoice."""

from __future__ import annotations

from collections.abc import Iterator

from local import html
from local.html import Markup, button, text

from . import charges, payments
from .money import money
from .published import CARDS, GOOD_CARD
from .sdk_types import Json
from .state import State


def invoice(state: State, invoice: Json, failure: str | None = None) -> str:
    """`failure` is the reason why the last attempt failed."""
    currency = invoice["currency"]
    number = invoice["number"] or "draft"
    lines = [(line["description"] or "", line["amount"], False) for line in invoice["lines"]["data"]]
    lines.append(("Subtotal", invoice["subtotal"], False))
    lines += [(_tax_name(state, one), one["amount"], False) for one in invoice["total_taxes"] or []]
    lines.append(("Total", invoice["total"], False))
    credit = (invoice["ending_balance"] or 0) - invoice["starting_balance"]
    if invoice["ending_balance"] is not None and credit:
        lines.append(("Credit used" if credit > 0 else "Balance due", -credit, False))
    lines.append(("Amount due", invoice["amount_due"], True))
    rows = (
        f"<tr{' class=total' if total else ''}><td>{text(name)}</td>"
        f'<td class="amount">{text(money(amount, currency))}</td></tr>'
        for name, amount, total in lines
    )
    told = html.markup(f'<p class="bad" role="alert">{text(failure)}</p>') if failure else html.markup()
    return html.page(
        f"Invoice {number}",
        html.markup("<main><h1>Invoice ", text(number), "</h1>"),
        html.paragraph(
            text(f"From {invoice['account_name'] or 'the shop'}, "),
            text(f"for {invoice['customer_name'] or invoice['customer']}"),
        ),
        html.markup("<table>", *rows, "</table>"),
        html.paragraph(
            text("Status: "),
            html.markup(f'<b id="status" class="{invoice["status"]}">', text(invoice["status"]), "</b>"),
        ),
        told,
        *_ways_to_pay(state, invoice),
        html.paragraph(html.markup("<small>A stand-in for Stripe: nothing here is real.</small>")),
        html.markup("</main>"),
    )


def _tax_name(state: State, one: Json) -> str:
    rate = state.get("tax_rate", one["tax_rate_details"]["tax_rate"])
    return f"{rate['display_name']} {rate['percentage']:g} %"


def _ways_to_pay(state: State, invoice: Json) -> list[Markup]:
    if invoice["status"] != "open":
        return []
    intent = payments.intent_of(state, invoice)
    if intent and intent["status"] == "processing":
        return [html.paragraph(text("Your bank is processing the payment. This can take a few days."))]
    base = f"/i/{invoice['id']}"
    another = html.form(
        f"{base}/pay", "pay with it", html.choice("card", "Another card", dict(_other_cards()))
    )
    if charges.method_to_authenticate(state, intent):
        return [
            html.paragraph(text("Your bank wants you to confirm this payment.")),
            button(f"{base}/pay", "confirm it"),
            button(f"{base}/fail", "fail to confirm it"),
            another,
        ]
    return [button(f"{base}/pay", "pay with a good card"), another]


def _other_cards() -> Iterator[tuple[str, str]]:
    for number, card in CARDS.items():
        shown = f"{number[:4]} … {number[-4:]}"
        if card.decline:
            why = (card.decline.decline_code or card.decline.code).replace("_", " ")
            yield number, f"{shown}: declined ({why})"
        elif number == GOOD_CARD:
            yield number, f"{shown}: good"
