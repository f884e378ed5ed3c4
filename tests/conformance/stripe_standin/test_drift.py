"""The stand-in's requests and responses fit the types of the pinned `stripe` package.

These types come from Stripe's specification. The fixture `shop` in conftest.py compares the responses with the types,
in this file and in all other tests of the stand-in.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests
import stripe

from local.stripe_standin import sdk_types
from local.stripe_standin.routes import ROUTES, Route

from .conftest import API_KEY, Shop

pytestmark = pytest.mark.standin_only("checks the stand-in against the SDK's types")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_a_route_accepts_only_parameters_of_the_sdk(route: Route) -> None:
    known = sdk_types.params(route.params)

    assert route.understood - known.keys() <= {
        "expand",
        "created",
        "limit",
        "starting_after",
        "ending_before",
    }
    assert route.supports <= known.keys()


def test_the_response_of_every_route_fits_the_sdks_types(shop: Shop) -> None:
    """Call every route. After the test, the fixture `shop` compares the responses with the types."""
    stripe_ = shop.client.v1
    customer = shop.customer()
    stripe_.customers.retrieve(customer.id)
    stripe_.customers.update(customer.id, {"metadata": {"a": "b"}})
    stripe_.customers.balance_transactions.create(customer.id, {"amount": -300, "currency": "eur"})
    stripe_.customers.balance_transactions.list(customer.id)
    stripe_.customers.payment_methods.list(customer.id)
    method = stripe_.payment_methods.list({"customer": customer.id}).data[0]
    stripe_.payment_methods.retrieve(method.id)
    shop.sepa_customer()
    product = stripe_.products.create({"name": "VPS S", "tax_code": "txcd_10701100"})
    stripe_.products.retrieve(product.id)
    stripe_.products.update(product.id, {"description": "small"})
    stripe_.products.delete(stripe_.products.create({"name": "to go"}).id)
    price = stripe_.prices.create(
        {"product": product.id, "currency": "eur", "unit_amount": 900, "recurring": {"interval": "month"}}
    )
    stripe_.prices.retrieve(price.id)

    deleted = shop.draft(customer)
    stripe_.invoices.update(deleted.id, {"description": "to go"})
    stripe_.invoices.delete(deleted.id)
    voided = shop.open(customer)
    stripe_.invoices.void_invoice(voided.id)
    invoice = shop.paid(customer, 1200, 900, automatic_tax={"enabled": True})
    stripe_.invoices.list({"customer": customer.id})
    stripe_.invoices.line_items.list(invoice.id)
    stripe_.invoices.search({"query": "status:'paid'"})
    taxes: Any = invoice.total_taxes
    stripe_.tax_rates.retrieve(taxes[0].tax_rate_details.tax_rate)
    payment: Any = stripe_.invoice_payments.list({"invoice": invoice.id}).data[0]
    stripe_.invoice_payments.retrieve(payment.id)
    intent = stripe_.payment_intents.retrieve(payment.payment.payment_intent)
    stripe_.payment_intents.list({"customer": customer.id})
    charge = stripe_.charges.retrieve(str(intent.latest_charge))
    stripe_.charges.list({"customer": customer.id})

    refund = stripe_.refunds.create({"payment_intent": intent.id, "amount": 100})
    stripe_.refunds.retrieve(refund.id)
    stripe_.refunds.update(refund.id, {"metadata": {"a": "b"}})
    stripe_.refunds.list({"charge": charge.id})
    lines: Any = [{"type": "invoice_line_item", "invoice_line_item": invoice.lines.data[0].id, "quantity": 1}]
    amounts: Any = {"invoice": invoice.id, "lines": lines, "refund_amount": 1428}
    stripe_.credit_notes.preview(amounts)
    stripe_.credit_notes.preview_lines.list(amounts)
    note = stripe_.credit_notes.create(amounts)
    stripe_.credit_notes.retrieve(note.id)
    stripe_.credit_notes.update(note.id, {"memo": "sorry"})
    stripe_.credit_notes.list({"invoice": invoice.id})

    disputed = shop.paid(shop.customer("pm_card_createDispute"), 700)
    dispute = stripe_.disputes.list({"payment_intent": shop.intent(disputed).id}).data[0]
    stripe_.disputes.retrieve(dispute.id)

    subscription = stripe_.subscriptions.create(
        {
            "customer": customer.id,
            "items": [{"price": price.id}],
            "default_payment_method": method.id,
            "billing_cycle_anchor": shop.now() + 20 * 86_400,
            "proration_behavior": "none",
        }
    )
    stripe_.subscriptions.retrieve(subscription.id)
    stripe_.subscriptions.update(subscription.id, {"metadata": {"a": "b"}})
    stripe_.subscriptions.list({"customer": customer.id})
    stripe_.invoices.create_preview({"customer": customer.id, "automatic_tax": {"enabled": True}})
    stripe_.subscriptions.cancel(subscription.id)

    session = shop.session(customer)
    stripe_.checkout.sessions.retrieve(session.id)
    stripe_.checkout.sessions.update(session.id, {"metadata": {"a": "b"}})
    stripe_.checkout.sessions.list({"customer": customer.id})
    stripe_.checkout.sessions.line_items.list(session.id)
    stripe_.checkout.sessions.expire(session.id)

    event = stripe_.events.list({"limit": 100}).data[0]
    stripe_.events.retrieve(event.id)

    endpoint = stripe_.webhook_endpoints.create({"url": "https://shop.example/hook", "enabled_events": ["*"]})
    stripe_.webhook_endpoints.retrieve(endpoint.id)
    stripe_.webhook_endpoints.update(endpoint.id, {"disabled": True})
    stripe_.webhook_endpoints.list()
    stripe_.webhook_endpoints.delete(endpoint.id)

    clocks = stripe_.test_helpers.test_clocks
    clock = clocks.create({"frozen_time": shop.now()})
    clocks.retrieve(clock.id)
    clocks.list()
    clocks.advance(clock.id, {"frozen_time": clock.frozen_time + 60})
    clocks.delete(clock.id)

    stripe_.customers.list({"limit": 3})
    stripe_.customers.delete(shop.customer().id)

    visited = {(answer.method, answer.path.partition("?")[0]) for answer in shop.http.recorded}
    missed = [
        f"{route.method} {route.path}"
        for route in ROUTES
        if not any(method == route.method and route.pattern.fullmatch(path) for method, path in visited)
    ]
    assert missed == []


def test_the_stand_in_has_the_api_version_of_the_sdk(shop: Shop) -> None:
    shop.client.v1.customers.create({})

    assert shop.http.recorded[-1].headers["Stripe-Version"] == stripe.api_version
    assert shop.standin.events[-1]["api_version"] == stripe.api_version


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda body: body.pop("currency"), "currency: missing"),
        (lambda body: body.update(colour="red"), "colour: unknown"),
        (lambda body: body.update(status="settled"), "'settled' is none of"),
        (lambda body: body.update(amount_due="1200"), "amount_due"),
        (lambda body: body.update(total=True), "total"),
        (lambda body: body["automatic_tax"].pop("enabled"), "automatic_tax.enabled: missing"),
        (lambda body: body["lines"]["data"][0].update(amount=None), "amount: null"),
        (lambda body: body.update(currency=""), "currency"),
        (lambda body: body.update(customer={"object": "invoice"}), "customer"),
    ],
)
def test_the_checker_detects_invalid_fields(shop: Shop, change: Any, complaint: str) -> None:
    shop.open(shop.customer())
    answer = requests.get(
        f"{shop.standin.url}/v1/invoices", headers={"Authorization": f"Bearer {API_KEY}"}, timeout=10
    ).json()
    assert sdk_types.violations("list", answer) == []

    change(answer["data"][0])

    found = sdk_types.violations("list", answer)
    assert any(re.search(complaint, one) for one in found), found
