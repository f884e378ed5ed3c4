"""The stand-in's pages, controls and command line, which Stripe's API does not have."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
import stripe

from local.stripe_standin.console import CONTROLS
from local.stripe_standin.faults import KINDS
from tests.support.forms import forms_of, send

from .conftest import Shop

pytestmark = pytest.mark.standin_only("the stand-in's own controls")

ROOT = Path(__file__).parents[3]
DAY = 24 * 60 * 60


def control(shop: Shop, name: str, **what: Any) -> Any:
    answer = requests.post(f"{shop.standin.url}/_standin/{name}", json=what, timeout=10)
    answer.raise_for_status()
    return answer.json()


def test_the_summary_shows_a_customers_money(shop: Shop) -> None:
    customer = shop.customer()
    paid = shop.paid(customer, 1200)
    still_open = shop.open(customer, 500)
    shop.client.v1.credit_notes.create({"invoice": paid.id, "amount": 200, "refund_amount": 200})
    shop.paid(shop.customer(), 9900)

    summary = requests.get(
        f"{shop.standin.url}/_standin/summary", params={"customer": customer.id}, timeout=10
    ).json()

    assert summary["net_paid"] == shop.net_paid(customer) == 1000
    assert [charge["amount"] for charge in summary["charges"]] == [1200]
    assert [refund["amount"] for refund in summary["refunds"]] == [200]
    assert len(summary["credit_notes"]) == 1
    assert summary["open_invoices"] == [still_open.id]
    everybody = requests.get(f"{shop.standin.url}/_standin/summary", timeout=10).json()
    assert everybody["net_paid"] == 10900


@pytest.mark.parametrize(
    ("iban", "status"),
    [("DE89370400440532013000", "paid"), ("DE62370400440532013001", "open")],
)
def test_a_sepa_payment_ends_as_documented_after_some_days(shop: Shop, iban: str, status: str) -> None:
    invoice = shop.open(shop.sepa_customer(iban))
    shop.client.v1.invoices.pay(invoice.id)
    control(shop, "clock", seconds=DAY)
    assert shop.intent(invoice).status == "processing"

    control(shop, "clock", seconds=14 * DAY)

    assert shop.intent(invoice).status == {"paid": "succeeded", "open": "requires_payment_method"}[status]
    assert shop.read(invoice).status == status


def test_a_failed_refund_leaves_the_money_with_us(shop: Shop) -> None:
    customer = shop.customer()
    invoice = shop.paid(customer, 1200)
    control(shop, "settings", refunds="fail")

    refund = shop.client.v1.refunds.create({"payment_intent": shop.intent(invoice).id})

    assert shop.client.v1.refunds.retrieve(refund.id).status == "failed"
    assert shop.net_paid(customer) == 1200
    shop.expect_events("refund.failed")


def test_a_fault_applies_only_to_requests_for_its_path(shop: Shop) -> None:
    invoice = shop.open(shop.customer())
    control(shop, "faults", kind="error", path="/v1/invoices/[^/]+/pay", times=2)

    assert shop.read(invoice).status == "open"
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            shop.client.v1.invoices.pay(invoice.id)
    assert shop.client.v1.invoices.pay(invoice.id).status == "paid"


def test_a_fault_can_refuse_a_request_with_a_given_error(shop: Shop) -> None:
    error = {"type": "card_error", "code": "card_declined", "decline_code": "pickup_card", "message": "No."}
    control(shop, "faults", kind="refuse", path="/v1/invoices/.*/pay", status=402, error=error)
    invoice = shop.open(shop.customer())

    with pytest.raises(stripe.CardError) as refusal:
        shop.client.v1.invoices.pay(invoice.id)
    assert refusal.value.error is not None
    assert refusal.value.error.decline_code == "pickup_card"
    assert shop.client.v1.invoices.pay(invoice.id).status == "paid"


def test_a_fault_can_return_a_500_after_the_invoice_is_paid(shop: Shop) -> None:
    customer = shop.customer()
    invoice = shop.open(customer)
    control(shop, "faults", kind="error_after", path="/v1/invoices/.*/pay")

    for _ in range(2):
        with pytest.raises(stripe.APIError):
            shop.client.v1.invoices.pay(invoice.id, {}, {"idempotency_key": "pay-1"})
    assert shop.read(invoice).status == "paid"
    assert len(shop.charges(customer)) == 1


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("faults", {"kind": "nonsense"}),
        ("faults", {"kind": "error", "path": "("}),
        ("settings", {"refunds": "perhaps"}),
        ("settings", {"nonsense": True}),
        ("clock", {"seconds": -5}),
        ("settle", {"payment": "in_unknown"}),
    ],
)
def test_an_invalid_control_is_refused_with_a_reason(shop: Shop, name: str, what: dict[str, Any]) -> None:
    answer = requests.post(f"{shop.standin.url}/_standin/{name}", json=what, timeout=10)

    assert 400 <= answer.status_code < 500
    assert answer.json()["error"]


def test_the_start_page_lists_invoices_and_controls(shop: Shop) -> None:
    invoice = shop.open(shop.customer(name="<b>Jenny</b>"))

    page = requests.get(shop.standin.url + "/", timeout=10)

    assert page.headers["Content-Type"].startswith("text/html")
    assert str(invoice.number) in page.text
    for name in ("summary", "settle", "fail", "faults", "webhooks", "settings", "clock"):
        assert f"/_standin/{name}" in page.text
    assert "<b>Jenny</b>" not in page.text
    assert "<script" not in page.text


def test_every_control_has_a_working_form_on_the_page(shop: Shop) -> None:
    control(shop, "settings", refunds="pending")
    customer = shop.customer()
    paid = shop.paid(customer, 1200)
    shop.client.v1.refunds.create({"payment_intent": shop.intent(paid).id})
    shop.paid(customer, 1200)
    shop.client.v1.invoices.pay(shop.open(shop.sepa_customer()).id)
    shop.client.v1.invoices.pay(shop.open(shop.sepa_customer()).id)
    product = shop.client.v1.products.create({"name": "Site"})
    monthly = {
        "currency": "eur",
        "product": product.id,
        "unit_amount": 1200,
        "recurring": {"interval": "month"},
    }
    shop.client.v1.subscriptions.create({"customer": customer.id, "items": [{"price_data": monthly}]})

    for card in ("4000002760003184", "4242424242424242"):
        session = shop.session(customer)
        shop.session(customer)
        shop.session(customer)
        shop.standin.controls.pay_checkout(session.id, card)

    address = f"{shop.standin.url}/"
    actions = {
        re.sub(r"evt_\w+", "ID", control.path)
        for control in CONTROLS
        if control.method == "POST" and control.path.startswith("/_standin/")
    }
    found = {re.sub(r"evt_\w+", "ID", form.action) for form in forms_of(address)}
    assert found == actions
    for action in sorted(actions):
        form = next(one for one in forms_of(address) if re.sub(r"evt_\w+", "ID", one.action) == action)
        filled_in = {"type": "invoice.paid", "object": "{}"} if action.endswith("make") else {}
        assert send(address, form, **filled_in) == address


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_fault_can_be_set_and_is_listed(shop: Shop, kind: str) -> None:
    address = f"{shop.standin.url}/"
    form = next(one for one in forms_of(address) if one.action == "/_standin/faults")
    assert form.choices["kind"] == list(KINDS)

    send(address, form, kind=kind, times="3", path="/v1/refunds", error='{"code": "no"}', status="402")

    (waiting,) = shop.standin.faults.waiting
    assert (waiting.kind, waiting.times, waiting.path) == (kind, 3, "/v1/refunds")
    assert (waiting.error, waiting.status) == ({"code": "no"}, 402)
    assert f"at /v1/refunds, 3 times: {KINDS[kind]}" in requests.get(address, timeout=10).text


def test_a_form_turns_the_shuffling_of_webhooks_on_and_off(shop: Shop) -> None:
    address = f"{shop.standin.url}/"
    for seed, shuffle in (("7", 7), ("", None)):
        form = next(one for one in forms_of(address) if one.action == "/_standin/webhooks")
        send(address, form, shuffle=seed)
        assert shop.standin.webhooks.settings.shuffle == shuffle


def test_the_page_of_a_paid_invoice_offers_nothing_to_pay(shop: Shop) -> None:
    invoice = shop.paid(shop.customer())

    page = requests.get(str(invoice.hosted_invoice_url), timeout=10).text

    assert "paid" in page.lower()
    assert "<form" not in page


def test_requests_are_recorded(shop: Shop) -> None:
    shop.client.v1.customers.create({}, {"idempotency_key": "key-1"})

    last = shop.standin.requests[-1]
    assert (last.method, last.path, last.idempotency_key) == ("POST", "/v1/customers", "key-1")


def test_the_command_line_serves_on_a_free_port_and_prints_it() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [
            sys.executable, "-m", "local.stripe_standin", "--port", "0",
            "--webhook-url", "http://127.0.0.1:9/", "--webhook-secret", "whsec_cli",
        ],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        assert address.startswith("http://127.0.0.1:")
        client = stripe.StripeClient("sk_test_cli", base_addresses={"api": address})
        assert client.v1.customers.create({"name": "A"}).id.startswith("cus_")
    finally:
        process.terminate()
        process.wait(timeout=10)
        if process.stdout is not None:
            process.stdout.close()
