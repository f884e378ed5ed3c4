"""Subscriptions whose first period begins later, as for renewals: their invoices, declines and end."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

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
    return shop.client.v1.subscriptions.create(
        {
            "customer": customer.id,
            "items": items,
            "default_payment_method": str(customer.invoice_settings.default_payment_method),
            "billing_cycle_anchor": shop.standin.clock.now() + MONTH,
            "proration_behavior": "none",
            "off_session": True,
            "metadata": {"order": "o1"},
            **params,
        }
    )


def test_a_renewal_is_active_and_charges_nothing_before_its_anchor(shop: Shop) -> None:
    customer = shop.customer()
    anchor = shop.standin.clock.now() + MONTH
    subscription = renewal(shop, customer, billing_cycle_anchor=anchor)

    assert (subscription.status, subscription.latest_invoice) == ("active", None)
    assert subscription.billing_cycle_anchor == anchor
    item: Any = subscription["items"].data[0]
    assert (item.price.unit_amount, item.price.recurring.interval) == (1200, "month")
    assert shop.standin.charges(customer.id) == []
    assert shop.standin.invoices(customer.id) == []
    assert "customer.subscription.created" in shop.event_types()


def test_two_requests_under_one_idempotency_key_create_one_renewal(shop: Shop) -> None:
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
    anchor = shop.standin.clock.now() + 20 * 24 * 60 * 60
    made = {
        shop.client.v1.subscriptions.create(
            {
                "customer": customer.id,
                "items": [{"price": price.id}],
                "billing_cycle_anchor": anchor,
                "proration_behavior": "none",
            },
            {"idempotency_key": "order:1:renewal"},
        ).id
        for _ in range(2)
    }

    assert len(made) == 1
    assert [one["id"] for one in shop.standin.subscriptions(customer.id)] == list(made)


def test_a_cancelled_subscription_is_listed_only_on_request(shop: Shop) -> None:
    customer = shop.customer()
    subscription = renewal(shop, customer)

    cancelled = shop.client.v1.subscriptions.cancel(subscription.id)

    assert (cancelled.status, cancelled.ended_at) == ("canceled", shop.standin.clock.now())
    assert shop.client.v1.subscriptions.list({"customer": customer.id}).data == []
    every = shop.client.v1.subscriptions.list({"customer": customer.id, "status": "all"})
    assert [one.id for one in every.data] == [subscription.id]
    assert shop.event_types()[-1] == "customer.subscription.deleted"
    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.subscriptions.cancel(subscription.id)


def test_an_update_event_contains_the_previous_values(shop: Shop) -> None:
    subscription = renewal(shop, shop.customer())

    changed = shop.client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})

    assert changed.cancel_at_period_end is True
    event = shop.standin.events[-1]
    assert event["type"] == "customer.subscription.updated"
    assert event["data"]["previous_attributes"]["cancel_at_period_end"] is False


def test_an_anchor_in_the_past_is_refused(shop: Shop) -> None:
    customer = shop.customer()

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        renewal(shop, customer, billing_cycle_anchor=1_000_000_000)
    assert refusal.value.param == "billing_cycle_anchor"
    assert shop.standin.subscriptions(customer.id) == []


def test_an_anchor_more_than_one_interval_ahead_is_refused(shop: Shop) -> None:
    customer = shop.customer()
    too_far = shop.standin.clock.now() + 32 * 24 * 60 * 60
    with pytest.raises(stripe.InvalidRequestError, match="next natural billing date") as refusal:
        renewal(shop, customer, billing_cycle_anchor=too_far)
    assert refusal.value.param == "billing_cycle_anchor"
    assert shop.standin.subscriptions() == []


# -- later periods ---------------------------------------------------------------------------------------------------

HOUR = 3600


def pass_the_anchor(shop: Shop, then: float = 2 * HOUR) -> None:
    shop.standin.clock.advance(MONTH)
    shop.standin.clock.advance(then)


def news_since(shop: Shop, count: int) -> list[str]:
    return shop.event_types()[count:]


def latest_invoice(shop: Shop, subscription: stripe.Subscription) -> Any:
    found = shop.client.v1.subscriptions.retrieve(subscription.id)
    return shop.client.v1.invoices.retrieve(str(found.latest_invoice))


def period(shop: Shop, subscription: stripe.Subscription) -> tuple[int, int]:
    item: Any = shop.client.v1.subscriptions.retrieve(subscription.id)["items"].data[0]
    return item.current_period_start, item.current_period_end


def test_the_next_period_is_invoiced_as_a_draft_and_paid_an_hour_later(shop: Shop) -> None:
    customer = shop.customer()
    subscription = renewal(shop, customer)
    anchor = subscription.billing_cycle_anchor
    before = len(shop.event_types())

    pass_the_anchor(shop, then=60)

    start, end = period(shop, subscription)
    assert start == anchor and 28 <= (end - start) / 86_400 <= 31
    invoice = latest_invoice(shop, subscription)
    assert (invoice.status, invoice.billing_reason, invoice.auto_advance) == (
        "draft",
        "subscription_cycle",
        True,
    )
    assert (invoice.lines.data[0].period.start, invoice.lines.data[0].period.end) == (start, end)
    assert news_since(shop, before) == ["customer.subscription.updated", "invoice.created"]
    assert shop.standin.charges(customer.id) == []

    shop.standin.clock.advance(HOUR)

    invoice = latest_invoice(shop, subscription)
    assert (invoice.status, invoice.amount_paid) == ("paid", 1200)
    assert [charge["amount"] for charge in shop.standin.charges(customer.id)] == [1200]
    told = news_since(shop, before)[2:]
    assert told.index("invoice.finalized") < told.index("charge.succeeded") < told.index("invoice.paid")


def test_every_period_is_invoiced_once_even_if_the_clock_jumps_over_several_periods(shop: Shop) -> None:
    subscription = renewal(shop, shop.customer())

    shop.standin.clock.advance(100 * 86_400)
    shop.standin.clock.advance(2 * HOUR)

    found = shop.client.v1.invoices.list({"subscription": subscription.id}).data
    assert [invoice.status for invoice in found] == ["paid"] * 3
    starts = [invoice.lines.data[0].period.start for invoice in found]
    assert len(set(starts)) == 3
    assert period(shop, subscription)[1] > shop.standin.clock.now()


def test_a_subscription_is_past_due_from_a_decline_until_its_invoice_is_paid(shop: Shop) -> None:
    subscription = renewal(shop, shop.customer("pm_card_chargeCustomerFail"))
    pass_the_anchor(shop)

    invoice = latest_invoice(shop, subscription)
    assert (invoice.status, invoice.attempted) == ("open", True)
    assert shop.client.v1.subscriptions.retrieve(subscription.id).status == "past_due"
    assert shop.event_types()[-2:] == ["invoice.payment_failed", "customer.subscription.updated"]

    shop.standin.controls.pay(invoice.id)

    assert shop.client.v1.subscriptions.retrieve(subscription.id).status == "active"
    assert latest_invoice(shop, subscription).status == "paid"


def test_a_returned_debit_makes_the_subscription_past_due(shop: Shop) -> None:
    shop.standin.controls.set(sepa_settles=False)
    subscription = renewal(shop, shop.sepa_customer())
    pass_the_anchor(shop)
    assert shop.client.v1.subscriptions.retrieve(subscription.id).status == "active"

    shop.standin.controls.fail(latest_invoice(shop, subscription).id)

    assert shop.client.v1.subscriptions.retrieve(subscription.id).status == "past_due"


def test_a_cancelled_subscription_is_no_longer_invoiced(shop: Shop) -> None:
    customer = shop.customer()
    cancelled = renewal(shop, customer)
    shop.client.v1.subscriptions.cancel(cancelled.id)
    ending = renewal(shop, customer)
    shop.client.v1.subscriptions.update(ending.id, {"cancel_at_period_end": True})

    pass_the_anchor(shop)

    assert shop.standin.invoices(customer.id) == []
    assert shop.client.v1.subscriptions.retrieve(ending.id).status == "canceled"
    assert shop.event_types()[-1] == "customer.subscription.deleted"


def test_a_control_starts_and_pays_the_next_period_immediately(shop: Shop) -> None:
    customer = shop.customer()
    subscription = renewal(shop, customer)

    shop.standin.controls.renew(subscription.id)

    assert latest_invoice(shop, subscription).status == "paid"
    assert period(shop, subscription)[0] == subscription.billing_cycle_anchor
    pass_the_anchor(shop)
    assert len(shop.standin.charges(customer.id)) == 1
    shop.client.v1.subscriptions.cancel(subscription.id)
    with pytest.raises(Exception, match="canceled"):
        shop.standin.controls.renew(subscription.id)
