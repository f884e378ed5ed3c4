"""Which of Stripe's webhooks tell us to read an invoice, and which webhooks are refused."""

from __future__ import annotations

import pytest

from hosting_orders.adapters.stripe.client import StripeApi
from hosting_orders.adapters.stripe.webhooks import StripeWebhooks
from hosting_orders.domain.errors import (
    ForgedWebhookError,
)
from tests.conformance.stripe_adapter.shop import (
    API_KEY,
    NEW_SECRET,
    OLD_SECRET,
    Shop,
    event,
    invoice_of,
    signed,
)


def test_only_events_about_a_payment_tell_us_to_read_an_invoice(shop: Shop) -> None:
    _, invoice_id = shop.paid()
    invoice = shop.api.invoices.retrieve(
        invoice_id, {"expand": ["payments.data.payment.payment_intent"]}
    ).to_dict()
    intent = invoice["payments"]["data"][0]["payment"]["payment_intent"]
    charge = shop.api.charges.retrieve(intent["latest_charge"]).to_dict()
    shop.refunds.refund(invoice_id, "101", shop.once("1"))
    [refund] = [refund.to_dict() for refund in shop.api.refunds.list({"charge": charge["id"]}).data]
    [note] = [note.to_dict() for note in shop.api.credit_notes.list({"invoice": invoice_id}).data]
    about_it = [
        ("invoice.paid", invoice),
        ("invoice.payment_failed", invoice),
        ("invoice.payment_action_required", invoice),
        ("invoice.voided", invoice),
        ("invoice.marked_uncollectible", invoice),
        ("payment_intent.processing", intent),
        ("payment_intent.payment_failed", intent),
        ("charge.succeeded", charge),
        ("charge.refunded", charge),
        ("charge.dispute.created", {"object": "dispute", "id": "du_1", "payment_intent": intent["id"]}),
        ("refund.updated", refund),
        ("refund.failed", refund),
        ("credit_note.created", note),
    ]
    for kind, subject in about_it:
        body = event(kind, subject)
        assert invoice_of(shop.news, body, signed(shop, body)) == invoice_id, kind
    not_about_it = [
        ("invoice.created", invoice),
        ("invoice.finalized", invoice),
        ("customer.updated", {"object": "customer", "id": "cus_1"}),
        ("payment_intent.succeeded", {"object": "payment_intent", "id": "pi_of_no_invoice"}),
        ("refund.created", {"object": "refund", "id": "re_1", "payment_intent": None}),
    ]
    for kind, subject in not_about_it:
        body = event(kind, subject)
        assert invoice_of(shop.news, body, signed(shop, body)) is None, kind


@pytest.mark.parametrize("secret", [OLD_SECRET, NEW_SECRET])
def test_both_secrets_are_valid_during_a_rotation(shop: Shop, secret: str) -> None:
    body = event("invoice.paid", {"id": "in_1"})
    assert invoice_of(shop.news, body, signed(shop, body, secret)) == "in_1"


def test_forged_outdated_and_malformed_webhooks_are_refused(shop: Shop) -> None:
    body = event("invoice.paid", {"id": "in_1"})
    good = signed(shop, body)
    assert invoice_of(shop.news, body, signed(shop, body, age=290)) == "in_1"
    forged = {
        "by a stranger": (body, signed(shop, body, "whsec_of_a_stranger")),
        "another body": (body.replace(b"in_1", b"in_2"), good),
        "too old": (body, signed(shop, body, age=310)),
        "from the future": (body, signed(shop, body, age=-310)),
        "no signature": (body, ""),
        "nonsense": (body, "nonsense"),
        "no time": (body, good.split(",")[1]),
        "another time": (body, "t=1," + good.split(",")[1]),
        "not ASCII": (body, good.split(",")[0] + ",v1=é"),
        "a time beyond numbers": (body, "t=" + "9" * 5000 + "," + good.split(",")[1]),
        "not UTF-8": (b"\xff\xfe", good),
    }
    for name, (content, signature) in forged.items():
        with pytest.raises(ForgedWebhookError):
            pytest.fail(f"{name}: {invoice_of(shop.news, content, signature)}")
    for malformed in (b"", b"{", b"[]", b"null", b'{"object":"event"}', event("invoice.paid", ["x"])):
        with pytest.raises(ForgedWebhookError):
            pytest.fail(f"{malformed!r}: {invoice_of(shop.news, malformed, signed(shop, malformed))}")


@pytest.mark.standin_only("uses the stand-in's clock")
def test_without_a_secret_every_webhook_is_refused(shop: Shop) -> None:
    body = event("invoice.paid", {"id": "in_1"})
    for secrets in ((), ("",)):
        api = StripeApi(API_KEY, api_base=shop.standin.url, now=shop.standin.clock.time)
        unset = StripeWebhooks(api, secrets)
        with pytest.raises(ForgedWebhookError):
            unset.read_event(body, signed(shop, body, ""))
