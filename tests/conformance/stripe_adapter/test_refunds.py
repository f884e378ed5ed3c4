"""Each refund of a charged invoice is made once."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress

import pytest

from hosting_orders.adapters.stripe.invoices import StripeInvoices
from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.errors import (
    ProviderUnavailableError,
    RefundRefusedError,
)
from hosting_orders.domain.providers import (
    ChargeLine,
    RefundState,
)
from tests.conformance.stripe_adapter.shop import (
    HOUR,
    Shop,
    next_month,
    renewal,
    spoilt_runs,
)


@pytest.mark.standin_only("moves the stand-in's time")
def test_a_refund_returns_card_money_and_credit_once(shop: Shop) -> None:
    customer, invoice_id = shop.paid((ChargeLine("101", "Site", 2100),), credit=500)
    first = shop.refunds.refund(invoice_id, "101", shop.once("1"))
    assert (first.amount, first.to_credit) == (1600, 500)
    assert shop.refunds.refund(invoice_id, "101", shop.once("1")) == first
    shop.standin.clock.advance(25 * HOUR)
    shop.wire.spoil(None)
    assert shop.refunds.refund(invoice_id, "101", shop.once("1")) == first
    assert shop.wire.posted == []  # the credit note was found, not created again
    [note] = shop.notes(customer)
    assert (note.id, note.total) == (first.id, 2100)
    assert (shop.given_back(customer), shop.balance(customer)) == (1600, 500)


@pytest.mark.parametrize("order", list(itertools.permutations(("101", "102", "103"))))
def test_refunds_in_any_sequence_add_up_to_the_payment(shop: Shop, order: tuple[str, ...]) -> None:
    lines = (ChargeLine("101", "a", 333), ChargeLine("102", "b", 777), ChargeLine("103", "c", 1001))
    customer, invoice_id = shop.paid(lines, credit=1000)
    parts = {key: shop.refunds.refund(invoice_id, key, shop.once(key)) for key in order}
    for line in lines:
        assert parts[line.key].amount + parts[line.key].to_credit == line.amount
        # The card gets its proportional part of each refund, with an error of less than a cent.
        assert abs(parts[line.key].amount - line.amount * 1111 / 2111) < 1
    assert shop.given_back(customer) == 1111
    assert shop.balance(customer) == 1000
    assert len(shop.notes(customer)) == 3


def test_a_refund_returns_only_its_own_line(shop: Shop) -> None:
    customer, invoice_id = shop.paid()
    state = shop.refunds.refund(invoice_id, "102", shop.once("2"))
    assert (state.amount, state.to_credit) == (900, 0)
    assert shop.given_back(customer) == 900


def test_a_refund_happens_once_even_if_a_request_fails(shop: Shop) -> None:
    customer = ""

    def prepare() -> Callable[[], RefundState]:
        nonlocal customer
        customer, invoice_id = shop.paid(credit=700)
        return lambda: shop.refunds.refund(invoice_id, "101", "order-" + invoice_id)

    for spoilt, state in spoilt_runs(shop, prepare):
        assert state.amount + state.to_credit == 1200, spoilt
        assert len(shop.notes(customer)) == 1, spoilt
        assert shop.given_back(customer) == state.amount, spoilt
        assert shop.balance(customer) == state.to_credit, spoilt


@pytest.mark.parametrize(
    ("fault", "collection"),
    [("dropped", "credit_notes"), ("error", "credit_notes"), ("dropped", "subscriptions")],
)
def test_a_retry_sends_the_same_idempotency_key(shop: Shop, fault: str, collection: str) -> None:
    """Two processes can both search for a refund or renewal before one of them creates it. Then only the idempotency
    key prevents a second refund or renewal.
    """
    whose = shop.customer()
    if collection == "subscriptions":
        act: Callable[[], object] = renewal(shop, whose, next_month(shop))
    else:
        _, invoice_id = shop.paid()

        def act() -> object:
            return shop.refunds.refund(invoice_id, "101", shop.once("1"))

    for place in range(8):
        shop.wire.spoil(place, fault)
        with suppress(ProviderUnavailableError):
            act()
        if shop.wire.posted and shop.wire.posted[-1][0] == collection:
            break
    first = shop.wire.posted[-1]
    shop.wire.spoil(None)
    act()
    assert first[0] == collection
    assert [posted for posted in shop.wire.posted if posted[0] == collection] == [first]


@pytest.mark.standin_only("tax needs settings of the Stripe account")
def test_a_refund_returns_the_amount_with_its_tax(shop: Shop) -> None:
    whose = shop.customer()
    state = StripeInvoices(shop.adapter(automatic_tax=True)).charge(shop.cart(whose))
    for key in ("101", "102"):
        shop.refunds.refund(state.reference, key, shop.once(key))
    assert shop.given_back(whose[0]) == state.amount_charged


ROUNDED = (
    ChargeLine("101", "a", 50),
    ChargeLine("102", "b", 51),
    ChargeLine("103", "c", 49),
    ChargeLine("104", "d", 50),
)


@pytest.mark.standin_only("tax needs settings of the Stripe account")
@pytest.mark.parametrize("no_money", [True, False])
@pytest.mark.parametrize("credit", [0, 70])
@pytest.mark.parametrize("order", [("101", "102", "103", "104"), ("104", "102", "101", "103")])
def test_refunds_add_up_if_only_the_sum_of_the_tax_is_rounded(
    shop: Shop, order: tuple[str, ...], credit: int, no_money: bool
) -> None:
    """At 19 %, the four lines' taxes, each rounded, are 10, 10, 9 and 10 cents, which makes 39. Stripe rounds only the
    sum, and gets 38.
    """
    shop.standin.controls.set(tax_rounding="invoice", previews_take_no_money=no_money)
    whose = shop.customer(credit=credit)
    taxed = shop.adapter(automatic_tax=True)
    state = StripeInvoices(taxed).charge(shop.cart(whose, ROUNDED))
    assert (state.total_net, state.total_gross) == (200, 238)
    parts = [shop.refunds.refund(state.reference, key, shop.once(key)) for key in order]
    assert sum(part.amount for part in parts) == shop.given_back(whose[0]) == 238 - credit
    assert sum(part.to_credit for part in parts) == credit == shop.balance(whose[0])
    assert all(58 <= part.amount + part.to_credit <= 61 for part in parts)


@pytest.mark.standin_only("tax needs settings of the Stripe account")
def test_each_refund_returns_the_total_of_its_credit_note(shop: Shop) -> None:
    shop.standin.controls.set(tax_rounding="invoice")
    whose = shop.customer()
    state = StripeInvoices(shop.adapter(automatic_tax=True)).charge(shop.cart(whose, ROUNDED))
    first, second = (shop.refunds.refund(state.reference, key, shop.once(key)) for key in ("101", "104"))
    notes = {note.id: note for note in shop.notes(whose[0])}
    assert [notes[part.id].total for part in (first, second)] == [first.amount, second.amount]
    assert notes[first.id].lines.data[0].invoice_line_item


@pytest.mark.standin_only("tax needs settings of the Stripe account")
@pytest.mark.parametrize("automatic_tax", [True, False])
@pytest.mark.parametrize("percent", ["10", "33.3", "100"])
def test_refunds_of_a_discounted_cart_add_up_to_the_payment(
    shop: Shop, percent: str, automatic_tax: bool
) -> None:
    whose = shop.customer()
    shop.standin.controls.discount(whose[0], percent)
    lines = (ChargeLine("101", "a", 1999), ChargeLine("102", "b", 777))
    api = shop.adapter(automatic_tax=automatic_tax)
    state = StripeInvoices(api).charge(shop.cart(whose, lines))
    assert state.status is PaymentStatus.SUCCEEDED
    assert sum(shop.taken(whose[0])) == state.total_gross
    assert state.total_net < 2776
    parts = [shop.refunds.refund(state.reference, key, shop.once(key)) for key in ("102", "101")]
    assert sum(part.amount for part in parts) == state.total_gross == shop.given_back(whose[0])


@pytest.mark.parametrize("currency", ["UGX", "ISK"])
def test_refunds_in_ugx_and_isk_are_multiples_of_100(shop: Shop, currency: str) -> None:
    lines = (ChargeLine("101", "a", 50_000), ChargeLine("102", "b", 20_000), ChargeLine("103", "c", 30_000))
    customer, invoice_id = shop.paid(lines, credit=33_300, currency=currency)
    parts = [shop.refunds.refund(invoice_id, key, shop.once(key)) for key in ("102", "101", "103")]
    assert all(part.amount % 100 == 0 for part in parts)
    assert (shop.given_back(customer), shop.balance(customer)) == (66_700, 33_300)


def test_refunds_in_yen_return_the_exact_amounts(shop: Shop) -> None:
    customer, invoice_id = shop.paid(
        (ChargeLine("101", "a", 101), ChargeLine("102", "b", 100)), credit=100, currency="JPY"
    )
    parts = [shop.refunds.refund(invoice_id, key, shop.once(key)) for key in ("101", "102")]
    assert [part.amount + part.to_credit for part in parts] == [101, 100]
    assert (shop.given_back(customer), shop.balance(customer)) == (101, 100)


def test_a_free_order_needs_no_credit_note(shop: Shop) -> None:
    customer, invoice_id = shop.paid((ChargeLine("101", "Trial", 0), ChargeLine("102", "Site", 900)))
    state = shop.refunds.refund(invoice_id, "101", shop.once("1"))
    assert (state.amount, state.to_credit) == (0, 0)
    assert state.id
    assert shop.notes(customer) == []


@pytest.mark.standin_only("uses the stand-in's controls")
def test_a_refused_refund_moves_no_money(shop: Shop) -> None:
    customer, invoice_id = shop.paid()
    with pytest.raises(RefundRefusedError):
        shop.refunds.refund(invoice_id, "999", shop.once("9"))
    whose = shop.customer("pm_card_chargeCustomerFail")
    unpaid = shop.payments.charge(shop.cart(whose))
    with pytest.raises(RefundRefusedError):
        shop.refunds.refund(unpaid.reference, "101", shop.once("1"))
    shop.standin.controls.set(refunds="refuse")
    with pytest.raises(RefundRefusedError):
        shop.refunds.refund(invoice_id, "101", shop.once("1"))
    assert shop.notes(customer) == []
    assert shop.given_back(customer) == 0


@pytest.mark.standin_only("uses the stand-in's controls")
def test_a_refund_that_fails_is_treated_as_refused(shop: Shop) -> None:
    _, invoice_id = shop.paid()
    shop.standin.controls.set(refunds="fail")
    for _ in range(2):
        with pytest.raises(RefundRefusedError):
            shop.refunds.refund(invoice_id, "101", shop.once("1"))
