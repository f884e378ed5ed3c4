"""These tests reach the Stripe stand-in through the real SDK. Every response is checked against the types
that the SDK generates from Stripe's specification, and a mismatch fails the test when it ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import stripe

from local.seed import save_debit
from local.stripe_standin import StripeStandIn
from local.stripe_standin.sdk_types import violations

SECRET = "whsec_of_the_conformance_tests"
API_KEY = "sk_test_conformance"


@dataclass
class Recorded:
    method: str
    path: str
    status: int
    headers: dict[str, str]
    body: Any


class RecordingClient(stripe.RequestsClient):
    """The SDK's own HTTP client, which records what it received."""

    def __init__(self) -> None:
        super().__init__()
        self.recorded: list[Recorded] = []

    def request(self, method: str, url: str, headers: Any, post_data: Any = None) -> Any:
        content, status, answered = super().request(method, url, headers, post_data)
        path = "/" + url.split("/", 3)[3]
        self.recorded.append(Recorded(method.upper(), path, status, dict(answered), json.loads(content)))
        return content, status, answered


@dataclass
class Webhooks:
    """Receives the stand-in's webhooks in place of a server."""

    received: list[tuple[bytes, str]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def __call__(self, body: bytes, signature: str) -> int:
        self.received.append((body, signature))
        return self.answers.pop(0) if self.answers else 200

    @property
    def types(self) -> list[str]:
        return [json.loads(body)["type"] for body, _ in self.received]


@dataclass
class Shop:
    """The stand-in, its SDK client, and the webhooks it sends."""

    standin: StripeStandIn
    client: stripe.StripeClient
    http: RecordingClient
    webhooks: Webhooks

    def customer(self, method: str | None = "pm_card_visa", **params: Any) -> stripe.Customer:
        """A customer in Germany with the payment method `method`."""
        customer = self.client.v1.customers.create(
            {
                "name": "Jenny Rosen",
                "email": "jenny@example.com",
                "address": {"country": "DE", "line1": "Street 1"},
                **params,
            }
        )
        if method is None:
            return customer
        attached = self.client.v1.payment_methods.attach(method, {"customer": customer.id})
        return self.client.v1.customers.update(
            customer.id, {"invoice_settings": {"default_payment_method": attached.id}}
        )

    def sepa_customer(self, iban: str = "DE89370400440532013000") -> stripe.Customer:
        method = self.client.v1.payment_methods.create(
            {
                "type": "sepa_debit",
                "sepa_debit": {"iban": iban},
                "billing_details": {"name": "Jenny Rosen", "email": "jenny@example.com"},
            }
        )
        return self.debtor(method.id)

    def debtor(self, method: str) -> stripe.Customer:
        """A customer who has accepted a mandate for the SEPA debit."""
        customer = self.customer(None)
        saved = save_debit(self.client, customer.id, method)
        return self.client.v1.customers.update(
            customer.id, {"invoice_settings": {"default_payment_method": saved}}
        )

    def draft(self, customer: stripe.Customer, *amounts: int, **params: Any) -> stripe.Invoice:
        """An invoice with one line per amount (minor units)."""
        invoice = self.client.v1.invoices.create(
            {
                "customer": customer.id,
                "currency": "eur",
                "auto_advance": False,
                "collection_method": "charge_automatically",
                "pending_invoice_items_behavior": "exclude",
                **params,
            }
        )
        lines: Any = [
            {"amount": amount, "description": f"Line {number}", "metadata": {"line": str(number)}}
            for number, amount in enumerate(amounts or (1200,))
        ]
        return self.client.v1.invoices.add_lines(invoice.id, {"lines": lines})

    def open(self, customer: stripe.Customer, *amounts: int, **params: Any) -> stripe.Invoice:
        draft = self.draft(customer, *amounts, **params)
        return self.client.v1.invoices.finalize_invoice(draft.id, {"auto_advance": False})

    def paid(self, customer: stripe.Customer, *amounts: int, **params: Any) -> stripe.Invoice:
        invoice = self.open(customer, *amounts, **params)
        return self.client.v1.invoices.pay(invoice.id, {"off_session": True})

    def session(self, customer: stripe.Customer | None = None, *amounts: int, **params: Any) -> Any:
        """A Checkout Session like those that the backend creates, with one line per amount (minor units)."""
        lines: list[Any] = [
            {
                "price_data": {
                    "currency": "eur",
                    "unit_amount": amount,
                    "tax_behavior": "exclusive",
                    "product_data": {"name": f"Line {number}", "metadata": {"line": str(number)}},
                },
                "quantity": 1,
                "metadata": {"line": str(number)},
            }
            for number, amount in enumerate(amounts or (1200,))
        ]
        given: Any = {
            "mode": "payment",
            "line_items": lines,
            "success_url": "https://shop.example/paid?session={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://shop.example/cart",
            "invoice_creation": {"enabled": True, "invoice_data": {"metadata": {"cart": "c1"}}},
            "payment_intent_data": {"setup_future_usage": "off_session", "metadata": {"cart": "c1"}},
            "metadata": {"cart": "c1"},
            **params,
        }
        if customer is not None:
            given["customer"] = customer.id
        return self.client.v1.checkout.sessions.create(given)

    def read_session(self, session: Any, *expand: str) -> Any:
        return self.client.v1.checkout.sessions.retrieve(session.id, {"expand": list(expand)})

    def read(self, invoice: stripe.Invoice) -> Any:
        """The invoice with its payment intent, as the adapter reads it."""
        return self.client.v1.invoices.retrieve(
            invoice.id, {"expand": ["payments.data.payment.payment_intent"]}
        )

    def intent(self, invoice: stripe.Invoice) -> Any:
        return self.read(invoice).payments.data[0].payment.payment_intent

    def event_types(self) -> list[str]:
        return [event["type"] for event in self.standin.events]


@pytest.fixture
def shop() -> Iterator[Shop]:
    webhooks = Webhooks()
    http = RecordingClient()
    with StripeStandIn(
        webhook_url=None, webhook_secret=SECRET, deliver=webhooks, manual_delivery=True
    ) as standin:
        client = stripe.StripeClient(
            API_KEY, base_addresses={"api": standin.url}, http_client=http, max_network_retries=0
        )
        yield Shop(standin, client, http, webhooks)
        events = list(standin.events)
    drift = [
        f"{answer.method} {answer.path}: {found}"
        for answer in http.recorded
        if answer.status == 200
        for found in violations(answer.body["object"], answer.body)
    ]
    drift += [
        f"event {event['type']}: {found}" for event in events for found in violations("event", dict(event))
    ]
    drift += [
        f"{answer.method} {answer.path}: {answer.body}"
        for answer in http.recorded
        if answer.status != 200 and not {"message", "type"} <= answer.body.get("error", {}).keys()
    ]
    assert drift == []
