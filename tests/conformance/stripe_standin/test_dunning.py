"""Unpaid invoices for the later periods of a subscription: https://docs.stripe.com/billing/revenue-recovery."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from hosting_orders.adapters.stripe.webhooks import EVENTS
from local.stripe_standin import StripeStandIn
from tests.support.stripe_place import Clock, Place

from .conftest import API_KEY, RecordingClient, Shop, Webhooks
from .test_subscriptions import HOUR, MONTH, latest_invoice, pass_the_anchor, renewal

pytestmark = pytest.mark.standin_only("needs settings of the Stripe account")

DAY = 24 * HOUR


def unpaid(
    shop: Shop, *, after: str, days: str = "3 5"
) -> tuple[Clock, stripe.Customer, stripe.Subscription]:
    """A subscription whose payment for the second period was declined."""
    shop.standin.controls.set(after_retries=after, retry_days=days)
    clock = shop.clock()
    customer = shop.customer("pm_card_chargeCustomerFail", test_clock=clock.id)
    subscription = renewal(shop, customer, default_payment_method=None)
    pass_the_anchor(clock)
    return clock, customer, subscription


def status(shop: Shop, subscription: stripe.Subscription) -> str:
    return str(shop.client.v1.subscriptions.retrieve(subscription.id).status)


def good_card(shop: Shop, customer: stripe.Customer) -> None:
    card = shop.client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    default: Any = {"invoice_settings": {"default_payment_method": card.id}}
    shop.client.v1.customers.update(customer.id, default)


@pytest.mark.parametrize(
    ("after", "becomes"), [("cancel", "canceled"), ("unpaid", "unpaid"), ("past_due", "past_due")]
)
def test_the_settings_decide_the_status_after_all_retries(shop: Shop, after: str, becomes: str) -> None:
    clock, _, subscription = unpaid(shop, after=after)
    for attempts in (1, 2):
        invoice = latest_invoice(shop, subscription)
        assert (status(shop, subscription), invoice.attempt_count) == ("past_due", attempts)
        assert invoice.next_payment_attempt > clock.now()
        clock.advance_to(invoice.next_payment_attempt)
    invoice = latest_invoice(shop, subscription)
    assert (status(shop, subscription), invoice.attempt_count) == (becomes, 3)
    assert (invoice.status, invoice.next_payment_attempt, invoice.auto_advance) == ("open", None, False)
    clock.advance(10 * DAY)
    assert latest_invoice(shop, subscription).attempt_count == 3
    if after == "cancel":
        found: Any = shop.client.v1.subscriptions.retrieve(subscription.id)
        assert found.cancellation_details.reason == "payment_failed"
        shop.expect_events("customer.subscription.deleted")


def test_a_retry_charges_the_customers_new_card(shop: Shop) -> None:
    clock, customer, subscription = unpaid(shop, after="cancel")
    good_card(shop, customer)
    clock.advance_to(latest_invoice(shop, subscription).next_payment_attempt)
    assert (status(shop, subscription), shop.charges(customer)) == ("active", [1200])
    clock.advance(10 * DAY)
    assert status(shop, subscription) == "active"


def test_after_a_final_decline_only_another_card_is_charged(shop: Shop) -> None:
    clock, customer, subscription = unpaid(shop, after="past_due", days="3 5 7")
    method = str(shop.client.v1.customers.retrieve(customer.id).invoice_settings.default_payment_method)
    shop.standin.controls.decline(method, "stolen_card")
    for _ in range(2):
        clock.advance_to(latest_invoice(shop, subscription).next_payment_attempt)
    assert len(shop.all_charges(customer)) == 2
    good_card(shop, customer)
    clock.advance_to(latest_invoice(shop, subscription).next_payment_attempt)
    assert status(shop, subscription) == "active"


def test_an_unpaid_subscription_is_invoiced_but_not_charged(shop: Shop) -> None:
    clock, customer, subscription = unpaid(shop, after="unpaid", days="")
    assert status(shop, subscription) == "unpaid"
    good_card(shop, customer)
    clock.advance(MONTH + 4 * DAY)
    draft, old = shop.invoices(customer)
    assert (draft.status, draft.auto_advance, old.status) == ("draft", False, "open")
    assert shop.charges(customer) == []
    shop.client.v1.invoices.pay(str(old.id))
    assert status(shop, subscription) == "unpaid"  # only the newest invoice counts
    shop.client.v1.invoices.pay(str(draft.id))
    assert status(shop, subscription) == "active"


# -- the draft -----------------------------------------------------------------------------------------------


def drafted(shop: Shop) -> stripe.Subscription:
    subscription = renewal(shop, shop.customer())
    shop.standin.deliver_webhooks()
    shop.standin.clock.advance(MONTH + 60)
    return subscription


def test_a_draft_invoice_waits_if_an_endpoint_refuses_its_event(shop: Shop) -> None:
    subscription = drafted(shop)
    shop.webhooks.answers += [500] * 10
    shop.standin.deliver_webhooks()
    shop.standin.clock.advance(71 * HOUR)
    assert latest_invoice(shop, subscription).status == "draft"
    shop.standin.clock.advance(HOUR)
    assert latest_invoice(shop, subscription).status == "paid"


def test_a_draft_is_paid_an_hour_after_its_event_is_accepted(shop: Shop) -> None:
    subscription = drafted(shop)
    shop.webhooks.answers += [500] * 10
    shop.standin.deliver_webhooks()
    shop.standin.clock.advance(5 * HOUR)
    shop.webhooks.answers.clear()
    shop.standin.deliver_webhooks()
    assert latest_invoice(shop, subscription).status == "draft"
    shop.standin.clock.advance(HOUR)
    assert latest_invoice(shop, subscription).status == "paid"


def test_a_draft_does_not_wait_for_endpoints_of_other_events() -> None:
    with StripeStandIn(webhook_url=None, manual_delivery=True) as standin:
        place = Place(standin, API_KEY, only_standin=True)
        http = RecordingClient(place)
        client = stripe.StripeClient(API_KEY, base_addresses={"api": standin.url}, http_client=http)
        shop = Shop(place, client, http, Webhooks())
        ours: Any = {"url": "https://shop.example/hook", "enabled_events": list(EVENTS)}
        client.v1.webhook_endpoints.create(ours)
        subscription = renewal(shop, shop.customer())
        standin.clock.advance(MONTH + 60)
        standin.webhooks._receiver = lambda body, signature: 500
        assert standin.deliver_webhooks() == 0 < len(standin.deliveries)
        standin.webhooks._receiver = None
        standin.clock.advance(HOUR)
        assert latest_invoice(shop, subscription).status == "paid"
