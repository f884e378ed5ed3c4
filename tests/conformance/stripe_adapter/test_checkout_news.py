"""The adapter finds the Checkout Session of every event about a payment on a page.

Some of these events contain only a payment intent or an invoice.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from hosting_orders.domain.cart import PaymentStatus
from tests.conformance.stripe_adapter.shop import (
    BAD_IBAN,
    DEBIT_INVOICES,
    Shop,
    event,
    invoice_of,
    signed,
)

pytestmark = pytest.mark.standin_only("reads the stand-in's events")

# The tests ignore these events: they change no payment, or another event reports the same change.
_SAY_NOTHING = {
    "customer.created",
    "customer.updated",
    "invoice.created",
    "invoice.finalized",
    "payment_intent.created",
    "payment_method.attached",
    "price.created",
    "product.created",
}


def _references(shop: Shop, first: int) -> dict[str, str | None]:
    """The session that each event leads to, by the event's type. Events before index `first` are left out."""
    found = {}
    for told in list(shop.standin.events)[first:]:
        body = json.dumps(told).encode()
        reference = invoice_of(shop.news, body, signed(shop, body))
        state = shop.payments.state(reference) if reference else None
        found[told["type"]] = state.reference if state else None
    return found


@pytest.mark.parametrize("credit_notes", [False, True])
def test_events_of_a_payment_and_refund_lead_to_the_session(shop: Shop, credit_notes: bool) -> None:
    shop.standin.controls.set(checkout_credit_notes=credit_notes)
    first = len(list(shop.standin.events))
    _, _, state = shop.opened()
    shop.standin.controls.pay_checkout(state.reference)
    shop.refunds.refund(state.reference, "101", "order-1")
    found = _references(shop, first)
    telling = {kind: reference for kind, reference in found.items() if kind not in _SAY_NOTHING}
    assert set(telling.values()) == {state.reference}, telling
    assert {"checkout.session.completed", "invoice.paid", "charge.refunded"} <= telling.keys()
    assert ("credit_note.created" in telling) == credit_notes


@pytest.mark.parametrize("invoice", DEBIT_INVOICES)
@pytest.mark.parametrize("arrives", [True, False])
def test_events_of_a_debit_lead_to_its_session(shop: Shop, invoice: str, arrives: bool) -> None:
    shop.standin.controls.set(checkout_debit_invoice=invoice)
    first = len(list(shop.standin.events))
    _, _, state = shop.opened()
    shop.standin.controls.debit_checkout(state.reference, BAD_IBAN)
    if arrives:
        shop.standin.controls.settle(state.reference)
    else:
        shop.standin.controls.fail(state.reference)
        shop.payments.void(state.reference)
    found = _references(shop, first)
    telling = {kind: reference for kind, reference in found.items() if kind not in _SAY_NOTHING}
    assert set(telling.values()) == {state.reference}, telling
    outcome = "succeeded" if arrives else "failed"
    assert {"checkout.session.completed", f"checkout.session.async_payment_{outcome}"} <= telling.keys()


def test_events_of_a_failure_or_expiry_lead_to_the_session(shop: Shop) -> None:
    _, _, state = shop.opened()
    first = len(list(shop.standin.events))
    shop.standin.controls.pay_checkout(state.reference, "4000002760003184")
    shop.standin.controls.authenticate_checkout(state.reference, succeeds=False)
    shop.payments.void(state.reference)
    found = _references(shop, first)
    assert {found[kind] for kind in found.keys() - _SAY_NOTHING} == {state.reference}
    assert "checkout.session.expired" in found
    assert shop.now_of(state.reference).status is PaymentStatus.CANCELED


def test_a_session_in_an_event_is_read_without_a_request(shop: Shop) -> None:
    shop.wire.spoil(None)
    session: Any = {"object": "checkout.session", "id": "cs_1"}
    for kind in ("completed", "expired", "async_payment_succeeded", "async_payment_failed"):
        body = event(f"checkout.session.{kind}", session)
        assert invoice_of(shop.news, body, signed(shop, body)) == "cs_1"
    body = event("checkout.session.something_new", session)
    assert invoice_of(shop.news, body, signed(shop, body)) is None
    assert shop.wire.count == 0
