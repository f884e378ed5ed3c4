"""Agents order through the MCP tools: quotes, confirmation, maximum cost, spend cap and payment (docs/agents.md)."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from hosting_orders.domain.account import SpendCap
from hosting_orders.domain.placement import Channel
from tests.conformance.contract_002.support import SOURCE_IP, new_key, send, state_of
from tests.conformance.mcp.support import (
    SITE,
    VM,
    agent_key,
    order_of,
    post,
    quoted,
    refused,
    use,
    worked,
)
from tests.support.world import World

PRICE = 600  # the price of VM, in cents


def place(world: World, key: str, quote: Any, *items: Any, **changes: Any) -> Any:
    return use(world, "place_order", key=key, **order_of(quote, *items, **changes))


def charges(world: World) -> int:
    return len(state_of(world)["stripe"]["charge"])


def test_a_quote_says_what_a_person_must_know(world: World) -> None:
    key = agent_key(world)
    before = state_of(world)
    result = use(world, "quote_order", key=key, items=[VM, SITE])
    quote = worked(result)
    assert state_of(world) == before
    assert (quote["net_cents"], quote["tax_cents"], quote["gross_cents"]) == (1800, 0, 1800)
    assert quote["currency"] == "EUR" and quote["payment_method"] == {"type": "card"}
    assert [item["net_cents"] for item in quote["items"]] == [PRICE, 1200]
    assert all(item["renews_at"] > quote["quote_expires_at"] for item in quote["items"])
    assert quote["terms"]
    assert quote["spend_cap_left"] == {"currency": "EUR", "day_cents": 5_000, "month_cents": 20_000}
    assert "Nothing is ordered yet" in result["content"][1]["text"]


def test_an_order_is_placed_at_the_quoted_price_and_charged_once(world: World) -> None:
    key = agent_key(world)
    quote = quoted(world, key)
    before = charges(world)
    hook = {"url": "https://client.example/agent", "authorization": "Bearer hook"}
    cart = worked(place(world, key, quote, callback=hook))
    assert cart["payment"]["status"] == "succeeded"
    order = world.order(cart["orders"][0]["id"])
    assert (order.placed.channel, order.placed.contract) == (Channel.MCP, "mcp")
    assert order.placed.client_address == SOURCE_IP
    # A repeated call returns the same order, even with another maximum or after the quote has expired.
    again = place(world, key, quote, callback=hook, max_cost_cents=quote["gross_cents"] + 1)
    assert worked(again) == cart
    assert "nothing was ordered twice" in again["content"][-1]["text"]
    world.advance(600)
    assert worked(place(world, key, quote, callback=hook))["cart"] == cart["cart"]
    assert charges(world) == before + 1
    world.run()
    sent = [json.loads(request.body) for request in world.callbacks.received]
    assert any(body.get("data", {}).get("token") == cart["orders"][0]["id"] for body in sent)


def test_ten_concurrent_copies_of_a_request_place_one_order(world: World) -> None:
    key = agent_key(world)
    quote = quoted(world, key)
    before = charges(world)
    with ThreadPoolExecutor(10) as pool:
        results = list(pool.map(lambda _: place(world, key, quote), range(10)))
    assert len({worked(result)["cart"]["token"] for result in results}) == 1
    world.run()
    assert charges(world) == before + 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"quote": "forged"}, "invalid_quote"),
        ({"items": [SITE]}, "quote_mismatch"),
        ({"items": [VM, VM]}, "quote_mismatch"),
        ({"items": [{"vm": {**VM["vm"], "term": "annual"}}]}, "quote_mismatch"),
        ({"max_cost_cents": PRICE - 1}, "price_changed"),
        ({"max_cost_cents": 0}, "price_changed"),
        ({"confirm": False}, "invalid_field"),
        ({"confirm": 1}, "invalid_field"),
        ({"confirm": "true"}, "invalid_field"),
        ({"callback": {"url": "http://10.0.0.1/"}}, "invalid_callback"),
    ],
)
def test_only_the_agreed_order_is_placed(world: World, changes: Any, code: str) -> None:
    key = agent_key(world)
    quote = quoted(world, key)
    before = state_of(world)
    refused(use(world, "place_order", key=key, **{**order_of(quote), **changes}), code)
    assert state_of(world) == before


def test_the_maximum_must_cover_the_quoted_price_after_a_tax_cut(world: World) -> None:
    """The quote's price is higher than the present price, as if a tax had been cut since the quote."""
    key = agent_key(world)
    quotes = world.services.quotes
    cheaper = quotes.read(quoted(world, key)["quote"])
    assert cheaper is not None
    quote = {"quote": quotes.sign(replace(cheaper, gross=PRICE + 100)), "gross_cents": PRICE + 100}
    before = state_of(world)
    error = refused(place(world, key, quote, max_cost_cents=PRICE + 99), "price_changed")
    assert (error["current_cents"], error["agreed_cents"]) == (PRICE + 100, PRICE + 99)
    assert state_of(world) == before
    cart = worked(place(world, key, quote))
    assert worked(place(world, key, quote, max_cost_cents=1)) == cart, "a repetition orders nothing"


