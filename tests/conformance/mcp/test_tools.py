"""The reading tools and `cancel_order` (SQ-050, SQ-064)."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import Any

import jsonschema_rs
import pytest

from hosting_orders.contracts.mcp.tools import TOOLS
from hosting_orders.contracts.rate_limits import LIMITS
from hosting_orders.domain.account import SpendCap
from hosting_orders.domain.ids import parse_order_id
from hosting_orders.domain.order import OrderStatus
from hosting_orders.usecases.limit_rate import Bucket
from tests.conformance.contract_000.support import FIELDS, assert_thirteen
from tests.conformance.contract_000.support import ask as ask_000
from tests.conformance.contract_002.support import new_key, oauth, send, state_of
from tests.conformance.mcp.support import (
    BOTH,
    SITE,
    VM,
    agent_key,
    ask,
    order_of,
    quoted,
    refused,
    use,
    worked,
)
from tests.support.world import World

READERS = (
    "get_order_status",
    "list_orders",
    "get_cart_status",
    "list_catalogue",
    "check_domain",
    "quote_order",
)
UNKNOWN = "507f1f77bcf86cd799439011"


def ordered(world: World, key: str, *items: Any) -> dict[str, Any]:
    return worked(use(world, "place_order", key=key, **order_of(quoted(world, key, *items), *items)))


def registered(world: World, name: str) -> str:
    """Order a domain through contract 000. Return the order's id."""
    key = new_key(world, "ready", scopes=BOTH)
    body = {"domain": name, "contact": world.contact()}
    reply = ask_000(world, "POST", "/api/v1/domains/register", body, key=key)
    assert reply.status == 202, reply.body
    return str(reply.body["data"]["orderId"])


def token_of(world: World, *scopes: str) -> str:
    return oauth(world, *scopes)["authorization"].removeprefix("Bearer ")


def test_SQ_050_get_order_status_returns_the_order_of_contract_000(world: World) -> None:
    key = agent_key(world)
    order = ordered(world, key)["orders"][0]["id"]
    world.run()
    expected = ask_000(world, "GET", f"/api/v1/orders/{order}", key=key).body["data"]
    assert expected["status"] == "COMPLETED" and expected["channel"] == "mcp"
    for spelling in (expected["id"], expected["token"], str(parse_order_id(order))):
        found = worked(use(world, "get_order_status", key=key, order=spelling))
        assert_thirteen(found)
        assert found == expected


def test_SQ_064_scopes_give_the_same_rights_as_in_contract_000(world: World) -> None:
    key = agent_key(world)
    order = ordered(world, key)["orders"][0]["id"]
    domain = registered(world, "scopes-of-agents.com")
    for scopes, machine, name in (
        ({"vps:provision"}, True, False),
        ({"vps:manage"}, True, False),
        ({"domains:provision"}, False, True),
        ({"billing:read"}, True, True),
        ({"account:read"}, False, False),
        (set(), False, False),
    ):
        reader = new_key(world, "ready", scopes=frozenset(scopes))
        for wanted, allowed in ((order, machine), (domain, name)):
            result = use(world, "get_order_status", key=reader, order=wanted)
            if allowed:
                worked(result)
            else:
                refused(result, "insufficient_scope")
        # A key of another account gets the same answer for this order as for an unknown id, with or without the scope.
        stranger = new_key(world, "sepa", scopes=frozenset(scopes))
        answers = [use(world, "get_order_status", key=stranger, order=each) for each in (order, UNKNOWN)]
        assert answers[0] == answers[1]
        refused(answers[0], "not_found")


def test_an_oauth_token_can_only_read(world: World) -> None:
    key = agent_key(world)
    cart = ordered(world, key)
    order, token = (
        cart["orders"][0]["id"],
        token_of(world, "billing:read", "vps:provision", "domains:provision"),
    )
    for tool, arguments in (
        ("get_order_status", {"order": order}),
        ("list_orders", {}),
        ("get_cart_status", {"cart": cart["cart"]["token"]}),
        ("list_catalogue", {}),
    ):
        worked(use(world, tool, key=token, **arguments))
    quote = quoted(world, key)
    before = state_of(world)
    for tool, arguments in (
        ("quote_order", {"items": [VM]}),
        ("place_order", order_of(quote)),
        ("cancel_order", {"order": order, "confirm": True}),
    ):
        error = refused(use(world, tool, key=token, **arguments), "oauth_not_allowed")
        assert "API key" in error["next_step"]
    assert state_of(world) == before


