"""Refunds of payments made on a payment page. Each refund is made once, even if the page's invoice appears late."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

import pytest

from hosting_orders.adapters.stripe.collection import StripeCollection
from hosting_orders.adapters.stripe.refunds import StripeRefunds
from hosting_orders.domain.errors import ProviderUnavailableError, RefundRefusedError
from hosting_orders.domain.providers import ChargeLine, RefundState
from local.stripe_standin.checkout_payment import Payer
from tests.conformance.stripe_adapter.shop import (
    BAD_IBAN,
    DEBIT_INVOICES,
    FAULTS,
    HOUR,
    TWO_LINES,
    Shop,
    insist,
    spoilt_runs,
)

SENT_BACK_LATER = "4000000000005126"


def _paid(shop: Shop, lines: tuple[ChargeLine, ...] = TWO_LINES, currency: str = "EUR") -> tuple[str, str]:
    """The ids of a customer and of the session that the customer paid."""
    customer, _, state = shop.opened(lines, currency)
    shop.standin.controls.pay_checkout(state.reference)
    return customer, state.reference


def _refunds(shop: Shop, session_id: str) -> list[Any]:
    """The refunds of a session's payment, oldest first."""
    intent = shop.api.checkout.sessions.retrieve(session_id).payment_intent
    return list(shop.api.refunds.list({"payment_intent": intent, "limit": 100}).data)[::-1]


@pytest.mark.standin_only("uses the stand-in's controls")
@pytest.mark.parametrize("line_metadata", [False, True])
@pytest.mark.parametrize("credit_notes", [False, True])
@pytest.mark.parametrize("lags", [0, 60])
def test_the_refunds_of_two_orders_add_up_to_the_payment(
    shop: Shop, line_metadata: bool, credit_notes: bool, lags: int
) -> None:
    shop.standin.controls.set(
        checkout_line_metadata=line_metadata, checkout_credit_notes=credit_notes, checkout_invoice_lags=lags
    )
    customer, session_id = _paid(shop)
    for line in TWO_LINES:
        first = shop.refunds.refund(session_id, line.key, f"order-{line.key}")
        assert (first.amount, first.to_credit) == (line.amount, 0)
        assert shop.refunds.refund(session_id, line.key, f"order-{line.key}") == first
        shop.standin.clock.advance(25 * HOUR)
        shop.wire.spoil(None)
        assert shop.refunds.refund(session_id, line.key, f"order-{line.key}") == first
        assert "refunds" not in [path for path, _ in shop.wire.posted]  # no second refund is posted
        refund = shop.api.refunds.retrieve(first.id)
        assert (refund.amount, refund.metadata["order_id"]) == (line.amount, f"order-{line.key}")
    assert len(_refunds(shop, session_id)) == 2
    assert (shop.given_back(customer), shop.standin.net_paid(customer)) == (2100, 0)
    assert shop.balance(customer) == 0
    notes = {note.metadata["order_id"]: note for note in shop.notes(customer)}
    assert set(notes) == ({"order-101", "order-102"} if credit_notes else set())
    for line in TWO_LINES if credit_notes else ():
        note = notes[f"order-{line.key}"]
        [link] = note.refunds
        assert (note.total, link.amount_refunded) == (line.amount, line.amount)
        assert shop.api.refunds.retrieve(link.refund).metadata["order_id"] == f"order-{line.key}"


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
@pytest.mark.parametrize("invoice", DEBIT_INVOICES)
@pytest.mark.parametrize("credit_notes", [False, True])
def test_a_debit_is_refundable_only_after_its_money_arrives(
    shop: Shop, invoice: str, credit_notes: bool
) -> None:
    shop.standin.controls.set(checkout_debit_invoice=invoice, checkout_credit_notes=credit_notes)
    customer, _, state = shop.opened()
    shop.standin.controls.debit_checkout(state.reference)
    with pytest.raises(RefundRefusedError):
        shop.refunds.refund(state.reference, "101", "order-1")
    shop.standin.controls.settle(state.reference)
    assert shop.refunds.refund(state.reference, "101", "order-1").amount == 1200
    assert shop.given_back(customer) == 1200
    assert len(shop.notes(customer)) == int(credit_notes)


