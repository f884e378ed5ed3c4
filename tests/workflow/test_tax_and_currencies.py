"""Exact charges and refunds with Stripe's tax, in currencies without minor units, and for free orders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import stripe

from hosting_orders.domain.catalogue import DomainPrice, Plan, Term, Tld
from hosting_orders.domain.money import CurrencyRefusedError
from hosting_orders.domain.order import Order, OrderStatus
from local.seed import BILLING_PLAN
from tests.support.world import World, a_world


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


@pytest.fixture
def taxed() -> Iterator[World]:
    with a_world(automatic_tax=True) as world:
        yield world


# -- helpers -------------------------------------------------------------------------------------------------------


def offer(world: World, name: str, amount: int, currency: str = "EUR") -> None:
    """Offer a plan at this price, monthly and yearly."""
    prices = {(BILLING_PLAN, term, currency): amount for term in Term}
    world.services.catalogue.put_plan(Plan(f"plan-{name}", name, name.title(), "A plan of a test", prices))
    world.advance(61)  # the catalogue is cached for a minute


def customer_in(world: World, country: str, **more: Any) -> str:
    client = stripe.StripeClient("sk_test_world", base_addresses={"api": world.stripe.url})
    customer = world.accounts["ready"]["customer"]
    client.v1.customers.update(customer, {"address": {"line1": "Street 1", "country": country}, **more})
    return customer


def keeps_accounts_in(world: World, currency: str) -> None:
    """Give the account "ready" this currency."""
    account = world.services.directory.account(world.accounts["ready"]["id"])
    assert account is not None
    world.services.directory.put_account(replace(account, currency=currency))


def placed(world: World, plan: str, **changes: Any) -> str:
    reply = world.place(plan=plan, **changes)
    assert reply.status == 202, reply.body
    return str(reply.body["orders"][0]["id"])


def completed(world: World, plan: str) -> str:
    order_id = placed(world, plan)
    world.run()
    assert world.order(order_id).status is OrderStatus.COMPLETED
    return order_id


def undeliverable(world: World, plan: str) -> str:
    order_id = placed(world, plan)
    world.run(finish=False)
    world.platform.fail(order_id)
    world.platform_webhook(order_id)
    world.run()
    assert world.order(order_id).status is OrderStatus.PROVISION_FAILED
    return order_id


def payment(world: World, order_id: str) -> Any:
    return world.request("GET", f"/api/orders/{order_id}").body["payment"]


def invoice_of(world: World, order: Order) -> Any:
    invoice_id = world.cart(order.cart_token).payment.reference
    assert invoice_id is not None
    return world.stripe.get(invoice_id)


# -- tax -----------------------------------------------------------------------------------------------------------

# (country, net, tax), calculated by hand and rounded half up to the cent.
TAXED = [
    ("NL", 1200, 252),  # 21 %
    ("DE", 1999, 380),  # 19 % of 19.99 is 3.7981
    ("HU", 1999, 540),  # 27 %: 5.3973
    ("FI", 1999, 510),  # 25.5 %: 5.09745
    ("FI", 50, 13),  # 0.1275
    ("FI", 51, 13),  # 0.13005
    ("LU", 50, 9),  # 17 % of 0.50 is 0.085, and half a cent rounds up
    ("SE", 99999999, 25000000),  # 25 %: 249999.9975
    ("US", 1999, 0),  # no tax, because the company is not registered for tax there
]


@pytest.mark.parametrize(("country", "net", "tax"), TAXED)
def test_the_tax_is_exact_to_the_cent(taxed: World, country: str, net: int, tax: int) -> None:
    customer = customer_in(taxed, country)
    offer(taxed, "taxed", net)
    before = taxed.net_paid()
    order_id = completed(taxed, "taxed")
    shown = payment(taxed, order_id)
    assert (shown["total_net_cents"], shown["total_gross_cents"]) == (net, net + tax)
    assert (shown["amount_charged_cents"], shown["credit_applied_cents"]) == (net + tax, 0)
    assert taxed.net_paid() - before == net + tax
    invoice = invoice_of(taxed, taxed.order(order_id))
    assert (invoice["subtotal"], invoice["total"], invoice["customer"]) == (net, net + tax, customer)
    assert taxed.order(order_id).price.amount == net  # each renewal starts from the net price and adds tax


def test_the_gross_amounts_of_a_cart_add_up(taxed: World) -> None:
    customer_in(taxed, "FI")
    for net in (50, 51, 1999):
        offer(taxed, f"taxed-{net}", net)
    reply = taxed.place_cart(*(taxed.site(plan=f"taxed-{net}") for net in (50, 51, 1999)))
    assert reply.status == 202, reply.body
    orders = [taxed.order(one["id"]) for one in reply.body["orders"]]
    payment = taxed.cart(orders[0].cart_token).payment
    assert [payment.gross_of(order) for order in orders] == [63, 64, 2509]
    assert payment.total_gross == sum(payment.gross.values()) == 63 + 64 + 2509


@pytest.mark.parametrize(("country", "net", "tax"), TAXED)
def test_a_refund_includes_the_tax(taxed: World, country: str, net: int, tax: int) -> None:
    customer_in(taxed, country)
    offer(taxed, "taxed", net)
    before = taxed.net_paid()
    order_id = undeliverable(taxed, "taxed")
    assert taxed.net_paid() == before
    shown = payment(taxed, order_id)
    assert (shown["status"], shown["refunded_cents"]) == ("refunded", net + tax)
    assert (shown["total_net_cents"], shown["total_gross_cents"]) == (net, net + tax)
    (note,) = taxed.stripe.objects("credit_note", invoice=invoice_of(taxed, taxed.order(order_id))["id"])
    assert (note["total"], sum(one["amount"] for one in note["total_taxes"])) == (net + tax, tax)


@pytest.mark.parametrize("refused", [0, 1])
def test_a_retried_refund_may_have_another_amount(taxed: World, refused: int) -> None:
    """Stripe rounds the tax of the whole invoice, so the order that is refunded last gets a cent more or less."""
    taxed.stripe.controls.set(tax_rounding="invoice")
    customer_in(taxed, "FI")
    offer(taxed, "taxed", 1999)
    reply = taxed.place_cart(taxed.site(plan="taxed"), taxed.site(plan="taxed"))
    order_ids = [order["id"] for order in reply.body["orders"]]
    taxed.run(finish=False)
    for order_id in (order_ids[refused], order_ids[1 - refused]):
        taxed.stripe.controls.set(refunds="refuse" if order_id == order_ids[refused] else "as published")
        taxed.platform.fail(order_id)
        taxed.platform_webhook(order_id)
        taxed.run(finish=False)
    assert taxed.order(order_ids[refused]).status is OrderStatus.REFUND_FAILED
    taxed.live(3600, every=300)
    assert {taxed.order(order_id).status for order_id in order_ids} == {OrderStatus.PROVISION_FAILED}
    assert taxed.net_paid() == 0


@pytest.mark.parametrize("exemption", ["reverse", "exempt"])
def test_a_tax_exempt_customer_pays_no_tax(taxed: World, exemption: str) -> None:
    customer_in(taxed, "DE", tax_exempt=exemption)
    offer(taxed, "taxed", 1999)
    try:
        shown = payment(taxed, completed(taxed, "taxed"))
    finally:
        customer_in(taxed, "DE", tax_exempt="none")
    assert (shown["total_net_cents"], shown["total_gross_cents"]) == (1999, 1999)


def test_credit_pays_tax_and_a_refund_returns_the_credit(taxed: World) -> None:
    customer = customer_in(taxed, "DE")
    offer(taxed, "taxed", 1999)
    client = stripe.StripeClient("sk_test_world", base_addresses={"api": taxed.stripe.url})
    client.v1.customers.balance_transactions.create(customer, {"amount": -777, "currency": "eur"})
    before = taxed.net_paid()
    order_id = undeliverable(taxed, "taxed")
    shown = payment(taxed, order_id)
    assert (shown["amount_charged_cents"], shown["credit_applied_cents"]) == (2379 - 777, 777)
    assert shown["refunded_cents"] == 2379
    assert taxed.net_paid() == before
    assert taxed.stripe.balance(customer) == -777


def test_a_customer_without_a_country_is_not_charged(taxed: World) -> None:
    """Stripe refuses the invoice because it cannot determine the tax. Nothing is charged and no invoice stays open."""
    client = stripe.StripeClient("sk_test_world", base_addresses={"api": taxed.stripe.url})
    customer = taxed.accounts["ready"]["customer"]
    client.v1.customers.update(customer, {"address": ""})
    before = taxed.net_paid()
    reply = taxed.place()
    customer_in(taxed, "NL")
    assert (reply.status, reply.body["code"]) == (422, "cart_pay_failed")
    assert taxed.net_paid() == before
    assert taxed.stripe.open_invoices(customer) == []


@pytest.mark.parametrize(("net", "tax"), [(1, 0), (2, 1), (39, 10)])
def test_an_amount_below_the_minimum_uses_the_balance(taxed: World, net: int, tax: int) -> None:
    """Stripe charges at least 0.50 EUR. A smaller amount is added to the customer's debt.

    The API shows the added amount in `credit_applied_cents`.
    """
    customer = customer_in(taxed, "FI")
    offer(taxed, "small", net)
    shown = payment(taxed, undeliverable(taxed, "small"))
    assert (shown["amount_charged_cents"], shown["credit_applied_cents"]) == (0, net + tax)
    assert (shown["total_net_cents"], shown["total_gross_cents"]) == (net, net + tax)
    assert (shown["status"], shown["refunded_cents"]) == ("refunded", net + tax)
    assert taxed.stripe.charges(customer, None) == []
    assert taxed.stripe.balance(customer) == 0
    completed(taxed, "small")
    assert taxed.stripe.charges(customer, None) == []
    assert taxed.stripe.balance(customer) == net + tax


def test_a_refund_does_not_return_a_collected_debt(
    taxed: World,
) -> None:
    """A small order leaves a debt. The next order's invoice collects it, and that order's refund does not return it."""
    customer = customer_in(taxed, "FI")
    offer(taxed, "small", 39)
    completed(taxed, "small")
    assert taxed.stripe.balance(customer) == 49
    offer(taxed, "usual", 2000)
    shown = payment(taxed, undeliverable(taxed, "usual"))
    assert (shown["amount_charged_cents"], shown["credit_applied_cents"]) == (49 + 2510, 0)
    assert (shown["total_gross_cents"], shown["refunded_cents"]) == (2510, 2510)
    assert taxed.net_paid() == 49
    assert taxed.stripe.balance(customer) == 0


def test_the_renewal_is_taxed(taxed: World) -> None:
    customer_in(taxed, "NL")
    offer(taxed, "taxed", 1999)
    order_id = completed(taxed, "taxed")
    taxed.live(60)  # the reconciler starts the renewal
    subscription = taxed.order(order_id).subscription
    assert subscription is not None
    kept = taxed.stripe.get(subscription.id)
    assert kept["automatic_tax"]["enabled"] is True
    (item,) = kept["items"]["data"]
    assert (item["price"]["unit_amount"], item["price"]["tax_behavior"]) == (1999, "exclusive")


def test_without_tax_the_gross_equals_the_net(world: World) -> None:
    shown = payment(world, completed(world, "basic"))
    assert (shown["total_net_cents"], shown["total_gross_cents"]) == (1200, 1200)


def test_gross_prices_are_shown_if_no_tax_is_added(world: World) -> None:
    prices = [
        one for product in world.request("GET", "/api/about").body["products"] for one in product["prices"]
    ]
    assert prices
    assert all(one["gross_cents"] == one["net_cents"] for one in prices)


def test_gross_prices_are_not_shown_if_tax_is_added(taxed: World) -> None:
    prices = [
        one for product in taxed.request("GET", "/api/about").body["products"] for one in product["prices"]
    ]
    assert prices
    assert all(one["gross_cents"] is None for one in prices)


# -- currencies without minor units --------------------------------------------------------------------------------


@pytest.mark.parametrize("price", [1480, 155, 1_000_001])
def test_yen_are_charged_shown_renewed_and_refunded_as_yen(world: World, price: int) -> None:
    keeps_accounts_in(world, "JPY")
    offer(world, "yen", price, "JPY")
    about = world.request("GET", "/api/about").body["products"]
    (told,) = [product["prices"] for product in about if product["short_name"] == "yen"]
    assert {(one["currency"], one["net_cents"]) for one in told} == {("JPY", price)}

    order_id = completed(world, "yen")
    shown = payment(world, order_id)
    assert shown["currency"] == "JPY"
    assert shown["amount_charged_cents"] == shown["total_net_cents"] == shown["total_gross_cents"] == price
    invoice = invoice_of(world, world.order(order_id))
    assert (invoice["currency"], invoice["total"], invoice["amount_paid"]) == ("jpy", price, price)
    (charge,) = world.stripe.charges(world.accounts["ready"]["customer"])
    assert (charge["currency"], charge["amount"]) == ("jpy", price)
    world.live(60)
    subscription = world.order(order_id).subscription
    assert subscription is not None
    (item,) = world.stripe.get(subscription.id)["items"]["data"]
    assert (item["price"]["currency"], item["price"]["unit_amount"]) == ("jpy", price)
    assert str(world.order(order_id).price) == f"{price} JPY"

    returned = undeliverable(world, "yen")
    assert payment(world, returned)["refunded_cents"] == price
    assert world.net_paid() == price
    assert [refund["amount"] for refund in world.stripe.refunds(world.accounts["ready"]["customer"])] == [
        price
    ]


def test_yen_are_taxed_in_whole_yen() -> None:
    with a_world(automatic_tax=True) as world:
        keeps_accounts_in(world, "JPY")
        customer_in(world, "DE")
        offer(world, "yen", 1483, "JPY")
        shown = payment(world, undeliverable(world, "yen"))
        assert (shown["total_net_cents"], shown["total_gross_cents"]) == (1483, 1483 + 282)  # 19 %: 281.77
        assert shown["refunded_cents"] == 1765
        assert world.net_paid() == 0


def test_a_plan_without_a_price_in_the_currency_is_refused(world: World) -> None:
    keeps_accounts_in(world, "JPY")
    reply = world.place()
    assert (reply.status, reply.body["code"]) == (400, "pricing_missing")
    assert world.stripe.invoices(world.accounts["ready"]["customer"]) == []


# -- free orders ---------------------------------------------------------------------------------------------------


def test_a_free_plan_is_delivered_without_a_charge(world: World) -> None:
    offer(world, "free", 0)
    reply = world.place(plan="free", callback=True)
    assert reply.status == 202
    assert reply.body["payment"]["status"] == "succeeded"
    order_id = reply.body["orders"][0]["id"]
    world.run()
    assert world.order(order_id).status is OrderStatus.COMPLETED
    shown = payment(world, order_id)
    amounts = ("amount_charged_cents", "credit_applied_cents", "total_net_cents", "total_gross_cents")
    assert [shown[name] for name in amounts] == [0, 0, 0, 0]
    assert world.stripe.charges(world.accounts["ready"]["customer"], None) == []
    assert len(world.stripe.invoices(world.accounts["ready"]["customer"])) == 1
    assert len(world.callbacks.received) == 1


def test_an_undeliverable_free_order_refunds_nothing(world: World) -> None:
    offer(world, "free", 0)
    order_id = undeliverable(world, "free")
    shown = payment(world, order_id)
    assert (shown["status"], shown["refunded_cents"]) == ("succeeded", 0)
    assert world.stripe.refunds(world.accounts["ready"]["customer"]) == []
    assert world.stripe.credit_notes(world.accounts["ready"]["customer"]) == []
    assert world.metrics.counts["RefundFailed"] == 0


def test_a_free_order_does_not_use_credit(world: World) -> None:
    offer(world, "free", 0)
    assert world.place("credit", plan="free").status == 202
    world.run()
    assert world.stripe.balance(world.accounts["credit"]["customer"]) == -500


# -- currencies without hundredths that Stripe counts in hundredths -------------------------------------------------


def test_ugandan_shillings_are_charged_shown_and_refunded(world: World) -> None:
    keeps_accounts_in(world, "UGX")
    offer(world, "ugx", 500_000, "UGX")
    customer = world.accounts["ready"]["customer"]
    client = stripe.StripeClient("sk_test_world", base_addresses={"api": world.stripe.url})
    client.v1.customers.balance_transactions.create(customer, {"amount": -33_300, "currency": "ugx"})
    reply = world.place_cart(world.site(plan="ugx"), world.site(plan="ugx"))
    assert reply.status == 202, reply.body
    orders = [one["id"] for one in reply.body["orders"]]
    world.run(finish=False)
    for order_id in orders:
        world.platform.fail(order_id)
        world.platform_webhook(order_id)
    world.run()
    assert str(world.order(orders[0]).price) == "5000.00 UGX"
    assert [payment(world, order_id)["refunded_cents"] for order_id in orders] == [500_000, 500_000]
    refunds = world.stripe.refunds(customer)
    assert sum(refund["amount"] for refund in refunds) == 1_000_000 - 33_300
    assert all(refund["amount"] % 100 == 0 for refund in refunds)
    assert (world.net_paid(), world.stripe.balance(customer)) == (0, -33_300)


@pytest.mark.parametrize("currency", ["KWD", "TND", "IQD", "CLF"])
def test_a_currency_with_more_than_two_decimals_is_refused(world: World, currency: str) -> None:
    with pytest.raises(CurrencyRefusedError, match="two decimals"):
        keeps_accounts_in(world, currency)
    with pytest.raises(CurrencyRefusedError, match="two decimals"):
        offer(world, "three", 4000, currency)
    price = DomainPrice(4000, 4000, 4000)
    for tld in (
        Tld("com", {(BILLING_PLAN, currency): price}),
        Tld("com", {}, {("one.com", BILLING_PLAN, currency): price}),
    ):
        with pytest.raises(CurrencyRefusedError, match="two decimals"):
            world.services.catalogue.put_tld(tld)
