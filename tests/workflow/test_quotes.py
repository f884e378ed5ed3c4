"""A quote keeps its price for one order. `max_cost_cents` is never exceeded. A refused order writes nothing."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import stripe

from hosting_orders.adapters.quotes import SignedQuotes
from hosting_orders.domain.catalogue import DomainPrice, Term
from hosting_orders.domain.products import DomainItem
from hosting_orders.domain.quote import Quote, QuotedPrice
from tests.conformance.contract_002.support import change_account, new_account, state_of
from tests.conformance.mcp import support as mcp
from tests.support.world import Reply, World, a_world

SITE = {"name": "My site", "variant": "vanilla", "location": "ams", "plan": "basic", "term": "monthly"}
VPS = {
    "plan": "vps-1",
    "image": "debian-13",
    "location": "ams",
    "hostname": "web-1.example.com",
    "term": "monthly",
}


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


@pytest.fixture
def taxed() -> Iterator[World]:
    with a_world(automatic_tax=True) as world:
        yield world


def preview(world: World, *items: Any, account: str = "ready", **more: Any) -> Any:
    reply = world.request(
        "POST", "/api/orders/preview", {"items": list(items or [{"site": SITE}])}, account=account, **more
    )
    assert reply.status == 200, reply.body
    return reply.body


def order(world: World, *, key: str | None = None, account: str = "ready", **fields: Any) -> Reply:
    headers = {"Idempotency-Key": key} if key else {}
    return world.request("POST", "/api/orders", {"site": SITE, **fields}, account=account, headers=headers)


def cart(world: World, *items: Any, **fields: Any) -> Reply:
    return world.request("POST", "/api/carts", {"items": list(items), **fields})


def refused(world: World, status: int, code: str, act: Callable[[], Reply]) -> Reply:
    before = state_of(world)
    reply = act()
    assert (reply.status, reply.body["code"]) == (status, code), reply.body
    assert state_of(world) == before
    return reply


def site_price(world: World, amount: int) -> None:
    catalogue = world.services.catalogue
    plan = catalogue.load().plans["basic"]
    catalogue.put_plan(replace(plan, prices=dict.fromkeys(plan.prices, amount)))
    world.advance(61)  # the catalogue is cached for a minute


def customer(world: World, **changes: Any) -> None:
    client = stripe.StripeClient("sk_test_world", base_addresses={"api": world.stripe.url})
    client.v1.customers.update(world.accounts["ready"]["customer"], changes)  # type: ignore[arg-type]


def lives_in(world: World, country: str) -> None:
    customer(world, address={"line1": "Street 1", "country": country})


# -- a preview -----------------------------------------------------------------------------------------------------


def test_a_preview_shows_the_costs_and_writes_nothing(world: World) -> None:
    before = state_of(world)
    domain = world.domain("bücher-example.com")["domain"]
    seen = preview(world, {"site": SITE}, {"domain": domain}, {"vm": VPS})
    assert state_of(world) == before
    shown = seen["preview"]
    assert [item["type"] for item in shown["items"]] == ["site", "domain", "vm"]
    assert [item["net_cents"] for item in shown["items"]] == [1200, 1200, 600]
    assert [item["renewal_net_cents"] for item in shown["items"]] == [1200, 1400, 600]
    assert shown["net_cents"] == shown["gross_cents"] == shown["amount_due_cents"] == 3000
    assert (shown["tax_cents"], shown["tax_is_estimated"], shown["credit_applied_cents"]) == (0, False, 0)
    assert shown["payment_method"] == {"type": "card"}
    assert any("domain cannot be returned" in term for term in shown["terms"])
    placed = cart(
        world, {"site": SITE}, {"domain": domain}, {"vm": VPS}, quote=seen["quote"], max_cost_cents=3000
    )
    assert placed.status == 202, placed.body
    assert world.net_paid() == 3000


def due(world: World, account: str = "ready") -> list[int]:
    shown = preview(world, account=account)["preview"]
    return [shown[name] for name in ("gross_cents", "credit_applied_cents", "amount_due_cents")]


def test_credit_lowers_what_is_due_and_debt_raises_it(world: World) -> None:
    assert due(world, "credit") == [1200, 500, 700]
    customer(world, balance=-5000)
    assert due(world) == [1200, 1200, 0]
    customer(world, balance=250)
    assert due(world) == [1200, 0, 1450]


def test_a_preview_refuses_what_an_order_refuses(world: World) -> None:
    def asked(body: Any, account: str = "ready", key: str = "user_key") -> Callable[[], Reply]:
        return lambda: world.request("POST", "/api/orders/preview", body, account=account, key=key)

    refused(world, 400, "unknown_plan", asked({"items": [{"site": {**SITE, "plan": "gold"}}]}))
    refused(world, 400, "no_default_payment_method", asked({"site": SITE}, "no_method"))
    refused(world, 400, "invalid_callback", asked({"site": SITE, "callback": {"url": "http://a.example"}}))
    refused(world, 401, "user_required", asked(world.domain(), key="system_key"))
    refused(world, 422, "domain_unavailable", asked(world.domain("taken-example.com")))
    refused(world, 409, "price_changed", asked({"site": SITE, "max_cost_cents": 1199}))
    refused(world, 400, "invalid_field", asked({"site": SITE, "quote": "x"}))
    refused(world, 400, "missing_field", asked({}))
    world.features.document = {"domain_registration": {"default": False}}
    refused(world, 503, "feature_disabled", asked(world.domain()))


def test_a_payment_page_keeps_the_quoted_price(world: World) -> None:
    site = {"name": "My site", "variant": "vanilla"}
    for account in ("no_method", "no_customer"):
        before = state_of(world)
        reply = world.request(
            "POST", "/api/orders/preview", {"site": site}, account=account, key="user_key_v1"
        )
        assert reply.status == 200, reply.body
        assert reply.body["preview"]["payment_method"] is None
        assert state_of(world) == before
        site_price(world, 1500)
        placed = world.request(
            "POST",
            "/api/orders",
            {"site": site, "quote": reply.body["quote"], "max_cost_cents": 1200},
            account=account,
            key="user_key_v1",
        )
        assert placed.status == 201, placed.body
        assert world.order(placed.body["order"]["id"], account).price.amount == 1200
        site_price(world, 1200)
    assert not world.stripe.charges()


def test_the_tax_on_a_payment_page_is_an_estimate(taxed: World) -> None:
    body = {"site": {"name": "My site", "variant": "vanilla"}}
    reply = taxed.request("POST", "/api/orders/preview", body, account="no_customer", key="user_key_v1")
    shown = reply.body["preview"]
    assert (shown["net_cents"], shown["tax_cents"], shown["tax_is_estimated"]) == (1200, 252, True)
    change_account(
        taxed, "no_customer", billing_contact=replace(_contact(taxed), country=""), tax_basis_points=500
    )
    reply = taxed.request("POST", "/api/orders/preview", body, account="no_customer", key="user_key_v1")
    shown = reply.body["preview"]
    assert (shown["net_cents"], shown["tax_cents"], shown["tax_is_estimated"]) == (1200, 60, True)


def _contact(world: World) -> Any:
    account = world.services.directory.account(world.accounts["no_customer"]["id"])
    assert account is not None
    return account.billing_contact


def test_the_preview_has_the_tax_that_is_charged(taxed: World) -> None:
    lives_in(taxed, "DE")
    shown = preview(taxed)["preview"]
    assert (shown["net_cents"], shown["tax_cents"], shown["gross_cents"]) == (1200, 228, 1428)
    assert order(taxed).status == 202
    assert taxed.net_paid() == 1428


def test_a_preview_without_a_country_is_refused(taxed: World) -> None:
    customer(taxed, address="")
    before = state_of(taxed)
    reply = taxed.request("POST", "/api/orders/preview", {"site": SITE})
    assert (reply.status, reply.body["code"]) == (400, "no_default_payment_method")
    assert state_of(taxed) == before


def test_a_running_subscription_does_not_change_a_preview(taxed: World) -> None:
    lives_in(taxed, "DE")
    assert order(taxed).status == 202
    taxed.run()
    taxed.live(60)
    assert len(taxed.stripe.subscriptions()) == 1
    assert preview(taxed)["preview"]["gross_cents"] == 1428
    assert preview(taxed, *[{"site": SITE}] * 12)["preview"]["gross_cents"] == 12 * 1428


def test_a_quote_holds_if_tax_is_rounded_once_for_the_invoice(taxed: World) -> None:
    """The customer already has a subscription. It must not change the preview of the next order."""
    taxed.stripe.controls.set(tax_rounding="invoice")
    lives_in(taxed, "DE")
    assert order(taxed).status == 202
    taxed.run()
    taxed.live(60)
    before = taxed.net_paid()
    site_price(taxed, 1202)
    taxed.advance(61)
    sites = [{"site": SITE}] * 12
    quoted = preview(taxed, *sites)
    assert cart(taxed, *sites, quote=quoted["quote"]).status == 202
    assert taxed.net_paid() - before == quoted["preview"]["gross_cents"] == 17_165


# -- a quote holds -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("meanwhile", [1500, 900])
def test_the_quoted_price_holds_when_the_price_changes(world: World, meanwhile: int) -> None:
    quote = preview(world)["quote"]
    site_price(world, meanwhile)
    placed = order(world, quote=quote)
    assert placed.status == 202, placed.body
    world.run()
    assert world.net_paid() == 1200
    assert world.order(placed.body["orders"][0]["id"]).renewal_price.amount == 1200
    assert order(world).status == 202  # without the quote, the new price is charged
    assert world.net_paid() == 1200 + meanwhile


def test_the_quoted_renewal_price_also_holds(world: World) -> None:
    domain = world.domain("quoted-example.com")["domain"]
    quote = preview(world, {"domain": domain})["quote"]
    catalogue = world.services.catalogue
    com = catalogue.load().tlds["com"]
    dearer = {key: DomainPrice(2000, 2000, 2400) for key in com.prices}
    catalogue.put_tld(replace(com, prices=dearer))
    world.advance(61)
    placed = cart(world, {"domain": domain}, quote=quote)
    assert placed.status == 202, placed.body
    kept = world.order(placed.body["orders"][0]["id"])
    assert (kept.price.amount, kept.item_as(DomainItem).renewal_amount) == (1200, 1400)
    assert world.net_paid() == 1200


def test_a_quoted_domain_is_refused_if_it_costs_us_too_much(world: World) -> None:
    domain = world.domain("dear-example.com")["domain"]
    quote = preview(world, {"domain": domain})["quote"]
    catalogue = world.services.catalogue
    catalogue.put_tld(replace(catalogue.load().tlds["com"], max_cost=1))
    world.advance(61)
    refused(world, 400, "pricing_unavailable", lambda: cart(world, {"domain": domain}, quote=quote))


def test_a_quote_is_accepted_in_every_contract(world: World) -> None:
    vm = {**VPS}
    of_vm = [preview(world, {"vm": vm})["quote"] for _ in range(2)]
    of_site = preview(world)["quote"]
    domain = world.domain("everywhere-example.com")["domain"]
    of_domain = preview(world, {"domain": domain})["quote"]
    catalogue = world.services.catalogue
    plan = catalogue.load().vm_plans["vps-1"]
    catalogue.put_plan(replace(plan, prices=dict.fromkeys(plan.prices, 9900)))
    site_price(world, 9900)
    name = {key: value for key, value in VPS.items() if key != "term"}
    replies = [
        world.request(
            "POST", "/api/v1/orders", {**name, "interval": "1 month", "quote": of_vm[0]}, key="api_key_000"
        ),
        world.request(
            "POST",
            "/api/create-order",
            {"attemptKey": "a", "cartItems": [{"type": "vps", **name}], "quote": of_vm[1]},
            key="api_key_001",
        ),
        world.request(
            "POST",
            "/api/orders",
            {
                "site": {name: SITE[name] for name in ("name", "variant", "location", "plan")},
                "quote": of_site,
            },
            key="user_key_v1",
        ),
        world.request(
            "POST",
            "/api/v1/domains/register",
            {"domain": domain["name"], "contact": domain["contact"], "quote": of_domain},
            key="api_key_000_domains",
        ),
    ]
    assert [reply.status for reply in replies] == [202, 200, 201, 202], [reply.body for reply in replies]
    assert world.net_paid() == 600 + 600 + 1200 + 1200


# -- refusals ------------------------------------------------------------------------------------------------------


def forgeries(quote: str) -> Iterator[str]:
    payload, _, signature = quote.rpartition(".")
    yield from ("x", ".", payload, f"{payload}.", f"{payload}.{signature[:-2]}AA", f"{quote}x", "é")
    made = Quote("1", "acc_ready", "f", "EUR", (QuotedPrice(1, 1),), 1, 9999999999999)
    yield SignedQuotes(["another secret"]).sign(made)


def test_a_forged_quote_is_refused(world: World) -> None:
    for forged in forgeries(preview(world)["quote"]):
        refused(world, 400, "invalid_quote", partial(order, world, quote=forged))
    refused(world, 400, "invalid_field", lambda: order(world, quote="\ud800"))


def test_the_token_of_an_order_page_is_not_a_quote(world: World) -> None:
    token = world.services.page_tokens.token("acc_ready", 1)
    refused(world, 400, "invalid_quote", lambda: order(world, quote=token))


def test_another_accounts_quote_is_refused_like_a_forged_quote(world: World) -> None:
    foreign = preview(world, account="credit")["quote"]
    forged = refused(world, 400, "invalid_quote", lambda: order(world, quote="x"))
    assert refused(world, 400, "invalid_quote", lambda: order(world, quote=foreign)).body == forged.body


def test_a_quote_expires_after_five_minutes(world: World) -> None:
    quotes = [preview(world)["quote"] for _ in range(2)]
    world.advance(299)
    assert order(world, quote=quotes[0]).status == 202
    world.advance(1)
    refused(world, 409, "quote_expired", lambda: order(world, quote=quotes[1]))


@pytest.mark.parametrize(
    "change", [{"term": "annual"}, {"plan": "business"}, {"name": "Another"}, {"location": "pdx"}]
)
def test_a_quote_for_other_products_is_refused(world: World, change: dict[str, str]) -> None:
    quote = preview(world)["quote"]
    refused(
        world,
        422,
        "quote_mismatch",
        lambda: world.request("POST", "/api/orders", {"site": SITE | change, "quote": quote}),
    )


def test_a_quote_is_refused_for_a_changed_list_of_items(world: World) -> None:
    one, other = {"site": SITE}, {"vm": VPS}
    quote = preview(world, one, other)["quote"]
    for items in ((other, one), (one,), (one, other, one)):
        refused(world, 422, "quote_mismatch", partial(cart, world, *items, quote=quote))


def test_a_quote_is_refused_after_a_change_of_currency(world: World) -> None:
    quote = preview(world)["quote"]
    plan = world.services.catalogue.load().plans["basic"]
    prices = {(billing_plan, term, "USD"): 1200 for billing_plan, term, _ in plan.prices}
    world.services.catalogue.put_plan(replace(plan, prices=plan.prices | prices))
    world.advance(61)
    change_account(world, "ready", currency="USD")
    refused(world, 422, "quote_mismatch", lambda: order(world, quote=quote))


def test_contacts_and_callbacks_may_differ_from_the_preview(world: World) -> None:
    domain = world.domain("anyone-example.com")["domain"]
    quote = preview(world, {"domain": domain})["quote"]
    domain["contact"]["first_name"] = "Grace"
    callback = {"url": "https://client.example/hook"}
    assert cart(world, {"domain": domain}, quote=quote, callback=callback).status == 202


# -- one quote, one order ------------------------------------------------------------------------------------------


def test_a_request_with_a_quote_is_idempotent_without_a_key(world: World) -> None:
    quote = preview(world)["quote"]
    first = order(world, quote=quote)
    world.advance(600)  # the quote has expired
    again = order(world, quote=quote)
    assert (first.status, again.status) == (202, 202)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.body["orders"][0]["id"] == first.body["orders"][0]["id"]
    assert len(world.stripe.charges()) == 1
    world.run()
    refused(world, 409, "quote_used", lambda: order(world, quote=quote, max_cost_cents=5000))


def test_a_replay_succeeds_after_its_quote_has_expired(world: World) -> None:
    quote = preview(world)["quote"]
    first = order(world, quote=quote, key="k")
    world.advance(600)
    again = order(world, quote=quote, key="k")
    assert (again.status, again.headers["idempotent-replayed"]) == (202, "true")
    assert again.body["orders"][0]["id"] == first.body["orders"][0]["id"]
    world.run()
    refused(
        world, 422, "idempotency_key_reused", lambda: order(world, quote=quote, key="k", max_cost_cents=9999)
    )


@pytest.mark.parametrize(("first", "second"), [("a", "b"), ("a", None), (None, "a")])
def test_a_used_quote_is_refused(world: World, first: str | None, second: str | None) -> None:
    quote = preview(world)["quote"]
    assert order(world, quote=quote, key=first).status == 202
    world.run()
    refused(world, 409, "quote_used", lambda: order(world, quote=quote, key=second))


def test_concurrent_requests_with_one_quote_make_one_order(world: World) -> None:
    quote = preview(world)["quote"]
    with ThreadPoolExecutor(12) as threads:
        replies = list(threads.map(lambda place: order(world, quote=quote, key=f"key-{place}"), range(12)))
    assert Counter(reply.status for reply in replies) == {202: 1, 409: 11}
    assert {reply.body["code"] for reply in replies if reply.status == 409} == {"quote_used"}
    assert len(world.items("ORDER#")) == len(world.items("CART#")) == len(world.stripe.charges()) == 1


def test_copies_of_a_request_with_a_quote_make_one_order(world: World) -> None:
    quote = preview(world)["quote"]
    with ThreadPoolExecutor(12) as threads:
        replies = list(threads.map(lambda _: order(world, quote=quote), range(12)))
    assert Counter(reply.status for reply in replies) == {202: 12}
    assert len({reply.body["orders"][0]["id"] for reply in replies}) == 1
    assert len(world.items("ORDER#")) == len(world.stripe.charges()) == 1


@pytest.mark.parametrize(("other_key", "status"), [(None, 202), ("another", 409)])
def test_the_first_write_of_two_concurrent_orders_wins(
    world: World, monkeypatch: pytest.MonkeyPatch, other_key: str | None, status: int
) -> None:
    """Another request writes its cart between the checks and the write of this request."""
    quote = preview(world)["quote"]
    store = world.services.orders
    place, entered = store.place, threading.Event()
    winners: list[Reply] = []

    def late(*arguments: Any, **named: Any) -> None:
        if not entered.is_set():
            entered.set()
            winners.append(order(world, quote=quote))
        place(*arguments, **named)

    monkeypatch.setattr(store, "place", late)
    reply = order(world, quote=quote, key=other_key)
    assert (winners[0].status, reply.status) == (202, status), reply.body
    if status == 409:
        assert reply.body["code"] == "quote_used"
    assert len(world.items("ORDER#")) == len(world.stripe.charges()) == 1


def test_a_refused_order_does_not_use_up_its_quote(world: World) -> None:
    quote = preview(world)["quote"]
    refused(world, 409, "price_changed", lambda: order(world, quote=quote, max_cost_cents=1199))
    assert order(world, quote=quote).status == 202


# -- max_cost_cents ------------------------------------------------------------------------------------------------


def test_a_refusal_above_the_maximum_states_both_prices(world: World) -> None:
    reply = refused(world, 409, "price_changed", lambda: order(world, max_cost_cents=1199))
    assert [reply.body[name] for name in ("agreed_cents", "current_cents", "currency")] == [1199, 1200, "EUR"]
    assert reply.body["details"][0]["pointer"] == "/max_cost_cents"
    assert order(world, max_cost_cents=1200).status == 202


@pytest.mark.parametrize("wrong", [-1, 1.5, "1200", True, 2**53 + 1, [], {}])
def test_an_invalid_maximum_is_refused(world: World, wrong: Any) -> None:
    reply = refused(world, 400, "invalid_field", lambda: order(world, max_cost_cents=wrong))
    assert reply.body["details"][0]["pointer"] == "/max_cost_cents"


def test_the_maximum_includes_the_tax(taxed: World) -> None:
    lives_in(taxed, "DE")
    reply = refused(taxed, 409, "price_changed", lambda: order(taxed, max_cost_cents=1427))
    assert (reply.body["agreed_cents"], reply.body["current_cents"]) == (1427, 1428)
    assert order(taxed, max_cost_cents=1428).status == 202
    assert taxed.net_paid() == 1428


def test_a_quote_is_refused_after_the_tax_has_risen(taxed: World) -> None:
    lives_in(taxed, "DE")
    quote = preview(taxed)["quote"]
    lives_in(taxed, "HU")
    reply = refused(taxed, 409, "price_changed", lambda: order(taxed, quote=quote))
    assert (reply.body["agreed_cents"], reply.body["current_cents"]) == (1428, 1524)
    assert reply.body["details"][0]["pointer"] == "/quote"
    lives_in(taxed, "LU")
    assert order(taxed, quote=quote).status == 202
    assert taxed.net_paid() == 1404


def test_an_agent_needs_a_new_quote_after_the_tax_has_risen(taxed: World) -> None:
    lives_in(taxed, "DE")
    key = mcp.agent_key(taxed)
    quote = mcp.quoted(taxed, key)
    lives_in(taxed, "HU")
    # `max_cost_cents` is the quote's price, so both limits are exceeded. The error must name the quote: with a higher
    # `max_cost_cents`, the old quote would still be refused.
    result = mcp.use(taxed, "place_order", key=key, **mcp.order_of(quote))
    error = mcp.refused(result, "price_changed")
    assert error["fields"] == ["/quote"]
    assert "quote_order" in error["next_step"]
    again = mcp.order_of(mcp.quoted(taxed, key))
    mcp.worked(mcp.use(taxed, "place_order", key=key, **again))


@pytest.mark.parametrize("balance", [0, -500, -5000])
def test_a_tax_rise_during_the_order_is_not_charged(
    taxed: World, monkeypatch: pytest.MonkeyPatch, balance: int
) -> None:
    lives_in(taxed, "DE")
    customer(taxed, balance=balance)
    store = taxed.services.orders
    place = store.place

    def moving(*arguments: Any, **options: Any) -> None:
        place(*arguments, **options)
        lives_in(taxed, "HU")

    monkeypatch.setattr(store, "place", moving)
    reply = order(taxed, max_cost_cents=1428)
    assert (reply.status, reply.body["code"]) == (422, "cart_pay_failed"), reply.body
    taxed.live(7200)
    assert taxed.net_paid() == 0
    assert taxed.stripe.balance(taxed.accounts["ready"]["customer"]) == balance
    assert not taxed.stripe.open_invoices()
    (item,) = taxed.items("ORDER#")
    assert item["status"]["S"] == "failed"


def test_the_maximum_is_kept_when_another_process_charges(taxed: World) -> None:
    """Stripe does not answer at first. The workflow charges later, and the tax has risen by then."""
    lives_in(taxed, "DE")
    taxed.stripe.controls.add_fault(kind="error", path="/v1/invoices", method="POST", times=20)
    reply = order(taxed, max_cost_cents=1428)
    assert reply.status == 202, reply.body
    taxed.stripe.controls.clear_faults()
    lives_in(taxed, "HU")
    taxed.live(7200)
    (item,) = taxed.items("ORDER#")
    assert item["status"]["S"] == "failed"
    assert taxed.net_paid() == 0 and not taxed.stripe.open_invoices()


def test_a_discount_lowers_the_quoted_and_the_charged_price(world: World) -> None:
    world.stripe.controls.discount(customer=world.accounts["ready"]["customer"], percent="10")
    seen = preview(world)
    assert (seen["preview"]["net_cents"], seen["preview"]["gross_cents"]) == (1080, 1080)
    assert order(world, quote=seen["quote"], max_cost_cents=1080).status == 202
    assert world.net_paid() == 1080


def test_an_order_with_a_maximum_is_refused_if_stripe_fails(world: World) -> None:
    world.stripe.controls.add_fault(kind="error", path="/v1/invoices/create_preview", method="POST", times=1)
    refused(world, 503, "temporarily_unavailable", lambda: order(world, max_cost_cents=5000, key="k"))
    assert order(world, max_cost_cents=5000, key="k").status == 202


def test_a_quote_is_not_shared_by_accounts_of_one_customer(world: World) -> None:
    new_account(world, "ready", "twin")
    quote = preview(world, account="twin")["quote"]
    refused(world, 400, "invalid_quote", lambda: order(world, quote=quote))


def test_a_yearly_order_renews_in_a_year(world: World) -> None:
    (item,) = preview(world, {"site": {**SITE, "term": Term.ANNUAL.value}})["preview"]["items"]
    assert item["term"] == "annual"
    assert item["renews_at"][:4] == str(int(preview(world)["quote_expires_at"][:4]) + 1)


# -- the error formats of the contracts ----------------------------------------------------------------------------


def test_each_contract_refuses_in_its_own_error_format(world: World) -> None:
    machine = {name: value for name, value in VPS.items() if name != "term"}
    status = {**machine, "interval": "1 month"}
    billing = {"attemptKey": "a", "cartItems": [{"type": "vps", **machine}]}
    text = "The order costs 6.00 EUR with tax, more than the agreed 5.99 EUR. Nothing was ordered."

    reply = world.request("POST", "/api/v1/orders", {**status, "max_cost_cents": 599}, key="api_key_000")
    assert (reply.status, reply.body) == (409, {"error": text, "code": "PRICE_CHANGED", "status": 409})
    reply = world.request("POST", "/api/create-order", {**billing, "max_cost_cents": 599}, key="api_key_001")
    assert (reply.status, reply.body["code"], reply.body["message"]) == (409, "PRICE_CHANGED", text)
    assert reply.body["details"][0]["field"] == "/max_cost_cents"
    reply = world.request("POST", "/api/v1/orders", {**status, "quote": "x"}, key="api_key_000")
    assert (reply.status, reply.body["code"]) == (400, "INVALID_QUOTE")
    reply = world.request("POST", "/api/create-order", {**billing, "quote": "x"}, key="api_key_001")
    assert (reply.status, reply.body["code"], reply.body["details"][0]["field"]) == (
        400,
        "INVALID_QUOTE",
        "/quote",
    )
    accept = {"Accept": "application/problem+json"}
    body = {"site": SITE, "max_cost_cents": 1}
    problem = world.request("POST", "/api/orders", body, headers=accept).body
    assert (problem["status"], problem["code"]) == (409, "price_changed")
    assert (problem["agreed_cents"], problem["current_cents"], problem["currency"]) == (1, 1200, "EUR")
    assert not world.items("ORDER#") and not world.items("CART#")


def test_the_same_attempt_key_returns_the_same_quoted_order(world: World) -> None:
    quote = preview(world, {"vm": VPS})["quote"]
    machine = {name: value for name, value in VPS.items() if name != "term"}
    body = {"attemptKey": "a", "cartItems": [{"type": "vps", **machine}], "quote": quote}
    replies = [world.request("POST", "/api/create-order", body, key="api_key_001") for _ in range(2)]
    assert [reply.status for reply in replies] == [200, 200]
    assert replies[0].body["data"]["orderId"] == replies[1].body["data"]["orderId"]
    other = {**body, "attemptKey": "b"}
    reply = world.request("POST", "/api/create-order", other, key="api_key_001")
    assert (reply.status, reply.body["code"]) == (409, "QUOTE_USED")
    assert len(world.stripe.charges()) == 1


# -- a preview cannot write ----------------------------------------------------------------------------------------


def test_a_preview_of_a_departed_domain_changes_nothing(
    world: World,
) -> None:
    """An earlier order still has the claim of a domain that has left the registrar.

    A new order releases this claim. A preview does not.
    """
    done = world.order_domain("left-example.com")
    world.run()
    world.registrar.finish("left-example.com")
    world.live(600, every=60)
    world.registrar.lapse("left-example.com")
    before = state_of(world)
    domain = world.domain("left-example.com")["domain"]
    quote = preview(world, {"domain": domain}, account="credit")["quote"]
    assert state_of(world) == before
    former = world.order(done.body["orders"][0]["id"])
    assert former.domain_claim is not None
    placed = world.request(
        "POST", "/api/carts", {"items": [{"domain": domain}], "quote": quote}, account="credit"
    )
    assert placed.status == 202, placed.body
    assert world.order(done.body["orders"][0]["id"]).domain_claim is None
