"""Payments of open invoices, and reads of intents and charges: https://docs.stripe.com/api/invoice-payment."""

from __future__ import annotations

from dataclasses import dataclass

from . import charges, payment_methods
from .errors import bad_parameter, card_refused, not_built, refused
from .published import AUTHENTICATION_REQUIRED, CARDS, GOOD_CARD, Decline
from .sdk_types import Json, copied, part
from .state import State

# -- open and cancel -----------------------------------------------------------------------------------------


def open_payment(state: State, invoice: Json) -> None:
    amount = invoice["amount_due"]
    if amount == 0:
        return
    intent = charges.new_intent(
        state,
        InvoicePayee(state, invoice),
        amount=amount,
        currency=invoice["currency"],
        customer=invoice["customer"],
        description="Payment for Invoice",
        payment_method_types=_method_types(invoice),
    )
    link(state, invoice, intent)
    state.emit("payment_intent.created", intent)


_TEMPLATE = {"eur": ["card", "sepa_debit", "customer_balance"]}
"""The payment methods in the Stripe account's invoice template, by currency. `customer_balance` is a bank transfer."""


def _method_types(invoice: Json) -> list[str]:
    chosen: list[str] | None = invoice["payment_settings"]["payment_method_types"]
    return list(chosen or _TEMPLATE.get(invoice["currency"], ["card"]))


def payment_settings(params: Json, currency: str, name: str) -> Json:
    """Return payment settings. `name` is `invoice` or `subscription`. A SEPA debit pays only in euros."""
    given = params.get("payment_settings") or {}
    if left := given.keys() - {"payment_method_types"}:
        raise not_built(f"payment_settings with {', '.join(sorted(left))}")
    types = given.get("payment_method_types") or None
    if types and "sepa_debit" in types and currency != "eur":
        message = f"The payment method type sepa_debit does not support {currency}."
        raise bad_parameter(message, None, "payment_settings[payment_method_types]")
    return part(name, "PaymentSettings", payment_method_types=types)


def link(state: State, invoice: Json, intent: Json) -> Json:
    return state.new(
        "invoice_payment",
        amount_requested=intent["amount"],
        currency=invoice["currency"],
        invoice=invoice["id"],
        is_default=True,
        payment=part("invoice_payment", "Payment", type="payment_intent", payment_intent=intent["id"]),
        status="open",
    )


@dataclass(frozen=True)
class InvoicePayee:
    state: State
    invoice: Json

    @property
    def page(self) -> str:
        found: str = self.invoice["hosted_invoice_url"]
        return found

    def asked(self) -> None:
        self.state.emit("invoice.payment_failed", self.invoice)
        self.state.emit("invoice.payment_action_required", self.invoice)

    def processing(self) -> None:
        pass

    def paid(self) -> None:
        received(self.state, self.invoice)

    def failed(self, decline: Decline, *, late: bool = False) -> None:
        self.state.emit("invoice.payment_failed", self.invoice)
        if decline is AUTHENTICATION_REQUIRED:
            self.state.emit("invoice.payment_action_required", self.invoice)
        if late:
            mark_past_due(self.state, self.invoice)


def payments_of(state: State, invoice: Json) -> list[Json]:
    return state.all("invoice_payment", invoice=invoice["id"])


def intent_of(state: State, invoice: Json) -> Json | None:
    for payment in payments_of(state, invoice):
        return state.get("payment_intent", payment["payment"]["payment_intent"])
    return None


def cancel(state: State, invoice: Json, reason: str) -> None:
    """Raises Stripe's error when the payment is processing."""
    intent = intent_of(state, invoice)
    if intent is None:
        return
    charges.cancel(state, intent, reason)
    for payment in payments_of(state, invoice):
        payment["status"] = "canceled"
        payment["status_transitions"]["canceled_at"] = state.clock.now()
    state.emit("payment_intent.canceled", intent)


def received(state: State, invoice: Json) -> None:
    for payment in payments_of(state, invoice):
        payment.update(status="paid", amount_paid=payment["amount_requested"])
        payment["status_transitions"]["paid_at"] = state.clock.now()
        state.emit("invoice_payment.paid", payment)
    mark_paid(state, invoice)


