"""Renewals: subscriptions that begin later, and their end."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from .conftest import Shop

MONTH = 28 * 24 * 60 * 60


def renewal(shop: Shop, customer: stripe.Customer, **params: Any) -> stripe.Subscription:
    """The subscription that follows a first period which was paid by invoice."""
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


def test_a_renewal_under_its_key_is_made_once(shop: Shop) -> None:
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


def test_a_cancelled_subscription_is_listed_only_when_asked_for(shop: Shop) -> None:
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


def test_a_change_says_what_it_was_before(shop: Shop) -> None:
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


def test_an_anchor_further_than_one_interval_ahead_is_refused(shop: Shop) -> None:
    customer = shop.customer()
    too_far = shop.standin.clock.now() + 32 * 24 * 60 * 60
    with pytest.raises(stripe.InvalidRequestError, match="next natural billing date") as refusal:
        renewal(shop, customer, billing_cycle_anchor=too_far)
    assert refusal.value.param == "billing_cycle_anchor"
    assert shop.standin.subscriptions() == []
