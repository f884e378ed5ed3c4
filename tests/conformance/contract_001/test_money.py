"""Amounts are strings in major units, such as euros.

Each order of a cart shows its share of tax, credit and the amount still to pay.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from hosting_orders.domain.catalogue import Plan, Term
from hosting_orders.domain.money import decimal_text
from local.seed import BILLING_PLAN
from tests.conformance.contract_001.support import (
    ask,
    created,
    domain,
    order_in,
    pay_page,
    site,
    stored,
    undeliverable,
    vps,
)
from tests.conformance.contract_002.support import change_account
from tests.support.checkout import session_of
from tests.support.world import World, a_world


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


@pytest.fixture
def taxed() -> Iterator[World]:
    """A world in which Stripe adds tax. Three accounts have an expected tax of 21 %."""
    with a_world(automatic_tax=True) as world:
        for name in ("ready", "no_method", "sepa"):
            change_account(world, name, tax_basis_points=2100)
        yield world


def amounts(order: Any) -> tuple[str, str, str, str, str]:
    return order["total"], order["invtotal"], order["invsubtotal2"], order["invcredit"], order["balance"]


def test_HU_026_HU_040_HU_042_HU_043_HU_046_C08_a_paid_order_shows_its_amounts(world: World) -> None:
    order = order_in(world, created(world, site())["orderId"])
    assert amounts(order) == ("12.00", "12.00", "12.00", "0.00", "0.00")
    assert order["metadata"]["total"] == order["hosting"][0]["total"] == "12.00"


def test_HU_046_the_balance_is_the_amount_still_to_pay(world: World) -> None:
    number = created(world, site(), account="sepa")["orderId"]
    assert order_in(world, number, "sepa")["balance"] == "12.00"
    world.live(12 * 86_400, every=6 * 3600)
    assert (order_in(world, number, "sepa")["status"], order_in(world, number, "sepa")["balance"]) == (
        "Active",
        "0.00",
    )


def test_HU_042_HU_046_a_paid_order_shows_the_credit_it_used(world: World) -> None:
    number = created(world, site(), account="credit")["orderId"]
    assert amounts(order_in(world, number, "credit")) == ("12.00", "12.00", "12.00", "5.00", "0.00")


def test_HU_042_HU_046_credit_lowers_the_balance(world: World) -> None:
    customer = world.accounts["authentication_required"]["customer"]
    world.services.stripe.client.v1.customers.update(customer, {"balance": -300})
    number = created(world, site(), account="authentication_required")["orderId"]
    order = order_in(world, number, "authentication_required")
    assert amounts(order) == ("12.00", "12.00", "12.00", "3.00", "9.00")


def test_HU_042_a_refund_returns_the_credit_that_the_order_shows(world: World) -> None:
    numbers = created(world, site(), vps(), account="credit")["orderIds"]
    credit = {number: order_in(world, number, "credit")["invcredit"] for number in numbers}
    assert sum(map(Decimal, credit.values())) == Decimal("5.00")
    undeliverable(world, numbers[1], "credit")
    refund = stored(world, numbers[1], "credit").refund
    assert refund is not None and decimal_text(refund.to_credit, "EUR") == credit[numbers[1]] != "0.00"


def test_HU_026_HU_043_the_total_includes_tax(taxed: World) -> None:
    order = order_in(taxed, created(taxed, site())["orderId"])
    assert amounts(order) == ("14.52", "14.52", "12.00", "0.00", "0.00")


def test_HU_026_the_total_uses_the_expected_tax_until_payment(taxed: World) -> None:
    number = created(taxed, site(), account="no_method")["orderId"]
    order = order_in(taxed, number, "no_method")
    assert (order["total"], order["balance"], order["invstatus"]) == ("14.52", "14.52", "Unpaid")
    pay_page(taxed, number)
    # The customer entered a German address on the payment page, so the tax is 19 %.
    assert order_in(taxed, number, "no_method")["total"] == "14.28"


@pytest.mark.parametrize("account", ["ready", "no_method"])
def test_HU_026_HU_040_orders_of_a_cart_add_up_to_its_invoice(taxed: World, account: str) -> None:
    for place, net in enumerate((50, 51, 1999)):
        prices = {(BILLING_PLAN, term, "EUR"): net for term in Term}
        taxed.services.catalogue.put_plan(Plan(f"odd-{place}", f"odd-{place}", "Odd", "", prices))
    taxed.advance(61)
    items = [*(site(plan=f"odd-{place}") for place in range(3)), vps(), domain(taxed)]
    numbers = created(taxed, *items, account=account)["orderIds"]
    if account == "no_method":
        pay_page(taxed, numbers[0])
    orders = [order_in(taxed, number, account) for number in numbers]
    payment = taxed.cart(stored(taxed, numbers[0], account).cart_token, account).payment
    for name in ("total", "invtotal"):
        assert sum(Decimal(order[name]) for order in orders) * 100 == payment.total_gross
    assert sum(Decimal(order["invsubtotal2"]) for order in orders) * 100 == payment.total_net
    assert payment.total_gross > payment.total_net


def test_HU_026_HU_058_C08_a_currency_without_minor_units_has_no_decimals(world: World) -> None:
    prices = {(BILLING_PLAN, term, "JPY"): 1200 for term in Term}
    world.services.catalogue.put_plan(Plan("yen", "yen", "Yen", "", prices))
    world.advance(61)
    change_account(world, "ready", currency="JPY")
    order = order_in(world, created(world, site(plan="yen"))["orderId"])
    assert amounts(order) == ("1200", "1200", "1200", "0", "0")
    assert (order["currency"]["iso"], order["currency"]["decimal"]) == ("JPY", "0")
    assert order["currency"]["format"] == "1,234"


def test_HU_052_HU_074_a_free_order_is_delivered_without_a_payment_page(world: World) -> None:
    prices = {(BILLING_PLAN, term, "EUR"): 0 for term in Term}
    world.services.catalogue.put_plan(Plan("gratis", "gratis", "Gratis", "", prices))
    world.advance(61)
    for account in ("ready", "no_method"):
        data = created(world, site(plan="gratis"), account=account)
        assert data["paymentUrl"] is None
        world.run()
        order = order_in(world, data["orderId"], account)
        assert (order["status"], order["invstatus"], order["total"]) == ("Active", "Paid", "0.00")
        assert order["hosting"][0]["billingcycle"] == "Free"


def test_HU_074_HU_052_an_order_shows_its_requested_billing_cycle(world: World) -> None:
    for cycle in ("Monthly", "Annually"):
        for item in (site(billingCycle=cycle), vps(billingCycle=cycle)):
            order = order_in(world, created(world, item)["orderId"])
            assert order["hosting"][0]["billingcycle"] == cycle


# -- the refund of one item of a cart that was paid on a page


@pytest.mark.parametrize("tax", [False, True])
def test_HU_041_HU_075_C10_one_item_of_a_cart_can_be_refunded_alone(tax: bool) -> None:
    """The machine is refunded with its tax, and the site is still delivered."""
    with a_world(automatic_tax=tax) as world:
        numbers = created(world, site(), vps(), account="no_method")["orderIds"]
        cart = stored(world, numbers[0], "no_method").cart_token
        world.run()
        session = session_of(world, stored(world, numbers[0], "no_method"))
        world.stripe.controls.pay_checkout(session["id"])
        world.run(finish=False)
        uuid = stored(world, numbers[1], "no_method").uuid
        world.platform.fail(uuid)
        world.platform_webhook(uuid)
        world.run()
        site_order, machine = (order_in(world, number, "no_method") for number in numbers)
        assert (site_order["status"], site_order["invstatus"]) == ("Active", "Paid")
        assert (machine["status"], machine["invstatus"]) == ("Cancelled", "Refunded")
        factor = Decimal("1.19") if tax else Decimal(1)
        assert Decimal(site_order["total"]) == 12 * factor
        assert Decimal(machine["total"]) == 6 * factor
        refund = stored(world, numbers[1], "no_method").refund
        assert refund is not None
        assert decimal_text(refund.amount, "EUR") == machine["total"]
        assert world.net_paid("no_method") == Decimal(site_order["total"]) * 100
        payment = world.cart(cart, "no_method").payment
        assert payment.refunded == refund.amount


def test_HU_041_a_refund_keeps_the_total_and_leaves_nothing_to_pay(world: World) -> None:
    number = created(world, site())["orderId"]
    undeliverable(world, number)
    order = order_in(world, number)
    assert amounts(order) == ("12.00", "12.00", "12.00", "0.00", "0.00")
    assert order["invstatus"] == "Refunded"
    assert ask(world, "POST", f"/api/billing/order/{number}/cancel").status == 409
