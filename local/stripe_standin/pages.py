"""The pages, in plain HTML: a customer's invoice to pay, and the operator's view of everything."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from html import escape
from typing import Any, Protocol

from . import payments
from .faults import KINDS, Faults
from .published import CARDS, GOOD_CARD
from .sdk_types import Json
from .state import State
from .webhooks import Webhooks

SHOWN = 50

_ZERO_DECIMAL = frozenset(
    (
        "bif",
        "clp",
        "djf",
        "gnf",
        "jpy",
        "kmf",
        "krw",
        "mga",
        "pyg",
        "rwf",
        "ugx",
        "vnd",
        "vuv",
        "xaf",
        "xof",
        "xpf",
    )
)
_THREE_DECIMAL = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
main { max-width: 32rem; margin: 4rem auto; padding: 2rem; border: 1px solid #ddd; border-radius: .5rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #ddd; vertical-align: top }
td.amount { text-align: right; white-space: nowrap }
form { display: inline }
code { background: #f3f3f3; padding: 0 .2rem }
.total { font-weight: bold }
.failure { color: #a00 }
.paid, .succeeded { color: #070 }
.void, .failed, .canceled { color: #a00 }
"""


class Listed(Protocol):
    """A control as the page lists it."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def fields(self) -> str: ...
    @property
    def does(self) -> str: ...


def money(amount: int, currency: str) -> str:
    """Minor units as people write them: 1200 eur → 12.00 EUR, 1200 jpy → 1200 JPY."""
    decimals = 0 if currency in _ZERO_DECIMAL else 3 if currency in _THREE_DECIMAL else 2
    return f"{Decimal(amount).scaleb(-decimals):.{decimals}f} {currency.upper()}"


def _page(title: str, content: str) -> str:
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{escape(title)}</title><style>{_STYLE}</style></head><body>
{content}
</body></html>
"""


def _button(action: str, label: str, **fields: Any) -> str:
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{escape(str(value))}">' for name, value in fields.items()
    )
    return f'<form method="post" action="{escape(action)}">{hidden}<button>{escape(label)}</button></form>'


# -- the customer's invoice ----------------------------------------------------------------------------------


def invoice(state: State, invoice: Json, failure: str | None = None) -> str:
    """The hosted page of an invoice. `failure`: why the payment just tried did not succeed."""
    currency = invoice["currency"]
    lines = "".join(
        f"<tr><td>{escape(line['description'] or '')}</td>"
        f'<td class="amount">{money(line["amount"], currency)}</td></tr>'
        for line in invoice["lines"]["data"]
    )
    sums = [("Subtotal", invoice["subtotal"])]
    sums += [(_tax_name(state, one), one["amount"]) for one in invoice["total_taxes"] or []]
    sums += [("Total", invoice["total"])]
    credit = (invoice["ending_balance"] or 0) - invoice["starting_balance"]
    if invoice["ending_balance"] is not None and credit:
        sums.append(("Credit used" if credit > 0 else "Balance due", -credit))
    totals = "".join(
        f'<tr><td>{escape(name)}</td><td class="amount">{money(amount, currency)}</td></tr>'
        for name, amount in sums
    )
    told = f'<p class="failure" role="alert">{escape(failure)}</p>' if failure else ""
    number = invoice["number"] or "draft"
    return _page(
        f"Invoice {number}",
        f"""<main>
<h1>Invoice {escape(number)}</h1>
<p>{escape(invoice["account_name"] or "")} → {escape(invoice["customer_name"] or invoice["customer"])}</p>
<table>{lines}{totals}
<tr class="total"><td>Amount due</td><td class="amount">{money(invoice["amount_due"], currency)}</td></tr></table>
<p>Status: <b id="status" class="{invoice["status"]}">{invoice["status"]}</b></p>
{told}{_ways_to_pay(state, invoice)}
<p><small>A stand-in for Stripe: nothing here is real.</small></p>
</main>""",
    )


def _tax_name(state: State, one: Json) -> str:
    rate = state.get("tax_rate", one["tax_rate_details"]["tax_rate"])
    return f"{rate['display_name']} {rate['percentage']:g} %"


def _ways_to_pay(state: State, invoice: Json) -> str:
    if invoice["status"] != "open":
        return ""
    intent = payments.intent_of(state, invoice)
    if intent and intent["status"] == "processing":
        return "<p>Your bank is processing the payment. This can take a few days.</p>"
    base = f"/i/{invoice['id']}"
    others = "".join(
        f'<option value="{number}">{number[:4]} … {number[-4:]}: {escape(what)}</option>'
        for number, what in _other_cards()
    )
    another = f"""<form method="post" action="{base}/pay"><label>Another card
<select name="card">{others}</select></label> <button>pay</button></form>"""
    if payments.method_to_authenticate(state, invoice):
        return (
            f"<p>Your bank wants you to authenticate.</p>{_button(base + '/pay', 'complete authentication')} "
            f"{_button(base + '/fail', 'fail authentication')}<p>{another}</p>"
        )
    return f"{_button(base + '/pay', 'pay with a good card')}<p>{another}</p>"


