"""A test payment buys nothing that costs money. A TLD's `max_cost` limits what we pay the registrar for a domain.

The limit does not apply to domains with a premium price.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from hosting_orders.adapters.route53.registrar import Route53Registrar
from hosting_orders.adapters.stripe.client import StripeApi
from hosting_orders.domain.catalogue import DomainPrice, Tld
from hosting_orders.domain.ids import callback_message_id
from hosting_orders.domain.money import Money
from hosting_orders.domain.order import Order, OrderStatus
from tests.conformance.contract_000.support import VPS, ask, fresh_key
from tests.conformance.contract_000.support import assert_error as assert_error_000
from tests.conformance.contract_001.support import assert_error as assert_error_001
from tests.conformance.contract_001.support import create, site
from tests.conformance.contract_002.support import new_key
from tests.conformance.contract_003.support import order as order_in_version_1
from tests.conformance.mcp.support import agent_key, use
from tests.conformance.mcp.support import refused as refused_agent
from tests.support.world import World, a_world

NAME = "hosting-example.com"
DAY = 24 * 3600


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def nothing_happened(world: World) -> bool:
    return not world.items("ORDER#") and not world.stripe.invoices(world.accounts["ready"]["customer"])


def domains_cost_money(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Route53Registrar, "costs_money", True)


def placed(world: World, name: str = NAME) -> str:
    reply = world.order_domain(name)
    assert reply.status == 202, reply.body
    return str(reply.body["orders"][0]["id"])


def delivered(world: World) -> Order:
    order_id = placed(world)
    world.run()
    world.live(600, every=60)
    order = world.order(order_id)
    assert order.status is OrderStatus.COMPLETED and order.subscription is not None
    return order


def a_year_passes(world: World, order: Order) -> None:
    assert order.subscription is not None
    end = world.stripe.get(order.subscription.id)["items"]["data"][0]["current_period_end"]
    world.advance(end - world.stripe.clock.time() - 60)
    world.live(2 * DAY, every=3600)


def causes(world: World, order: Order) -> list[str]:
    return [entry.cause for entry in world.order(order.uuid).timeline]


# -- test mode and real domains ------------------------------------------------------------------------------------


def test_in_test_mode_no_real_domain_is_sold(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    domains_cost_money(monkeypatch)
    for reply in (world.order_domain(), world.place_cart(world.site(), world.domain())):
        assert (reply.status, reply.body["code"]) == (503, "feature_disabled")
    assert nothing_happened(world)
    assert world.place().status == 202  # a site can be sold in test mode


def test_in_live_mode_a_real_domain_is_sold(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    domains_cost_money(monkeypatch)
    world.services.stripe.live = True
    body = {"domain": NAME, "contact": world.contact()}
    key = fresh_key(world, test=False)
    assert ask(world, "POST", "/api/v1/domains/register", body, key=key).status == 202


def test_a_real_domain_paid_with_test_money_is_refunded(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = placed(world)
    domains_cost_money(monkeypatch)
    world.run()
    world.live(600, every=60)
    order = world.order(order_id)
    assert order.status is OrderStatus.PROVISION_FAILED and order.failure is not None
    assert order.failure.message.endswith("The order was paid in test mode, so no real product is delivered.")
    assert world.registrar.submissions(NAME) == 0
    assert world.net_paid() == 0


def test_a_renewal_paid_in_test_mode_is_not_bought(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    order = delivered(world)
    domains_cost_money(monkeypatch)
    a_year_passes(world, order)
    assert world.registrar.renewals(NAME) == 0
    assert world.metrics.counts["DomainRenewalFailed"] >= 1


@pytest.mark.parametrize(
    ("key", "live"),
    [
        ("sk_live_1", True),
        ("rk_live_1", True),
        ("sk_test_1", False),
        ("rk_test_1", False),
        ("", False),
        ("unset", False),
    ],
)
def test_stripes_api_key_says_whether_payments_are_live(key: str, live: bool) -> None:
    assert StripeApi(key or "none").live is live


# -- test keys and live orders, which are paid with real money -----------------------------------------------------


def test_a_test_key_never_spends_live_money_in_api_version_2(world: World) -> None:
    world.services.stripe.live = True  # the API keys of the demo accounts are test keys
    for reply in (world.place(), world.place_cart(world.site()), world.order_domain()):
        assert (reply.status, reply.body["code"]) == (403, "test_key")
    assert nothing_happened(world)


def test_a_test_key_never_spends_live_money_in_api_version_1(world: World) -> None:
    world.services.stripe.live = True
    reply = order_in_version_1(world)
    assert (reply.status, reply.body["code"]) == (403, "test_key")
    assert nothing_happened(world)


def test_a_test_key_never_spends_live_money_in_contract_000(world: World) -> None:
    world.services.stripe.live = True
    reply = ask(world, "POST", "/api/v1/orders", VPS, key=fresh_key(world, test=True))
    assert_error_000(reply, 403, "TEST_KEY")
    assert nothing_happened(world)


def test_a_test_key_never_spends_live_money_in_contract_001(world: World) -> None:
    world.services.stripe.live = True
    assert_error_001(create(world, site()), 403, "TEST_KEY")
    assert nothing_happened(world)


def test_a_live_key_orders_with_live_money(world: World) -> None:
    world.services.stripe.live = True
    assert ask(world, "POST", "/api/v1/orders", VPS, key=fresh_key(world, test=False)).status == 202


def test_a_live_key_never_orders_with_test_money(world: World) -> None:
    world.accounts["ready"]["live_key"] = new_key(world, test=False)
    for path, body in (
        ("/api/orders", world.site()),
        ("/api/carts", {"items": [world.site()]}),
        ("/api/orders/domain", world.domain()),
    ):
        reply = world.request("POST", path, body, key="live_key")
        assert (reply.status, reply.body["code"]) == (403, "live_key"), path
    reply = ask(world, "POST", "/api/v1/orders", VPS, key=fresh_key(world, test=False))
    assert_error_000(reply, 403, "LIVE_KEY")
    assert nothing_happened(world)


def test_a_test_key_may_cancel_an_order_paid_in_test_mode(world: World) -> None:
    order_id = str(world.place().body["orders"][0]["id"])
    world.services.stripe.live = True
    assert world.request("GET", f"/api/orders/{order_id}").status == 200
    assert world.request("DELETE", f"/api/orders/{order_id}").status == 202


def paid_live(world: World, order_id: str) -> None:
    cart = world.cart(world.order(order_id).cart_token)
    world.services.orders.save_payment(replace(cart, payment=replace(cart.payment, live=True)))


def check_only_a_live_key_cancels(world: World, order_id: str) -> None:
    number = world.order(order_id).number
    for version in ("1", "2"):
        reply = world.request("DELETE", f"/api/orders/{order_id}", headers={"X-Api-Version": version})
        assert (reply.status, reply.body["code"]) == (403, "test_key")
    reply = world.request("POST", f"/api/billing/order/{number}/cancel", key="api_key_001")
    assert_error_001(reply, 403, "TEST_KEY")
    agent = agent_key(world, test=True)
    refused_agent(use(world, "cancel_order", key=agent, order=order_id, confirm=True), "test_key")
    assert world.order(order_id).status is OrderStatus.PENDING
    assert not world.order(order_id).cancel_requested_at
    world.accounts["ready"]["live_key"] = new_key(world, test=False)
    assert world.request("DELETE", f"/api/orders/{order_id}", key="live_key").status == 202


def test_a_test_key_cannot_cancel_a_live_order(world: World) -> None:
    order_id = str(world.place().body["orders"][0]["id"])
    paid_live(world, order_id)
    check_only_a_live_key_cancels(world, order_id)


def test_a_test_key_cannot_cancel_an_unpaid_live_order(world: World) -> None:
    world.services.stripe.live = True
    world.accounts["ready"]["live_key"] = new_key(world, test=False)
    world.stripe.controls.add_fault("dropped", "/v1/invoices.*", times=50)
    reply = world.request("POST", "/api/orders", world.site(), key="live_key")
    assert reply.status == 202
    order_id = str(reply.body["orders"][0]["id"])
    assert not world.cart(world.order(order_id).cart_token).payment.started
    check_only_a_live_key_cancels(world, order_id)


def test_a_test_key_does_not_see_a_live_orders_password(world: World) -> None:
    order_id = str(world.place().body["orders"][0]["id"])
    world.run()

    def passwords(key: str, billing_key: str) -> list[str | None]:
        shown = world.request("GET", f"/api/orders/{order_id}", key=key).body
        path = f"/api/billing/order/{world.order(order_id).number}"
        billed = world.request("GET", path, key=billing_key).body["data"]["order"]["hosting"]
        return [shown["site"]["ssh_data"]["password"], billed[0]["password"]]

    password = passwords("user_key", "api_key_001")[0]
    assert password and passwords("user_key", "api_key_001") == [password, password]
    paid_live(world, order_id)
    assert passwords("user_key", "api_key_001") == [None, ""]
    world.accounts["ready"]["live_key"] = new_key(world, test=False)
    assert passwords("live_key", "live_key") == [password, password]


def test_a_test_key_cannot_send_messages_about_a_live_order(world: World) -> None:
    order_id = str(world.place(callback=True).body["orders"][0]["id"])
    world.run()
    paid_live(world, order_id)
    before = len(world.callbacks.received)
    message = callback_message_id(world.order(order_id).number)
    for path in (f"callbacks/{message}/redeliver", "resend-verification"):
        reply = world.request("POST", f"/api/orders/{order_id}/{path}")
        assert (reply.status, reply.body["code"]) == (403, "test_key"), path
    world.live(60)
    assert len(world.callbacks.received) == before


# -- `max_cost`: the maximum that we pay the registrar -------------------------------------------------------------


def most_for_com(world: World, cents: int | None) -> None:
    known = world.services.catalogue.load().tlds["com"]
    world.services.catalogue.put_tld(replace(known, max_cost=cents))
    world.advance(61)  # the catalogue is cached for a minute


def cost_of_com(world: World) -> int:
    cost = world.services.registrar.renewal_cost("com")
    assert cost is not None and cost.currency == "USD"
    return cost.amount


def test_a_domain_that_costs_more_than_the_maximum_is_not_sold(world: World) -> None:
    most_for_com(world, cost_of_com(world) - 1)
    for reply in (world.order_domain(), world.place_cart(world.site(), world.domain())):
        assert reply.status == 400
        assert "pricing_unavailable" in str(reply.body)
    assert nothing_happened(world)
    assert world.metrics.counts["DomainCostAboveMaximum"] == 2
    transfer = world.order_domain("moving-example.com", action="transfer", authcode="Secret-1")
    assert (transfer.status, transfer.body["code"]) == (400, "pricing_unavailable")


def test_a_domain_that_costs_the_maximum_is_sold(world: World) -> None:
    most_for_com(world, cost_of_com(world))
    delivered(world)
    assert world.metrics.counts["DomainCostAboveMaximum"] == 0


def test_a_renewal_that_costs_too_much_waits_for_an_operator(world: World) -> None:
    order = delivered(world)
    most_for_com(world, cost_of_com(world) - 1)
    a_year_passes(world, order)
    assert world.registrar.renewals(NAME) == 0
    assert world.metrics.counts["DomainCostAboveMaximum"] >= 1
    assert world.metrics.counts["DomainRenewalFailed"] >= 1
    assert "not renewed: the registrar's price is unknown or above the TLD's maximum" in causes(world, order)
    most_for_com(world, cost_of_com(world))
    world.live(2 * DAY, every=3600)
    assert world.registrar.renewals(NAME) == 1


def test_the_maximum_does_not_apply_to_premium_prices() -> None:
    price = DomainPrice(1000, 1000, 1000)
    tld = Tld("com", {}, {("rare.com", "standard", "EUR"): price}, 1500)
    assert not tld.costs_too_much("a.com", Money(1500, "USD"))
    assert tld.costs_too_much("a.com", Money(1501, "USD"))
    assert tld.costs_too_much("a.com", Money(1, "EUR"))
    assert tld.costs_too_much("a.com", None)
    assert not tld.costs_too_much("rare.com", Money(99_999, "USD"))
    assert not replace(tld, max_cost=None).costs_too_much("a.com", None)


def test_the_maximum_is_stored(world: World) -> None:
    most_for_com(world, 1234)
    assert world.services.catalogue.load().tlds["com"].max_cost == 1234
    most_for_com(world, None)
    assert world.services.catalogue.load().tlds["com"].max_cost is None
