"""Starting a renewal at Stripe, and reading which of its terms were paid.

The anchor is Stripe's `billing_cycle_anchor`: the time of the renewal's first charge.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from hosting_orders.domain.catalogue import Term
from hosting_orders.domain.errors import (
    PaymentNotStartedError,
    ProviderUnavailableError,
)
from hosting_orders.domain.months import months_later
from hosting_orders.domain.order import Subscription
from hosting_orders.domain.providers import (
    PaidRenewal,
    RenewalState,
)
from tests.conformance.stripe_adapter.shop import (
    HOUR,
    Shop,
    event,
    next_month,
    renewal,
    signed,
    spoilt_runs,
)
from tests.support.refusals import no_new_subscriptions

# -- starting a renewal -------------------------------------------------------------------------------------


def subscriptions(shop: Shop, customer_id: str) -> list[Any]:
    found = shop.api.subscriptions.list({"customer": customer_id, "status": "all", "limit": 100}).data
    return [subscription.to_dict() for subscription in found]


@pytest.mark.parametrize(
    ("term", "days", "interval"), [(Term.MONTHLY, 27, "month"), (Term.ANNUAL, 364, "year")]
)
def test_a_renewal_costs_nothing_before_its_anchor(shop: Shop, term: Term, days: int, interval: str) -> None:
    whose = shop.customer()
    anchor = int(shop.now()) + days * 24 * HOUR
    started = renewal(shop, whose, anchor, term=term)()
    moment = datetime.fromtimestamp(anchor, UTC)
    [kept] = subscriptions(shop, whose[0])
    assert started == Subscription(kept["id"], "active", term.value, moment.year, moment.month)
    assert kept["billing_cycle_anchor"] == anchor
    # Each term is paid with the method that is then the customer's default.
    assert kept["default_payment_method"] is None
    assert kept["metadata"] == {"order_id": f"0000-{whose[0]}", "account_id": "acc_1"}
    [item] = kept["items"]["data"]
    assert item["price"]["unit_amount"] == 1200
    assert item["price"]["recurring"]["interval"] == interval
    assert shop.taken(whose[0]) == []


def test_a_renewal_starts_once_even_if_a_request_fails(shop: Shop) -> None:
    whose = ("", "")

    def prepare() -> Callable[[], Subscription]:
        nonlocal whose
        whose = shop.customer()
        return renewal(shop, whose, next_month(shop))

    for spoilt, started in spoilt_runs(shop, prepare):
        assert isinstance(started, Subscription), spoilt
        assert [kept["id"] for kept in subscriptions(shop, whose[0])] == [started.id], spoilt


def test_a_start_that_is_repeated_days_later_finds_the_renewal(shop: Shop) -> None:
    shop.start_clock()
    whose = shop.customer()
    again = renewal(shop, whose, next_month(shop))
    first = again()
    shop.pass_time(26 * HOUR)
    assert again().id == first.id
    shop.pass_time(40 * 24 * HOUR)
    assert again().id == first.id
    assert len(subscriptions(shop, whose[0])) == 1


def test_an_ended_renewal_is_found_by_its_order(shop: Shop) -> None:
    whose = shop.customer()
    since = int(shop.now() * 1000)

    def found(order_id: str) -> Subscription | None:
        return shop.renewals.find_renewal(
            order_id=order_id, customer_id=whose[0], term=Term.MONTHLY, since=since
        )

    assert found(f"0000-{whose[0]}") is None
    started = renewal(shop, whose, next_month(shop))()
    assert found(f"0000-{whose[0]}") == started and found("another order") is None
    shop.renewals.end_renewal(started.id)
    ended = found(f"0000-{whose[0]}")
    assert ended is not None and (ended.id, ended.status) == (started.id, "canceled")


def test_an_anchor_in_the_past_moves_forward_by_whole_terms(shop: Shop) -> None:
    whose = shop.customer()
    now = shop.now()
    passed = now - 40 * 24 * HOUR
    started = renewal(shop, whose, passed)()
    [kept] = subscriptions(shop, whose[0])
    anchor = datetime.fromtimestamp(kept["billing_cycle_anchor"], UTC)
    was = datetime.fromtimestamp(int(passed), UTC)
    assert now < anchor.timestamp() <= now + 31 * 24 * HOUR
    assert (anchor.hour, anchor.minute, anchor.second) == (was.hour, was.minute, was.second)
    assert anchor.day == was.day or anchor.day >= 28
    assert (started.bucket_year, started.bucket_month) == (anchor.year, anchor.month)
    assert shop.taken(whose[0]) == []


def test_an_anchor_in_the_past_can_move_forward_by_days(shop: Shop) -> None:
    """With `charge_late`, the renewal is charged within a day, although its term has already begun."""
    whose = shop.customer()
    now = shop.now()
    renewal(shop, whose, now - 40 * 24 * HOUR, term=Term.ANNUAL, charge_late=True)()
    [kept] = subscriptions(shop, whose[0])
    assert now < kept["billing_cycle_anchor"] <= now + 24 * HOUR


@pytest.mark.parametrize("day", [29, 30, 31])
@pytest.mark.parametrize("term", list(Term))
def test_terms_at_the_end_of_a_month_keep_their_day(shop: Shop, term: Term, day: int) -> None:
    today = datetime.fromtimestamp(shop.now(), UTC)
    placed = datetime(today.year + 1, 1, day, 9, 30, tzinfo=UTC)
    if term is Term.ANNUAL:
        day, leap = 29, today.year + 4 - today.year % 4
        placed = datetime(leap, 2, 29, 9, 30, tzinfo=UTC)
    clock = shop.start_clock(placed.timestamp() + HOUR)
    whose = shop.customer()
    anchor = months_later(int(placed.timestamp() * 1000), term.months) / 1000
    subscription_id = renewal(shop, whose, anchor, term=term, day_of_month=day)().id
    begins = []
    for _ in range(4):
        ends = shop.api.subscriptions.retrieve(subscription_id)["items"].data[0].current_period_end
        begins.append(datetime.fromtimestamp(ends, UTC))
        clock.advance_to(ends + 1)
    assert all((begin.hour, begin.minute) == (9, 30) for begin in begins)
    if term is Term.ANNUAL:
        assert [(begin.month, begin.day) for begin in begins] == [(2, 28), (2, 28), (2, 28), (2, 29)]
    else:
        february = 29 if placed.year % 4 == 0 else 28
        wanted = [(2, min(day, february)), (3, min(day, 31)), (4, min(day, 30)), (5, min(day, 31))]
        assert [(begin.month, begin.day) for begin in begins] == wanted


def test_a_renewal_is_not_started_near_its_billing_date(shop: Shop) -> None:
    year = datetime.fromtimestamp(shop.now(), UTC).year + 1
    placed = datetime(year, 1, 31, 9, 30, tzinfo=UTC).timestamp()
    clock = shop.start_clock(placed + 60)
    whose = shop.customer()
    start = renewal(shop, whose, months_later(int(placed * 1000), 1) / 1000, day_of_month=31)
    with pytest.raises(ProviderUnavailableError):
        start()
    assert subscriptions(shop, whose[0]) == []
    clock.advance(15 * 60)
    start()
    assert len(subscriptions(shop, whose[0])) == 1


def begun(shop: Shop, whose: tuple[str, str]) -> str:
    anchor = shop.now() + 30 * 24 * HOUR
    return renewal(shop, whose, anchor, term=Term.ANNUAL)().id


def renewed(shop: Shop, subscription_id: str) -> RenewalState:
    state = shop.renewals.renewal(subscription_id)
    assert state is not None
    return state


def latest_invoice(shop: Shop, subscription_id: str) -> str:
    return str(shop.api.subscriptions.retrieve(subscription_id).latest_invoice)


def pass_the_anchor(shop: Shop, and_seconds: float = 2 * HOUR) -> None:
    shop.pass_time(30 * 24 * HOUR)
    shop.pass_time(and_seconds)


def test_a_renewal_has_no_paid_term_before_its_anchor(shop: Shop) -> None:
    whose = shop.customer()
    subscription_id = begun(shop, whose)
    state = renewed(shop, subscription_id)
    kept = shop.api.subscriptions.retrieve(subscription_id)
    assert state == RenewalState(
        "active", ended=False, waits=False, next_at=kept.billing_cycle_anchor * 1000, paid=()
    )


def test_a_renewal_with_a_draft_invoice_waits_for_payment(shop: Shop) -> None:
    shop.start_clock()
    subscription_id = begun(shop, shop.customer())
    pass_the_anchor(shop, and_seconds=60)
    assert (renewed(shop, subscription_id).waits, renewed(shop, subscription_id).paid) == (True, ())


def test_a_renewal_without_an_invoice_waits_for_payment(shop: Shop) -> None:
    shop.start_clock()
    subscription_id = begun(shop, shop.customer())
    pass_the_anchor(shop, and_seconds=60)
    shop.api.invoices.delete(latest_invoice(shop, subscription_id))
    assert renewed(shop, subscription_id).waits


def test_paid_terms_are_listed_oldest_first(shop: Shop) -> None:
    shop.start_clock()
    subscription_id = begun(shop, shop.customer())
    anchor = shop.api.subscriptions.retrieve(subscription_id).billing_cycle_anchor
    pass_the_anchor(shop)
    first = latest_invoice(shop, subscription_id)
    state = renewed(shop, subscription_id)
    assert (state.status, state.ended, state.waits) == ("active", False, False)
    year_later = months_later(anchor * 1000, 12)
    assert state.paid == (PaidRenewal(first, anchor * 1000, year_later),)
    assert state.next_at == year_later
    shop.pass_time(366 * 24 * HOUR)
    shop.pass_time(2 * HOUR)
    paid = renewed(shop, subscription_id).paid
    assert [term.reference for term in paid] == [first, latest_invoice(shop, subscription_id)]
    assert paid[1].starts_at == paid[0].ends_at


@pytest.mark.standin_only("uses the stand-in's controls")
def test_a_renewal_with_a_declined_term_waits_for_payment(shop: Shop) -> None:
    shop.start_clock()
    whose = shop.customer()
    subscription_id = begun(shop, whose)
    shop.standin.controls.decline(whose[1], "insufficient_funds")
    pass_the_anchor(shop)
    state = renewed(shop, subscription_id)
    assert (state.status, state.waits, state.paid) == ("past_due", True, ())
    shop.standin.controls.pay(latest_invoice(shop, subscription_id), "4242424242424242")
    state = renewed(shop, subscription_id)
    assert (state.status, state.waits, len(state.paid)) == ("active", False, 1)


def test_a_fully_refunded_term_is_not_listed_as_paid(shop: Shop) -> None:
    shop.start_clock()
    subscription_id = begun(shop, shop.customer())
    pass_the_anchor(shop)
    invoice = latest_invoice(shop, subscription_id)
    shop.api.credit_notes.create({"invoice": invoice, "amount": 400, "refund_amount": 400})
    assert len(renewed(shop, subscription_id).paid) == 1
    shop.api.credit_notes.create({"invoice": invoice, "amount": 800, "refund_amount": 800})
    state = renewed(shop, subscription_id)
    assert (state.waits, state.paid) == (False, ())


def test_a_cancelled_renewal_has_ended_and_keeps_its_paid_terms(shop: Shop) -> None:
    shop.start_clock()
    subscription_id = begun(shop, shop.customer())
    pass_the_anchor(shop)
    shop.api.subscriptions.cancel(subscription_id)
    state = renewed(shop, subscription_id)
    assert (state.status, state.ended, state.waits, len(state.paid)) == ("canceled", True, False, 1)


def test_an_unknown_renewal_is_not_found(shop: Shop) -> None:
    assert shop.renewals.renewal("sub_unknown") is None


def test_events_of_a_terms_invoice_lead_to_its_renewal(shop: Shop) -> None:
    shop.start_clock()
    subscription_id = begun(shop, shop.customer())
    pass_the_anchor(shop)
    invoice = shop.api.invoices.retrieve(latest_invoice(shop, subscription_id)).to_dict()
    body = event("invoice.paid", invoice)
    assert shop.news.read_event(body, signed(shop, body)).subscription_id == subscription_id


@pytest.mark.standin_only("lowers the stand-in's limit of subscriptions")
def test_a_refused_renewal_starts_after_the_cause_is_fixed(shop: Shop) -> None:
    shop.start_clock()
    whose = shop.customer()
    start = renewal(shop, whose, shop.now() + 27 * 24 * HOUR)
    with no_new_subscriptions(shop.standin):
        for _ in range(2):
            with pytest.raises(PaymentNotStartedError):
                start()
    assert subscriptions(shop, whose[0]) == []
    # For a day, Stripe repeats its refusal to the same idempotency key. An hour later, the adapter uses a new key.
    shop.pass_time(HOUR)
    start()
    assert len(subscriptions(shop, whose[0])) == 1