@pytest.mark.parametrize("missing", ["quote", "max_cost_cents", "confirm", "items"])
def test_every_part_of_the_agreement_is_required(world: World, missing: str) -> None:
    key = agent_key(world)
    given = {name: value for name, value in order_of(quoted(world, key)).items() if name != missing}
    before = state_of(world)
    error = refused(use(world, "place_order", key=key, **given), "missing_field")
    assert error["fields"] == [f"/{missing}"]
    assert state_of(world) == before


def test_a_quote_of_another_account_is_invalid(world: World) -> None:
    quote = quoted(world, agent_key(world, "sepa"))
    key = agent_key(world)
    before = state_of(world)
    refused(place(world, key, quote), "invalid_quote")
    assert state_of(world) == before


def test_the_error_for_an_expired_quote_says_what_to_do(world: World) -> None:
    key = agent_key(world)
    quote = quoted(world, key)
    world.advance(301)
    before = state_of(world)
    assert "quote_order" in refused(place(world, key, quote), "quote_expired")["next_step"]
    assert state_of(world) == before


def test_a_used_quote_cannot_place_a_different_order(world: World) -> None:
    key = agent_key(world)
    quote = quoted(world, key)
    worked(place(world, key, quote))
    before = state_of(world)
    result = place(world, key, quote, callback={"url": "https://client.example/other"})
    # The order that used the quote may have been charged.
    error = refused(result, "quote_used", money_moved="unknown")
    assert "list_orders" in error["next_step"]
    assert state_of(world) == before


def test_the_error_for_a_maximum_below_the_price_has_the_price(world: World) -> None:
    key = agent_key(world)
    quote = quoted(world, key)
    error = refused(place(world, key, quote, max_cost_cents=PRICE - 1), "price_changed")
    assert (error["agreed_cents"], error["current_cents"]) == (PRICE - 1, PRICE)
    assert error["fields"] == ["/max_cost_cents"]
    # No new quote is needed.
    assert "`current_cents`" in error["next_step"] and "quote_order" not in error["next_step"]
    worked(place(world, key, quote, max_cost_cents=error["current_cents"]))


def test_a_key_without_a_cap_can_get_a_quote_but_cannot_order(world: World) -> None:
    for cap in (None, SpendCap("EUR")):
        key = agent_key(world, spend_cap=cap)
        quoted_result = use(world, "quote_order", key=key, items=[VM])
        assert worked(quoted_result)["spend_cap_left"] is None
        assert "no spend cap" in quoted_result["content"][-1]["text"]
        before = state_of(world)
        error = refused(place(world, key, worked(quoted_result)), "spend_cap_required")
        assert state_of(world) == before
        # The owner can send the request in `next_step` unchanged.
        line = re.search(r"POST (\S+) with (\{.*\})", error["next_step"])
        assert line is not None
        made = send(world, "POST", line[1], body=line[2])
        assert made.status == 201, made.body
        worked(place(world, made.body["secret"], worked(quoted_result)))


