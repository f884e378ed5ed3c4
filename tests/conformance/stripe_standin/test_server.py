"""The stand-in's server: isolation, closing, credentials, body size and pages."""

from __future__ import annotations

import re

import pytest
import requests
import stripe

import local.stripe_standin as package
from local.stripe_standin.console import CONTROLS
from local.stripe_standin.faults import KINDS

from .conftest import API_KEY, Shop

pytestmark = pytest.mark.standin_only("the stand-in's own server")


def test_two_stand_ins_share_nothing() -> None:
    with package.StripeStandIn() as one, package.StripeStandIn() as other:
        stripe.StripeClient(API_KEY, base_addresses={"api": one.url}).v1.customers.create({})
        assert (len(one.objects("customer")), len(other.objects("customer"))) == (1, 0)


def test_closing_the_stand_in_ends_its_open_connections() -> None:
    with requests.Session() as session:
        with package.StripeStandIn() as standin:
            assert session.get(f"{standin.url}/healthz", timeout=5).status_code == 200
            url = standin.url
        with pytest.raises(requests.ConnectionError):
            session.get(f"{url}/healthz", timeout=5)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer sk_live_1"}, 401),
        ({"Authorization": "Basic c2tfdGVzdF8xOg=="}, 200),  # `sk_test_1:`, as curl -u sends it
        ({"Authorization": "Bearer sk_test_1", "Stripe-Version": "2020-08-27"}, 400),
    ],
)
def test_a_request_needs_a_test_key_and_our_api_version(
    shop: Shop, headers: dict[str, str], status: int
) -> None:
    answer = requests.get(f"{shop.standin.url}/v1/events", headers=headers, timeout=5)
    assert answer.status_code == status


def test_a_body_that_is_too_large_is_refused(shop: Shop) -> None:
    headers = {"Authorization": f"Bearer {API_KEY}"}
    answer = requests.post(f"{shop.standin.url}/v1/customers", "a=" + "x" * 2**21, headers=headers, timeout=5)
    assert answer.status_code == 413


def test_the_package_docstring_lists_controls_and_faults() -> None:
    text = package.__doc__ or ""
    missing = [control.path for control in CONTROLS if control.path not in text]
    missing += [kind for kind in KINDS if not re.search(rf"\b{kind}\b", text)]
    assert missing == []


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [(1234, "eur", "12.34 EUR"), (1234, "jpy", "1234 JPY"), (1234, "kwd", "1.234 KWD")],
)
def test_the_hosted_page_shows_amounts_in_major_units(
    shop: Shop, amount: int, currency: str, shown: str
) -> None:
    invoice = shop.open(shop.customer(), amount, currency=currency)
    assert shown in requests.get(str(invoice.hosted_invoice_url), timeout=5).text


def test_the_hosted_page_and_the_start_page_escape_all_input(shop: Shop) -> None:
    customer = shop.customer(name="<b>Eve</b>")
    draft = shop.client.v1.invoices.create(
        {"customer": customer.id, "currency": "eur", "metadata": {"x": "<i>1</i>"}}
    )
    shop.client.v1.invoices.add_lines(draft.id, {"lines": [{"amount": 1200, "description": "<script>"}]})
    invoice = shop.client.v1.invoices.finalize_invoice(draft.id)

    for page in (str(invoice.hosted_invoice_url), shop.standin.url):
        text = requests.get(page, timeout=5).text
        assert not {"<b>Eve", "<i>1", "<script>"} & set(re.findall(r"<b>Eve|<i>1|<script>", text))


def test_the_hosted_page_says_why_a_card_was_declined(shop: Shop) -> None:
    invoice = shop.open(shop.customer())
    answer = requests.post(f"{invoice.hosted_invoice_url}/pay", data={"card": "4000000000009995"}, timeout=5)
    assert answer.status_code == 402
    assert "Your card has insufficient funds." in answer.text
    paid = requests.post(f"{invoice.hosted_invoice_url}/pay", timeout=5)
    assert (paid.status_code, paid.url) == (200, invoice.hosted_invoice_url)
    assert 'class="paid">paid' in paid.text
