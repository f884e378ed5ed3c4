"""Test clocks: a customer's subscriptions and invoices follow a clock that the test moves."""

from __future__ import annotations

import itertools
import time
from typing import Any

import pytest
import stripe

from .conftest import Shop

DAY = 86_400


def clock_of(shop: Shop) -> Any:
    return shop.client.v1.test_helpers.test_clocks.create(
        {"frozen_time": int(time.time()) + 400 * DAY, "name": "a renewal"}
    )


def advanced(shop: Shop, clock: Any, seconds: int) -> Any:
    clocks = shop.client.v1.test_helpers.test_clocks
    moved = clocks.advance(clock.id, {"frozen_time": clocks.retrieve(clock.id).frozen_time + seconds})
    assert moved.status == "advancing"
    while (found := clocks.retrieve(clock.id)).status == "advancing":
        time.sleep(1)
    return found


def subscribed(shop: Shop, customer: stripe.Customer, interval: str = "month") -> stripe.Subscription:
    product = shop.client.v1.products.create({"name": "Basic"})
    price: Any = {
        "currency": "eur",
        "product": product.id,
        "unit_amount": 1200,
        "recurring": {"interval": interval},
    }
    return shop.client.v1.subscriptions.create(
        {"customer": customer.id, "items": [{"price_data": price}], "off_session": True}
    )


def test_a_clock_does_not_move_until_it_is_advanced(shop: Shop) -> None:
    clock = clock_of(shop)
    assert (clock.status, clock.name, clock.livemode) == ("ready", "a renewal", False)
    assert clock.deletes_after > clock.created
    found = advanced(shop, clock, 3 * DAY)
    assert (found.status, found.frozen_time) == ("ready", clock.frozen_time + 3 * DAY)
    assert clock.id in [one.id for one in shop.client.v1.test_helpers.test_clocks.list().data]


def test_objects_of_a_clock_are_created_at_the_clocks_time(shop: Shop) -> None:
    clock = clock_of(shop)
    customer = shop.customer(test_clock=clock.id)
    subscription = subscribed(shop, customer)
    [invoice] = shop.client.v1.invoices.list({"customer": customer.id}).data
    for found in (customer, subscription, invoice):
        assert (found.test_clock, found.created) == (clock.id, clock.frozen_time)
    assert subscription["items"].data[0].current_period_start == clock.frozen_time
    assert invoice.status_transitions.paid_at == clock.frozen_time
    charge = shop.client.v1.charges.list({"customer": customer.id}).data[0]
    assert charge.created < clock.frozen_time  # a charge has the real time


def test_a_renewal_invoice_is_a_draft_for_an_hour_and_then_paid(shop: Shop) -> None:
    clock = clock_of(shop)
    customer = shop.customer(test_clock=clock.id)
    subscription = subscribed(shop, customer)
    end = subscription["items"].data[0].current_period_end
    advanced(shop, clock, end - clock.frozen_time + 60)
    found = shop.client.v1.invoices.list({"customer": customer.id}).data
    assert [invoice.status for invoice in found] == ["draft", "paid"]
    assert found[0].created == end
    advanced(shop, clock, 2 * 3600)
    found = shop.client.v1.invoices.list({"customer": customer.id}).data
    assert [invoice.status for invoice in found] == ["paid", "paid"]


def test_each_period_is_paid_at_its_own_time_on_the_clock(shop: Shop) -> None:
    clock = clock_of(shop)
    customer = shop.customer(test_clock=clock.id)
    subscribed(shop, customer)
    advanced(shop, clock, 50 * DAY)
    advanced(shop, clock, 50 * DAY)
    found = shop.client.v1.invoices.list({"customer": customer.id}).data
    assert [invoice.status for invoice in found] == ["paid"] * 4
    paid_at = [invoice.status_transitions.paid_at for invoice in found]
    assert all(later - earlier > 27 * DAY for later, earlier in itertools.pairwise(paid_at))


def test_other_customers_do_not_follow_the_clock(shop: Shop) -> None:
    clock = clock_of(shop)
    other = shop.customer()
    subscribed(shop, other)
    advanced(shop, clock, 300 * DAY)
    assert len(shop.client.v1.invoices.list({"customer": other.id}).data) == 1