@pytest.mark.parametrize("scopes", [set(), {"domains:provision"}, {"billing:read"}])
def test_a_key_without_the_scope_of_the_product_orders_nothing(world: World, scopes: set[str]) -> None:
    quote = quoted(world, agent_key(world))
    key = agent_key(world, scopes=frozenset(scopes))
    before = state_of(world)
    refused(use(world, "quote_order", key=key, items=[VM]), "insufficient_scope")
    refused(place(world, key, quote), "insufficient_scope")
    domain = {"domain": {"name": "needs-both.com", "contact": world.contact()}}
    if "domains:provision" in scopes:
        refused(use(world, "quote_order", key=key, items=[VM, domain]), "insufficient_scope")
        assert quoted(world, key, domain)["gross_cents"] > 0
    assert state_of(world)["stripe"] == before["stripe"]


def test_a_key_with_a_cap_in_another_currency_cannot_order(world: World) -> None:
    quote = quoted(world, agent_key(world, spend_cap=SpendCap("EUR", day=5_000)))
    key = agent_key(world, spend_cap=SpendCap("USD", day=5_000))
    before = state_of(world)
    refused(use(world, "quote_order", key=key, items=[VM]), "spend_cap_currency")
    refused(place(world, key, quote), "spend_cap_currency")
    assert state_of(world) == before


def test_twenty_orders_at_once_stop_at_the_cap(world: World) -> None:
    key = agent_key(world, spend_cap=SpendCap("EUR", day=3 * PRICE + 1))
    quotes = [quoted(world, key) for _ in range(20)]
    before = charges(world)
    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(lambda quote: place(world, key, quote), quotes))
    assert sum(not result["isError"] for result in results) == 3
    for result in results:
        if result["isError"]:
            error = refused(result, "spend_cap_exceeded")
            assert (error["period"], error["currency"]) == ("day", "EUR")
            assert error["remaining"] < PRICE
    world.run()
    assert charges(world) == before + 3
    left = quoted(world, key)["spend_cap_left"]
    assert left == {"currency": "EUR", "day_cents": 1, "month_cents": None}


def test_a_cancelled_order_no_longer_counts_against_the_cap(world: World) -> None:
    key = agent_key(world, spend_cap=SpendCap("EUR", day=PRICE))
    cart = worked(place(world, key, quoted(world, key)))
    refused(place(world, key, quoted(world, key)), "spend_cap_exceeded")
    worked(use(world, "cancel_order", key=key, order=cart["orders"][0]["id"], confirm=True))
    world.run()
    worked(place(world, key, quoted(world, key)))


def test_the_answer_has_the_url_if_a_person_must_authenticate(world: World) -> None:
    key = agent_key(world, "authentication_required")
    result = place(world, key, quoted(world, key))
    cart = worked(result)
    assert cart["payment"]["status"] == "awaiting_authentication"
    url = cart["payment"]["hosted_invoice_url"]
    assert url and url in result["content"][1]["text"]
    status = use(world, "get_order_status", key=key, order=cart["orders"][0]["id"])
    assert worked(status)["status"] == "PENDING" and url in status["content"][1]["text"]
    shown = use(world, "get_cart_status", key=key, cart=cart["cart"]["token"])
    assert worked(shown)["payment"]["hosted_invoice_url"] == url and url in shown["content"][1]["text"]


def test_without_a_saved_method_a_person_pays_on_a_page(world: World) -> None:
    key = agent_key(world, "no_method")
    result = use(world, "quote_order", key=key, items=[SITE])
    quote = worked(result)
    assert quote["payment_method"] is None
    assert "a person pays on a page" in " ".join(part["text"] for part in result["content"])
    placed = place(world, key, quote, SITE)
    url = worked(placed)["payment"]["hosted_invoice_url"]
    assert url and url in placed["content"][1]["text"]