def test_an_invalid_or_unknown_id_is_refused(world: World) -> None:
    refused(use(world, "get_order_status", order="../x"), "invalid_id")
    refused(use(world, "get_order_status", order=UNKNOWN), "not_found")
    refused(use(world, "get_cart_status", cart="x"), "not_found")
    refused(use(world, "list_orders", cursor="x"), "invalid_cursor")


def test_orders_are_listed_in_pages(world: World) -> None:
    key = agent_key(world)
    for _ in range(3):
        ordered(world, key)
    first = worked(use(world, "list_orders", key=key, limit=2))
    assert len(first["orders"]) == 2 and list(first["orders"][0]) == list(FIELDS)
    then = worked(use(world, "list_orders", key=key, limit=2, cursor=first["next_cursor"]))
    ids = [order["id"] for page in (first, then) for order in page["orders"]]
    assert len(set(ids)) == len(ids)


def test_a_cart_is_shown_only_with_rights_to_all_its_orders(world: World) -> None:
    key = agent_key(world)
    token = ordered(world, key, VM, SITE)["cart"]["token"]
    world.run()
    shown = worked(use(world, "get_cart_status", key=key, cart=token))
    assert shown["payment"]["status"] == "succeeded"
    assert [order["status"] for order in shown["orders"]] == ["completed", "completed"]
    for_domains = new_key(world, "ready", scopes=frozenset({"domains:provision"}))
    refused(use(world, "get_cart_status", key=for_domains, cart=token), "insufficient_scope")
    refused(use(world, "get_cart_status", key=agent_key(world, "sepa"), cart=token), "not_found")


def test_every_listed_product_can_be_quoted(world: World) -> None:
    key = agent_key(world)
    found = worked(use(world, "list_catalogue", key=key))
    assert found["currency"] == "EUR"
    items: list[Any] = [
        {
            "vm": {
                "hostname": "h",
                "plan": plan["short_name"],
                "image": plan["images"][0]["short_name"],
                "location": plan["locations"][0]["short_name"],
                "term": price["term"],
            }
        }
        for plan in found["virtual_machines"]
        for price in plan["prices"]
    ]
    sites = found["sites"]
    items += [
        {
            "site": {
                "name": "x",
                "variant": variant["name"],
                "plan": plan["short_name"],
                "location": sites["locations"][0]["short_name"],
                "term": plan["prices"][0]["term"],
            }
        }
        for plan in sites["plans"]
        for variant in sites["variants"]
    ]
    assert len(items) > 4 and any(tld["tld"] == "com" for tld in found["domains"])
    for item in items:
        quoted(world, key, item)


def test_domains_are_checked(world: World) -> None:
    found = worked(use(world, "check_domain", domains=["agents-check.com", "no domain"]))["domains"]
    assert [each["status"] for each in found] == ["available", "invalid"]
    assert found[0]["prices"]["register_net_cents"] > 0


def test_requests_to_the_registrar_have_their_own_rate_limit(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world, "limited", True)
    key = agent_key(world)
    for _ in range(LIMITS[Bucket.REGISTRAR].requests):
        worked(use(world, "check_domain", key=key, domains=["agents-check.com"]))
    error = refused(use(world, "check_domain", key=key, domains=["agents-check.com"]), "rate_limited")
    assert error["retry_after_seconds"] > 0
    domain = {"domain": {"name": "agents-check.com", "registration_id": 1}}
    refused(use(world, "quote_order", key=key, items=[domain]), "rate_limited")
    worked(use(world, "quote_order", key=key, items=[VM]))


def test_an_order_is_cancelled_and_its_money_goes_back(world: World) -> None:
    key = agent_key(world)
    order = ordered(world, key)["orders"][0]["id"]
    before = state_of(world)
    refused(use(world, "cancel_order", key=key, order=order), "missing_field")
    refused(use(world, "cancel_order", key=key, order=order, confirm=False), "invalid_field")
    refused(use(world, "cancel_order", key=key, order=order, confirm="true"), "invalid_field")
    for_domains = new_key(world, "ready", scopes=frozenset({"domains:provision"}))
    refused(use(world, "cancel_order", key=for_domains, order=order, confirm=True), "insufficient_scope")
    assert state_of(world)["stripe"] == before["stripe"]
    result = use(world, "cancel_order", key=key, order=order, confirm=True)
    worked(result)
    assert "goes back" in result["content"][1]["text"]
    # An agent that did not receive the answer sends the same call again.
    worked(use(world, "cancel_order", key=key, order=order, confirm=True))
    world.run()
    assert worked(use(world, "get_order_status", key=key, order=order))["status"] == "CANCELED"
    after = state_of(world)
    again = use(world, "cancel_order", key=key, order=order, confirm=True)
    assert worked(again)["status"] == "CANCELED"
    assert again["content"][1]["text"] == "The order is cancelled."
    assert state_of(world) == after


