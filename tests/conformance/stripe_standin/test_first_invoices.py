"""A subscription that begins now invoices its first period. The tests cover the outcomes of paying that invoice."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from .conftest import Shop

DAY = 86_400


def begin(shop: Shop, customer: stripe.Customer, **more: Any) -> stripe.Subscription:
    product = shop.client.v1.products.create({"name": "VPS S"})
    price_data: Any = {
        "currency": "eur",
        "product": product.id,
        "unit_amount": 900,
        "recurring": {"interval": "month"},
    }
    item: Any = {"price_data": price_data, "quantity": 2, "metadata": {"order": "7"}}
    params: Any = {"customer": customer.id, "items": [item], "off_session": True, **more}
    return shop.client.v1.subscriptions.create(params)


def first_invoice(shop: Shop, subscription: stripe.Subscription) -> Any:
    return shop.client.v1.invoices.retrieve(str(subscription.latest_invoice))


def test_the_first_period_is_paid_immediately(shop: Shop) -> None:
    customer = shop.customer()
    subscription = begin(shop, customer)

    assert subscription.status == "active"
    invoice = first_invoice(shop, subscription)
    assert (invoice.status, invoice.amount_paid, invoice.billing_reason) == (
        "paid",
        1800,
        "subscription_create",
    )
    assert invoice.parent.subscription_details.subscription == subscription.id
    item = subscription["items"].data[0]
    assert 28 * DAY <= item.current_period_end - item.current_period_start <= 31 * DAY
    found = shop.client.v1.invoices.list({"subscription": subscription.id})
    assert [one.id for one in found.data] == [invoice.id]


@pytest.mark.standin_only("uses the stand-in's controls")
def test_a_declined_subscription_is_incomplete_until_paid(shop: Shop) -> None:
    subscription = begin(shop, shop.customer("pm_card_chargeCustomerFail"))
    assert subscription.status == "incomplete"

    shop.standin.controls.pay(str(subscription.latest_invoice))

    assert shop.client.v1.subscriptions.retrieve(subscription.id).status == "active"
    shop.expect_events("customer.subscription.updated")


def test_a_decline_can_prevent_the_whole_subscription(shop: Shop) -> None:
    """With the `payment_behavior` `error_if_incomplete`, a declined subscription leaves nothing at Stripe."""
    customer = shop.customer("pm_card_chargeCustomerFail")
    with pytest.raises(stripe.CardError):
        begin(shop, customer, payment_behavior="error_if_incomplete")

    assert shop.subscriptions() == []
    assert shop.invoices(status="open") == []
    assert shop.charges() == []


def test_a_subscription_can_wait_for_its_first_payment(shop: Shop) -> None:
    subscription = begin(shop, shop.customer(), payment_behavior="default_incomplete")

    assert (subscription.status, first_invoice(shop, subscription).status) == ("incomplete", "open")
    shop.client.v1.invoices.pay(str(subscription.latest_invoice))
    assert shop.client.v1.subscriptions.retrieve(subscription.id).status == "active"


def test_a_processing_debit_activates_the_subscription(shop: Shop) -> None:
    subscription = begin(shop, shop.debtor("pm_success_de"))
    assert (subscription.status, first_invoice(shop, subscription).status) == ("active", "open")


def test_the_first_invoice_of_a_trial_is_zero(shop: Shop) -> None:
    customer = shop.customer()
    subscription = begin(shop, customer, trial_period_days=14)

    assert subscription.status == "trialing"
    assert subscription.trial_end == (subscription.trial_start or 0) + 14 * DAY
    invoice = first_invoice(shop, subscription)
    assert (invoice.status, invoice.total) == ("paid", 0)
    assert shop.charges(customer) == []


def test_a_subscription_can_be_set_to_end_with_its_period(shop: Shop) -> None:
    subscription = begin(shop, shop.customer())
    changed = shop.client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    assert (changed.status, changed.cancel_at) == (
        "active",
        subscription["items"].data[0].current_period_end,
    )


@pytest.mark.standin_only("what the stand-in lacks")
@pytest.mark.parametrize(
    "change",
    [
        {"billing_cycle_anchor": 4_000_000_000},  # would need a prorated first invoice
        {"add_invoice_items": [{"price": "price_1"}]},
    ],
)
def test_a_request_for_an_unsupported_feature_gets_a_501(shop: Shop, change: Any) -> None:
    with pytest.raises(stripe.APIError, match="stand-in") as refusal:
        begin(shop, shop.customer(), **change)
    assert refusal.value.http_status == 501
