"""The page of a Checkout Session, as a browser without scripts uses it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin

import pytest
import requests

from tests.support.forms import Form, forms_of

from .conftest import Shop

pytestmark = pytest.mark.standin_only("the stand-in's own page")

GOOD = "4242424242424242"
CHALLENGED = "4000002760003184"
INSUFFICIENT_FUNDS = "4000000000009995"
FAILING_IBAN = "DE62370400440532013001"


def _form(session: Any, action: str) -> Form:
    return next(one for one in forms_of(session.url) if one.action.endswith(f"/{action}"))


def _send(session: Any, action: str, **filled_in: str) -> requests.Response:
    """Submit a form of the page. The redirect is not followed, because the shop's pages do not exist."""
    form = _form(session, action)
    assert filled_in.keys() <= form.fields.keys()
    address = urljoin(session.url, form.action)
    typed = {
        "Content-Type": "application/x-www-form-urlencoded"
    }  # browsers send this header even for an empty form
    return requests.post(
        address, {**form.fields, **filled_in}, headers=typed, allow_redirects=False, timeout=10
    )


def _page(session: Any, **headers: str) -> str:
    return requests.get(session.url, headers=headers, timeout=10).text


def test_the_page_shows_the_total_and_accepts_a_card(shop: Shop) -> None:
    session = shop.session(shop.customer(None, name="<b>Jenny</b>"), 1200, 900)

    page = _page(session)
    answer = _send(session, "card")

    assert "21.00 EUR" in page
    assert "Line 0" in page
    assert "https://shop.example/cart" in page
    assert "<script" not in page
    assert "<b>Jenny</b>" not in page
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"https://shop.example/paid?session={session.id}"
    assert shop.read_session(session).payment_status == "paid"


def test_a_customer_can_leave_the_page_and_pay_later(shop: Shop) -> None:
    session = shop.session(shop.customer(None))

    assert '<a href="https://shop.example/cart">' in _page(session)

    assert shop.read_session(session).status == "open"
    assert _send(session, "card").status_code == 303


def test_without_a_cancel_url_there_is_no_back_link(shop: Shop) -> None:
    params: Any = {
        "mode": "payment",
        "success_url": "https://shop.example/",
        "line_items": [
            {
                "price_data": {"currency": "eur", "unit_amount": 900, "product_data": {"name": "A"}},
                "quantity": 2,
            }
        ],
    }
    session = shop.client.v1.checkout.sessions.create(params)

    page = _page(session)

    assert "Back" not in page
    assert "2 × A" in page


def test_the_page_explains_a_declined_card_and_accepts_another(shop: Shop) -> None:
    session = shop.session(shop.customer(None))

    declined = _send(session, "card", card=INSUFFICIENT_FUNDS)

    assert declined.status_code == 402
    assert "insufficient funds" in declined.text
    assert 'role="alert"' in declined.text
    assert shop.read_session(session).status == "open"
    assert _send(session, "card", card=GOOD).status_code == 303


@pytest.mark.parametrize(
    ("answer", "status", "location"),
    [("confirm", "complete", "https://shop.example/paid?session={}"), ("refuse", "open", "/c/pay/{}")],
)
def test_a_separate_page_asks_for_the_bank_s_confirmation(
    shop: Shop, answer: str, status: str, location: str
) -> None:
    session = shop.session(shop.customer(None))
    challenged = _send(session, "card", card=CHALLENGED)
    assert challenged.headers["Location"] == f"/c/pay/{session.id}"
    assert [form.action.rsplit("/", 1)[1] for form in forms_of(session.url)] == ["confirm", "refuse"]

    sent = _send(session, answer)

    assert sent.headers["Location"] == location.format(session.id)
    assert shop.read_session(session).status == status


def test_a_debit_redirects_to_the_shop_before_its_money_arrives(shop: Shop) -> None:
    session = shop.session(shop.customer(None))

    sent = _send(session, "debit", iban=FAILING_IBAN)

    assert sent.headers["Location"] == f"https://shop.example/paid?session={session.id}"
    assert shop.read_session(session).payment_status == "unpaid"


