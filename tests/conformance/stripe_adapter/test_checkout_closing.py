"""Closing a cart's unpaid payment page at Stripe, and finding a cart's payment page."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.errors import NotFoundError, PaymentNotStartedError, ProviderUnavailableError
from hosting_orders.domain.providers import ChargeLine, CheckoutRequest, PaymentState
from tests.conformance.stripe_adapter.shop import (
    BAD_IBAN,
    Shop,
    spoilt_runs,
)

DECLINED = "4000000000009995"


# -- a returned debit --------------------------------------------------------------------------------------


def _returned(shop: Shop, invoice: str, lags: int = 0) -> tuple[str, CheckoutRequest, str]:
    """Return a customer, a cart and its session, after the bank returned the debit.

    `invoice` is the event at which Stripe creates the debit's invoice. `lags` is how many seconds after this event the
    invoice appears.
    """
    shop.standin.controls.set(checkout_debit_invoice=invoice, checkout_invoice_lags=lags)
    customer, cart, state = shop.opened()
    shop.standin.controls.debit_checkout(state.reference, BAD_IBAN)
    shop.standin.clock.advance(120)
    shop.standin.controls.fail(state.reference, "insufficient_funds")
    return customer, cart, state.reference


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
def test_a_returned_debit_without_an_invoice_has_failed(shop: Shop) -> None:
    customer, cart, reference = _returned(shop, "at settlement")
    failed = shop.now_of(reference)
    assert (failed.status, failed.method_type) == (PaymentStatus.FAILED, "sepa_debit")
    assert failed.error == "insufficient_funds"
    assert (failed.pay_url, failed.gross, failed.saved) == (None, {}, None)
    assert shop.payments.void(reference) == failed
    assert shop.payments.find(customer, cart.cart_token, cart.created_at) == failed
    with pytest.raises(PaymentNotStartedError) as refusal:
        shop.payments.open_checkout(cart)
    assert refusal.value.decline_code == failed.error
    assert len(shop.sessions(customer)) == 1


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
@pytest.mark.parametrize("lags", [0, 60])
@pytest.mark.parametrize("close", ["void", "open_checkout"])
def test_a_returned_debit_fails_when_its_invoice_is_voided(shop: Shop, close: str, lags: int) -> None:
    customer, cart, reference = _returned(shop, "at completion", lags)
    assert shop.statuses(customer) == ["open"]
    [invoice] = shop.invoices(customer)
    payable = shop.now_of(reference)
    assert payable.status is PaymentStatus.PROCESSING
    assert (
        payable.error is not None
    )  # a payment with this status and an error must still be voided (Payment.needs_void)
    assert shop.payments.state(invoice["id"]) == payable
    assert shop.statuses(customer) == ["open"]  # reading changes nothing
    for _ in range(2):
        if close == "void":
            assert shop.payments.void(reference).status is PaymentStatus.FAILED
        else:
            with pytest.raises(PaymentNotStartedError) as refusal:
                shop.payments.open_checkout(cart)
            assert refusal.value.decline_code == payable.error
    assert shop.statuses(customer) == ["void"]
    assert shop.now_of(reference).status is PaymentStatus.FAILED
    assert shop.payments.state(invoice["id"]) == shop.now_of(reference)
    assert len(shop.sessions(customer)) == 1


@pytest.mark.standin_only("uses the stand-in's controls")
@pytest.mark.parametrize("close", ["void", "open_checkout"])
def test_an_invoice_paid_just_before_it_is_voided_pays_the_cart(shop: Shop, close: str) -> None:
    customer, cart, reference = _returned(shop, "at completion")
    [invoice] = shop.invoices(customer)
    shop.wire.meanwhile["POST void"] = lambda: shop.standin.controls.pay(invoice["id"])
    state = shop.payments.void(reference) if close == "void" else shop.payments.open_checkout(cart)
    assert (state.status, dict(state.gross)) == (PaymentStatus.SUCCEEDED, {"101": 1200, "102": 900})
    assert shop.taken(customer) == [2100]
    assert shop.statuses(customer) == ["paid"]


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
def test_the_invoice_is_voided_whichever_request_fails(shop: Shop) -> None:
    customer = ""

    def prepare() -> Callable[[], PaymentState]:
        nonlocal customer
        customer, cart, _ = _returned(shop, "at completion")
        return lambda: shop.payments.open_checkout(cart)

    for spoilt, refusal in spoilt_runs(shop, prepare):
        assert isinstance(refusal, PaymentNotStartedError), spoilt
        assert shop.statuses(customer) == ["void"], spoilt


# -- closing ------------------------------------------------------------------------------------------------


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
def test_a_closed_page_cannot_be_paid(shop: Shop) -> None:
    customer, cart, state = shop.opened()
    with suppress(Exception):
        shop.standin.controls.pay_checkout(state.reference, DECLINED)
    for _ in range(2):
        closed = shop.payments.void(state.reference)
        assert (closed.status, closed.amount_charged) == (PaymentStatus.CANCELED, 0)
        assert (closed.pay_url, closed.pay_until, closed.saved) == (None, None, None)
    assert shop.now_of(state.reference) == closed
    assert shop.payments.open_checkout(cart) == closed
    assert shop.pages(customer) == [("expired", "unpaid")]
    with pytest.raises(Exception, match="has expired"):
        shop.standin.controls.pay_checkout(state.reference)


def test_a_page_is_closed_whichever_request_fails(shop: Shop) -> None:
    customer = ""

    def prepare() -> Callable[[], PaymentState]:
        nonlocal customer
        customer, _, state = shop.opened()
        return lambda: shop.payments.void(state.reference)

    for spoilt, state in spoilt_runs(shop, prepare):
        assert state.status is PaymentStatus.CANCELED, spoilt
        assert shop.pages(customer) == [("expired", "unpaid")], spoilt


@pytest.mark.standin_only("uses the stand-in's controls")
@pytest.mark.parametrize(
    ("rival", "status", "taken"),
    [
        ("pay_checkout", PaymentStatus.SUCCEEDED, [2100]),
        ("debit_checkout", PaymentStatus.PROCESSING, []),
        ("expire_checkout", PaymentStatus.CANCELED, []),
    ],
)
def test_closing_a_page_returns_its_real_outcome(
    shop: Shop, rival: str, status: PaymentStatus, taken: list[int]
) -> None:
    customer, _, state = shop.opened()
    act = getattr(shop.standin.controls, rival)
    shop.wire.meanwhile["POST expire"] = lambda: act(state.reference)
    assert shop.payments.void(state.reference).status is status
    assert shop.wire.meanwhile == {}
    assert shop.taken(customer) == taken


@pytest.mark.standin_only("uses the stand-in's controls")
def test_a_refusal_to_close_an_open_page_raises_an_error(shop: Shop) -> None:
    customer, _, state = shop.opened()
    shop.standin.controls.add_fault("refuse", ".*/expire", times=9, error={"type": "invalid_request_error"})
    with pytest.raises(ProviderUnavailableError):
        shop.payments.void(state.reference)
    assert shop.pages(customer) == [("open", "unpaid")]


# -- finding ------------------------------------------------------------------------------------------------


def test_a_page_is_found_by_its_cart_among_many(shop: Shop) -> None:
    customer = shop.stranger()
    carts = [shop.page(customer, (ChargeLine("101", "Site", 1000 + number),)) for number in range(3)]
    states = [shop.payments.open_checkout(cart) for cart in carts]
    for number in range(101):
        shop.payments.open_checkout(shop.page(customer, (ChargeLine("1", "Other", 500 + number),)))
    found = [shop.payments.find(customer, cart.cart_token, cart.created_at) for cart in carts]
    assert found == states
    assert shop.payments.find(customer, "another", carts[0].created_at) is None
    assert shop.payments.find("", carts[0].cart_token, carts[0].created_at) is None
    assert {session["status"] for session in shop.sessions(customer)} == {"open"}


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
def test_the_search_finds_the_page_and_not_its_receipt(shop: Shop) -> None:
    """When a page is paid, Stripe creates an invoice as a receipt. It has the same metadata as a cart's own invoice."""
    whose = shop.customer()
    cart = shop.cart(whose)
    page = replace(shop.page(whose[0]), cart_token=cart.cart_token)
    opened = shop.payments.open_checkout(page)
    shop.standin.controls.pay_checkout(opened.reference)
    [receipt] = shop.invoices(whose[0])
    found = shop.payments.find(whose[0], cart.cart_token, cart.created_at)
    assert found is not None
    assert found.reference == opened.reference
    with pytest.raises(NotFoundError):
        shop.payments.void(receipt["id"])


