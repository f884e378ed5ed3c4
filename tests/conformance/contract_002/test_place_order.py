"""Contract 002, "Order a new Site": requests, responses, and errors that leave nothing behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from hosting_orders.domain.catalogue import Plan, Variant
from tests.conformance.contract_002.support import (
    assert_envelope,
    assert_error,
    change_account,
    completed,
    credentials,
    new_account,
    send,
    shown,
    state_of,
)
from tests.support.world import Reply, World

CALLBACK = {"url": "https://client.example/hook", "authorization": "Bearer 12345"}


def post(world: World, body: Any, account: str = "ready") -> Reply:
    return send(world, "POST", "/api/orders", account=account, body=json.dumps(body))


def refused(
    world: World, body: Any, code: str, *pointers: str, account: str = "ready", status: int = 400
) -> Reply:
    before = state_of(world)
    reply = post(world, body, account)
    assert_error(reply, status, code, *pointers)
    assert state_of(world) == before
    return reply


def set_catalogue(world: World, change: Callable[[Any], None]) -> None:
    """Change the catalogue, and let its one-minute cache expire."""
    change(world.services.catalogue)
    world.advance(61)


# -- accepted orders ----------------------------------------------------------------------------------------------


def test_O2_060_the_response_is_sent_before_the_site_is_built(world: World) -> None:
    placed = world.place()
    assert placed.status == 202
    order_id = placed.body["orders"][0]["id"]
    assert order_id not in world.platform.services
    assert "site" not in shown(world, order_id)
    world.run()
    assert world.platform.built(order_id) == 1
    assert "site" in shown(world, order_id)


def test_O2_061_O2_067_O2_068_every_option_in_api_about_can_be_ordered(world: World) -> None:
    about = world.request("GET", "/api/about").body
    locations = [place["short_name"] for place in about["locations"]]
    plans = {plan["short_name"]: plan["prices"] for plan in about["products"]}
    assert {"pdx", "ams"} <= set(locations)
    assert "basic" in plans
    for location in locations:
        assert completed(world, location=location)["site"]["location"] == location
    for plan, prices in plans.items():
        assert {price["term"] for price in prices} == {"monthly", "annual"}
        for price in prices:
            paid = completed(world, plan=plan, term=price["term"])["payment"]
            assert paid["amount_charged_cents"] == price["net_cents"]


@pytest.mark.parametrize("variant", ["vanilla", "extendify"])
def test_O2_066_both_variants_can_be_ordered(world: World, variant: str) -> None:
    assert completed(world, variant=variant)["site"]["variant"] == variant


@pytest.mark.parametrize(("term", "cents"), [("monthly", 1200), ("annual", 12000)])
def test_O2_069_both_terms_can_be_ordered(world: World, term: str, cents: int) -> None:
    assert completed(world, term=term)["payment"]["amount_charged_cents"] == cents


def test_O2_070_O2_071_O2_072_the_authorization_is_sent_verbatim(world: World) -> None:
    authorization = "Digest user=\"a b\",  x='=='"
    body = world.site() | {
        "callback": {"url": "https://client.example/a?b=c", "authorization": authorization}
    }
    assert post(world, body).status == 202
    known = len(world.callbacks.received)
    world.run()
    (received,) = world.callbacks.received[known:]
    assert (received.url, received.authorization) == ("https://client.example/a?b=c", authorization)


@pytest.mark.parametrize(
    "callback", [None, {"url": "https://client.example/"}, {**CALLBACK, "authorization": None}]
)
def test_O2_070_O2_071_callback_and_authorization_are_optional(world: World, callback: Any) -> None:
    assert post(world, world.site() | {"callback": callback}).status == 202


def test_O2_073_O2_074_O2_075_O2_076_O2_077_O2_078_C04_the_response_is_a_cart_envelope(world: World) -> None:
    placed = world.place()
    assert_envelope(placed.body)
    assert placed.body["cart"]["status"] in ("active", "processing", "checked_out")
    assert placed.body["cart"]["rollup_status"] == "pending"
    assert placed.body["payment"] == {
        "status": "succeeded",
        "method_type": "card",
        "hosted_invoice_url": placed.body["payment"]["hosted_invoice_url"],
    }


def test_O2_079_C04_the_response_contains_the_pending_order(world: World) -> None:
    (order,) = world.place().body["orders"]
    assert order["status"] == "pending"
    assert order["poll_url"] == f"/api/orders/{order['id']}"


def test_O2_079a_C04_the_cart_leads_to_the_order(world: World) -> None:
    cart = world.request("GET", world.place().body["cart"]["poll_url"])
    (order,) = cart.body["orders"]
    assert world.request("GET", order["poll_url"]).body["order"]["id"] == order["id"]


def test_O2_079b_the_cart_and_the_order_show_the_completion(world: World) -> None:
    placed = world.place()
    world.run()
    cart = world.request("GET", placed.body["cart"]["poll_url"]).body
    assert (cart["cart"]["rollup_status"], cart["orders"][0]["status"]) == ("completed", "completed")
    assert world.request("GET", placed.body["orders"][0]["poll_url"]).body["order"]["status"] == "completed"


# -- the pre-flight check: can the account be charged? ------------------------------------------------------------


def test_O2_062_O2_063_O2_090_an_account_without_a_saved_method_cannot_order(world: World) -> None:
    refused(world, world.site(), "no_default_payment_method", account="no_method")


def test_O2_062_O2_063_an_account_without_a_stripe_customer_cannot_order(world: World) -> None:
    new_account(world, "ready", "no_customer", stripe_customer_id=None)
    refused(world, world.site(), "no_default_payment_method", account="no_customer")


@pytest.mark.parametrize("field", ["name", "email", "street", "post_code", "city", "country"])
def test_O2_062_O2_063_an_account_without_a_complete_contact_cannot_order(world: World, field: str) -> None:
    account = world.services.directory.account("acc_ready")
    contact = account.billing_contact
    for value in ("", "  "):
        before = change_account(world, "ready", billing_contact=replace(contact, **{field: value}))
        try:
            reply = refused(world, world.site(), "no_default_payment_method")
            assert field in reply.body["errors"][0]
        finally:
            world.services.directory.put_account(before)


# -- invalid fields -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [{}, {"callback": CALLBACK}])
def test_O2_064_site_is_required(world: World, body: Any) -> None:
    refused(world, body, "missing_field", "/site")


def test_O2_064_the_error_names_a_misspelled_site_field(world: World) -> None:
    refused(world, {"Site": {}}, "missing_field", "/site", "/Site")


@pytest.mark.parametrize("site", [None, [], "x", 1, True, 1.5])
def test_O2_064_site_must_be_an_object(world: World, site: Any) -> None:
    refused(world, {"site": site}, "invalid_field", "/site")


@pytest.mark.parametrize("field", ["name", "variant", "location", "plan", "term"])
def test_O2_065_O2_066_O2_067_O2_068_O2_069_every_field_is_required(world: World, field: str) -> None:
    body = world.site()
    del body["site"][field]
    reply = refused(world, body, "missing_field", f"/site/{field}")
    assert f"site.{field}" in reply.body["errors"][0]


@pytest.mark.parametrize("field", ["name", "variant", "location", "plan", "term"])
@pytest.mark.parametrize("value", [None, 1, 1.5, True, [], {}, "", "x" * 101])
def test_O2_065_O2_066_O2_067_O2_068_O2_069_every_field_must_be_a_text_of_1_to_100_characters(
    world: World, field: str, value: Any
) -> None:
    reply = refused(world, world.site(**{field: value}), "invalid_field", f"/site/{field}")
    assert f"site.{field}" in reply.body["errors"][0]


def test_all_invalid_fields_are_named_together(world: World) -> None:
    reply = refused(
        world, {"site": {"name": 1, "variant": "vanilla", "plan": []}, "callback": {}}, "invalid_field"
    )
    assert {detail["pointer"] for detail in reply.body["details"]} == {
        "/site/name",
        "/site/plan",
        "/site/location",
        "/site/term",
        "/callback/url",
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("variant", "migration"),
        ("variant", "Vanilla"),
        ("variant", " vanilla"),
        ("location", "lhr"),
        ("location", "1"),
        ("plan", "gold"),
        ("plan", "Basic"),
        ("term", "weekly"),
        ("term", "MONTHLY"),
    ],
)
def test_O2_091_O2_092_O2_093_O2_094_C19_the_error_for_an_unknown_option_lists_the_known_options(
    world: World, field: str, value: str
) -> None:
    reply = refused(world, world.site(**{field: value}), f"unknown_{field}", f"/site/{field}")
    known = {"variant": "vanilla", "location": "pdx", "plan": "basic", "term": "monthly"}
    assert known[field] in reply.body["errors"][0]
    assert repr(value) in reply.body["errors"][0]


def test_O2_091_O2_092_O2_093_O2_094_all_unknown_options_are_reported_together(world: World) -> None:
    body = world.site(variant="a", location="b", plan="c", term="d")
    reply = refused(
        world, body, "unknown_variant", "/site/variant", "/site/location", "/site/plan", "/site/term"
    )
    assert len(reply.body["errors"]) == 4


def test_O2_095_C19_a_variant_without_free_capacity_is_unavailable(world: World) -> None:
    set_catalogue(world, lambda catalogue: catalogue.put_variant(Variant("scarce", capacity=1)))
    assert completed(world, variant="scarce")["order"]["status"] == "completed"
    # In the cached catalogue, a place is still free. The write checks the capacity again.
    reply = refused(world, world.site(variant="scarce"), "variant_unavailable", "/site/variant")
    assert "not available" in reply.body["errors"][0]
    world.advance(61)
    refused(world, world.site(variant="scarce"), "variant_unavailable", "/site/variant")
    variants = {v["name"]: v["available"] for v in world.request("GET", "/api/about").body["variants"]}
    assert (variants["scarce"], variants["vanilla"]) == (False, True)


def test_O2_095_a_disabled_variant_is_unavailable(world: World) -> None:
    set_catalogue(world, lambda catalogue: catalogue.put_variant(Variant("retired", enabled=False)))
    refused(world, world.site(variant="retired"), "variant_unavailable", "/site/variant")


def test_O2_096_C19_a_plan_without_a_price_for_the_account_is_refused(world: World) -> None:
    set_catalogue(world, lambda catalogue: catalogue.put_plan(Plan("9", "unpriced", "Unpriced", "No price")))
    reply = refused(world, world.site(plan="unpriced"), "pricing_missing", "/site/plan")
    assert "issing pricing information" in reply.body["errors"][0]
    new_account(world, "ready", "dollars", currency="USD")
    refused(world, world.site(), "pricing_missing", "/site/plan", account="dollars")


def test_O2_097_C19_an_account_without_the_right_to_order_is_refused(world: World) -> None:
    new_account(world, "ready", "barred", can_order=False)
    reply = refused(world, world.site(), "account_unable_to_create_orders", account="barred")
    assert reply.body["errors"] == ["Account unable to create orders."]


def test_O2_098_a_refused_request_does_not_use_up_its_idempotency_key(world: World) -> None:
    before = state_of(world)
    wrong = world.place(key="try-again", plan="gold")
    assert_error(wrong, 400, "unknown_plan")
    assert state_of(world) == before
    assert world.place(key="try-again").status == 202


def test_C18_the_error_for_the_field_order_names_the_field_site(world: World) -> None:
    order = {"plan": "basic", "term": "monthly"}
    reply = refused(world, {"order": order}, "missing_field", "/site")
    assert "`site`" in reply.body["errors"][0]
    reply = refused(world, world.site() | {"order": order}, "invalid_field", "/order")
    assert "`site`" in reply.body["errors"][0]


@pytest.mark.parametrize(
    "name",
    ["Zoë's 網站 🎉", "👩‍💻", "نمونه‌ها", "  trimmed  ", "x" * 100, "<b>alert(1)</b>", "{{7*7}}", 'a\\b"c'],
)
def test_O2_065_spaces_around_a_site_name_are_removed(world: World, name: str) -> None:
    """The rest of the name is returned unchanged."""
    assert completed(world, name=name)["site"]["name"] == name.strip()


# -- Idempotency-Key ----------------------------------------------------------------------------------------------


def with_key(world: World, key: str, body: str, account: str = "ready", user: str = "user_key") -> Reply:
    headers = {**credentials(world, account, user), "idempotency-key": key}
    return send(world, "POST", "/api/orders", headers=headers, body=body)


@pytest.mark.parametrize("key", ["1", "x" * 255, "!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~", "CART#x#ROLLUP"])
def test_repeating_a_request_returns_the_same_cart(world: World, key: str) -> None:
    body = json.dumps(world.site())
    first = with_key(world, key, body)
    paid = state_of(world)["stripe"]
    spaced = json.dumps(world.site(), indent=3, sort_keys=True)
    for again in (with_key(world, key, body), with_key(world, key, spaced, user="system_key")):
        assert (again.status, again.body) == (202, first.body)
        assert again.headers["idempotent-replayed"] == "true"
    assert state_of(world)["stripe"] == paid
    assert "idempotent-replayed" not in first.headers
    world.run()
    before = state_of(world)
    late = with_key(world, key, body)
    assert (late.status, late.body["cart"]["token"]) == (202, first.body["cart"]["token"])
    assert late.body["orders"][0]["status"] == "completed"
    assert state_of(world) == before


def test_an_idempotency_key_belongs_to_one_account(world: World) -> None:
    body = json.dumps(world.site())
    first = with_key(world, "shared", body)
    other = with_key(world, "shared", body, account="credit")
    assert first.status == other.status == 202
    assert first.body["cart"]["token"] != other.body["cart"]["token"]
    token = first.body["cart"]["token"]
    assert_error(send(world, "GET", f"/api/carts/{token}", account="credit"), 404, "not_found")


def test_an_idempotency_key_is_refused_with_another_body(world: World) -> None:
    first = with_key(world, "twice", json.dumps(world.site()))
    before = state_of(world)
    for other in (
        world.site(plan="business"),
        world.site() | {"callback": CALLBACK},
        world.site(name="Another"),
    ):
        reply = with_key(world, "twice", json.dumps(other))
        assert_error(reply, 422, "idempotency_key_reused")
        assert first.body["cart"]["token"] not in str(reply.body)
    assert state_of(world) == before
    assert with_key(world, "twice", json.dumps(world.site())).status == 202


def test_every_request_without_an_idempotency_key_is_a_new_order(world: World) -> None:
    tokens = {post(world, world.site()).body["cart"]["token"] for _ in range(3)}
    assert len(tokens) == 3
