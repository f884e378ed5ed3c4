"""Read Stripe's webhooks, and the objects that they name."""

from __future__ import annotations

import json
from dataclasses import replace

from hosting_orders.adapters.stripe.client import StripeApi
from hosting_orders.adapters.stripe.reading import id_of, is_given_up, order_renewed_by, subscription_of
from hosting_orders.adapters.stripe.reading_checkout import is_session
from hosting_orders.domain.errors import ForgedWebhookError
from hosting_orders.domain.providers import PaymentEvent, SubscriptionState

WEBHOOK_TOLERANCE = 300

# Events before the first payment attempt, such as `invoice.finalized`, are left out. At that time our `charge` call
# still works on the invoice, and the invoice's state must not be taken for the payment's outcome.
_INVOICE_EVENTS = frozenset(
    {
        "invoice.marked_uncollectible",
        "invoice.paid",
        "invoice.payment_action_required",
        "invoice.payment_failed",
        "invoice.payment_succeeded",
        "invoice.voided",
    }
)
_PAYMENT_INTENT_EVENTS = frozenset(
    {
        "payment_intent.canceled",
        "payment_intent.payment_failed",
        "payment_intent.processing",
        "payment_intent.requires_action",
        "payment_intent.succeeded",
    }
)
_SESSION_EVENTS = frozenset(
    {
        "checkout.session.async_payment_failed",
        "checkout.session.async_payment_succeeded",
        "checkout.session.completed",
        "checkout.session.expired",
    }
)
_SUBSCRIPTION_EVENTS = frozenset({"customer.subscription.updated", "customer.subscription.deleted"})
_EVENTS_NAMING_AN_INVOICE = ("credit_note.", "invoice_payment.paid")
_EVENTS_NAMING_A_PAYMENT = ("charge.", "refund.")

# The events that a new webhook endpoint subscribes to. `invoice.created` is left out, because Stripe delays the
# invoices of renewals for up to three days if the delivery of that event fails.
EVENTS = tuple(
    sorted(
        _INVOICE_EVENTS
        | _PAYMENT_INTENT_EVENTS
        | _SESSION_EVENTS
        | _SUBSCRIPTION_EVENTS
        | {"credit_note.created", "credit_note.updated", "credit_note.voided", "invoice_payment.paid"}
        | {"charge.dispute.created", "refund.created", "refund.failed", "refund.updated"}
    )
)


class StripeWebhooks:
    """`secrets` are all valid signing secrets: two during a rotation."""

    def __init__(self, stripe: StripeApi, secrets: tuple[str, ...]) -> None:
        self._stripe = stripe
        self._secrets = secrets

    def read_event(self, raw_body: bytes, signature: str) -> PaymentEvent:
        """Accepts a signature made with any of the secrets, for five minutes after it was made."""
        self._verify(raw_body, signature)
        try:
            event = json.loads(raw_body)
            kind, subject = event["type"], event["data"]["object"]
            if event["object"] != "event" or not isinstance(kind, str) or not isinstance(subject, dict):
                raise TypeError
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ForgedWebhookError("the webhook is not an event") from None
        read = PaymentEvent(id_of(event.get("id")) or "", kind)
        if kind in _INVOICE_EVENTS:
            return replace(
                read,
                reference=id_of(subject.get("id")),
                subscription_id=subscription_of(subject),
                renews=order_renewed_by(subject) is not None,
            )
        if kind in _SESSION_EVENTS:
            return replace(read, reference=id_of(subject.get("id")))
        if kind.startswith(_EVENTS_NAMING_AN_INVOICE):
            return replace(read, reference=id_of(subject.get("invoice")))
        if kind in _PAYMENT_INTENT_EVENTS:
            return replace(read, payment_id=id_of(subject.get("id")))
        if kind.startswith(_EVENTS_NAMING_A_PAYMENT):
            # Charges, refunds and disputes all name their payment intent.
            failed = kind.startswith("refund.") and subject.get("status") in ("failed", "canceled")
            return replace(
                read,
                payment_id=id_of(subject.get("payment_intent")),
                disputed=kind == "charge.dispute.created",
                refund_id=id_of(subject.get("id")) if failed else None,
            )
        if kind in _SUBSCRIPTION_EVENTS:
            return replace(read, subscription_id=id_of(subject.get("id")))
        return read

    def reference_of(self, payment_id: str) -> str | None:
        with self._stripe.faults_translated():
            payments = self._stripe.v1.invoice_payments.list(
                {"payment": {"type": "payment_intent", "payment_intent": payment_id}, "limit": 1}
            ).to_dict()["data"]
            if payments:
                return id_of(payments[0]["invoice"])
            return self._stripe.session_of(payment_id)

    def subscription(self, subscription_id: str) -> SubscriptionState | None:
        with self._stripe.faults_translated():
            found = self._stripe.found(lambda: self._stripe.v1.subscriptions.retrieve(subscription_id))
        metadata = (found or {}).get("metadata") or {}
        if found is None or not metadata.get("order_id") or not metadata.get("account_id"):
            return None
        return SubscriptionState(
            metadata["account_id"], metadata["order_id"], str(found["status"]), is_given_up(found)
        )

    def renewal_of(self, reference: str) -> SubscriptionState | None:
        if is_session(reference):
            return None
        with self._stripe.faults_translated():
            invoice = self._stripe.invoice(reference)
        ours = order_renewed_by(invoice) if invoice else None
        if invoice is not None and ours is not None:
            return SubscriptionState(*ours, str(invoice["status"]))
        subscription_id = subscription_of(invoice) if invoice else None
        return self.subscription(subscription_id) if subscription_id else None

    def refund_failed(self, refund_id: str) -> bool:
        with self._stripe.faults_translated():
            found = self._stripe.found(lambda: self._stripe.v1.refunds.retrieve(refund_id))
        return found is not None and found["status"] in ("failed", "canceled")

    def _verify(self, raw_body: bytes, signature: str) -> None:
        for secret in self._secrets:
            try:
                self._stripe.sdk.WebhookSignature.verify_header(raw_body, signature, secret)
                parts = [part.split("=", 2) for part in signature.split(",")]
                signed_at = int(next(part[1] for part in parts if part[0] == "t"))
            except (self._stripe.sdk.StripeError, ValueError, TypeError, IndexError):
                continue
            # Use our own clock. Reject both old and future timestamps.
            if abs(self._stripe.now() - signed_at) <= WEBHOOK_TOLERANCE:
                return
        raise ForgedWebhookError("the webhook's signature is not valid")
