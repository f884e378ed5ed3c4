"""Contract 003, "Order a new Site"."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from hosting_orders.domain.ids import object_id
from tests.conformance.contract_002.support import (
    UUID,
    assert_error,
    change_account,
    number_of,
    oauth,
    send,
    state_of,
)
from tests.conformance.contract_003.support import (
    CALLBACK,
    ask_in,
    delivered,
    order,
    page_of,
    pay,
    placed,
    shown,
    stored,
    stranger,
)
from tests.support.checkout import KEY, sessions, site
from tests.support.world import Reply, World

NOTHING = {"ipaddr": None, "username": None, "password": None, "port": None}


def refused(world: World, body: Any, code: str, *pointers: str, account: str = "ready") -> Reply:
    before = state_of(world)
    reply = order(world, body, account)
    assert_error(reply, 400, code, *pointers)
    assert state_of(world) == before
    return reply


# -- the response -------------------------------------------------------------------------------------------------


def test_O1_030_O1_040_O1_041_C15_the_response_has_the_order_and_its_one_task(world: World) -> None:
    body = placed(world)
    assert UUID.fullmatch(body["order"]["id"])
    assert set(body["order"]) == {"id", "status"} and set(body["task"]) == {"id", "status"}
    assert type(body["task"]["id"]) is int and body["task"]["status"] in ("PENDING", "RUNNING")
    assert "tasks" not in body and "cart" not in body
    assert ask_in(world, "1", "GET", f"/api/tasks/{body['task']['id']}").body["task"]["orders"] == [
        {"id": body["order"]["id"], "status": shown(world, body["order"]["id"])["order"]["status"]}
    ]


def test_O1_043_O1_044_the_response_has_the_site_if_a_method_is_saved(world: World) -> None:
    before = world.net_paid()
    body = placed(world)
    assert "payment_url" not in body
    assert body["site"] == {"id": None, "name": "My site", "domain": None, "ssh_data": NOTHING}
    assert world.net_paid() == before + 1200
    order_id = body["order"]["id"]
    assert not [
        one for one in sessions(world) if one["metadata"].get("cart_token") == cart_of(world, order_id)
    ]
    world.run()
    assert shown(world, order_id)["order"]["status"] == "completed"


def test_O1_042_O1_043_without_a_saved_method_the_customer_pays_on_a_page(world: World) -> None:
    account = stranger(world)
    body = placed(world, account)
    assert body["payment_url"] == page_of(world, body["order"]["id"], account)["url"]
    assert "site" not in body
    assert (body["order"]["status"], body["task"]["status"]) == ("pending", "PAUSED")


def test_O1_042_the_customer_authenticates_on_the_hosted_invoice(world: World) -> None:
    body = placed(world, "authentication_required")
    (invoice,) = world.stripe.open_invoices(world.accounts["authentication_required"]["customer"])
    assert body["payment_url"] == invoice["hosted_invoice_url"]
    assert "site" not in body and body["task"]["status"] == "PAUSED"
    assert not sessions(world, cart_of(world, body["order"]["id"], "authentication_required"))


def test_O1_042_a_recoverable_decline_gives_a_payment_url(world: World) -> None:
    body = placed(world, "declined_recoverable")
    assert body["payment_url"] and "site" not in body


def test_O1_030_a_final_decline_gets_a_422_and_leaves_a_failed_order(world: World) -> None:
    reply = order(world, account="declined_final")
    assert_error(reply, 422, "cart_pay_failed")
    assert reply.headers["x-api-version"] == "1"
    world.run()
    listed = ask_in(world, "1", "GET", "/api/orders", "declined_final").body["orders"]
    assert [each["status"] for each in listed] == ["failed"]
    assert world.net_paid("declined_final") == 0


def test_O1_043_a_debit_from_a_saved_bank_account_needs_no_payment_page(world: World) -> None:
    body = placed(world, "sepa")
    assert "payment_url" not in body and body["site"]["id"] is None


def cart_of(world: World, order_id: str, account: str = "ready") -> str:
    return stored(world, order_id, account).cart_token


# -- the same request again ---------------------------------------------------------------------------------------


def test_O1_042_a_replay_returns_the_same_order_even_after_payment(world: World) -> None:
    account = stranger(world)
    first = order(world, account=account, idempotency_key="replay-1")
    again = order(world, account=account, idempotency_key="replay-1")
    assert again.body == first.body
    assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (None, "true")
    order_id = first.body["order"]["id"]
    assert len(sessions(world, cart_of(world, order_id, account))) == 1
    world.run()
    world.stripe.controls.pay_checkout(page_of(world, order_id, account)["id"])
    world.hear_stripe()
    paid = order(world, account=account, idempotency_key="replay-1").body
    assert paid["order"]["id"] == order_id and "payment_url" not in paid
    assert paid["site"] == {"id": None, "name": "My site", "domain": None, "ssh_data": NOTHING}


def test_O1_043_C22_a_replay_shows_the_site_without_its_password(world: World) -> None:
    first = order(world, idempotency_key="replay-2")
    world.run()
    again = order(world, idempotency_key="replay-2").body
    found = shown(world, first.body["order"]["id"])["site"]
    assert (again["order"]["status"], again["task"]["status"]) == ("completed", "OK")
    assert found["ssh_data"]["password"]
    assert again["site"] == found | {"ssh_data": found["ssh_data"] | {"password": None}}


def test_O1_042_a_replay_after_a_cancel_has_no_payment_page(world: World) -> None:
    account = stranger(world)
    first = order(world, account=account, idempotency_key="replay-3")
    assert ask_in(world, "1", "DELETE", f"/api/orders/{first.body['order']['id']}", account).status == 202
    assert set(order(world, account=account, idempotency_key="replay-3").body) == {"order", "task"}
    world.run()
    again = order(world, account=account, idempotency_key="replay-3").body
    assert set(again) == {"order", "task"} and again["order"]["status"] == "cancelled"


def test_O1_043_a_replay_during_a_debit_has_no_payment_page_and_no_site(world: World) -> None:
    account = stranger(world)
    first = order(world, account=account, idempotency_key="replay-debit")
    world.stripe.controls.debit_checkout(page_of(world, first.body["order"]["id"], account)["id"])
    world.hear_stripe()
    again = order(world, account=account, idempotency_key="replay-debit").body
    assert set(again) == {"order", "task"}
    assert (again["order"]["status"], again["task"]["status"]) == ("pending", "PENDING")


def test_O1_040_a_replay_during_a_cancel_has_the_orders_current_status(world: World) -> None:
    first = order(world, idempotency_key="replay-cancelling")
    order_id = first.body["order"]["id"]
    assert ask_in(world, "1", "DELETE", f"/api/orders/{order_id}").status == 202
    again = order(world, idempotency_key="replay-cancelling").body
    found = shown(world, order_id)
    assert set(again) == {"order", "task"} and again["order"]["status"] == "processing"
    assert again["order"]["status"] == found["order"]["status"]
    assert [again["task"]] == found["tasks"]


def test_O1_043_a_replay_after_a_cancel_or_a_failure_has_no_site(world: World) -> None:
    account = "authentication_required"
    first = order(world, account=account, idempotency_key="replay-4")
    world.run()
    assert ask_in(world, "1", "DELETE", f"/api/orders/{first.body['order']['id']}", account).status == 202
    world.run()
    again = order(world, account=account, idempotency_key="replay-4").body
    assert set(again) == {"order", "task"} and again["order"]["status"] == "cancelled"
    failing = order(world, idempotency_key="replay-5").body
    assert failing["site"]["id"] is None
    world.run(finish=False)
    world.platform.fail(failing["order"]["id"], retryable=False)
    world.platform_webhook(failing["order"]["id"])
    world.live(600, every=60)
    again = order(world, idempotency_key="replay-5").body
    assert set(again) == {"order", "task"} and again["order"]["status"] == "failed"


@pytest.mark.parametrize(
    "changed",
    [site(name="Other"), site(plan="business"), {**site(), "return_url": "https://shop.example/"}],
)
def test_O1_030_an_idempotency_key_is_refused_with_another_body(world: World, changed: Any) -> None:
    key = f"reused-{json.dumps(changed)[-40:]}".replace(" ", "")
    order(world, idempotency_key=key)
    before = state_of(world)
    assert_error(order(world, changed, idempotency_key=key), 422, "idempotency_key_reused")
    assert state_of(world) == before


def test_O1_030_versions_1_and_2_share_idempotency_keys(world: World) -> None:
    order(world, idempotency_key="both")
    assert_error(world.place(key="both"), 422, "idempotency_key_reused")
    assert_error(order(world, account="credit", idempotency_key="x" * 256), 400, "invalid_idempotency_key")
    assert order(world, account="credit", idempotency_key="both").status == 201


# -- the fields ---------------------------------------------------------------------------------------------------


def test_O1_031_the_name_is_required_and_names_the_site(world: World) -> None:
    refused(world, {"site": {"variant": "vanilla"}}, "missing_field", "/site/name")
    assert delivered(world, body=site(name="Żółw & Söhne"))["site"]["name"] == "Żółw & Söhne"


@pytest.mark.parametrize("variant", ["vanilla", "extendify", "migration"])
def test_O1_032_the_three_variants_can_be_ordered(world: World, variant: str) -> None:
    found = delivered(world, body=site(variant=variant))
    assert found["order"]["variant"] == variant
    assert world.platform.services[found["order"]["id"]].body["variant"] == variant


def test_O1_032_a_variant_is_required_and_must_be_known(world: World) -> None:
    refused(world, {"site": {"name": "x"}}, "missing_field", "/site/variant")
    for wrong in ("Vanilla", "wordpress", " vanilla"):
        reply = refused(world, site(variant=wrong), "unknown_variant", "/site/variant")
        assert "extendify, migration, vanilla" in reply.body["errors"][0]


def test_O1_032_each_contract_has_its_own_variants(world: World) -> None:
    """Only contract 003 (version 1 of the API) has the variant `migration`. Version 2 does not sell or list it."""
    before = state_of(world)
    reply = world.place(variant="migration")
    assert_error(reply, 400, "unknown_variant", "/site/variant")
    assert reply.body["errors"] == ["Unknown variant 'migration'; it is one of: extendify, vanilla."]
    in_a_cart = world.place_cart(world.site(variant="migration"))
    assert_error(in_a_cart, 400, "unknown_variant")
    assert state_of(world) == before
    about = {
        version: [each["name"] for each in ask_in(world, version, "GET", "/api/about").body["variants"]]
        for version in ("1", "2")
    }
    assert about == {"1": ["extendify", "migration", "vanilla"], "2": ["extendify", "vanilla"]}


def test_O1_033_O1_034_the_site_has_the_requested_location_and_plan(world: World) -> None:
    found = delivered(world, body=site(location="pdx", plan="business"))["order"]
    assert (found["location"], found["product"]) == ("pdx", "business")
    asked = world.platform.services[found["id"]].body
    assert (asked["location"], asked["plan"]) == ("pdx", "business")


@pytest.mark.parametrize("body", [site(), site(location=None, plan=None)])
def test_O1_033_O1_034_the_location_and_the_plan_have_defaults(world: World, body: Any) -> None:
    order_id = placed(world, body=body)["order"]["id"]
    assert choice(world, order_id) == ("ams", "basic")
    before = change_account(world, "ready", default_location="pdx", default_plan="business")
    try:
        assert choice(world, placed(world, body=body)["order"]["id"]) == ("pdx", "business")
        one = placed(world, body=site(plan="basic"))["order"]["id"]
        assert choice(world, one) == ("pdx", "basic")
        change_account(world, "ready", default_location="gone", default_plan="gone")
        assert choice(world, placed(world, body=body)["order"]["id"]) == ("ams", "basic")
    finally:
        world.services.directory.put_account(before)


def choice(world: World, order_id: str) -> tuple[str, str]:
    found = shown(world, order_id)["order"]
    return found["location"], found["product"]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("location", "nowhere"), ("location", "AMS"), ("plan", "gold"), ("plan", "Basic"), ("plan", "1")],
)
def test_O1_033_O1_034_the_error_for_an_unknown_option_lists_the_known_options(
    world: World, field: str, wrong: str
) -> None:
    reply = refused(world, site(**{field: wrong}), f"unknown_{field}", f"/site/{field}")
    assert "it is one of:" in reply.body["errors"][0]


def test_O1_033_O1_034_all_unknown_options_are_reported_together(world: World) -> None:
    body = site(variant="x", location="y", plan="z")
    refused(world, body, "unknown_variant", "/site/variant", "/site/location", "/site/plan")


@pytest.mark.parametrize("term", ["monthly", "annual", None, 1, {}])
def test_O1_030_a_term_is_refused_with_an_explanation(world: World, term: Any) -> None:
    reply = refused(world, site(term=term), "invalid_field", "/site/term")
    (text,) = reply.body["errors"]
    assert "not a field of version 1" in text and "monthly" in text and "version 2" in text


def test_O1_030_every_option_in_api_about_can_be_ordered(world: World) -> None:
    about = ask_in(world, "1", "GET", "/api/about").body
    for location in about["locations"]:
        for product in about["products"]:
            body = site(location=location["short_name"], plan=product["short_name"])
            assert order(world, body).status == 201


def test_O1_036_a_callback_and_its_authorization_are_optional(world: World) -> None:
    for callback in (
        None,
        CALLBACK,
        {"url": CALLBACK["url"]},
        {"url": CALLBACK["url"], "authorization": None},
    ):
        assert order(world, {**site(), "callback": callback}).status == 201
    refused(world, {**site(), "callback": {}}, "missing_field", "/callback/url")


# -- permissions --------------------------------------------------------------------------------------------------


def test_O1_001_the_account_header_is_required(world: World) -> None:
    before = state_of(world)
    key = {"authorization": f"Bearer {world.accounts['ready'][KEY]}"}
    reply = send(world, "POST", "/api/orders", headers=key, account=None, body=json.dumps(site()))
    assert_error(reply, 400, "missing_account")
    assert reply.body["errors"] == ["Missing X-Auth-Account"]
    assert state_of(world) == before


def test_O1_030_an_oauth_token_cannot_order(world: World) -> None:
    token = oauth(world, "billing:read", "account:read", "tasks:read") | {"x-api-version": "1"}
    before = state_of(world)
    reply = send(world, "POST", "/api/orders", headers=token, account=None, body=json.dumps(site()))
    assert_error(reply, 403, "oauth_not_allowed")
    assert state_of(world) == before


def test_O1_030_an_account_without_the_right_to_order_is_refused(world: World) -> None:
    before = change_account(world, "ready", can_order=False)
    try:
        refused(world, site(), "account_unable_to_create_orders")
    finally:
        world.services.directory.put_account(before)


def test_O1_042_an_account_without_a_full_contact_pays_on_a_page(world: World) -> None:
    """The saved method of an account with an incomplete contact cannot be charged (O2-062)."""
    model = world.services.directory.account("acc_ready")
    assert model is not None
    contact = replace(model.billing_contact, name="")
    before = change_account(world, "ready", billing_contact=contact)
    try:
        body = placed(world)
        assert body["payment_url"] and "site" not in body
    finally:
        world.services.directory.put_account(before)


def test_O1_040_every_spelling_of_the_id_finds_the_order(world: World) -> None:
    order_id = placed(world)["order"]["id"]
    number = number_of(order_id)
    for spelling in (order_id, str(number), object_id(number)):
        assert shown(world, spelling)["order"]["id"] == order_id


def test_O1_042_the_site_is_delivered_after_the_payment_on_the_page(world: World) -> None:
    account = stranger(world)
    order_id = placed(world, account)["order"]["id"]
    world.run()
    pay(world, order_id, account)
    assert shown(world, order_id, account)["site"]["ssh_data"]["password"]