def test_a_cancel_whose_refund_was_refused_can_be_repeated(world: World) -> None:
    key = agent_key(world)
    order = ordered(world, key)["orders"][0]["id"]
    world.stripe.controls.set(refunds="refuse")
    try:
        worked(use(world, "cancel_order", key=key, order=order, confirm=True))
        world.run()
        assert world.order(order).status is OrderStatus.REFUND_FAILED
        again = use(world, "cancel_order", key=key, order=order, confirm=True)
        worked(again)
        assert "being cancelled" in again["content"][1]["text"]
    finally:
        world.stripe.controls.set(refunds="as published")


def test_a_test_key_cannot_cancel_an_order_paid_with_live_money(world: World) -> None:
    key = agent_key(world)
    placed = ordered(world, key)
    order, cart = placed["orders"][0]["id"], world.cart(placed["cart"]["token"])
    world.services.orders.save_payment(replace(cart, payment=replace(cart.payment, live=True)))
    before = state_of(world)
    refused(use(world, "cancel_order", key=key, order=order, confirm=True), "test_key")
    assert state_of(world) == before


def test_a_delivered_order_cannot_be_cancelled(world: World) -> None:
    key = agent_key(world)
    order = ordered(world, key)["orders"][0]["id"]
    world.run()
    error = refused(use(world, "cancel_order", key=key, order=order, confirm=True), "order_not_cancellable")
    assert error["reason"]


def test_no_answer_of_a_tool_has_a_password(world: World) -> None:
    key = agent_key(world)
    cart = ordered(world, key, VM, SITE)
    world.run()
    shown = [
        json.dumps(use(world, "get_order_status", key=key, order=order["id"])) for order in cart["orders"]
    ]
    shown += [json.dumps(use(world, "get_cart_status", key=key, cart=cart["cart"]["token"]))]
    shown += [json.dumps(use(world, "list_orders", key=key))]
    for order in cart["orders"]:
        details = send(world, "GET", f"/api/orders/{order['id']}").body
        secrets = [value for _, value in _passwords(details)]
        assert secrets, "the order has a password"
        assert not any(secret in text for secret in secrets for text in shown)


def _passwords(node: Any, name: str = "") -> list[tuple[str, str]]:
    if isinstance(node, dict):
        return [found for key, value in node.items() for found in _passwords(value, key)]
    if isinstance(node, list):
        return [found for value in node for found in _passwords(value, name)]
    return [(name, node)] if "pass" in name and isinstance(node, str) else []