def _other_cards() -> Iterable[tuple[str, str]]:
    for number, card in CARDS.items():
        if card.decline:
            yield number, f"declined ({card.decline.decline_code or card.decline.code})"
        elif number == GOOD_CARD:
            yield number, "good"


# -- everything ----------------------------------------------------------------------------------------------


def overview(state: State, webhooks: Webhooks, faults: Faults, controls: Iterable[Listed]) -> str:
    """The page at /: invoices, payments, what was delivered, and every control."""
    listed = "".join(
        f"<tr><td>{control.method}</td><td><code>{escape(control.path)}</code></td>"
        f"<td><code>{escape(control.fields)}</code></td><td>{escape(control.does)}</td></tr>"
        for control in controls
    )
    kinds = "".join(f"<li><code>{kind}</code> {escape(does)}</li>" for kind, does in KINDS.items())
    sent = "".join(
        f"<li>{escape(one.event_type)} → {one.status or 'no answer'}</li>"
        for one in reversed(webhooks.deliveries[-10:])
    )
    waiting = ", ".join(f"{one.kind} {one.method} {one.path} ×{one.times}" for one in faults.waiting)
    return _page(
        "Stripe stand-in",
        f"""<h1>Stripe stand-in</h1>
<p>Behaves after Stripe's published test mode, as far as Hosting Orders uses Stripe. Nothing here is real.
<a href="/">Refresh</a> · <a href="/_standin/summary">summary as JSON</a></p>
<h2>Invoices</h2>
<table><tr><th>Invoice</th><th>Customer</th><th>Status</th><th>Due</th><th>Metadata</th></tr>
{_invoices(state)}</table>
<h2>Payments</h2>
<table><tr><th>Payment</th><th>Customer</th><th>Status</th><th>Amount</th><th></th></tr>
{_payments(state)}</table>
<h2>Money given back</h2>
<table><tr><th>Refund</th><th>Charge</th><th>Status</th><th>Amount</th></tr>{_refunds(state)}</table>
<h2>Webhooks</h2>
<p>To <code>{escape(webhooks.settings.url or "nowhere: no address is set")}</code>,
{"on" if webhooks.settings.on else "off"}, {webhooks.settings.copies} of each:
{_button("/_standin/webhooks", "on", on="true")} {_button("/_standin/webhooks", "off", on="false")}
{_button("/_standin/webhooks", "each three times", copies=3)} {_button("/_standin/webhooks", "once", copies=1)}</p>
<ul>{sent}</ul>
<h2>Faults</h2><p>{escape(waiting) or "none waiting"} {_button("/_standin/faults/clear", "none")}</p>
<ul>{kinds}</ul>
<h2>Controls</h2><p>POST takes JSON or form fields, and answers JSON.</p>
<table><tr><th></th><th>Address</th><th>Fields</th><th></th></tr>{listed}</table>""",
    )


def _newest(state: State, object_name: str) -> list[Json]:
    return state.all(object_name)[: -SHOWN - 1 : -1]


def _invoices(state: State) -> str:
    return "".join(
        f'<tr><td><a href="/i/{one["id"]}">{escape(one["number"] or one["id"])}</a></td>'
        f"<td>{escape(one['customer_name'] or one['customer'])}</td>"
        f'<td class="{one["status"]}">{one["status"]}</td>'
        f'<td class="amount">{money(one["amount_due"], one["currency"])}</td>'
        f"<td>{escape(', '.join(f'{key}={value}' for key, value in one['metadata'].items()))}</td></tr>"
        for one in _newest(state, "invoice")
    )


def _payments(state: State) -> str:
    rows = []
    for one in _newest(state, "payment_intent"):
        buttons = ""
        if one["status"] == "processing":
            buttons = _button("/_standin/settle", "settle", payment=one["id"])
            buttons += " " + _button("/_standin/fail", "fail", payment=one["id"])
        elif one["status"] == "succeeded":
            buttons = _button("/_standin/dispute", "dispute", charge=one["latest_charge"])
        error = one["last_payment_error"]
        why = f": {error['decline_code'] or error['code']}" if error else ""
        rows.append(
            f"<tr><td>{one['id']}</td><td>{escape(one['customer'] or '')}</td>"
            f'<td class="{one["status"]}">{one["status"]}{escape(why)}</td>'
            f'<td class="amount">{money(one["amount"], one["currency"])}</td><td>{buttons}</td></tr>'
        )
    return "".join(rows)


def _refunds(state: State) -> str:
    return "".join(
        f'<tr><td>{one["id"]}</td><td>{one["charge"]}</td><td class="{one["status"]}">{one["status"]}</td>'
        f'<td class="amount">{money(one["amount"], one["currency"])}</td></tr>'
        for one in _newest(state, "refund")
    )
