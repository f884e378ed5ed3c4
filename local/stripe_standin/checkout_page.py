"""A Checkout Session's page, in Dutch or English.

The session's `locale` decides the language. If it is not set, the browser's language is used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from local import html
from local.html import Markup, choice, field, form, text

from . import checkout_payment
from .checkout_payment import Payer
from .controls import GOOD_IBAN, PAYER, Controls
from .errors import StripeError
from .idempotency import Answer
from .money import money
from .published import BANK_ACCOUNTS, CARDS, GOOD_CARD, Authentication, BankAccount, Card
from .sdk_types import Json
from .state import State

ACTIONS = ("card", "debit", "confirm", "refuse")

_HTML = {"Content-Type": html.CONTENT_TYPE}

_STYLE = """<style>
main { padding: 1.25rem 1.25rem 1.5rem; margin: 1rem auto }
main form.rows { display: grid; gap: .7rem; padding: 1rem }
main form.rows input, main form.rows select, main form { width: 100% }
main button { width: 100%; height: 2.75rem; font-weight: 600; white-space: normal }
main .sum { font-size: 2rem; font-weight: 600; margin: .2rem 0 .6rem } main h2 { margin: 1.4rem 0 .2rem }
</style>"""

_COUNTRIES = {
    "AT": "Austria", "BE": "Belgium", "BG": "Bulgaria", "CH": "Switzerland", "CY": "Cyprus", "CZ": "Czechia",
    "DE": "Germany", "DK": "Denmark", "EE": "Estonia", "ES": "Spain", "FI": "Finland", "FR": "France",
    "GB": "United Kingdom", "GR": "Greece", "HK": "Hong Kong", "HR": "Croatia", "HU": "Hungary", "IE": "Ireland",
    "IT": "Italy", "LT": "Lithuania", "LU": "Luxembourg", "LV": "Latvia", "MT": "Malta", "NL": "Netherlands",
    "NO": "Norway", "PL": "Poland", "PT": "Portugal", "RO": "Romania", "SE": "Sweden", "SI": "Slovenia",
    "SK": "Slovakia", "US": "United States",
}  # fmt: skip

_DUTCH = {
    "Back": "Terug",
    "Pay {shop}": "Betalen aan {shop}",
    "Subtotal": "Subtotaal",
    "Tax": "Btw",
    "Tax (for your country)": "Btw (voor je land)",
    "Total": "Totaal",
    "Pay by card": "Met een kaart betalen",
    "Pay by SEPA debit": "Met een SEPA-incasso betalen",
    "E-mail": "E-mail",
    "Name": "Naam",
    "Country": "Land",
    "Postal code": "Postcode",
    "Card": "Kaart",
    "Account": "Rekening",
    "Pay {amount}": "{amount} betalen",
    "good": "goed",
    "the bank asks for a confirmation": "de bank vraagt om een bevestiging",
    "declined": "geweigerd",
    "returned": "teruggeboekt",
    "Your bank wants you to confirm this payment.": "Je bank wil dat je deze betaling bevestigt.",
    "Confirm it": "Bevestigen",
    "Do not confirm it": "Niet bevestigen",
    "By paying you allow {shop} to charge this payment method for future payments.":
        "Door te betalen sta je {shop} toe om deze betaalmethode ook later te belasten.",
    "You are done here": "Je bent klaar",
    "You have paid, or your payment is on its way.": "Je hebt betaald, of je betaling is onderweg.",
    "This page has expired": "Deze pagina is verlopen",
    "Nothing was charged. Go back to the shop to begin again.":
        "Er is niets afgeschreven. Ga terug naar de winkel om opnieuw te beginnen.",
    "There is no such page": "Deze pagina bestaat niet",
    "This page expires at {time} (UTC).": "Deze pagina verloopt om {time} (UTC).",
    "A stand-in for Stripe: nothing here is real.": "Een vervanger voor Stripe: hier is niets echt.",
}  # fmt: skip

SHOP = "Hosting Orders (stand-in)"


class CheckoutPage:
    def __init__(self, state: State, controls: Controls) -> None:
        self._state = state
        self._controls = controls

    def show(self, session_id: str, headers: Mapping[str, str], failure: StripeError | None = None) -> Answer:
        with self._state.lock:
            self._state.run_due()
            session = self._state.find(session_id)
            words = _Words((session or {}).get("locale"), headers.get("Accept-Language", ""))
            if session is None or session["object"] != "checkout.session":
                return Answer(404, _page(words, words("There is no such page")).encode(), _HTML)
            page = _session(self._state, session, words, str(failure) if failure else None)
        return Answer(failure.status if failure else 200, page.encode(), _HTML)

    def act(
        self, session_id: str, action: str, given: Json, headers: Mapping[str, str], *, is_form: bool
    ) -> Answer:
        """Handle a form of the page. If `is_form` is False, the client is a program and gets the session as JSON."""
        try:
            session = self._do(session_id, action, given)
        except StripeError as refusal:
            if is_form and refusal.status != 404:
                return self.show(session_id, headers, refusal)
            raise
        if not is_form:
            return Answer(200, json.dumps(session, indent=2).encode())
        done = session["status"] == "complete"
        address = checkout_payment.success_address(session) if done else f"/c/pay/{session_id}"
        return Answer(303, b"", {"Location": address})

    def _do(self, session_id: str, action: str, given: Json) -> Json:
        if action in ("confirm", "refuse"):
            return self._controls.authenticate_checkout(session_id, succeeds=action == "confirm")
        if action == "card":
            number = str(given.get("card") or GOOD_CARD).replace(" ", "")
            return self._controls.pay_checkout(session_id, number, payer_of(given))
        iban = str(given.get("iban") or GOOD_IBAN).replace(" ", "")
        return self._controls.debit_checkout(session_id, iban, payer_of(given))


def payer_of(given: Json) -> Payer:
    typed = {name: given[name] for name in ("email", "name", "country", "postal_code") if given.get(name)}
    return Payer(**typed) if typed else PAYER


# -- the page ------------------------------------------------------------------------------------------------


class _Words:
    """Translates the page's phrases. If the session has no language, the browser's language is used."""

    def __init__(self, locale: str | None, accepted: str) -> None:
        wanted = accepted if locale in (None, "auto") else str(locale)
        self.language = "nl" if wanted.lower().startswith("nl") else "en"

    def __call__(self, phrase: str, **values: str) -> str:
        return (_DUTCH[phrase] if self.language == "nl" else phrase).format(**values)


def _page(words: _Words, title: str, *content: Markup) -> str:
    return html.page(
        title,
        html.markup(_STYLE, "<main>"),
        *content,
        html.paragraph(
            html.markup("<small>", text(words("A stand-in for Stripe: nothing here is real.")), "</small>")
        ),
        html.markup("</main>"),
        language=words.language,
    )


def _session(state: State, session: Json, words: _Words, failure: str | None) -> str:
    back = html.markup()
    if session["cancel_url"] and session["status"] != "complete":
        back = html.paragraph(html.link(session["cancel_url"], f"← {words('Back')}"))
    told = html.markup(f'<p class="bad" role="alert">{text(failure)}</p>') if failure else html.markup()
    if session["status"] == "complete":
        title = words("You are done here")
        said = words("You have paid, or your payment is on its way.")
        return _page(words, title, _title(title), told, html.paragraph(text(said)))
    if session["status"] == "expired":
        title = words("This page has expired")
        said = words("Nothing was charged. Go back to the shop to begin again.")
        return _page(words, title, _title(title), told, html.paragraph(text(said)), back)
    title = words("Pay {shop}", shop=SHOP)
    return _page(
        words, title, back, _title(title), *_bill(state, session, words), told, *_ways(state, session, words)
    )


def _title(said: str) -> Markup:
    return html.markup("<h1>", text(said), "</h1>")


def _bill(state: State, session: Json, words: _Words) -> Iterator[Markup]:
    currency = session["currency"]
    lines = [line.item for line in state.checkouts[session["id"]].lines]
    rows = [(_described(item), item["amount_subtotal"], False) for item in lines]
    rows.append((words("Subtotal"), session["amount_subtotal"], False))
    if session["automatic_tax"]["enabled"]:
        known = session["automatic_tax"]["status"] == "complete"
        name = words("Tax") if known else words("Tax (for your country)")
        rows.append((name, session["total_details"]["amount_tax"], False))
    rows.append((words("Total"), session["amount_total"], True))
    yield html.markup('<p class="sum">', text(money(session["amount_total"], currency)), "</p>")
    yield html.markup(
        "<table>",
        *(
            f"<tr{' class=total' if total else ''}><td>{text(name)}</td>"
            f'<td class="amount">{text(money(amount, currency))}</td></tr>'
            for name, amount, total in rows
        ),
        "</table>",
    )


def _described(item: Json) -> str:
    times = f"{item['quantity']} × " if item["quantity"] != 1 else ""
    return times + str(item["description"])


def _ways(state: State, session: Json, words: _Words) -> Iterator[Markup]:
    base = f"/c/pay/{session['id']}"
    intent = checkout_payment.intent_of(state, session)
    if intent and intent["status"] == "requires_action":
        yield html.paragraph(text(words("Your bank wants you to confirm this payment.")))
        yield form(f"{base}/confirm", words("Confirm it"), rows=False)
        yield form(f"{base}/refuse", words("Do not confirm it"), rows=False)
        return
    pay = words("Pay {amount}", amount=money(session["amount_total"], session["currency"]))
    who = _who(state, session, words)
    if "card" in session["payment_method_types"]:
        yield html.section(
            words("Pay by card"),
            form(f"{base}/card", pay, *who, choice("card", words("Card"), dict(_cards(words)))),
        )
    if "sepa_debit" in session["payment_method_types"]:
        yield html.section(
            words("Pay by SEPA debit"),
            form(f"{base}/debit", pay, *who, choice("iban", words("Account"), dict(_accounts(words)))),
        )
    if state.checkouts[session["id"]].payment_intent_data.get("setup_future_usage"):
        phrase = "By paying you allow {shop} to charge this payment method for future payments."
        yield html.paragraph(html.markup("<small>", text(words(phrase, shop=SHOP)), "</small>"))
    until = datetime.fromtimestamp(session["expires_at"], UTC)
    phrase = words("This page expires at {time} (UTC).", time=f"{until:%H:%M}")
    yield html.paragraph(html.markup("<small>", text(phrase), "</small>"))


def _who(state: State, session: Json, words: _Words) -> list[Markup]:
    customer: Any = state.find(session["customer"]) if session["customer"] else None
    address = (customer or {}).get("address") or {}
    email = checkout_payment.known_email(state, session)
    shown = html.markup("<div><b>", text(email or ""), "</b></div>")
    return [
        shown if email else field("email", words("E-mail"), required=True),
        field("name", words("Name"), (customer or {}).get("name") or "", required=True),
        choice("country", words("Country"), _COUNTRIES, address.get("country") or "DE"),
        field("postal_code", words("Postal code"), address.get("postal_code") or ""),
    ]


def _cards(words: _Words) -> Iterator[tuple[str, str]]:
    yield GOOD_CARD, f"{_short(GOOD_CARD)}: {words('good')}"
    for number, card in CARDS.items():
        if number != GOOD_CARD and (said := _how_it_goes(card, words)):
            yield number, f"{_short(number)}: {said}"


def _how_it_goes(card: Card, words: _Words) -> str:
    parts = []
    if card.authentication is not Authentication.NEVER:
        parts.append(words("the bank asks for a confirmation"))
    if card.decline:
        why = (card.decline.decline_code or card.decline.code).replace("_", " ")
        parts.append(f"{words('declined')} ({why})")
    return ", ".join(parts)


def _accounts(words: _Words) -> Iterator[tuple[str, str]]:
    for iban, account in BANK_ACCOUNTS.items():
        if iban.startswith(GOOD_IBAN[:2]) and not account.delayed:
            yield iban, f"{_short(iban)}: {_what_comes(account, words)}"


def _what_comes(account: BankAccount, words: _Words) -> str:
    if account.failure_code:
        return f"{words('returned')} ({account.failure_code.replace('_', ' ')})"
    return words("good") + (" (dispute)" if account.disputed else "")


def _short(number: str) -> str:
    return f"{number[:4]} … {number[-4:]}"