def test_the_log_names_the_tool_and_the_refusal_but_no_secret(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    key = agent_key(world)
    quote = quoted(world, key)
    caplog.clear()
    with caplog.at_level(logging.INFO):
        refused(use(world, "place_order", key=key, **order_of(quote, max_cost_cents=1)), "price_changed")
        worked(use(world, "list_orders", key=key))
    lines = [record.__dict__ for record in caplog.records if record.message == "tool used"]
    assert [(line["tool"], line["code"]) for line in lines] == [
        ("place_order", "price_changed"),
        ("list_orders", None),
    ]
    text = str([record.__dict__ for record in caplog.records])
    assert key not in text and quote["quote"] not in text


# -- the tools as they are published ----------------------------------------------------------------------------------


def published(world: World) -> dict[str, Any]:
    return {tool["name"]: tool for tool in ask(world, "tools/list").body["result"]["tools"]}


def test_annotations_say_what_a_tool_changes(world: World) -> None:
    tools = published(world)
    for name, tool in tools.items():
        hints = tool["annotations"]
        assert hints["readOnlyHint"] is (name in READERS)
        assert hints["destructiveHint"] is (name in ("place_order", "cancel_order"))
    assert tools["place_order"]["annotations"]["idempotentHint"] is True
    assert set(tools) == set(TOOLS)


def test_schemas_forbid_unknown_fields_and_have_no_references(world: World) -> None:
    for tool in published(world).values():
        text = json.dumps([tool["inputSchema"], tool["outputSchema"]])
        assert "$ref" not in text and "$defs" not in text
        answer, error = tool["outputSchema"]["anyOf"]
        for schema in (tool["inputSchema"], answer):
            assert schema["type"] == "object" and schema["additionalProperties"] is False
            jsonschema_rs.Draft202012Validator(schema)
        # The protocol requires an object at the root of a schema. Some fields that every error must have are not in the
        # schema of the answer, so no answer fits the schema of an error.
        assert tool["outputSchema"]["type"] == "object"
        assert not set(error["required"]) <= set(answer["properties"])


def test_the_schema_refuses_what_the_tool_refuses(world: World) -> None:
    schema = jsonschema_rs.Draft202012Validator(published(world)["place_order"]["inputSchema"])
    good = {"items": [VM], "quote": "q", "max_cost_cents": 1, "confirm": True}
    assert schema.is_valid(good)
    for change in (
        {"confirm": False},
        {"confirm": 1},
        {"max_cost_cents": "1"},
        {"max_cost_cents": -1},
        {"max_cost_cents": 1.5},
        {"items": []},
        {"items": [VM] * 21},
        {"items": [{"vm": {**VM["vm"], "color": "red"}}]},
        {"items": [{"vm": {**VM["vm"], "term": "weekly"}}]},
        {"note": "x"},
        {"quote": ""},
    ):
        wrong = {**good, **change}
        assert not schema.is_valid(wrong), change
        refused(use(world, "place_order", **wrong), "invalid_field")


def test_each_answer_fits_the_published_schema(world: World) -> None:
    tools, key = published(world), agent_key(world)
    quote = quoted(world, key)
    cart = ordered(world, key)
    order = cart["orders"][0]["id"]
    calls: dict[str, dict[str, Any]] = {
        "get_order_status": {"order": order},
        "list_orders": {},
        "get_cart_status": {"cart": cart["cart"]["token"]},
        "list_catalogue": {},
        "check_domain": {"domains": ["fits.com", "x y", "fits.nope"]},
        "quote_order": {"items": [VM, SITE]},
        "place_order": order_of(quote),
        "cancel_order": {"order": order, "confirm": True},
    }
    assert set(calls) == set(tools)
    for name, arguments in calls.items():
        answer = worked(use(world, name, key=key, **arguments))
        jsonschema_rs.Draft202012Validator(tools[name]["outputSchema"]).validate(answer)


def test_each_error_fits_the_published_schema_too(world: World) -> None:
    """The client of the TypeScript SDK compares every answer with the schema, including an error. It does not show the
    agent an answer that does not fit.
    """
    tools, key = published(world), agent_key(world)
    quote = quoted(world, key)
    order = ordered(world, key)["orders"][0]["id"]
    world.run()
    poor = agent_key(world, spend_cap=SpendCap("EUR", day=1))
    declined = agent_key(world, "declined_final")
    domain = {"domain": {"name": "fits-the-schema.it", "contact": world.contact()}}
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("get_order_status", key, {"order": UNKNOWN}),
        ("list_orders", key, {"limit": 0}),
        ("get_cart_status", key, {}),
        ("list_catalogue", key, {"x": 1}),
        ("check_domain", key, {"domains": []}),
        ("quote_order", key, {"items": [SITE | {"vm": None}, {"vm": VM["vm"] | {"plan": "gold"}}]}),
        ("quote_order", key, {"items": [domain]}),
        ("place_order", key, order_of(quote, max_cost_cents=1)),
        ("place_order", poor, order_of(quoted(world, poor))),
        ("place_order", declined, order_of(quoted(world, declined))),
        ("cancel_order", key, {"order": order, "confirm": True}),
    ]
    assert {name for name, _, _ in calls} == set(tools)
    for name, secret, arguments in calls:
        result = use(world, name, key=secret, **arguments)
        assert result["isError"], (name, arguments)
        schema = jsonschema_rs.Draft202012Validator(tools[name]["outputSchema"])
        schema.validate(result["structuredContent"])
        assert not jsonschema_rs.is_valid(
            tools[name]["outputSchema"]["anyOf"][0], result["structuredContent"]
        )
        broken = {**result["structuredContent"], "money_moved": "maybe"}
        assert not schema.is_valid(broken)
