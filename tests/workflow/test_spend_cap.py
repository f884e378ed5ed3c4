"""A key can order up to its spend cap.

In these tests, "an order counts" means that the key's spending includes the order's price. An order that ends
undelivered no longer counts. A repeated request counts once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import stripe

from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.domain.spending import Remaining
from hosting_orders.usecases.spend_cap import remaining
from tests.conformance.contract_002.support import change_account
from tests.support.mishaps import Mishap
from tests.support.spending import cap_key, counted, expected
from tests.support.world import Reply, World, a_world
from tests.workflow.test_idempotency import MOST_SIDE_EFFECTS

PRICE = 1200


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        at(world, "2030-05-14T12:00:00")
        yield world


def at(world: World, time: str) -> None:
    """Let time pass until this time (UTC)."""
    target = datetime.fromisoformat(time).replace(tzinfo=UTC).timestamp()
    world.advance(target - world.clock.now() / 1000)


def stripe_client(world: World) -> stripe.StripeClient:
    return stripe.StripeClient("sk_test_world", base_addresses={"api": world.stripe.url})


def lives_in(world: World, country: str) -> None:
    address = {"line1": "Street 1", "country": country}
    stripe_client(world).v1.customers.update(world.accounts["ready"]["customer"], {"address": address})  # type: ignore[typeddict-item]


def the_order(reply: Reply, world: World, account: str = "ready") -> Order:
    assert reply.status == 202, reply.body
    return world.order(reply.body["orders"][0]["id"], account)


def deliver(world: World) -> None:
    assert world.place().status == 202
    world.run()


def refused(reply: Reply) -> tuple[str, int]:
    """Check that the spend cap refused the order. Return the period (day or month) and its remaining amount."""
    assert (reply.status, reply.body["code"]) == (403, "spend_cap_exceeded"), reply.body
    return reply.body["period"], reply.body["remaining"]


def left(world: World, account: str = "ready", key: str = "user_key", **cap: int) -> Remaining | None:
    known = world.services.directory.account(world.accounts[account]["id"])
    assert known is not None
    return remaining(world.services, cap_key(world, account, key, **cap), known)


def stored(world: World) -> list[str]:
    """The sort keys of all items, without the counts of requests and the last uses of keys."""
    uncounted = ("LIMIT#", "USED#")
    return sorted(item["SK"]["S"] for item in world.items("") if not item["PK"]["S"].startswith(uncounted))


def all_orders(world: World) -> list[Order]:
    return [
        order
        for account in world.accounts.values()
        for order in world.services.orders.newest(account["id"], 100).orders
    ]


# -- up to the cap ------------------------------------------------------------------------------------------------


def test_twenty_concurrent_orders_cannot_exceed_the_cap(world: World) -> None:
    cap_key(world, day=3 * PRICE + 1199, month=100_000)
    world.place("sepa")  # import the functions before the threads start
    before = len(world.items("ORDER#"))
    with ThreadPoolExecutor(20) as threads:
        replies = list(threads.map(lambda number: world.place(key=f"order-{number}"), range(20)))
    assert Counter(reply.status for reply in replies) == {202: 3, 403: 17}
    assert {refused(reply) for reply in replies if reply.status == 403} == {("day", 1199)}
    assert len(world.items("ORDER#")) == before + 3
    world.run()
    assert world.net_paid() == 3 * PRICE


def test_a_refused_order_writes_nothing_and_charges_nothing(world: World) -> None:
    cap_key(world, month=PRICE - 1)
    before = stored(world)
    reply = world.place(callback=True, key="once")
    assert refused(reply) == ("month", PRICE - 1)
    assert reply.body["currency"] == "EUR"
    assert "costs 12.00 EUR" in reply.body["errors"][0] and "11.99 EUR" in reply.body["errors"][0]
    assert refused(world.place_cart(world.domain(), world.site())) == ("month", PRICE - 1)
    assert stored(world) == before
    assert not world.stripe.invoices() and not world.runner.executions
    cap_key(world, month=PRICE)
    assert (
        world.place(callback=True, key="once").status == 202
    )  # the refusal did not use up the Idempotency-Key


def test_a_cart_is_counted_as_a_whole_with_its_expected_tax(world: World) -> None:
    account = change_account(world, "ready", tax_basis_points=1999)
    try:
        cap_key(world, day=2 * 1440 - 1)
        assert refused(world.place_cart(world.site(), world.site())) == ("day", 2879)
        cap_key(world, day=2 * 1440)
        assert world.place_cart(world.site(), world.site()).status == 202
        assert refused(world.place()) == ("day", 0)
        assert {order.spend.amount for order in all_orders(world) if order.spend} == {1440}
    finally:
        world.services.directory.put_account(account)


def test_orders_of_a_key_without_a_cap_do_not_count(world: World) -> None:
    assert the_order(world.place(), world).spend is None
    cap_key(world)  # a cap without limits
    assert the_order(world.place(), world).spend is None
    assert not world.items("SPENDING#")
    assert left(world) is None


def test_other_keys_of_the_account_have_their_own_cap(world: World) -> None:
    cap_key(world, day=PRICE)
    cap_key(world, key="system_key", day=PRICE)
    for key in ("user_key", "system_key"):
        assert world.request("POST", "/api/orders", world.site(), key=key).status == 202
        assert refused(world.request("POST", "/api/orders", world.site(), key=key)) == ("day", 0)


@pytest.mark.parametrize("path", ["/api/orders", "/api/orders/preview"])
def test_a_cap_in_another_currency_refuses_every_order(world: World, path: str) -> None:
    cap_key(world, day=1_000_000, currency="USD")
    before = stored(world)
    reply = world.request("POST", path, world.site())
    assert (reply.status, reply.body["code"]) == (403, "spend_cap_currency")
    assert "USD" in reply.body["errors"][0] and "EUR" in reply.body["errors"][0]
    assert stored(world) == before


def test_a_cap_starts_again_with_each_day_and_month_in_utc(world: World) -> None:
    cap_key(world, day=PRICE, month=2 * PRICE)
    at(world, "2030-05-30T23:59:58")
    deliver(world)
    assert refused(world.place()) == ("day", 0)
    at(world, "2030-05-31T00:00:01")
    deliver(world)
    at(world, "2030-05-31T23:59:58")
    assert refused(world.place()) == ("month", 0)
    at(world, "2030-06-01T00:00:01")
    deliver(world)


def test_the_remaining_amounts_can_be_read(world: World) -> None:
    assert left(world, day=5000, month=9000) == Remaining("EUR", 5000, 9000)
    deliver(world)
    assert left(world, day=5000, month=9000) == Remaining("EUR", 3800, 7800)
    assert left(world, day=5000) == Remaining("EUR", 3800, None)
    assert left(world, day=1000, month=9000) == Remaining("EUR", 0, 7800)
    world.advance(timedelta(days=1).total_seconds())
    assert left(world, day=5000, month=9000) == Remaining("EUR", 5000, 7800)


# -- tax that the provider computes ---------------------------------------------------------------------------------

TAXED = 1428  # in Germany


@pytest.fixture
def taxed() -> Iterator[World]:
    with a_world(automatic_tax=True) as world:
        at(world, "2030-05-14T12:00:00")
        lives_in(world, "DE")
        yield world


def test_an_order_counts_with_the_tax_that_is_charged(taxed: World) -> None:
    cap_key(taxed, day=2 * TAXED - 1)
    assert taxed.place().status == 202
    assert refused(taxed.place()) == ("day", TAXED - 1)
    assert taxed.net_paid() == TAXED == spent_today(taxed)
    cap_key(taxed, day=4 * TAXED)
    order = the_order(taxed.place_cart(taxed.site(), taxed.site(), taxed.site()), taxed)
    assert taxed.net_paid() == 4 * TAXED == spent_today(taxed)
    assert taxed.request("DELETE", f"/api/orders/{order.uuid}").status == 202
    taxed.run()
    assert taxed.net_paid() == 3 * TAXED == spent_today(taxed)


def spent_today(world: World) -> int:
    return sum(amount for (_, _, period), amount in counted(world).items() if period == "2030-05-14")


def test_an_order_counts_with_stripes_tax_not_the_accounts_rate(taxed: World) -> None:
    account = change_account(taxed, "ready", tax_basis_points=5000)
    try:
        cap_key(taxed, day=TAXED)
        assert taxed.place().status == 202
    finally:
        taxed.services.directory.put_account(account)


def test_an_unpaid_page_counts_with_the_higher_of_two_taxes(taxed: World) -> None:
    """One tax is computed with the account's rate, the other by Stripe for the account's billing address.

    Stripe's tax can still change, because the customer may enter another address on the payment page.
    """
    body = {"site": {"name": "A", "variant": "vanilla", "location": "ams", "plan": "basic"}}
    for basis_points, most in ((0, 1452), (5000, 1800)):
        account = change_account(taxed, "no_customer", tax_basis_points=basis_points)
        try:
            cap_key(taxed, "no_customer", "user_key_v1", day=spent_today(taxed) + most - 1)
            order = partial(
                taxed.request, "POST", "/api/orders", body, account="no_customer", key="user_key_v1"
            )
            assert refused(order()) == ("day", most - 1)
            cap_key(taxed, "no_customer", "user_key_v1", day=spent_today(taxed) + most)
            assert order().status == 201
        finally:
            taxed.services.directory.put_account(account)


def test_an_order_is_not_charged_if_its_tax_has_risen(taxed: World) -> None:
    cap_key(taxed, day=TAXED)
    taxed.stripe.controls.add_fault(kind="error", path="/v1/invoices", method="POST", times=20)
    assert taxed.place().status == 202
    taxed.stripe.controls.clear_faults()
    lives_in(taxed, "HU")
    taxed.live(7200)
    (order,) = all_orders(taxed)
    assert order.status is OrderStatus.FAILED
    assert taxed.net_paid() == 0 and counted(taxed) == {}


def test_an_order_is_not_charged_if_its_discount_has_ended(taxed: World) -> None:
    cap_key(taxed, day=TAXED)
    customer = taxed.accounts["ready"]["customer"]
    taxed.stripe.controls.discount(customer=customer, percent="50")
    taxed.stripe.controls.add_fault(kind="error", path="/v1/invoices", method="POST", times=40)
    assert [taxed.place().status for _ in range(3)] == [202, 202, 403]
    taxed.stripe.controls.discount(customer=customer, percent="0")
    taxed.stripe.controls.clear_faults()
    taxed.live(7200)
    assert taxed.net_paid() == 0 and counted(taxed) == {}


@pytest.mark.parametrize("rounding", ["line", "invoice"])
def test_a_rounding_difference_does_not_refuse_a_cart(taxed: World, rounding: str) -> None:
    """Stripe's preview of the cart's invoice also has the lines of a running subscription.

    So our code cannot use the preview's total. It must compute the cart's total with the same rounding as the invoice.
    """
    taxed.stripe.controls.set(tax_rounding=rounding)
    deliver(taxed)
    plan = taxed.services.catalogue.load().plans["basic"]
    taxed.services.catalogue.put_plan(replace(plan, prices=dict.fromkeys(plan.prices, 1202)))
    taxed.advance(61)
    cap_key(taxed, month=100_000)
    assert taxed.place_cart(*[taxed.site()] * 12).status == 202
    assert taxed.net_paid() - TAXED == spent_today(taxed)


def test_without_a_known_country_nothing_is_ordered(taxed: World) -> None:
    cap_key(taxed, day=TAXED)
    stripe_client(taxed).v1.customers.update(taxed.accounts["ready"]["customer"], {"address": ""})
    before = stored(taxed)
    reply = taxed.place()
    assert (reply.status, reply.body["code"]) == (400, "no_default_payment_method")
    assert stored(taxed) == before


# -- repetitions --------------------------------------------------------------------------------------------------


def test_a_repeated_request_is_neither_counted_nor_refused(world: World) -> None:
    cap_key(world, day=PRICE)
    first = world.place(key="once")
    again = world.place(key="once")
    assert again.status == 202 and again.body["orders"] == first.body["orders"]
    cap_key(world, day=1)
    assert world.place(key="once").status == 202
    cap_key(world, day=1, currency="USD")
    assert world.place(key="once").status == 202
    world.run()
    assert sum(counted(world).values()) == 2 * PRICE  # the price counts for the day and for the month


def test_twenty_concurrent_repetitions_make_one_order(world: World) -> None:
    cap_key(world, day=PRICE)
    world.place("sepa")
    with ThreadPoolExecutor(20) as threads:
        replies = list(threads.map(lambda _: world.place(key="once"), range(20)))
    assert Counter(reply.status for reply in replies) == {202: 20}
    assert counted(world) == expected(all_orders(world))


@pytest.mark.parametrize("mishap", list(Mishap))
def test_an_order_counts_once_if_any_side_effect_fails(mishap: Mishap) -> None:
    for position in range(MOST_SIDE_EFFECTS):
        with a_world() as world:
            cap_key(world, day=PRICE)
            world.mishaps.strike(position, mishap)
            world.place(key="once")
            done = len(world.mishaps.seen) <= position
            world.mishaps.none()
            assert world.place(key="once").status == 202, position
            world.live(1800)
            (order,) = all_orders(world)
            assert order.status is OrderStatus.COMPLETED
            assert sum(counted(world).values()) == 2 * PRICE
        if done:
            return
    raise AssertionError("placing an order has more side effects than expected")


# -- orders that no longer count ----------------------------------------------------------------------------------


def test_a_cancelled_order_counts_until_its_refund(world: World) -> None:
    cap_key(world, day=PRICE)
    order = the_order(world.place(), world)
    assert world.request("DELETE", f"/api/orders/{order.uuid}").status == 202
    assert refused(world.place()) == ("day", 0)  # the money has not been returned yet
    world.run()
    assert world.order(order.uuid).status is OrderStatus.CANCELED
    assert counted(world) == {}
    assert world.place().status == 202


def test_an_undelivered_order_counts_until_its_refund(world: World) -> None:
    cap_key(world, day=PRICE)
    order = the_order(world.place(), world)
    world.run(finish=False)
    world.stripe.controls.set(refunds="refuse")
    fail(world, order)
    assert world.order(order.uuid).status is OrderStatus.REFUND_FAILED
    assert refused(world.place()) == ("day", 0)
    world.stripe.controls.set(refunds="as published")
    world.live(600)
    assert world.order(order.uuid).status is OrderStatus.PROVISION_FAILED
    assert world.net_paid() == 0 and counted(world) == {}
    assert world.place().status == 202


def fail(world: World, order: Order) -> None:
    world.platform.fail(order.uuid)
    world.platform_webhook(order.uuid)
    world.run(finish=False)


def test_an_expired_order_no_longer_counts(world: World) -> None:
    cap_key(world, "authentication_required", day=PRICE)
    order = the_order(world.place("authentication_required"), world, "authentication_required")
    assert refused(world.place("authentication_required")) == ("day", 0)
    world.live(3 * 86_400)
    assert world.order(order.uuid, "authentication_required").status is OrderStatus.EXPIRED
    assert counted(world) == {}


def test_an_order_with_a_refused_payment_does_not_count(world: World) -> None:
    cap_key(world, "declined_final", day=2 * PRICE)
    for _ in range(3):
        assert world.place_cart(world.site(), world.site(), account="declined_final").status == 422
        assert counted(world) == {}
    assert {order.status for order in all_orders(world)} == {OrderStatus.FAILED}


def test_only_the_delivered_order_of_a_cart_counts(world: World) -> None:
    cap_key(world, day=2 * PRICE)
    placed = world.place_cart(world.site(), world.site(name="refuse-this"))
    assert placed.status == 202
    world.live(600)
    statuses = sorted(order.status for order in all_orders(world))
    assert statuses == [OrderStatus.COMPLETED, OrderStatus.PROVISION_FAILED]
    assert set(counted(world).values()) == {PRICE}
    assert world.place().status == 202


def test_an_undelivered_order_no_longer_counts_in_its_month(world: World) -> None:
    cap_key(world, day=2 * PRICE, month=2 * PRICE)
    at(world, "2030-05-14T23:59:50")
    deliver(world)
    order = the_order(world.place(), world)
    world.run(finish=False)
    at(world, "2030-05-15T00:00:10")
    assert refused(world.place()) == ("month", 0)
    fail(world, order)
    assert world.order(order.uuid).status is OrderStatus.PROVISION_FAILED
    assert left(world, day=2 * PRICE, month=2 * PRICE) == Remaining("EUR", 2 * PRICE, PRICE)


def test_a_refunded_late_payment_is_not_counted_again(world: World) -> None:
    cap_key(world, "sepa", day=PRICE)
    order = the_order(world.place("sepa"), world, "sepa")
    assert world.request("DELETE", f"/api/orders/{order.uuid}", account="sepa").status == 202
    world.run()
    assert refused(world.place("sepa")) == ("day", 0)  # the debit has not settled yet
    intent = world.stripe.objects("payment_intent", status="processing")[0]
    world.stripe.controls.settle(intent["id"])
    world.live(3600)
    assert world.order(order.uuid, "sepa").status is OrderStatus.CANCELED
    assert world.net_paid("sepa") == 0 and counted(world) == {}


# -- the other contracts ------------------------------------------------------------------------------------------


def test_a_refusal_in_contract_000_has_only_three_fields(world: World) -> None:
    cap_key(world, key="api_key_000", day=599)
    body = {
        "plan": "vps-1",
        "image": "debian-13",
        "location": "ams",
        "hostname": "web-1.example.com",
        "interval": "1 month",
    }
    reply = world.request("POST", "/api/v1/orders", body, key="api_key_000")
    assert reply.status == 403
    assert reply.body == {
        "error": reply.body["error"],
        "code": "SPEND_CAP_EXCEEDED",
        "status": 403,
    }
    assert "only 5.99 EUR more today" in reply.body["error"]
    assert not world.items("ORDER#")


def test_a_refusal_in_contract_001_has_period_and_amount(world: World) -> None:
    cap_key(world, key="api_key_001", month=PRICE)
    body = {
        "attemptKey": "one",
        "cartItems": [
            {"type": "site", "name": "A", "variant": "vanilla"},
            {"type": "site", "name": "B", "variant": "vanilla"},
        ],
    }
    reply = world.request("POST", "/api/create-order", body, key="api_key_001")
    assert (reply.status, reply.body["code"]) == (403, "SPEND_CAP_EXCEEDED")
    assert {name: reply.body[name] for name in ("period", "remaining", "currency")} == {
        "period": "month",
        "remaining": PRICE,
        "currency": "EUR",
    }
    assert not world.items("ORDER#")


def test_an_order_of_contract_003_counts_before_it_is_paid(world: World) -> None:
    cap_key(world, "no_method", "user_key_v1", day=PRICE)
    body = {"site": {"name": "A", "variant": "vanilla", "location": "ams", "plan": "basic"}}
    first = world.request("POST", "/api/orders", body, account="no_method", key="user_key_v1")
    assert first.status == 201 and first.body["payment_url"]
    second = world.request("POST", "/api/orders", body, account="no_method", key="user_key_v1")
    assert refused(second) == ("day", 0)
    world.live(2 * 86_400)  # the page is never paid
    assert counted(world) == {}
