"""These tests call the Stripe stand-in with the real SDK.

At the end of each test, every response is checked against the SDK's types, which are generated from Stripe's
specification. A mismatch fails the test.

`make test-stripe` runs the tests without the mark `standin_only` against Stripe (tests/support/stripe_place.py).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import stripe

from local.seed import save_debit
from local.stripe_standin import StripeStandIn
from local.stripe_standin.sdk_types import violations
from tests.support.stripe_place import Clock, Place, a_place, patient

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

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.recorded: list[Recorded] = []
        self._place = place
        self._send = patient(super().request, lambda answer: int(answer[1]))

    def request(self, method: str, url: str, headers: Any, post_data: Any = None) -> Any:
        content, status, answered = self._send(method, url, headers, post_data)
        path = "/" + url.split("/", 3)[3]
        body = json.loads(content)
        self.recorded.append(Recorded(method.upper(), path, status, dict(answered), body))
        self._place.saw(method, url, body)
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
    """The stand-in or Stripe, the SDK client, and the webhooks that the stand-in sends."""

    place: Place
    client: stripe.StripeClient
    http: RecordingClient
    webhooks: Webhooks
    clocks: dict[str, Clock] = field(default_factory=dict)
    run: str = field(default_factory=lambda: secrets.token_hex(6))

    @property
    def standin(self) -> StripeStandIn:
        return self.place.standin

    def now(self) -> int:
        return self.place.now()

    def clock(self, frozen_time: int | None = None) -> Clock:
        clock = Clock(self.client, frozen_time or self.now())
        self.clocks[clock.id] = clock
        return clock

    def time_of(self, customer: stripe.Customer) -> int:
        return self.clocks[str(customer.test_clock)].now() if customer.test_clock else self.now()

    def once(self, name: str) -> str:
        """An idempotency key that no earlier run has used."""
        return f"{name}-{self.run}"

    def _ids(self, customer: stripe.Customer | None) -> list[str]:
        """The id of this customer, or the ids of all customers of this test."""
        return [customer.id] if customer else [made for kind, made in self.place.made if kind == "customers"]

    def charges(self, customer: stripe.Customer | None = None) -> list[int]:
        """The amounts of the successful charges, oldest first."""
        return [one.amount for one in self.all_charges(customer) if one.status == "succeeded"]

    def all_charges(self, customer: stripe.Customer | None = None) -> list[stripe.Charge]:
        """Oldest first."""
        found = [
            self.client.v1.charges.list({"customer": one, "limit": 100}).data for one in self._ids(customer)
        ]
        return [charge for charges in found for charge in reversed(charges)]

    def refunds(self, customer: stripe.Customer | None = None) -> list[int]:
        """The amounts of the refunds that have not failed, oldest first."""
        found = [self.client.v1.refunds.list({"charge": one.id}).data for one in self.all_charges(customer)]
        return [one.amount for refunds in found for one in reversed(refunds) if one.status != "failed"]

    def net_paid(self, customer: stripe.Customer | None = None) -> int:
        """Charges minus refunds, in minor units."""
        return sum(self.charges(customer)) - sum(self.refunds(customer))

    def notes(self, customer: stripe.Customer | None = None) -> list[stripe.CreditNote]:
        api = self.client.v1.credit_notes
        return [
            note for one in self._ids(customer) for note in api.list({"customer": one, "limit": 100}).data
        ]

    def subscriptions(self, customer: stripe.Customer | None = None) -> list[stripe.Subscription]:
        api = self.client.v1.subscriptions
        return [
            found
            for one in self._ids(customer)
            for found in api.list({"customer": one, "status": "all"}).data
        ]

    def balance(self, customer: stripe.Customer) -> int:
        return self.client.v1.customers.retrieve(customer.id).balance

    def invoices(
        self, customer: stripe.Customer | None = None, status: str | None = None
    ) -> list[stripe.Invoice]:
        """Newest first."""
        api = self.client.v1.invoices
        found = [api.list({"customer": one, "limit": 100}).data for one in self._ids(customer)]
        return [one for invoices in found for one in invoices if status in (None, one.status)]

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

    def sepa_customer(self, iban: str = "DE89370400440532013000", **params: Any) -> stripe.Customer:
        method = self.client.v1.payment_methods.create(
            {
                "type": "sepa_debit",
                "sepa_debit": {"iban": iban},
                "billing_details": {"name": "Jenny Rosen", "email": "jenny@example.com"},
            }
        )
        return self.debtor(method.id, **params)

    def debtor(self, method: str, **params: Any) -> stripe.Customer:
        """A customer who has accepted a mandate for the SEPA debit."""
        customer = self.customer(None, **params)
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

    def expect_events(self, *types: str) -> None:
        self.place.expect_events(self.client, types)

    def event_types(self) -> list[str]:
        return [event["type"] for event in self.standin.events]


@pytest.fixture
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    webhooks = Webhooks()
    with a_place(request, API_KEY, webhook_secret=SECRET, deliver=webhooks, manual_delivery=True) as place:
        http = RecordingClient(place)
        client = stripe.StripeClient(
            place.key, base_addresses={"api": place.url}, http_client=http, max_network_retries=0
        )
        yield Shop(place, client, http, webhooks)
        if place.server is None:
            place.remove_what_was_made(client)
            return
        events = list(place.server.events)
    _check_types(http.recorded, events)


def _check_types(recorded: list[Recorded], events: list[Any]) -> None:
    drift = [
        f"{answer.method} {answer.path}: {found}"
        for answer in recorded
        if answer.status == 200
        for found in violations(answer.body["object"], answer.body)
    ]
    drift += [
        f"event {event['type']}: {found}" for event in events for found in violations("event", dict(event))
    ]
    drift += [
        f"{answer.method} {answer.path}: {answer.body}"
        for answer in recorded
        if answer.status != 200 and not {"message", "type"} <= answer.body.get("error", {}).keys()
    ]
    assert drift == []
