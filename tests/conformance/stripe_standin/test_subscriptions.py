"""Invoices, declines and cancellation of subscriptions. Like our renewals, these subscriptions have a
`billing_cycle_anchor` in the future."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.support.stripe_place import Clock

from .conftest import Shop

MONTH = 28 * 24 * 60 * 60


def renewal(shop: Shop, customer: stripe.Customer, **params: Any) -> stripe.Subscription:
    product = shop.client.v1.products.create({"name": "Basic"})
    items: Any = [
        {
            "price_data": {
                "currency": "eur",
                "product": product.id,
                "unit_amount": 1200,
                "recurring": {"interval": "month"},
            },
            "metadata": {"item": "i1"},
        }
    ]
    assert customer.invoice_settings is not None
    given: Any = {
        "customer": customer.id,
        "items": items,
        "default_payment_method": str(customer.invoice_settings.default_payment_method),
        "billing_cycle_anchor": shop.time_of(customer) + MONTH,
        "proration_behavior": "none",
        "off_session": True,
        "metadata": {"order": "o1"},
        **params,
    }
    return shop.client.v1.subscriptions.create(
        {name: value for name, value in given.items() if value is not None}  # type: ignore[arg-type]
    )


def test_a_renewal_charges_nothing_before_its_anchor(shop: Shop) -> None:
    customer = shop.customer()
    anchor = shop.now() + MONTH
    subscription = renewal(shop, customer, billing_cycle_anchor=anchor)

    assert (subscription.status, subscription.latest_invoice) == ("active", None)
    assert subscription.billing_cycle_anchor == anchor
    item: Any = subscription["items"].data[0]
    assert (item.price.unit_amount, item.price.recurring.interval) == (1200, "month")
    assert shop.charges(customer) == []
    assert shop.invoices(customer) == []
    shop.expect_events("customer.subscription.created")


def test_an_idempotency_key_creates_only_one_renewal(shop: Shop) -> None:
    customer = shop.customer()
    product = shop.client.v1.products.create({"name": "Basic"})
    price = shop.client.v1.prices.create(
        {
            "product": product.id,
            "currency": "eur",
            "unit_amount": 1200,
            "recurring": {"interval": "month"},
        }
    )
    anchor = shop.now() + 20 * 24 * 60 * 60
    made = {
        shop.client.v1.subscriptions.create(
            {
                "customer": customer.id,
                "items": [{"price": price.id}],
                "billing_cycle_anchor": anchor,
                "proration_behavior": "none",
            },
            {"idempotency_key": shop.once("order:1:renewal")},
        ).id
        for _ in range(2)
    }

    assert len(made) == 1
    assert [one.id for one in shop.subscriptions(customer)] == list(made)


def test_a_cancelled_subscription_is_listed_only_on_request(shop: Shop) -> None:
    customer = shop.customer()
    subscription = renewal(shop, customer)

    cancelled = shop.client.v1.subscriptions.cancel(subscription.id)

    assert cancelled.status == "canceled"
    assert cancelled.ended_at is not None and abs(cancelled.ended_at - shop.now()) < 60
    assert shop.client.v1.subscriptions.list({"customer": customer.id}).data == []
    every = shop.client.v1.subscriptions.list({"customer": customer.id, "status": "all"})
    assert [one.id for one in every.data] == [subscription.id]
    shop.expect_events("customer.subscription.deleted")
    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.subscriptions.cancel(subscription.id)


def test_an_update_event_contains_the_previous_values(shop: Shop) -> None:
    subscription = renewal(shop, shop.customer())

    changed = shop.client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})

    assert changed.cancel_at_period_end is True
    shop.expect_events("customer.subscription.updated")
    updates = shop.client.v1.events.list({"type": "customer.subscription.updated"}).to_dict()["data"]
    [event] = [one for one in updates if one["data"]["object"]["id"] == subscription.id]
    assert event["data"]["previous_attributes"]["cancel_at_period_end"] is False


def test_an_anchor_in_the_past_is_refused(shop: Shop) -> None:
    customer = shop.customer()

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        renewal(shop, customer, billing_cycle_anchor=1_000_000_000)
    assert refusal.value.param == "billing_cycle_anchor"
    assert shop.subscriptions(customer) == []


def test_an_anchor_more_than_one_interval_ahead_is_refused(shop: Shop) -> None:
    customer = shop.customer()
    too_far = shop.now() + 32 * 24 * 60 * 60
    with pytest.raises(stripe.InvalidRequestError, match="next natural billing date") as refusal:
        renewal(shop, customer, billing_cycle_anchor=too_far)
    assert refusal.value.param == "billing_cycle_anchor"
    assert shop.subscriptions() == []


# -- later periods ---------------------------------------------------------------------------------------------------

HOUR = 3600


def pass_the_anchor(clock: Clock, then: float = 2 * HOUR) -> None:
    clock.advance(MONTH)
    clock.advance(then)


def latest_invoice(shop: Shop, subscription: stripe.Subscription) -> Any:
    found = shop.client.v1.subscriptions.retrieve(subscription.id)
    return shop.client.v1.invoices.retrieve(str(found.latest_invoice))


def period(shop: Shop, subscription: stripe.Subscription) -> tuple[int, int]:
    item: Any = shop.client.v1.subscriptions.retrieve(subscription.id)["items"].data[0]
    return item.current_period_start, item.current_period_end


def test_the_draft_of_the_next_period_is_paid_after_an_hour(shop: Shop) -> None:
    clock = shop.clock()
    customer = shop.customer(test_clock=clock.id)
    subscription = renewal(shop, customer)
    anchor = subscription.billing_cycle_anchor

    pass_the_anchor(clock, then=60)

    start, end = period(shop, subscription)
    assert start == anchor and 28 <= (end - start) / 86_400 <= 31
    invoice = latest_invoice(shop, subscription)
    assert (invoice.status, invoice.billing_reason, invoice.auto_advance) == (
        "draft",
        "subscription_cycle",
        True,
    )
    assert (invoice.lines.data[0].period.start, invoice.lines.data[0].period.end) == (start, end)
    shop.expect_events("customer.subscription.updated", "invoice.created")
    assert shop.charges(customer) == []

    clock.advance(2 * HOUR)

    invoice = latest_invoice(shop, subscription)
    assert (invoice.status, invoice.amount_paid) == ("paid", 1200)
    assert shop.charges(customer) == [1200]
    shop.expect_events("invoice.finalized", "charge.succeeded", "invoice.paid")


def test_each_period_is_invoiced_once_when_the_clock_jumps(shop: Shop) -> None:
    clock = shop.clock()
    subscription = renewal(shop, shop.customer(test_clock=clock.id))

    for _ in range(2):
        clock.advance(50 * 86_400)
    clock.advance(2 * HOUR)

    found = shop.client.v1.invoices.list({"subscription": subscription.id}).data
    assert [invoice.status for invoice in found] == ["paid"] * 3
    starts = [invoice.lines.data[0].period.start for invoice in found]
    assert len(set(starts)) == 3
    assert period(shop, subscription)[1] > clock.now()


def test_a_declined_subscription_is_past_due_until_paid(shop: Shop) -> None:
    clock = shop.clock()
    customer = shop.customer("pm_card_chargeCustomerFail", test_clock=clock.id)
    subscription = renewal(shop, customer)
    pass_the_anchor(clock)

    invoice = latest_invoice(shop, subscription)
    assert (invoice.status, invoice.attempted) == ("open", True)
    assert shop.client.v1.subscriptions.retrieve(subscription.id).status == "past_due"
    shop.expect_events("invoice.payment_failed", "customer.subscription.updated")

    other = shop.client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    shop.client.v1.invoices.pay(invoice.id, {"payment_method": other.id})

    assert shop.client.v1.subscriptions.retrieve(subscription.id).status == "active"
    assert latest_invoice(shop, subscription).status == "paid"


@pytest.mark.standin_only("uses the stand-in's controls")
def test_a_returned_debit_makes_the_subscription_past_due(shop: Shop) -> None:
    shop.standin.controls.set(sepa_settles=False)
    clock = shop.clock()
    subscription = renewal(shop, shop.sepa_customer(test_clock=clock.id))
    pass_the_anchor(clock)
    assert shop.client.v1.subscriptions.retrieve(subscription.id).status == "active"

    shop.standin.controls.fail(latest_invoice(shop, subscription).id)

    assert shop.client.v1.subscriptions.retrieve(subscription.id).status == "past_due"


def test_a_cancelled_subscription_is_no_longer_invoiced(shop: Shop) -> None:
    clock = shop.clock()
    customer = shop.customer(test_clock=clock.id)
    cancelled = renewal(shop, customer)
    shop.client.v1.subscriptions.cancel(cancelled.id)
    ending = renewal(shop, customer)
    shop.client.v1.subscriptions.update(ending.id, {"cancel_at_period_end": True})

    pass_the_anchor(clock)

    assert shop.invoices(customer) == []
    assert shop.client.v1.subscriptions.retrieve(ending.id).status == "canceled"
    shop.expect_events("customer.subscription.deleted")


@pytest.mark.standin_only("uses the stand-in's controls")
def test_the_renew_control_bills_the_next_period_immediately(shop: Shop) -> None:
    clock = shop.clock()
    customer = shop.customer(test_clock=clock.id)
    subscription = renewal(shop, customer)

    shop.standin.controls.renew(subscription.id)

    assert latest_invoice(shop, subscription).status == "paid"
    assert period(shop, subscription)[0] == subscription.billing_cycle_anchor
    pass_the_anchor(clock)
    assert len(shop.charges(customer)) == 1
    shop.client.v1.subscriptions.cancel(subscription.id)
    with pytest.raises(Exception, match="canceled"):
        shop.standin.controls.renew(subscription.id)
