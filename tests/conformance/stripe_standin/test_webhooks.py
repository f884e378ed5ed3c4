"""Webhooks: signatures, retries, and the stand-in's controls for them."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import requests
import stripe

from local.stripe_standin import StripeStandIn

from .conftest import API_KEY, SECRET, Shop

pytestmark = pytest.mark.standin_only("the stand-in's webhooks")


def control(shop: Shop, name: str, **what: Any) -> Any:
    answer = requests.post(f"{shop.standin.url}/_standin/{name}", json=what, timeout=10)
    answer.raise_for_status()
    return answer.json()


def test_the_sdk_accepts_the_signature_of_a_webhook(shop: Shop) -> None:
    shop.client.v1.customers.create({"name": "A"})
    assert shop.webhooks.received == []

    assert shop.standin.deliver_webhooks() == 1

    ((body, signature),) = shop.webhooks.received
    event = stripe.Webhook.construct_event(body, signature, SECRET)
    assert (event.type, event.id) == ("customer.created", shop.standin.events[0]["id"])
    assert event.api_version == stripe.api_version
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body + b" ", signature, SECRET)


def test_a_webhook_is_signed_with_both_secrets_during_a_rotation() -> None:
    received: list[tuple[bytes, str]] = []

    def deliver(body: bytes, signature: str) -> int:
        received.append((body, signature))
        return 200

    with StripeStandIn(
        webhook_secret=["whsec_old", "whsec_new"], deliver=deliver, manual_delivery=True
    ) as standin:
        client = stripe.StripeClient(API_KEY, base_addresses={"api": standin.url})
        client.v1.customers.create({})
        standin.deliver_webhooks()

    for secret in ("whsec_old", "whsec_new"):
        assert stripe.Webhook.construct_event(*received[0], secret).type == "customer.created"


def test_a_refused_webhook_is_sent_again(shop: Shop) -> None:
    shop.client.v1.customers.create({})
    shop.webhooks.answers = [500]

    assert shop.standin.deliver_webhooks() == 0
    assert shop.standin.deliver_webhooks() == 1
    assert shop.standin.deliver_webhooks() == 0
    first, second = (json.loads(body)["id"] for body, _ in shop.webhooks.received)
    assert first == second


def test_events_are_recorded_while_webhooks_are_off(shop: Shop) -> None:
    control(shop, "webhooks", on=False)
    shop.client.v1.customers.create({})
    control(shop, "webhooks", on=True)

    assert shop.standin.deliver_webhooks() == 0
    assert [event.type for event in shop.client.v1.events.list().data] == ["customer.created"]


def test_webhooks_can_be_duplicated_and_shuffled(shop: Shop) -> None:
    control(shop, "webhooks", copies=3, shuffle=7)
    shop.paid(shop.customer())
    happened = shop.event_types()

    shop.standin.deliver_webhooks()

    sent = shop.webhooks.types
    assert sorted(sent) == sorted(happened * 3)
    assert sent != [kind for kind in happened for _ in range(3)]


def test_an_event_is_sent_again_on_request(shop: Shop) -> None:
    shop.client.v1.customers.create({})
    shop.standin.deliver_webhooks()

    control(shop, "events/" + shop.standin.events[0]["id"] + "/send", times=2)
    shop.standin.deliver_webhooks()

    assert shop.webhooks.types == ["customer.created"] * 3
    assert len({json.loads(body)["id"] for body, _ in shop.webhooks.received}) == 1


def test_a_payment_sends_all_its_events(shop: Shop) -> None:
    shop.paid(shop.customer())
    shop.standin.deliver_webhooks()

    told = [
        kind
        for kind in shop.webhooks.types
        if kind.startswith(("invoice.", "payment_intent.", "charge.")) and kind != "invoice.updated"
    ]
    assert told == [
        "invoice.created",
        "payment_intent.created",
        "invoice.finalized",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice.paid",
        "invoice.payment_succeeded",
    ]


def test_webhooks_over_http_are_retried_until_they_are_accepted() -> None:
    received: list[tuple[bytes, str]] = []

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((body, self.headers["Stripe-Signature"]))
            self.send_response(500 if len(received) == 1 else 200)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Log nothing."""

    with HTTPServer(("127.0.0.1", 0), Endpoint) as endpoint:
        threading.Thread(target=endpoint.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{endpoint.server_address[1]}/webhooks"
        with StripeStandIn(webhook_url=url, webhook_secret=SECRET) as standin:
            stripe.StripeClient(API_KEY, base_addresses={"api": standin.url}).v1.customers.create({})
            deadline = time.monotonic() + 10
            while len(standin.deliveries) < 2 and time.monotonic() < deadline:
                time.sleep(0.005)
            statuses = [delivery.status for delivery in standin.deliveries]
        endpoint.shutdown()

    assert statuses == [500, 200]
    assert stripe.Webhook.construct_event(*received[1], SECRET).type == "customer.created"