@pytest.mark.standin_only("uses the stand-in's controls")
@pytest.mark.parametrize("credit_notes", [False, True])
def test_a_refund_happens_once_whichever_request_fails(shop: Shop, credit_notes: bool) -> None:
    shop.standin.controls.set(checkout_credit_notes=credit_notes)
    customer = session_id = ""

    def prepare() -> Callable[[], RefundState]:
        nonlocal customer, session_id
        customer, session_id = _paid(shop)
        return lambda: shop.refunds.refund(session_id, "101", "order-" + session_id)

    for spoilt, state in spoilt_runs(shop, prepare):
        assert state.amount == 1200, spoilt
        assert [refund.id for refund in _refunds(shop, session_id)] == [state.id], spoilt
        assert shop.given_back(customer) == 1200, spoilt
        # A retry adds the missing credit note, and nothing else.
        assert shop.refunds.refund(session_id, "101", "order-" + session_id) == state, spoilt
        assert shop.given_back(customer) == 1200, spoilt
        assert len(shop.notes(customer)) == int(credit_notes), spoilt


@pytest.mark.standin_only("uses the stand-in's controls")
@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("request_", ["GET credit_notes", "GET lines", "POST credit_notes"])
def test_a_failed_credit_note_does_not_make_the_refund_fail(
    shop: Shop, kind: str, request_: str, caplog: pytest.LogCaptureFixture
) -> None:
    shop.standin.controls.set(checkout_credit_notes=True)
    _, session_id = _paid(shop)
    shop.wire.meanwhile[request_] = lambda: shop.wire.spoil(0, kind)
    assert shop.refunds.refund(session_id, "101", "order-1").amount == 1200
    assert shop.wire.count > 0
    assert [record.message for record in caplog.records] == ["no credit note for a refund"]


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
def test_a_refused_credit_note_is_only_logged(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    _, session_id = _paid(shop)
    assert shop.refunds.refund(session_id, "101", "order-1").amount == 1200
    [record] = caplog.records
    assert record.message == "no credit note for a refund"
    assert vars(record)["order_id"] == "order-1"


@pytest.mark.standin_only("uses the stand-in's controls")
def test_concurrent_requests_refund_an_order_once(shop: Shop) -> None:
    shop.standin.controls.set(checkout_credit_notes=True)
    customer, session_id = _paid(shop)
    states: list[RefundState] = []

    def give_back() -> None:
        refunds = StripeRefunds(shop.adapter(retries=2))
        states.append(insist(lambda: refunds.refund(session_id, "101", "order-1")))

    threads = [threading.Thread(target=give_back) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(states) == 4
    assert len(set(states)) == 1
    assert (shop.given_back(customer), len(shop.notes(customer))) == (1200, 1)


@pytest.mark.standin_only("uses the stand-in's controls")
@pytest.mark.parametrize("twin_sees_the_invoice", [False, True])
def test_a_new_invoice_causes_no_second_refund(shop: Shop, twin_sees_the_invoice: bool) -> None:
    """One request reads the session before its invoice appears. The other request may read the session later."""
    shop.standin.controls.set(checkout_credit_notes=True, checkout_invoice_lags=60)
    customer, session_id = _paid(shop)
    twins: list[RefundState] = []

    def be_faster() -> None:
        if twin_sees_the_invoice:
            shop.standin.clock.advance(120)
        twins.append(shop.refunds.refund(session_id, "101", "order-1"))

    shop.wire.meanwhile["POST refunds"] = be_faster
    assert [shop.refunds.refund(session_id, "101", "order-1")] == twins
    assert shop.given_back(customer) == 1200


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
def test_a_retry_sends_the_same_idempotency_key(shop: Shop) -> None:
    """Two requests may find no refund and both try to create one. Only the idempotency key prevents the second."""
    _, session_id = _paid(shop)
    shop.wire.meanwhile["POST refunds"] = lambda: shop.wire.spoil(0, "dropped")
    with pytest.raises(ProviderUnavailableError):
        shop.refunds.refund(session_id, "101", "order-1")
    [first] = shop.wire.posted
    shop.wire.spoil(None)
    shop.refunds.refund(session_id, "101", "order-1")
    assert [posted for posted in shop.wire.posted if posted[0] == "refunds"] == [first]
    assert first == ("refunds", "order:order-1:refund")
    assert ("credit_notes", "order:order-1:credit_note") in shop.wire.posted


@pytest.mark.standin_only("tax needs settings of the Stripe account")
@pytest.mark.parametrize("credit_notes", [False, True])
def test_a_refund_includes_the_tax(shop: Shop, credit_notes: bool) -> None:
    shop.standin.controls.set(checkout_credit_notes=credit_notes)
    api = shop.adapter(automatic_tax=True)
    customer = shop.stranger()
    lines = (ChargeLine("101", "a", 333), ChargeLine("102", "b", 777), ChargeLine("103", "c", 1001))
    state = StripeCollection(api).open_checkout(shop.page(customer, lines))
    shop.standin.controls.pay_checkout(state.reference, payer=Payer("a@example.com", "A", "FI", "00100"))
    paid = shop.now_of(state.reference)
    for line in lines:
        given = StripeRefunds(api).refund(state.reference, line.key, f"order-{line.key}")
        assert given.amount == paid.gross[line.key] > line.amount
    assert shop.given_back(customer) == paid.total_gross == paid.amount_charged
    assert len(shop.notes(customer)) == (3 if credit_notes else 0)


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
def test_refunds_in_yen_return_the_exact_amounts(shop: Shop) -> None:
    lines = (ChargeLine("101", "a", 101), ChargeLine("102", "b", 100))
    customer, session_id = _paid(shop, lines, "JPY")
    parts = [shop.refunds.refund(session_id, key, f"order-{key}").amount for key in ("101", "102")]
    assert (parts, shop.given_back(customer)) == ([101, 100], 201)


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
def test_a_free_order_needs_no_refund(shop: Shop) -> None:
    customer, session_id = _paid(shop, (ChargeLine("101", "Trial", 0), ChargeLine("102", "Site", 900)))
    state = shop.refunds.refund(session_id, "101", "order-1")
    assert (state.amount, state.to_credit) == (0, 0)
    assert state.id
    assert (shop.given_back(customer), _refunds(shop, session_id)) == (0, [])


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
def test_a_refused_refund_moves_no_money(shop: Shop) -> None:
    customer, session_id = _paid(shop)
    with pytest.raises(RefundRefusedError):
        shop.refunds.refund(session_id, "999", "order-9")
    [receipt] = shop.invoices(customer)
    _, _, unpaid = shop.opened()
    _, _, returned = shop.opened()
    shop.standin.controls.debit_checkout(returned.reference, BAD_IBAN)
    shop.standin.controls.fail(returned.reference)
    shop.wire.spoil(None)
    strange = shop.api.checkout.sessions.create(
        {
            "mode": "payment",
            "customer": customer,
            "line_items": [
                {
                    "quantity": 1,
                    "metadata": {"order": "101"},
                    "price_data": {"currency": "eur", "unit_amount": 900, "product_data": {"name": "x"}},
                }
            ],
            "success_url": "https://shop.example/",
        }
    )
    shop.standin.controls.pay_checkout(strange.id)
    shop.wire.spoil(None)
    # The receipt is the session's invoice. A refund through the receipt could be a second refund of the session.
    for reference in (receipt["id"], unpaid.reference, returned.reference, strange.id, "cs_test_unknown"):
        with pytest.raises(RefundRefusedError):
            shop.refunds.refund(reference, "101", "order-1")
    assert shop.wire.posted == []
    assert shop.standin.net_paid(customer) == 2100 + 900


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
def test_an_operators_concurrent_refund_replaces_our_refund(shop: Shop) -> None:
    customer, session_id = _paid(shop, (ChargeLine("101", "Site", 1200),))
    by_hand: list[str] = []

    def be_faster() -> None:
        intent = shop.api.checkout.sessions.retrieve(session_id).payment_intent
        made = shop.api.refunds.create({"payment_intent": intent, "metadata": {"order_id": "order-1"}})
        by_hand.append(made.id)

    shop.wire.meanwhile["POST refunds"] = be_faster
    assert shop.refunds.refund(session_id, "101", "order-1") == RefundState(by_hand[0], 1200, 0)
    assert shop.given_back(customer) == 1200


@pytest.mark.standin_only("uses the stand-in's controls")
def test_a_failed_refund_does_not_hide_a_successful_refund(shop: Shop) -> None:
    _, session_id = _paid(shop)
    first = shop.refunds.refund(session_id, "101", "order-1")
    shop.standin.controls.set(refunds="fail")
    intent = shop.api.checkout.sessions.retrieve(session_id).payment_intent
    shop.api.refunds.create({"payment_intent": intent, "amount": 900, "metadata": {"order_id": "order-1"}})
    assert shop.refunds.refund(session_id, "101", "order-1") == first


@pytest.mark.standin_only("uses the stand-in's controls")
def test_an_invoice_line_can_be_found_by_its_own_metadata(shop: Shop) -> None:
    shop.standin.controls.set(checkout_credit_notes=True, checkout_line_metadata=True)
    customer, session_id = _paid(shop)
    invoice = shop.standin.state.get("invoice", shop.invoices(customer)[0]["id"])
    for line in invoice["lines"]["data"]:
        line["pricing"]["price_details"]["product"] = "prod_of_the_invoice_alone"
    shop.refunds.refund(session_id, "101", "order-1")
    assert [note.total for note in shop.notes(customer)] == [1200]


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
@pytest.mark.parametrize("how", ["at once", "later"])
def test_a_refund_that_the_bank_returns_raises_an_error(shop: Shop, how: str) -> None:
    customer, _, state = shop.opened()
    shop.standin.controls.pay_checkout(state.reference, SENT_BACK_LATER)
    if how == "at once":
        shop.standin.controls.set(refunds="fail")
    else:
        shop.refunds.refund(state.reference, "101", "order-1")
        shop.standin.clock.advance(120)
    for _ in range(2):
        with pytest.raises(RefundRefusedError):
            shop.refunds.refund(state.reference, "101", "order-1")
    [failed] = _refunds(shop, state.reference)
    assert shop.news.refund_failed(failed.id)
    assert shop.notes(customer) == []
    # An operator refunds by hand, with the order's id in the metadata.
    shop.standin.controls.set(refunds="succeed")
    by_hand = shop.api.refunds.create(
        {"payment_intent": failed.payment_intent, "amount": 1200, "metadata": {"order_id": "order-1"}}
    )
    assert shop.refunds.refund(state.reference, "101", "order-1") == RefundState(by_hand.id, 1200, 0)
    assert shop.given_back(customer) == 1200


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
def test_refunds_in_any_sequence_return_the_exact_amounts(shop: Shop) -> None:
    lines = (ChargeLine("101", "a", 333), ChargeLine("102", "b", 777), ChargeLine("103", "c", 1001))
    for order in itertools.permutations(lines):
        customer, session_id = _paid(shop, lines)
        for line in order:
            assert shop.refunds.refund(session_id, line.key, f"{session_id}{line.key}").amount == line.amount
        assert shop.given_back(customer) == 2111


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
@pytest.mark.parametrize("refusals", [0, 1, 2])
@pytest.mark.parametrize("later", [0, 10, 400])
def test_two_requests_that_find_no_refund_create_only_one(shop: Shop, refusals: int, later: int) -> None:
    """The payment covers two refunds, so Stripe would accept a second one under another idempotency key."""
    customer, session_id = _paid(shop)

    def other() -> None:
        shop.standin.clock.advance(later)
        shop.refunds.refund(session_id, "102", "order-1", refusals=refusals)

    shop.wire.meanwhile["POST refunds"] = other
    shop.refunds.refund(session_id, "102", "order-1", refusals=refusals)
    assert shop.given_back(customer) == 900


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
def test_a_refused_refund_is_accepted_under_a_new_key(shop: Shop) -> None:
    """Stripe repeats a refusal for a day under the same idempotency key. So the key contains the number of refusals."""
    customer, session_id = _paid(shop)
    shop.standin.controls.set(refunds="refuse")
    with pytest.raises(RefundRefusedError):
        shop.refunds.refund(session_id, "101", "order-1")
    shop.standin.controls.set(refunds="as published")
    with pytest.raises(RefundRefusedError):
        shop.refunds.refund(session_id, "101", "order-1")
    first = shop.refunds.refund(session_id, "101", "order-1", refusals=1)
    assert shop.refunds.refund(session_id, "101", "order-1", refusals=2) == first
    assert shop.given_back(customer) == 1200