def test_the_page_of_a_closed_session_offers_nothing_to_pay(shop: Shop) -> None:
    paid, expired = shop.session(shop.customer(None)), shop.session(shop.customer(None))
    stale = [_form(session, "card") for session in (paid, expired)]
    _send(paid, "card")
    shop.client.v1.checkout.sessions.expire(expired.id)

    for session, form, said in zip((paid, expired), stale, ("You are done here", "expired"), strict=True):
        assert said in _page(session)
        assert "<form" not in _page(session)
        again = requests.post(
            urljoin(session.url, form.action), form.fields, allow_redirects=False, timeout=10
        )
        assert again.status_code == 400
        assert said in again.text
    assert len(shop.charges()) == 1


def test_the_page_asks_for_missing_customer_details(shop: Shop) -> None:
    assert "email" not in _form(shop.session(shop.customer(None)), "card").fields
    assert "email" not in _form(shop.session(customer_email="a@example.com"), "card").fields
    session = shop.session()
    assert _send(session, "card", email="", name="Piet", country="NL").status_code == 400

    _send(session, "card", email="piet@example.com", name="Piet", country="NL", postal_code="1011 AB")

    customer = shop.read_session(session, "customer").customer
    assert (customer.email, customer.name) == ("piet@example.com", "Piet")
    assert (customer.address.country, customer.address.postal_code) == ("NL", "1011 AB")


@pytest.mark.parametrize(
    ("locale", "accepted", "language"),
    [
        ("nl", "en", "nl"),
        (None, "nl-NL,nl;q=0.9", "nl"),
        ("auto", "nl", "nl"),
        ("de", "nl", "en"),
        (None, "", "en"),
    ],
)
def test_the_session_or_the_browser_decides_the_language(
    shop: Shop, locale: str | None, accepted: str, language: str
) -> None:
    params = {} if locale is None else {"locale": locale}
    session = shop.session(shop.customer(None), **params)

    page = _page(session, **{"Accept-Language": accepted})

    assert f'<html lang="{language}">' in page
    assert ("Betalen" in page) == (language == "nl")


def test_no_page_of_a_dutch_session_has_english_words(shop: Shop) -> None:
    """A phrase without a translation stays English. The words in `english` are a sample of the phrases."""
    tax = {"automatic_tax": {"enabled": True}, "locale": "nl"}
    session = shop.session(None, 1200, **tax)
    seen = [_page(session)]
    _send(session, "card", email="p@example.com", name="Piet", country="NL", card=CHALLENGED)
    seen.append(_page(session))
    _send(session, "confirm")
    seen.append(_page(session))
    expired = shop.session(shop.customer(None), **tax)
    seen.append(_page(expired))
    shop.client.v1.checkout.sessions.expire(expired.id)
    seen.append(_page(expired))

    english = ("Your bank", "Country", "Postal", "good", "Total", "Tax", "expired", "done", "Back", "real")
    for page in seen:
        assert [word for word in english if f">{word}" in page or f" {word} " in page] == []


def test_an_unknown_session_gets_a_not_found_page(shop: Shop) -> None:
    answer = requests.get(f"{shop.standin.url}/c/pay/cs_test_x", timeout=10)

    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    customer = shop.customer(None)
    assert requests.get(f"{shop.standin.url}/c/pay/{customer.id}", timeout=10).status_code == 404


def test_a_json_request_gets_the_session_or_the_error_as_json(shop: Shop) -> None:
    session = shop.session(shop.customer(None))
    address = f"{shop.standin.url}/c/pay/{session.id}"

    declined = requests.post(f"{address}/card", json={"card": INSUFFICIENT_FUNDS}, timeout=10)
    paid = requests.post(f"{address}/card", json={}, timeout=10)

    assert (declined.status_code, declined.json()["error"]["code"]) == (402, "card_declined")
    assert (paid.status_code, paid.json()["status"]) == (200, "complete")


def test_the_start_page_lists_the_sessions(shop: Shop) -> None:
    session = shop.session(shop.customer(None), client_reference_id="cart-<1>")

    page = requests.get(shop.standin.url + "/", timeout=10).text

    assert f"/c/pay/{session.id}" in page
    assert "cart-&lt;1&gt;" in page
    for name in ("pay", "debit", "expire"):
        assert f"/_standin/checkout/{name}" in page
