"""Renewals without a subscription. Each term is charged by an invoice of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from hosting_orders.domain.errors import PaymentNotStartedError, TooManySubscriptionsError
from hosting_orders.domain.providers import ChargeLine, TermRequest, TermState, TermStatus
from local.stripe_standin import subscriptions
from tests.conformance.stripe_adapter.shop import (
    HOUR,
    Shop,
    event,
    insist,
    next_month,
    renewal,
    signed,
    spoilt_runs,
)

MONTH = 30 * 24 * HOUR


def term(shop: Shop, whose: tuple[str, str], **changes: Any) -> TermRequest:
    starts_at = int(shop.now() * 1000)
    request = TermRequest(
        account_id="acc_1",
        order_id=f"0000-{whose[0]}",
        customer_id=whose[0],
        currency="EUR",
        line=ChargeLine("101", "Site one: small plan, monthly", 1200),
        starts_at=starts_at,
        ends_at=starts_at + MONTH * 1000,
        reference=None,
        tried=0,
    )
    return replace(request, **changes)


def refused_term(shop: Shop) -> tuple[tuple[str, str], TermRequest]:
    """A customer whose card is declined, and the request to charge a term."""
    whose = shop.customer()
    shop.standin.controls.decline(whose[1], "insufficient_funds")
    return whose, term(shop, whose)


def ended(shop: Shop, whose: tuple[str, str]) -> list[str]:
    return sorted(shop.statuses(whose[0]))


@pytest.mark.standin_only("makes the stand-in refuse a request")
@pytest.mark.parametrize(
    "refusal",
    [
        {"code": "customer_max_subscriptions", "message": "Refused."},
        {"message": "Customer cus_1 already has the maximum 500 current subscriptions"},
    ],
)
def test_the_limit_of_subscriptions_has_its_own_error(shop: Shop, refusal: dict[str, str]) -> None:
    whose = shop.customer()
    shop.standin.faults.add("refuse", "/v1/subscriptions", method="POST", error=refusal)
    with pytest.raises(TooManySubscriptionsError):
        renewal(shop, whose, next_month(shop))()


@pytest.mark.standin_only("makes the stand-in refuse a request")
def test_other_refusals_do_not_raise_too_many_subscriptions(shop: Shop) -> None:
    whose = shop.customer()
    shop.standin.faults.add("refuse", "/v1/subscriptions", method="POST")
    with pytest.raises(PaymentNotStartedError) as refused:
        renewal(shop, whose, next_month(shop))()
    assert not isinstance(refused.value, TooManySubscriptionsError)


def test_the_stand_in_has_stripes_limit_of_subscriptions(shop: Shop) -> None:
    assert subscriptions.MOST_OF_A_CUSTOMER == 500


def test_a_term_is_charged_once_whichever_request_fails(shop: Shop) -> None:
    whose = ("", "")

    def prepare() -> Callable[[], TermState]:
        nonlocal whose
        whose = shop.customer()
        request = term(shop, whose)
        return lambda: shop.renewals.charge_term(request)

    for spoilt, state in spoilt_runs(shop, prepare):
        assert isinstance(state, TermState) and state.status is TermStatus.PAID, spoilt
        assert shop.taken(whose[0]) == [1200] and ended(shop, whose) == ["paid"], spoilt


@pytest.mark.standin_only("uses a control to decline a card")
def test_a_refused_term_is_tried_once_whichever_request_fails(shop: Shop) -> None:
    whose = ("", "")

    def prepare() -> Callable[[], TermState]:
        nonlocal whose
        whose, request = refused_term(shop)
        return lambda: shop.renewals.charge_term(request)

    for spoilt, state in spoilt_runs(shop, prepare):
        assert isinstance(state, TermState) and state.status is TermStatus.UNPAID, spoilt
        assert shop.taken(whose[0]) == [] and ended(shop, whose) == ["open"], spoilt


@pytest.mark.standin_only("uses a control to decline a card")
def test_a_term_is_closed_whichever_request_fails(shop: Shop) -> None:
    whose = ("", "")

    def prepare() -> Callable[[], TermState]:
        nonlocal whose
        whose, request = refused_term(shop)
        shop.renewals.charge_term(request)  # `request` stays without the reference, as after a crash
        return lambda: shop.renewals.close_term(request)

    for spoilt, state in spoilt_runs(shop, prepare):
        assert state == TermState(TermStatus.NOT_CHARGED, None), spoilt
        assert ended(shop, whose) == ["void"], spoilt


@pytest.mark.standin_only("moves the stand-in's time")
@pytest.mark.parametrize("hours", [1, 26])
def test_a_repeated_attempt_finds_its_invoice(shop: Shop, hours: int) -> None:
    whose, request = refused_term(shop)
    first = shop.renewals.charge_term(request)
    assert (first.status, first.reason) == (TermStatus.UNPAID, "insufficient_funds")
    shop.standin.clock.advance(hours * HOUR)
    again = shop.renewals.charge_term(request)
    assert (again.reference, again.status) == (first.reference, TermStatus.UNPAID)
    assert len(shop.invoices(whose[0])) == 1


@pytest.mark.standin_only("uses a control to decline a card")
def test_the_next_attempt_charges_the_new_default_method(shop: Shop) -> None:
    whose, request = refused_term(shop)
    first = shop.renewals.charge_term(request)
    card = shop.api.payment_methods.attach("pm_card_mastercard", {"customer": whose[0]}).id
    shop.api.customers.update(whose[0], {"invoice_settings": {"default_payment_method": card}})
    again = replace(request, reference=first.reference, tried=1)
    assert shop.renewals.charge_term(again).status is TermStatus.PAID
    assert shop.renewals.term(again).status is TermStatus.PAID
    assert shop.taken(whose[0]) == [1200]


def test_a_new_payment_method_pays_an_unpaid_term(shop: Shop) -> None:
    customer_id = shop.stranger()
    request = term(shop, (customer_id, ""))
    first = shop.renewals.charge_term(request)
    assert first.status is TermStatus.UNPAID
    card = shop.api.payment_methods.attach("pm_card_visa", {"customer": customer_id}).id
    shop.api.customers.update(customer_id, {"invoice_settings": {"default_payment_method": card}})
    again = replace(request, reference=first.reference, tried=1)
    assert shop.renewals.charge_term(again).status is TermStatus.PAID


def test_a_paid_term_cannot_be_closed(shop: Shop) -> None:
    whose = shop.customer()
    request = term(shop, whose)
    paid = shop.renewals.charge_term(request)
    assert shop.renewals.close_term(request) == paid
    shop.api.credit_notes.create({"invoice": paid.reference, "amount": 1200, "refund_amount": 1200})
    assert shop.renewals.term(replace(request, reference=paid.reference)).status is TermStatus.NOT_CHARGED


def test_the_state_of_a_term_is_found_without_its_reference(shop: Shop) -> None:
    whose = shop.customer()
    request = term(shop, whose)
    assert shop.renewals.term(request) == TermState(TermStatus.UNPAID, None)
    assert shop.renewals.term(request) != shop.renewals.charge_term(request) == shop.renewals.term(request)


@pytest.mark.standin_only("moves the stand-in's time")
def test_two_terms_of_an_order_are_two_invoices(shop: Shop) -> None:
    whose = shop.customer()
    first = term(shop, whose)
    shop.renewals.charge_term(first)
    shop.standin.clock.advance(MONTH)
    shop.renewals.charge_term(replace(first, starts_at=first.ends_at, ends_at=first.ends_at + MONTH * 1000))
    assert ended(shop, whose) == ["paid", "paid"] and shop.taken(whose[0]) == [1200, 1200]


def test_the_invoice_of_a_term_is_not_a_payment_of_a_cart(shop: Shop) -> None:
    whose = shop.customer()
    paid = shop.renewals.charge_term(term(shop, whose))
    assert paid.reference is not None
    assert shop.payments.state(paid.reference) is None
    renewed = shop.news.renewal_of(paid.reference)
    assert renewed is not None and renewed.order_id == f"0000-{whose[0]}" and renewed.account_id == "acc_1"
    body = event("invoice.paid", shop.api.invoices.retrieve(paid.reference).to_dict())
    read = insist(lambda: shop.news.read_event(body, signed(shop, body)))
    assert (read.reference, read.renews, read.subscription_id) == (paid.reference, True, None)