def _twins(shop: Shop) -> tuple[str, CheckoutRequest, list[str]]:
    """Open two sessions for one cart. At Stripe this happens if the idempotency key expires between two requests."""
    customer, cart, state = shop.opened()
    shop.standin.clock.advance(10)
    asked = shop.asked_page()
    lines = [
        {
            **line,
            "quantity": 1,
            "price_data": {**line["price_data"], "unit_amount": int(line["price_data"]["unit_amount"])},
        }
        for line in asked["line_items"].values()
    ]
    twin = shop.api.checkout.sessions.create(
        {
            "mode": "payment",
            "customer": customer,
            "line_items": lines,
            "metadata": asked["metadata"],
            "payment_intent_data": asked["payment_intent_data"],
            "invoice_creation": {"enabled": True, "invoice_data": {"metadata": asked["metadata"]}},
            "success_url": cart.success_url,
        }
    )
    return customer, cart, [state.reference, twin.id]


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
def test_the_older_of_two_open_pages_stays_open(shop: Shop) -> None:
    for look in ("find", "open_checkout"):
        customer, cart, (first, _) = _twins(shop)
        if look == "find":
            found = shop.payments.find(customer, cart.cart_token, cart.created_at)
        else:
            found = shop.payments.open_checkout(replace(cart, locale="en"))
        assert found is not None
        assert (found.reference, found.status) == (first, PaymentStatus.AWAITING_AUTHENTICATION)
        assert shop.pages(customer) == [("open", "unpaid"), ("expired", "unpaid")]


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
def test_the_paid_one_of_two_pages_is_found(shop: Shop) -> None:
    for pay, status in (
        (shop.standin.controls.pay_checkout, PaymentStatus.SUCCEEDED),
        (shop.standin.controls.debit_checkout, PaymentStatus.PROCESSING),
    ):
        customer, cart, (_, second) = _twins(shop)
        pay(second)
        found = shop.payments.find(customer, cart.cart_token, cart.created_at)
        assert found is not None
        assert (found.reference, found.status) == (second, status)
        assert shop.pages(customer)[0] == ("expired", "unpaid")


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
def test_a_newer_page_paid_during_its_closing_is_found(shop: Shop) -> None:
    customer, cart, (_, second) = _twins(shop)
    shop.wire.meanwhile["POST expire"] = lambda: shop.standin.controls.pay_checkout(second)
    found = shop.payments.find(customer, cart.cart_token, cart.created_at)
    assert found is not None
    assert (found.reference, found.status) == (second, PaymentStatus.SUCCEEDED)
    assert shop.pages(customer) == [("expired", "unpaid"), ("complete", "paid")]
    assert shop.taken(customer) == [2100]


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
def test_a_session_that_we_did_not_create_is_ignored(shop: Shop) -> None:
    customer = shop.stranger()
    strange = shop.api.checkout.sessions.create(
        {
            "mode": "payment",
            "customer": customer,
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {"currency": "eur", "unit_amount": 900, "product_data": {"name": "x"}},
                }
            ],
            "invoice_creation": {"enabled": True},
            "success_url": "https://shop.example/",
        }
    )
    for reference in (strange.id, "cs_test_unknown"):
        assert shop.payments.state(reference) is None
        with pytest.raises(NotFoundError):
            shop.payments.void(reference)
    shop.standin.controls.pay_checkout(strange.id)
    assert shop.payments.state(shop.invoices(customer)[0]["id"]) is None