@pytest.mark.parametrize(
    ("interval", "allowed"), [("month", 55 * DAY), ("year", 720 * DAY), (None, 720 * DAY)]
)
def test_a_clock_advances_by_at_most_two_intervals(shop: Shop, interval: str | None, allowed: int) -> None:
    clock = clock_of(shop)
    customer = shop.customer(test_clock=clock.id)
    if interval:
        subscribed(shop, customer, interval)
    for moved in (0, -1, allowed + 20 * DAY):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            shop.client.v1.test_helpers.test_clocks.advance(
                clock.id, {"frozen_time": clock.frozen_time + moved}
            )
        assert refusal.value.http_status == 400
    advanced(shop, clock, allowed)


def test_customers_and_subscriptions_of_a_clock_are_limited(shop: Shop) -> None:
    """A clock has at most three customers. Each customer has at most three subscriptions."""
    clock = clock_of(shop)
    customers = [shop.customer(test_clock=clock.id) for _ in range(3)]
    with pytest.raises(stripe.InvalidRequestError):
        shop.customer(test_clock=clock.id)
    for _ in range(3):
        subscribed(shop, customers[0])
    with pytest.raises(stripe.InvalidRequestError):
        subscribed(shop, customers[0])
    subscribed(shop, customers[1])


def test_lists_show_objects_of_a_clock_only_on_request(shop: Shop) -> None:
    clock = clock_of(shop)
    customer = shop.customer(test_clock=clock.id)
    subscription = subscribed(shop, customer)
    api = shop.client.v1
    assert customer.id not in [one.id for one in api.customers.list({"limit": 100}).data]
    assert [one.id for one in api.customers.list({"test_clock": clock.id}).data] == [customer.id]
    assert subscription.id not in [one.id for one in api.subscriptions.list({"limit": 100}).data]
    for which in ({"test_clock": clock.id}, {"customer": customer.id}):
        assert [one.id for one in api.subscriptions.list(which).data] == [subscription.id]  # type: ignore[arg-type]


def test_deleting_a_clock_deletes_its_customers(shop: Shop) -> None:
    clock = clock_of(shop)
    customer = shop.customer(test_clock=clock.id)
    subscribed(shop, customer)
    assert shop.client.v1.test_helpers.test_clocks.delete(clock.id).deleted is True
    assert shop.client.v1.customers.retrieve(customer.id).deleted is True
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        shop.client.v1.test_helpers.test_clocks.retrieve(clock.id)
    assert refusal.value.code == "resource_missing"
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        shop.customer(test_clock=clock.id)
    assert refusal.value.code == "resource_missing"


@pytest.mark.standin_only("moves the stand-in's time")
def test_a_debit_can_settle_after_its_clock_is_deleted(shop: Shop) -> None:
    clock = clock_of(shop)
    customer = shop.sepa_customer(test_clock=clock.id)
    invoice = shop.open(customer)
    shop.client.v1.invoices.pay(invoice.id)
    shop.client.v1.test_helpers.test_clocks.delete(clock.id)
    shop.standin.clock.advance(6 * DAY)
    assert shop.read(invoice).status == "paid"


@pytest.mark.standin_only("uses the stand-in's controls")
def test_an_advancing_clock_refuses_changes_to_its_objects(shop: Shop) -> None:
    shop.standin.controls.set(test_clocks_advance_for=30)
    clock = clock_of(shop)
    customer, other = shop.customer(test_clock=clock.id), shop.customer()
    subscription = subscribed(shop, customer)
    draft = shop.draft(customer)
    clocks = shop.client.v1.test_helpers.test_clocks
    moved = clocks.advance(clock.id, {"frozen_time": clock.frozen_time + DAY})
    assert moved.status_details.advancing is not None
    assert moved.status_details.advancing.target_frozen_time == clock.frozen_time + DAY
    for change in (
        lambda: shop.client.v1.customers.update(customer.id, {"name": "Other"}),
        lambda: shop.client.v1.subscriptions.cancel(subscription.id),
        lambda: shop.client.v1.invoices.finalize_invoice(draft.id),
        lambda: shop.draft(customer),
        lambda: clocks.advance(clock.id, {"frozen_time": clock.frozen_time + 2 * DAY}),
        lambda: clocks.delete(clock.id),
    ):
        with pytest.raises(stripe.StripeError, match="advancement underway") as refusal:
            change()
        assert refusal.value.http_status == 429
    shop.paid(other)
    assert shop.client.v1.subscriptions.retrieve(subscription.id).status == "active"
    shop.standin.clock.advance(30)
    shop.client.v1.subscriptions.cancel(subscription.id)
    assert [kind for kind in shop.event_types() if "test_clock" in kind] == [
        "test_helpers.test_clock.created",
        "test_helpers.test_clock.advancing",
        "test_helpers.test_clock.ready",
    ]