def repeated_after_cancel(world: World, *account: str) -> Any:
    """Place an order, cancel it, and return the answer to a repeated call with the same quote."""
    key = agent_key(world, *account)
    quote = quoted(world, key)
    cart = worked(place(world, key, quote))
    worked(use(world, "cancel_order", key=key, order=cart["orders"][0]["id"], confirm=True))
    world.run()
    return place(world, key, quote)


def test_a_repeated_call_mentions_the_refund(world: World) -> None:
    again = repeated_after_cancel(world)
    assert worked(again)["payment"]["status"] == "refunded"
    assert again["content"][1]["text"] == "The money that was paid went back."


def test_a_repeated_call_mentions_the_cancellation(world: World) -> None:
    again = repeated_after_cancel(world, "authentication_required")
    assert worked(again)["payment"]["status"] == "canceled"
    assert "not paid" in again["content"][1]["text"] and "quote_order" in again["content"][1]["text"]


def test_a_declined_payment_moves_no_money(world: World) -> None:
    key = agent_key(world, "declined_final")
    error = refused(place(world, key, quoted(world, key)), "cart_pay_failed")
    assert "payment method" in error["next_step"]


def test_an_agent_can_order_a_domain(world: World) -> None:
    key = agent_key(world)
    domain = {"domain": {"name": "agents-order.com", "contact": world.contact()}}
    quote = quoted(world, key, domain)
    assert any("cannot be returned" in term for term in quote["terms"])
    cart = worked(place(world, key, quote, domain))
    assert cart["payment"]["status"] == "succeeded"
    error = refused(use(world, "quote_order", key=key, items=[domain]), "domain_add_failed")
    assert "check_domain" in error["next_step"]


def test_no_domain_is_sold_if_domains_are_switched_off(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(world.features.document, "domain_registration", {"default": False})
    domain = {"domain": {"name": "switched-off.com", "contact": world.contact()}}
    key = agent_key(world)
    error = refused(use(world, "quote_order", key=key, items=[domain]), "feature_disabled")
    assert error["status"] == 503
    refused(use(world, "check_domain", key=key, domains=["switched-off.com"]), "feature_disabled")


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("plan", "gold", "unknown_plan"),
        ("image", "windows-95", "unknown_image"),
        ("location", "mars", "unknown_location"),
        ("hostname", "not a host", "invalid_field"),
        ("ssh_key", "x", "invalid_field"),
    ],
)
def test_the_error_for_a_wrong_item_names_its_field(world: World, field: str, value: str, code: str) -> None:
    item = {"vm": {**VM["vm"], field: value}}
    error = refused(use(world, "quote_order", items=[SITE, item]), code)
    assert error["fields"] == [f"/items/1/vm/{field}"]


def test_the_quoted_price_holds_after_a_price_rise(world: World) -> None:
    key = agent_key(world)
    quote = quoted(world, key, SITE)
    plan = world.services.catalogue.load().plans["basic"]
    dearer = replace(plan, prices={term: amount * 2 for term, amount in plan.prices.items()})
    world.services.catalogue.put_plan(dearer)
    try:
        world.advance(61)
        assert quoted(world, key, SITE)["gross_cents"] == 2 * quote["gross_cents"]
        cart = worked(place(world, key, quote, SITE))
        assert world.order(cart["orders"][0]["id"]).price.amount == quote["gross_cents"]
    finally:
        world.services.catalogue.put_plan(plan)
        world.advance(61)


def test_a_test_key_orders_nothing_if_payments_are_live(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = agent_key(world, test=True)
    quote = quoted(world, key)
    monkeypatch.setattr(type(world.services.payments), "live", True)
    refused(place(world, key, quote), "test_key")


def test_the_refusal_of_a_key_without_scopes_says_what_to_do(world: World) -> None:
    error = refused(use(world, "list_orders", key=new_key(world, "ready")), "insufficient_scope")
    assert "key" in error["next_step"]
    assert (
        post(world, {"jsonrpc": "2.0", "id": 1, "method": "ping"}, key=new_key(world, "ready")).status == 200
    )
