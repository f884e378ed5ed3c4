"""Reading past events, and sending events by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest
import stripe

from .conftest import SECRET, Shop

pytestmark = pytest.mark.standin_only("the stand-in's events and webhooks")

DAY = 86_400


def test_events_are_read_by_type_and_time(shop: Shop) -> None:
    customer = shop.customer()
    shop.standin.clock.advance(1000)
    since = shop.now()
    shop.paid(customer)
    shop.open(customer)

    def types(**query: Any) -> list[str]:
        return [event.type for event in shop.client.v1.events.list({"limit": 100, **query}).data]

    assert types(type="invoice.paid") == ["invoice.paid"]
    assert set(types(type="invoice.payment_*")) == {"invoice.payment_succeeded"}
    assert types(types=["invoice.paid", "invoice.finalized"]) == [
        "invoice.finalized",
        "invoice.paid",
        "invoice.finalized",
    ]
    assert "customer.created" not in types(created={"gte": since})
    assert "customer.created" in types(created={"lt": since})
    with pytest.raises(stripe.InvalidRequestError):
        types(type="invoice.paid", types=["invoice.paid"])


def test_an_event_shows_its_object_at_the_time_of_the_event(shop: Shop) -> None:
    invoice = shop.paid(shop.customer(), metadata={"cart": "c1"})
    shop.client.v1.invoices.update(invoice.id, {"metadata": {"cart": "c2"}})

    (finalized,) = shop.client.v1.events.list({"type": "invoice.finalized"}).data
    seen: Any = finalized.data.object
    assert (seen["status"], seen["metadata"]["cart"]) == ("open", "c1")


def test_an_event_names_the_request_that_caused_it(shop: Shop) -> None:
    shop.client.v1.customers.create({"name": "A"}, {"idempotency_key": "key-1"})
    invoice = shop.open(shop.debtor("pm_success_de"))
    shop.client.v1.invoices.pay(invoice.id)
    shop.standin.clock.advance(6 * DAY)

    (created, *_), (paid,) = (
        [event for event in shop.standin.events if event["type"] == wanted]
        for wanted in ("customer.created", "invoice.paid")
    )
    assert created["request"]["idempotency_key"] == "key-1"
    assert created["request"]["id"].startswith("req_")
    assert paid["request"] == {"id": None, "idempotency_key": None}  # caused by the bank, not by a request


def test_the_stand_in_keeps_events_for_thirty_days(shop: Shop) -> None:
    shop.client.v1.customers.create({"name": "A"})
    shop.standin.clock.advance(29 * DAY)
    assert len(shop.client.v1.events.list().data) == 1
    shop.standin.clock.advance(2 * DAY)
    assert shop.client.v1.events.list().data == []


def test_an_event_made_by_hand_is_signed_like_any_other(shop: Shop) -> None:
    subject = {"object": "invoice", "id": "in_nobody"}
    shop.standin.controls.send_made_event("invoice.paid", subject, id="evt_forged", created=1)
    shop.standin.deliver_webhooks()

    ((body, signature),) = shop.webhooks.received
    event = stripe.Webhook.construct_event(body, signature, SECRET)
    assert (event.id, json.loads(body)["data"]["object"]) == ("evt_forged", subject)
    assert shop.standin.events == []


def test_copies_of_webhooks_are_shuffled(shop: Shop) -> None:
    shop.standin.controls.set_webhooks(shuffle=7, copies=3)
    shop.paid(shop.customer())
    shop.standin.deliver_webhooks()

    in_order = shop.event_types()
    assert sorted(shop.webhooks.types) == sorted(3 * in_order)
    assert shop.webhooks.types != [one for one in in_order for _ in range(3)]


def test_each_action_sends_its_events(shop: Shop) -> None:
    """Only a declined card causes `charge.failed` and `payment_intent.payment_failed`. The last payment is declined."""
    customer = shop.customer()
    shop.client.v1.invoices.void_invoice(shop.open(customer).id)
    paid = shop.paid(customer, 1200)
    note = shop.client.v1.credit_notes.create({"invoice": paid.id, "amount": 700, "refund_amount": 700})
    shop.client.v1.credit_notes.update(note.id, {"memo": "sorry"})
    shop.standin.controls.settle_refund(shop.standin.refunds()[0]["id"], succeeds=False)
    shop.standin.controls.dispute(shop.standin.charges()[0]["id"])
    unauthenticated = shop.open(shop.customer("pm_card_authenticationRequired"))
    with pytest.raises(stripe.CardError):
        shop.client.v1.invoices.pay(unauthenticated.id, {"off_session": False})
    debited = shop.open(shop.debtor("pm_success_de"))
    shop.client.v1.invoices.pay(debited.id)
    product = shop.client.v1.products.create({"name": "VPS S"})
    recurring: Any = {"interval": "month"}
    price = shop.client.v1.prices.create(
        {"product": product.id, "currency": "eur", "unit_amount": 900, "recurring": recurring}
    )
    renewal = shop.client.v1.subscriptions.create({"customer": customer.id, "items": [{"price": price.id}]})
    shop.client.v1.subscriptions.update(renewal.id, {"metadata": {"a": "b"}})
    shop.client.v1.subscriptions.cancel(renewal.id)

    assert {
        "charge.dispute.created",
        "charge.failed",
        "charge.pending",
        "charge.refunded",
        "charge.succeeded",
        "credit_note.created",
        "credit_note.updated",
        "customer.subscription.created",
        "customer.subscription.deleted",
        "customer.subscription.updated",
        "customer.updated",
        "invoice.created",
        "invoice.finalized",
        "invoice.paid",
        "invoice.payment_action_required",
        "invoice.payment_failed",
        "invoice.payment_succeeded",
        "invoice.voided",
        "payment_intent.canceled",
        "payment_intent.payment_failed",
        "payment_intent.processing",
        "payment_intent.requires_action",
        "payment_intent.succeeded",
        "payment_method.attached",
        "refund.created",
        "refund.failed",
        "refund.updated",
    } - set(shop.event_types()) == {"charge.failed", "payment_intent.payment_failed"}

    with pytest.raises(stripe.CardError):
        shop.paid(shop.customer("pm_card_chargeCustomerFail"))
    shop.expect_events("charge.failed", "payment_intent.payment_failed")
