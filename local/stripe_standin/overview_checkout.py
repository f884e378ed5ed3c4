"""The list of Checkout Sessions on the stand-in's page at `/`. Its buttons do what a customer or bank can do."""

from __future__ import annotations

from collections.abc import Iterator

from local import html
from local.html import Markup, button, choice, form, hidden, number

from .checkout_payment import intent_of
from .money import money
from .overview_parts import YES, metadata, newest, who, word
from .published import BANK_ACCOUNTS, CARDS
from .sdk_types import Json
from .state import Settings, State

_DEBIT_INVOICE = {"at settlement": "when it settles", "at completion": "when the session is complete"}


def sessions(state: State) -> Markup:
    return html.table(
        ("Session", "Customer", "Status", "Amount", "Metadata", ""),
        (
            (
                html.markup(
                    '<span class="whole">',
                    html.link(f"/c/pay/{one['id']}", f"{one['id'][:14]} …"),
                    "</span>",
                    html.quiet(one["client_reference_id"]),
                ),
                who(state, one["customer"]),
                html.markup(_status(one), html.quiet(one["payment_status"])),
                html.whole(money(one["amount_total"], one["currency"])),
                metadata(one),
                html.markup(*_controls(state, one)),
            )
            for one in newest(state, "checkout.session")
        ),
    )


def _status(session: Json) -> Markup:
    if session["status"] == "complete" and session["payment_status"] == "paid":
        return html.status("paid", "complete")
    return html.status("void" if session["status"] == "expired" else "wait", session["status"])


def _controls(state: State, session: Json) -> Iterator[Markup]:
    session_id = session["id"]
    if session["status"] == "complete":
        intent = intent_of(state, session)
        if intent and intent["status"] == "processing":
            yield button("/_standin/settle", "the debit arrives", payment=session_id)
            yield button("/_standin/fail", "the bank returns the debit", payment=session_id)
        return
    if session["status"] != "open":
        return
    intent = intent_of(state, session)
    if intent and intent["status"] == "requires_action":
        yield button(
            "/_standin/checkout/authenticate", "the customer confirms it", session=session_id, succeeds="true"
        )
        yield button(
            "/_standin/checkout/authenticate",
            "the customer does not confirm it",
            session=session_id,
            succeeds="false",
        )
    which = hidden("session", session_id)
    if "card" in session["payment_method_types"]:
        cards = {number: f"{number[:4]} … {number[-4:]}" for number in CARDS}
        yield form("/_standin/checkout/pay", "pay by card", which, choice("card", "", cards), rows=False)
    if "sepa_debit" in session["payment_method_types"]:
        accounts = {iban: f"{iban[:4]} … {iban[-4:]}" for iban in BANK_ACCOUNTS if iban.startswith("DE")}
        yield form(
            "/_standin/checkout/debit", "pay by debit", which, choice("iban", "", accounts), rows=False
        )
    yield button("/_standin/checkout/expire", "expire", session=session_id)


def settings(values: Settings) -> Iterator[Markup]:
    yield choice(
        "checkout_line_metadata",
        "The metadata of a session's line is copied to its invoice",
        YES,
        word(values.checkout_line_metadata),
    )
    yield choice(
        "checkout_debit_invoice",
        "The invoice of a debit at Checkout appears",
        _DEBIT_INVOICE,
        values.checkout_debit_invoice,
    )
    yield number(
        "checkout_invoice_lags",
        "Seconds from a payment at Checkout to its invoice",
        f"{values.checkout_invoice_lags:g}",
    )
    yield choice(
        "checkout_credit_notes",
        "Credit notes are allowed for Checkout's invoices",
        YES,
        word(values.checkout_credit_notes),
    )