def mark_paid(state: State, invoice: Json) -> None:
    invoice.update(
        status="paid",
        attempted=True,
        next_payment_attempt=None,
        amount_paid=invoice["amount_due"],
        amount_remaining=0,
        auto_advance=False,
    )
    invoice["status_transitions"]["paid_at"] = state.now_of(invoice)
    state.emit("invoice.paid", invoice)
    state.emit("invoice.payment_succeeded", invoice)
    details = (invoice["parent"] or {}).get("subscription_details")
    if details:
        _activate(state, state.get("subscription", details["subscription"]), invoice)


def _activate(state: State, subscription: Json, invoice: Json) -> None:
    newest = invoice["id"] == subscription["latest_invoice"]
    if subscription["status"] == "incomplete" or (
        newest and subscription["status"] in ("past_due", "unpaid")
    ):
        before = copied(subscription)
        subscription["status"] = "active"
        state.emit("customer.subscription.updated", subscription, before)


def mark_past_due(state: State, invoice: Json) -> None:
    """Mark the invoice's subscription as past due, unless the unpaid invoice is for the first period."""
    details = (invoice["parent"] or {}).get("subscription_details")
    if details is None or invoice["billing_reason"] != "subscription_cycle":
        return
    subscription = state.get("subscription", details["subscription"])
    if subscription["status"] == "active":
        before = copied(subscription)
        subscription["status"] = "past_due"
        state.emit("customer.subscription.updated", subscription, before)
    state.period_unpaid(invoice)


# -- charging ------------------------------------------------------------------------------------------------


def collect(
    state: State, invoice: Json, method: Json, *, off_session: bool, authenticated: bool = False
) -> None:
    """Try to pay an open invoice. Raises the card error of a refused attempt. The intent records the attempt."""
    intent = intent_of(state, invoice)
    assert intent is not None, "an open invoice has a payment"
    if intent["status"] == "processing":
        message = (
            "This invoice's payment is processing. The invoice can be paid again only if the payment fails."
        )
        raise refused(message, "payment_intent_unexpected_state")
    invoice.update(attempted=True, attempt_count=max(1, invoice["attempt_count"]))
    charges.take(state, intent, method, off_session=off_session, authenticated=authenticated)
    if intent["status"] == "requires_action":
        message = (
            "This payment requires additional user action before it can be completed successfully. Payment "
            "can be completed using the PaymentIntent associated with the invoice."
        )
        raise card_refused("invoice_payment_intent_requires_action", message, payment_intent=copied(intent))


# -- the hosted page -----------------------------------------------------------------------------------------


def pay_on_page(state: State, invoice: Json, number: str | None = None) -> None:
    """Pay and authenticate on the hosted invoice page. Raises the card error that the page shows.

    The card is `number`, or else the card that waits for authentication, or else a card that is accepted.
    """
    waiting = None if number else charges.method_to_authenticate(state, intent_of(state, invoice))
    if waiting is not None:
        collect(state, invoice, waiting, off_session=False, authenticated=True)
        return
    method = payment_methods.new_card(state, CARDS[number or GOOD_CARD], {})
    collect(state, invoice, method, off_session=False, authenticated=True)


# -- reading -------------------------------------------------------------------------------------------------


def retrieve_intent(state: State, params: Json, intent_id: str) -> Json:
    return state.get("payment_intent", intent_id)


def list_intents(state: State, params: Json) -> list[Json]:
    found = state.all("payment_intent")
    return [intent for intent in found if params.get("customer") in (None, intent["customer"])]


def retrieve_charge(state: State, params: Json, charge_id: str) -> Json:
    return state.get("charge", charge_id)


def list_charges(state: State, params: Json) -> list[Json]:
    return [
        charge
        for charge in state.all("charge")
        if all(params.get(name) in (None, charge[name]) for name in ("customer", "payment_intent"))
    ]


def list_invoice_payments(state: State, params: Json) -> list[Json]:
    wanted = params.get("payment", {}).get("payment_intent")
    return [
        payment
        for payment in state.all("invoice_payment")
        if all(params.get(name) in (None, payment[name]) for name in ("invoice", "status"))
        and wanted in (None, payment["payment"]["payment_intent"])
    ]


def retrieve_invoice_payment(state: State, params: Json, payment_id: str) -> Json:
    return state.get("invoice_payment", payment_id)
