"""Controls outside Stripe's API. Each is a method here and an address in `console`."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from . import charges, checkout, checkout_payment, disputes, dunning, payments, refunds, subscriptions
from .checkout_payment import Payer
from .errors import refused
from .faults import Fault, Faults
from .published import GENERIC_FAILURE, GOOD_CARD, Decline
from .sdk_types import Json, api_version, copied, part
from .state import State
from .webhooks import Webhooks

_COURSES = {
    "tax_rounding": ("line", "invoice"),
    "after_retries": ("cancel", "unpaid", "past_due"),
    "refunds": ("as published", "succeed", "pending", "fail", "refuse"),
    "checkout_debit_invoice": ("at settlement", "at completion"),
}

PAYER = Payer(email="jenny@example.com", country="DE", postal_code="10115")
GOOD_IBAN = "DE89370400440532013000"


class Controls:
    def __init__(self, state: State, faults: Faults, webhooks: Webhooks) -> None:
        self._state = state
        self._faults = faults
        self._webhooks = webhooks

    # -- payments --------------------------------------------------------------------------------------------

    def settle(self, payment: str) -> Json:
        """Let a processing debit succeed. `payment` is the id of its payment intent, invoice or Checkout Session."""
        with self._state.lock:
            return copied(charges.settle(self._state, self._processing(payment)))

    def fail(self, payment: str, failure_code: str = GENERIC_FAILURE) -> Json:
        with self._state.lock:
            return copied(charges.settle(self._state, self._processing(payment), failure_code))

    def _processing(self, payment: str) -> str:
        found = self._state.find(payment)
        intent = found
        if found and found["object"] == "invoice":
            intent = payments.intent_of(self._state, found)
        elif found and found["object"] == "checkout.session":
            intent = checkout_payment.intent_of(self._state, found)
        if intent is None or intent["object"] != "payment_intent" or intent["status"] != "processing":
            raise refused(f"{payment} is not a payment in the state processing.")
        intent_id: str = intent["id"]
        return intent_id

    def decline(self, payment_method: str, decline_code: str | None, code: str = "card_declined") -> None:
        """Decline all later charges on this card. A `decline_code` of None undoes this."""
        with self._state.lock:
            self._state.get("payment_method", payment_method)
            decline = None if decline_code is None else Decline(code, decline_code)
            self._state.instruments[payment_method].decline = decline

    def set_up(self, payment_method: str) -> None:
        with self._state.lock:
            self._state.get("payment_method", payment_method)
            self._state.instruments[payment_method].set_up = True

    def pay(self, invoice: str, card: str | None = None) -> Json:
        with self._state.lock:
            found = self._open(invoice)
            payments.pay_on_page(self._state, found, card)
            return copied(found)

    def fail_authentication(self, invoice: str) -> Json:
        with self._state.lock:
            found = self._open(invoice)
            charges.fail_authentication(self._state, payments.intent_of(self._state, found))
            return copied(found)

    def _open(self, invoice: str) -> Json:
        found = self._state.get("invoice", invoice)
        if found["status"] != "open":
            raise refused(f"This invoice is {found['status']}.")
        return found

    def pay_checkout(self, session: str, card: str = GOOD_CARD, payer: Payer = PAYER) -> Json:
        """Pay by card on the session's page. Raises the card error that the page shows.

        The session stays open if the card needs authentication; see `authenticate_checkout`.
        """
        with self._state.lock:
            found = self._session(session)
            checkout_payment.pay_by_card(self._state, found, card, payer)
            return copied(found)

    def debit_checkout(self, session: str, iban: str = GOOD_IBAN, payer: Payer = PAYER) -> Json:
        """Pay by debit. The session is complete immediately, but unpaid until the debit settles."""
        with self._state.lock:
            found = self._session(session)
            checkout_payment.pay_by_debit(self._state, found, iban, payer)
            return copied(found)

    def authenticate_checkout(self, session: str, *, succeeds: bool = True) -> Json:
        """Raises the card error if the bank declines."""
        with self._state.lock:
            found = self._session(session)
            checkout_payment.authenticate(self._state, found, succeeds=succeeds)
            return copied(found)

    def expire_checkout(self, session: str) -> Json:
        with self._state.lock:
            return copied(checkout.expire(self._state, {}, session))

    def _session(self, session: str) -> Json:
        self._state.run_due()
        return self._state.get("checkout.session", session)

    def discount(self, customer: str, percent: str) -> None:
        """Give the customer a coupon, which each later invoice inherits. 0 removes the coupon."""
        with self._state.lock:
            self._state.get("customer", customer)
            self._state.coupons[customer] = Decimal(percent)

    def dispute(self, charge: str, reason: str = "fraudulent") -> Json:
        with self._state.lock:
            found = self._state.get("charge", charge)
            if found["status"] != "succeeded":
                raise refused(f"The charge is {found['status']}.")
            return copied(disputes.open_dispute(self._state, found, reason))

    def settle_refund(self, refund: str, *, succeeds: bool) -> Json:
        """A succeeded refund can still fail."""
        with self._state.lock:
            return copied(refunds.settle(self._state, refund, succeeds=succeeds))

    def renew(self, subscription: str) -> Json:
        """Start the next period now and collect its invoice."""
        with self._state.lock:
            found = self._state.get("subscription", subscription)
            if found["status"] == "canceled":
                raise refused("This subscription is canceled.")
            subscriptions.next_period(self._state, found, at_once=True)
            return copied(found)

    # -- settings --------------------------------------------------------------------------------------------

    def set(self, **settings: Any) -> None:
        """Set fields of `state.Settings`. Raises AttributeError for an unknown field, ValueError for a bad value."""
        with self._state.lock:
            for name, value in settings.items():
                current = getattr(self._state.settings, name)
                if name in _COURSES and value not in _COURSES[name]:
                    raise ValueError(f"{name} is one of {', '.join(_COURSES[name])}")
                if name == "retry_days":
                    dunning.retry_days(str(value))
                setattr(self._state.settings, name, _typed(name, current, value))

    def set_webhooks(self, **settings: Any) -> None:
        for name, value in settings.items():
            current = getattr(self._webhooks.settings, name)
            if name == "shuffle":
                typed: Any = None if value is None else int(value)
            elif name == "url":
                typed = value
            else:
                typed = _typed(name, current, value)
            setattr(self._webhooks.settings, name, typed)

    def set_rights(self, key: str, rights: dict[str, str]) -> None:
        """Set what the restricted key (rk_test_…) may do; see `keys.Rights`. A key without rights may do nothing."""
        with self._state.lock:
            self._state.rights[key] = dict(rights)

    def add_fault(self, kind: str, path: str = ".*", **details: Any) -> Fault:
        return self._faults.add(kind, path, **details)

    def clear_faults(self) -> None:
        self._faults.clear()

    # -- events ----------------------------------------------------------------------------------------------

    def send_event(self, event: str, times: int = 1) -> None:
        with self._state.lock:
            found = copied(self._state.get("event", event))
        self._webhooks.send(found, times)

    def send_all_events(self, times: int = 1) -> None:
        """Oldest first."""
        with self._state.lock:
            events = copied(self._state.all("event"))
        for event in events:
            self._webhooks.send(event, times)

    def send_made_event(self, event_type: str, subject: Json, **fields: Any) -> Json:
        """Send an invented, signed event without storing it. `fields` (id, created, …) replace those of the event."""
        with self._state.lock:
            event = self._state.draft(
                "event",
                type=event_type,
                api_version=api_version(),
                data={"object": subject},
                request=part("event", "Request"),
            )
        event.update(fields)
        self._webhooks.send(event)
        return event

    # -- reading ---------------------------------------------------------------------------------------------

    def summary(self, customer: str | None = None) -> Json:
        """Counts and sums (minor units) for one customer or all."""
        with self._state.lock:
            self._state.run_due()
            mine = {} if customer is None else {"customer": customer}
            charges = self._state.all("charge", **mine)
            ids = {charge["id"] for charge in charges}
            given_back = [refund for refund in self._state.all("refund") if refund["charge"] in ids]
            counted = [refund for refund in given_back if refund["status"] in ("succeeded", "pending")]
            taken = [charge for charge in charges if charge["status"] == "succeeded"]
            invoices = self._state.all("invoice", **mine)
            found = {
                "customer": customer,
                "charges": [
                    _brief(charge, "amount", "currency", "status", "failure_code") for charge in charges
                ],
                "refunds": [
                    _brief(refund, "amount", "currency", "status", "charge") for refund in given_back
                ],
                "credit_notes": [
                    _brief(note, "amount", "currency", "invoice", "customer_balance_transaction")
                    for note in self._state.all("credit_note", **mine)
                ],
                "invoices": [
                    _brief(invoice, "number", "status", "amount_due", "currency", "metadata")
                    for invoice in invoices
                ],
                "checkout_sessions": [
                    _brief(one, "status", "payment_status", "amount_total", "currency", "invoice", "metadata")
                    for one in self._state.all("checkout.session", **mine)
                ],
                "open_invoices": [invoice["id"] for invoice in invoices if invoice["status"] == "open"],
                "subscriptions": [
                    _brief(one, "status", "metadata") for one in self._state.all("subscription", **mine)
                ],
                "net_paid": sum(one["amount"] for one in taken) - sum(one["amount"] for one in counted),
            }
            if customer is not None:
                found["balance"] = self._state.get("customer", customer)["balance"]
            return copied(found)


def _brief(found: Json, *names: str) -> Json:
    return {name: found[name] for name in ("id", *names)}


def _typed(name: str, current: Any, value: Any) -> Any:
    if isinstance(current, bool):
        if value not in (True, False, "true", "false", "on", "off"):
            raise ValueError(f"{name} is true or false")
        return value in (True, "true", "on")
    return type(current)(value)
