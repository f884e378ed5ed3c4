"""A cart is paid on a Stripe page. The page is opened once, and the state of the payment is read correctly."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from hosting_orders.adapters.stripe.collection import StripeCollection
from hosting_orders.adapters.stripe.reading_checkout import key_of_item, session_state
from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.errors import PaymentNotStartedError, ProviderUnavailableError
from hosting_orders.domain.providers import ChargeLine, PaymentState, SavedMethod
from local.stripe_standin.checkout_payment import Payer
from tests.conformance.stripe_adapter.shop import (
    DEBIT_INVOICES,
    HOUR,
    Shop,
    insist,
    spoilt_runs,
)

CHALLENGED, DECLINED, DECLINED_FOR_GOOD = "4000002760003184", "4000000000009995", "4000000000009987"


# -- opening ------------------------------------------------------------------------------------------------


@pytest.mark.standin_only("reads what the stand-in received")
def test_an_open_page_waits_for_the_customer(shop: Shop) -> None:
    customer, cart, state = shop.opened()
    [session] = shop.sessions(customer)
    assert state == PaymentState(
        PaymentStatus.AWAITING_AUTHENTICATION,
        reference=session["id"],
        account_id="acc_1",
        cart_token=cart.cart_token,
        method_type=None,
        pay_url=session["url"],
        amount_charged=2100,
        credit_applied=0,
        total_net=2100,
        total_gross=2100,
        pay_until=cart.expires_at // 1000 * 1000,
    )
    assert shop.payments.state(state.reference) == state
    assert (session["cancel_url"], session["success_url"]) == (cart.cancel_url, cart.success_url)
    assert (session["locale"], session["payment_method_types"]) == ("nl", ["card", "sepa_debit"])
    assert session["expires_at"] == cart.expires_at // 1000
    asked = shop.asked_page()
    assert not asked.keys() & {
        "payment_method_types",
        "customer_email",
        "customer_creation",
        "customer_update",
    }
    ours = {"account_id": "acc_1", "cart_token": cart.cart_token, "schema": "1", "collected_by": "checkout"}
    assert session["metadata"] == asked["payment_intent_data"]["metadata"] == ours
    assert session["invoice_creation"]["invoice_data"]["metadata"] == ours
    for line, given in zip(cart.lines, asked["line_items"].values(), strict=True):
        # Stripe does not document which metadata reaches the invoice, so the line and the product both name the order.
        assert given["metadata"] == given["price_data"]["product_data"]["metadata"] == {"order": line.key}


@pytest.mark.standin_only("reads what the stand-in received")
def test_a_page_not_in_euros_accepts_only_cards(shop: Shop) -> None:
    customer, _, state = shop.opened(currency="GBP")
    assert shop.sessions(customer)[0]["payment_method_types"] == ["card"]
    assert list(shop.asked_page()["allowed_payment_method_types"].values()) == ["card"]
    assert shop.now_of(state.reference).pay_url


def test_a_page_is_opened_once_whichever_request_fails(shop: Shop) -> None:
    customer = ""

    def prepare() -> Callable[[], PaymentState]:
        nonlocal customer
        customer = shop.stranger()
        cart = shop.page(customer)
        return lambda: shop.payments.open_checkout(cart)

    for spoilt, state in spoilt_runs(shop, prepare):
        assert state.status is PaymentStatus.AWAITING_AUTHENTICATION, spoilt
        [session] = shop.sessions(customer)
        assert (session["id"], session["url"]) == (state.reference, state.pay_url), spoilt


def test_concurrent_requests_open_one_page(shop: Shop) -> None:
    customer = shop.stranger()
    cart = shop.page(customer)
    states: list[PaymentState] = []

    def open_it() -> None:
        payments = StripeCollection(shop.adapter(retries=2))
        states.append(insist(lambda: payments.open_checkout(cart)))

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(states) == 4
    assert len(set(states)) == 1
    assert shop.pages(customer) == [("open", "unpaid")]


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
@pytest.mark.parametrize(
    ("meanwhile", "status"),
    [
        (lambda shop, page: None, PaymentStatus.AWAITING_AUTHENTICATION),
        (lambda shop, page: shop.standin.controls.pay_checkout(page), PaymentStatus.SUCCEEDED),
        (lambda shop, page: shop.standin.controls.debit_checkout(page), PaymentStatus.PROCESSING),
        (lambda shop, page: shop.standin.controls.expire_checkout(page), PaymentStatus.CANCELED),
        (lambda shop, page: shop.standin.clock.advance(23 * HOUR + 60), PaymentStatus.CANCELED),
        (lambda shop, page: shop.standin.clock.advance(48 * HOUR), PaymentStatus.CANCELED),
    ],
)
def test_opening_a_page_again_returns_its_current_state(
    shop: Shop, meanwhile: Callable[[Shop, str], object], status: PaymentStatus
) -> None:
    customer, cart, state = shop.opened()
    meanwhile(shop, state.reference)
    again = shop.payments.open_checkout(cart)
    assert (again.status, again.reference) == (status, state.reference)
    assert again == shop.payments.state(state.reference)
    assert len(shop.sessions(customer)) == 1


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
def test_a_page_is_not_opened_again_a_day_later(shop: Shop) -> None:
    """Stripe forgets the idempotency key after 24 hours.

    After that, only the adapter's search for the cart's session prevents a second session.
    """
    customer, cart, state = shop.opened()
    shop.standin.controls.pay_checkout(state.reference)
    shop.standin.clock.advance(25 * HOUR)
    younger = replace(cart, expires_at=cart.expires_at + 24 * HOUR * 1000)
    shop.wire.spoil(None)
    assert shop.payments.open_checkout(younger).status is PaymentStatus.SUCCEEDED
    assert shop.wire.posted == []
    assert shop.taken(customer) == [2100]


@pytest.mark.standin_only("moves the stand-in's time")
def test_no_page_is_opened_after_its_expiry_time(shop: Shop) -> None:
    customer = shop.stranger()
    cart = shop.page(customer)
    shop.standin.clock.advance(23 * HOUR)
    with pytest.raises(PaymentNotStartedError):
        shop.payments.open_checkout(cart)
    assert shop.sessions(customer) == []


def test_a_refusal_to_open_a_page_leaves_no_session(shop: Shop) -> None:
    customer = shop.stranger()
    cart = shop.page(customer, (ChargeLine("101", "Site", 20),))
    for _ in range(2):
        with pytest.raises(PaymentNotStartedError) as refusal:
            shop.payments.open_checkout(cart)
        assert refusal.value.decline_code == "amount_too_small"
    assert shop.sessions(customer) == []
    with pytest.raises(PaymentNotStartedError):
        shop.payments.open_checkout(replace(shop.page(customer), customer_id="cus_unknown"))


def test_a_changed_request_finds_the_first_page(shop: Shop) -> None:
    customer, cart, state = shop.opened()
    reworded = replace(cart, lines=tuple(replace(line, description="New words") for line in cart.lines))
    assert shop.payments.open_checkout(reworded) == state
    assert shop.payments.open_checkout(replace(cart, locale="en")) == state
    assert len(shop.sessions(customer)) == 1


def test_a_changed_request_opens_no_page_if_none_is_found(shop: Shop) -> None:
    """Stripe knows the cart's idempotency key from a first request with other content.

    That request may still be running and open a page. So the changed request must not open another page.
    """
    customer = shop.stranger()
    cart = shop.page(customer, (ChargeLine("101", "Site", 20),))
    with pytest.raises(PaymentNotStartedError):
        shop.payments.open_checkout(cart)
    with pytest.raises(ProviderUnavailableError):
        shop.payments.open_checkout(replace(cart, locale="en"))
    assert shop.sessions(customer) == []


# -- paying by card -----------------------------------------------------------------------------------------


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
@pytest.mark.parametrize(("lags", "line_metadata"), list(itertools.product((0, 60), (False, True))))
def test_a_card_pays_the_cart(shop: Shop, lags: int, line_metadata: bool) -> None:
    shop.standin.controls.set(checkout_invoice_lags=lags, checkout_line_metadata=line_metadata)
    customer, cart, state = shop.opened()
    shop.standin.controls.pay_checkout(state.reference)
    paid = shop.now_of(state.reference)
    [method] = shop.api.payment_methods.list({"customer": customer}).data
    assert paid == replace(
        state,
        status=PaymentStatus.SUCCEEDED,
        method_type="card",
        pay_url=None,
        pay_until=None,
        gross={"101": 1200, "102": 900},
        saved=SavedMethod(customer, method.id),
    )
    assert dict(paid.gross) == {"101": 1200, "102": 900}
    assert shop.payments.void(state.reference) == paid
    assert shop.payments.find(customer, cart.cart_token, cart.created_at) == paid
    shop.standin.clock.advance(120)
    assert shop.payments.state(state.reference) == paid
    assert shop.statuses(customer) == ["paid"]
    assert shop.payments.state(shop.invoices(customer)[0]["id"]) == paid


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
def test_a_declined_card_leaves_the_page_open(shop: Shop) -> None:
    customer, _, state = shop.opened()
    for number, code in ((DECLINED, "insufficient_funds"), (DECLINED_FOR_GOOD, "lost_card")):
        with suppress(Exception):
            shop.standin.controls.pay_checkout(state.reference, number)
        assert shop.now_of(state.reference) == replace(state, method_type="card", error=code)
    shop.standin.controls.pay_checkout(state.reference)
    paid = shop.now_of(state.reference)
    assert (paid.status, paid.error) == (PaymentStatus.SUCCEEDED, None)
    assert shop.taken(customer) == [2100]


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
def test_a_3d_secure_challenge_leaves_the_page_open(shop: Shop) -> None:
    customer, _, state = shop.opened()
    shop.standin.controls.pay_checkout(state.reference, CHALLENGED)
    asked = shop.now_of(state.reference)
    assert asked == replace(state, method_type="card")
    shop.standin.controls.authenticate_checkout(state.reference, succeeds=False)
    refused = shop.now_of(state.reference)
    assert refused == replace(state, method_type="card", error="payment_intent_authentication_failure")
    shop.standin.controls.pay_checkout(state.reference, CHALLENGED)
    shop.standin.controls.authenticate_checkout(state.reference)
    assert shop.now_of(state.reference).status is PaymentStatus.SUCCEEDED
    assert shop.taken(customer) == [2100]


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
def test_every_line_of_a_full_cart_has_its_gross_amount(shop: Shop) -> None:
    lines = tuple(ChargeLine(str(number), f"Site {number}", 500 + number) for number in range(100, 120))
    _, _, state = shop.opened(lines)
    shop.standin.controls.pay_checkout(state.reference)
    gross = shop.now_of(state.reference).gross
    assert dict(gross) == {line.key: line.amount for line in lines}


@pytest.mark.standin_only("tax needs settings of the Stripe account")
def test_tax_follows_the_country_entered_on_the_page(shop: Shop) -> None:
    taxed = StripeCollection(shop.adapter(automatic_tax=True))
    customer = shop.stranger()
    lines = (ChargeLine("101", "a", 333), ChargeLine("102", "b", 777))
    state = taxed.open_checkout(shop.page(customer, lines))
    assert (state.total_net, state.total_gross, state.gross) == (1110, 1110, {})
    shop.standin.controls.pay_checkout(state.reference, payer=Payer("a@example.com", "A", "NL", "1011AB"))
    paid = taxed.state(state.reference)
    assert paid is not None
    assert dict(paid.gross) == {"101": 403, "102": 940}
    assert (paid.total_net, paid.total_gross, paid.amount_charged) == (1110, 1343, 1343)
    assert shop.taken(customer) == [1343]


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
def test_the_largest_line_is_corrected_to_match_the_total(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, state = shop.opened()
    shop.standin.controls.pay_checkout(state.reference)
    items = shop.stripe.session_items(state.reference)
    for item in items:
        item["amount_total"] += 1
    api = shop.stripe
    monkeypatch.setattr(api, "session_items", lambda session_id: items)
    paid = StripeCollection(api).state(state.reference)
    assert paid is not None
    assert dict(paid.gross) == {"101": 1199, "102": 901}


# -- paying by debit ----------------------------------------------------------------------------------------


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
@pytest.mark.parametrize(("invoice", "lags"), list(itertools.product(DEBIT_INVOICES, (0, 60))))
def test_a_debit_pays_when_its_money_arrives(shop: Shop, invoice: str, lags: int) -> None:
    shop.standin.controls.set(checkout_debit_invoice=invoice, checkout_invoice_lags=lags)
    customer, cart, state = shop.opened()
    shop.standin.controls.debit_checkout(state.reference)
    for _ in range(2):
        under_way = shop.now_of(state.reference)
        assert under_way == replace(
            state, status=PaymentStatus.PROCESSING, method_type="sepa_debit", pay_url=None, pay_until=None
        )
        assert shop.payments.void(state.reference) == under_way
        assert shop.payments.open_checkout(cart) == under_way
        shop.standin.clock.advance(120)
    shop.standin.controls.settle(state.reference)
    paid = shop.now_of(state.reference)
    assert (paid.status, dict(paid.gross)) == (PaymentStatus.SUCCEEDED, {"101": 1200, "102": 900})
    assert paid.saved is not None
    assert paid.saved.customer_id == customer
    shop.standin.clock.advance(120)
    assert shop.payments.state(state.reference) == paid
    assert shop.payments.state(shop.invoices(customer)[0]["id"]) == paid
    assert shop.statuses(customer) == ["paid"]


# -- states that the stand-in never produces ----------------------------------------------------------------


def _session(shop: Shop, act: str) -> dict[str, Any]:
    """A session as the adapter reads it, after the stand-in's control `act`."""
    shop.standin.controls.set(checkout_debit_invoice="at completion")
    _, _, state = shop.opened()
    getattr(shop.standin.controls, act)(state.reference)
    session = shop.stripe.session(state.reference)
    assert session is not None
    return session


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
def test_a_later_payment_of_the_invoice_pays_the_session(shop: Shop) -> None:
    session = _session(shop, "debit_checkout")
    session["payment_intent"]["status"] = "requires_payment_method"
    assert session_state(session, {}).status is PaymentStatus.PROCESSING  # the session's invoice is open
    session["invoice"]["status"] = "uncollectible"
    # An uncollectible invoice can still be paid.
    assert session_state(session, {}).status is PaymentStatus.PROCESSING
    session["invoice"]["status"] = "paid"
    assert session_state(session, {}).status is PaymentStatus.SUCCEEDED


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
def test_a_session_is_processing_until_stripe_marks_it_paid(shop: Shop) -> None:
    session = _session(shop, "debit_checkout")
    for status, intent in itertools.product(("open", "complete", "expired"), ("processing", "succeeded")):
        session["status"], session["payment_intent"]["status"] = status, intent
        state = session_state(session, {})
        assert (state.status, state.pay_url, state.error) == (PaymentStatus.PROCESSING, None, None)


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
def test_a_failed_debit_always_has_an_error(shop: Shop) -> None:
    """The cart voids a payment in PROCESSING only if the payment has an error (Payment.needs_void)."""
    session = _session(shop, "debit_checkout")
    session["payment_intent"].update(status="canceled", last_payment_error=None)
    assert session_state(session, {}).error == "payment_failed"
    session["invoice"] = None
    failed = session_state(session, {})
    assert (failed.status, failed.error) == (PaymentStatus.FAILED, "payment_failed")


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
def test_a_discount_lowers_the_net_sum(shop: Shop) -> None:
    session = _session(shop, "pay_checkout")
    session["amount_total"] -= 500
    session["total_details"]["amount_discount"] = 500
    state = session_state(session, {})
    assert (state.total_net, state.total_gross) == (1600, 1600)


@pytest.mark.standin_only("pays on the checkout page; at Stripe only a person can do that")
def test_only_a_saved_method_is_reported_as_saved(shop: Shop) -> None:
    session = _session(shop, "pay_checkout")
    assert session_state(session, {}).saved is not None
    session["payment_intent"]["setup_future_usage"] = None
    assert session_state(session, {}).saved is None


def test_a_line_is_identified_by_line_or_product_metadata(shop: Shop) -> None:
    lines = [{"metadata": {"order": "101"}}, {"price": {"product": {"metadata": {"order": "101"}}}}]
    assert [key_of_item(line) for line in lines] == ["101", "101"]
    assert key_of_item({"metadata": {}, "price": {"product": "prod_1"}}) is None
