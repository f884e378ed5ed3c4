"""A cart is charged once, even if requests or responses are lost. Existing payments are found and can be voided."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from hosting_orders.adapters.stripe.invoices import StripeInvoices
from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.errors import (
    NotFoundError,
    PaymentNotStartedError,
    ProviderUnavailableError,
    RefundRefusedError,
)
from hosting_orders.domain.providers import (
    ChargeLine,
    PaymentState,
)
from tests.conformance.stripe_adapter.shop import (
    HOUR,
    Shop,
    insist,
    spoilt_runs,
)

# -- charged once despite losses -----------------------------------------------------------------------------


def test_a_cart_is_charged_once_whichever_request_fails(shop: Shop) -> None:
    whose = ("", "")

    def prepare() -> Callable[[], PaymentState]:
        nonlocal whose
        whose = shop.customer(credit=300)
        cart = shop.cart(whose)
        return lambda: shop.payments.charge(cart)

    for spoilt, state in spoilt_runs(shop, prepare):
        assert state.status is PaymentStatus.SUCCEEDED, spoilt
        assert shop.statuses(whose[0]) == ["paid"], spoilt
        assert shop.taken(whose[0]) == [1800], spoilt
        assert shop.balance(whose[0]) == 0, spoilt


def test_a_decline_voids_the_invoice_whichever_request_fails(shop: Shop) -> None:
    whose = ("", "")

    def prepare() -> Callable[[], PaymentState]:
        nonlocal whose
        whose = shop.customer("pm_card_radarBlock", credit=300)
        cart = shop.cart(whose)
        return lambda: shop.payments.charge(cart)

    for spoilt, refusal in spoilt_runs(shop, prepare):
        assert isinstance(refusal, PaymentNotStartedError), spoilt
        assert refusal.decline_code == "fraudulent", spoilt
        assert shop.statuses(whose[0]) == ["void"], spoilt
        assert shop.balance(whose[0]) == 300, spoilt


@pytest.mark.standin_only("moves the stand-in's time")
def test_a_retry_a_day_later_causes_no_second_charge(shop: Shop) -> None:
    """Stripe forgets every idempotency key after 24 hours. Then the adapter must find the existing invoice."""
    for calls in range(7):
        whose = shop.customer()
        cart = shop.cart(whose)
        shop.wire.spoil(calls, "dropped")
        try:
            shop.payments.charge(cart)
        except ProviderUnavailableError:
            shop.wire.spoil(None)
        shop.wire.spoil(None)
        shop.standin.clock.advance(25 * HOUR)
        state = shop.payments.charge(cart)
        assert state.status is PaymentStatus.SUCCEEDED, calls
        assert shop.payments.charge(cart) == state, calls
        assert shop.statuses(whose[0]) == ["paid"], calls
        assert shop.taken(whose[0]) == [2100], calls


@pytest.mark.standin_only("moves the stand-in's time")
def test_an_old_draft_is_charged_once_whichever_request_fails(shop: Shop) -> None:
    whose = ("", "")

    def prepare() -> Callable[[], PaymentState]:
        nonlocal whose
        whose = shop.customer()
        cart = shop.cart(whose)
        shop.wire.spoil(1, "dropped")
        with pytest.raises(ProviderUnavailableError):
            shop.payments.charge(cart)
        assert shop.statuses(whose[0]) == ["draft"]
        shop.standin.clock.advance(25 * HOUR)
        return lambda: shop.payments.charge(cart)

    for spoilt, state in spoilt_runs(shop, prepare):
        assert state.status is PaymentStatus.SUCCEEDED, spoilt
        assert shop.statuses(whose[0]) == ["paid"], spoilt
        assert shop.taken(whose[0]) == [2100], spoilt


@pytest.mark.standin_only("moves the stand-in's time")
def test_a_declined_cart_is_not_charged_again_a_day_later(shop: Shop) -> None:
    whose = shop.customer("pm_card_chargeCustomerFail")
    cart = shop.cart(whose)
    state = shop.payments.charge(cart)
    shop.standin.clock.advance(25 * HOUR)
    assert shop.payments.charge(cart) == state
    assert len(shop.api.charges.list({"customer": whose[0], "limit": 100}).data) == 1


def test_concurrent_requests_charge_a_cart_once(shop: Shop) -> None:
    whose = shop.customer()
    cart = shop.cart(whose)
    outcomes: list[PaymentState] = []

    def charge() -> None:
        outcomes.append(insist(lambda: StripeInvoices(shop.adapter(retries=2)).charge(cart)))

    threads = [threading.Thread(target=charge) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 4
    assert len(set(outcomes)) == 1
    assert shop.statuses(whose[0]) == ["paid"]
    assert shop.taken(whose[0]) == [2100]


def test_an_invoice_that_differs_from_the_cart_is_never_paid(shop: Shop) -> None:
    whose = shop.customer(credit=10_000)
    cart = shop.cart(whose)
    shop.wire.spoil(1, "dropped")
    with pytest.raises(ProviderUnavailableError):
        shop.payments.charge(cart)
    shop.wire.spoil(None)
    [draft] = shop.invoices(whose[0])
    shop.api.invoices.add_lines(draft["id"], {"lines": [{"amount": 700, "description": "A stranger's"}]})
    with pytest.raises(PaymentNotStartedError):
        shop.payments.charge(cart)
    assert [status for status in shop.statuses(whose[0]) if status != "void"] == []
    assert shop.balance(whose[0]) == 10_000


def test_a_changed_charge_finds_the_first_invoice(shop: Shop) -> None:
    """A later release of the code may send other parameters for the same cart."""
    whose = shop.customer()
    cart = shop.cart(whose)
    first = shop.payments.charge(cart)
    reworded = replace(cart, lines=tuple(replace(line, description="New words") for line in cart.lines))
    assert shop.payments.charge(reworded) == first
    assert shop.payments.charge(replace(cart, payment_method_id="")) == first
    assert shop.statuses(whose[0]) == ["paid"]
    assert shop.taken(whose[0]) == [2100]


def test_the_sdk_retries_lost_requests_itself(shop: Shop) -> None:
    whose = shop.customer()
    cart = shop.cart(whose)
    shop.wire.spoil(3, "lost")
    assert StripeInvoices(shop.adapter(retries=1)).charge(cart).status is PaymentStatus.SUCCEEDED
    assert shop.taken(whose[0]) == [2100]


# -- finding and voiding ------------------------------------------------------------------------------------


def test_an_invoice_that_we_did_not_create_is_not_changed(shop: Shop) -> None:
    customer, _ = shop.customer()
    strange = shop.api.invoices.create({"customer": customer, "currency": "eur"})
    assert shop.payments.state(strange.id) is None
    assert shop.payments.state("in_unknown") is None
    with pytest.raises(NotFoundError):
        shop.payments.void(strange.id)
    with pytest.raises(RefundRefusedError):
        shop.refunds.refund(strange.id, "101", shop.once("1"))
    assert shop.statuses(customer) == ["draft"]


def test_a_payment_is_found_by_its_cart_among_many(shop: Shop) -> None:
    whose = shop.customer()
    carts = [shop.cart(whose, (ChargeLine("101", "Site", 1000 + number),)) for number in range(3)]
    states = [shop.payments.charge(cart) for cart in carts]
    for _ in range(101):
        shop.api.invoices.create({"customer": whose[0], "currency": "eur"})  # more than one page
    found = [shop.payments.find(whose[0], cart.cart_token, cart.created_at) for cart in carts]
    assert found == states
    assert shop.payments.find(whose[0], "another", carts[0].created_at) is None


def test_voiding_closes_only_unpaid_invoices(shop: Shop) -> None:
    whose = shop.customer("pm_card_authenticationRequired", credit=300)
    state = shop.payments.charge(shop.cart(whose))
    for _ in range(2):
        voided = shop.payments.void(state.reference)
        assert voided.status is PaymentStatus.CANCELED
        assert (voided.amount_charged, voided.credit_applied) == (0, 0)
        assert voided.pay_url is None
    assert shop.statuses(whose[0]) == ["void"]
    assert shop.balance(whose[0]) == 300

    customer, invoice_id = shop.paid()
    assert shop.payments.void(invoice_id).status is PaymentStatus.SUCCEEDED
    assert shop.statuses(customer) == ["paid"]


def test_a_cart_cannot_be_charged_after_its_draft_is_voided(shop: Shop) -> None:
    whose = shop.customer()
    cart = shop.cart(whose)
    shop.wire.spoil(1, "dropped")
    with pytest.raises(ProviderUnavailableError):
        shop.payments.charge(cart)
    shop.wire.spoil(None)
    draft = shop.payments.find(whose[0], cart.cart_token, cart.created_at)
    assert draft is not None
    assert draft.status is PaymentStatus.PROCESSING
    for _ in range(2):
        assert shop.payments.void(draft.reference).status is PaymentStatus.CANCELED
    assert shop.invoices(whose[0]) == []
    with pytest.raises(PaymentNotStartedError):
        shop.payments.charge(cart)
    assert shop.invoices(whose[0]) == []
    assert shop.taken(whose[0]) == []


def test_a_cart_cannot_be_charged_after_its_invoice_is_voided(shop: Shop) -> None:
    whose = shop.customer()
    cart = shop.cart(whose)
    shop.wire.spoil(3, "dropped")
    with pytest.raises(ProviderUnavailableError):
        shop.payments.charge(cart)
    shop.wire.spoil(None)
    [invoice] = shop.invoices(whose[0])
    assert shop.payments.void(invoice["id"]).status is PaymentStatus.CANCELED
    with pytest.raises(PaymentNotStartedError):
        shop.payments.charge(cart)
    assert shop.statuses(whose[0]) == ["void"]
    assert shop.taken(whose[0]) == []
