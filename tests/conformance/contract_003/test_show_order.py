"""Contract 003, "View an Order"."""

from __future__ import annotations

from typing import Any

import pytest

from hosting_orders.domain.account import CredentialKind
from tests.conformance.contract_002.support import (
    UNKNOWN,
    UUID,
    assert_date_time,
    assert_error,
    new_key,
    oauth,
    send,
    state_of,
)
from tests.conformance.contract_003.support import (
    ask,
    ask_in,
    delivered,
    page_of,
    pay,
    placed,
    shown,
    stored,
    stranger,
)
from tests.support.checkout import site
from tests.support.world import World

ORDER = {"id", "status", "created_at", "updated_at", "variant", "product", "location"}
OURS = {"expected_by", "deadline_at"}
PAGE = {"payment_ur", "payment_url"}


def test_O1_020_O1_022_the_response_shows_the_order_and_its_tasks(world: World) -> None:
    body = delivered(world, body=site(variant="extendify", plan="business", location="pdx"))
    assert set(body) == {"order", "tasks", "site", "account", "user"}
    order = body["order"]
    assert set(order) == ORDER
    assert UUID.fullmatch(order["id"])
    assert_date_time(order["created_at"])
    assert_date_time(order["updated_at"])
    assert (order["variant"], order["product"], order["location"]) == ("extendify", "business", "pdx")
    assert [set(task) for task in body["tasks"]] == [{"id", "status"}]
    assert type(body["tasks"][0]["id"]) is int and body["tasks"][0]["status"] == "OK"


def test_O1_020_an_unfinished_order_has_expected_by_and_deadline_at(world: World) -> None:
    order = shown(world, placed(world)["order"]["id"])["order"]
    assert set(order) == ORDER | OURS
    assert_date_time(order["expected_by"])


def test_O1_021_C16_a_payable_order_has_both_spellings_of_payment_url(world: World) -> None:
    account = stranger(world)
    answer = placed(world, account)
    order_id = answer["order"]["id"]
    order = shown(world, order_id, account)["order"]
    assert order["payment_ur"] == order["payment_url"] == answer["payment_url"]
    assert order["payment_url"] == page_of(world, order_id, account)["url"]
    assert set(order) == ORDER | OURS | PAGE
    world.run()
    assert set(shown(world, order_id, account)["order"]) >= PAGE
    pay(world, order_id, account)
    assert not PAGE & set(shown(world, order_id, account)["order"])


def test_O1_021_the_address_of_a_hosted_invoice_is_a_payment_url_too(world: World) -> None:
    answer = placed(world, "authentication_required")
    order = shown(world, answer["order"]["id"], "authentication_required")["order"]
    assert order["payment_ur"] == order["payment_url"] == answer["payment_url"]


def test_O1_021_an_order_with_a_saved_method_has_no_payment_url(world: World) -> None:
    assert not PAGE & set(shown(world, placed(world)["order"]["id"])["order"])


def test_O1_021_O1_050_an_order_has_no_payment_url_during_a_cancel(world: World) -> None:
    account = stranger(world)
    order_id = placed(world, account)["order"]["id"]
    world.run()
    assert ask(world, "DELETE", f"/api/orders/{order_id}", account).status == 202
    assert not PAGE & set(shown(world, order_id, account)["order"])
    world.run()
    body = shown(world, order_id, account)
    assert not PAGE & set(body["order"])
    assert (body["order"]["status"], body["tasks"][0]["status"]) == ("cancelled", "CANCELLED")


def test_O1_021_an_order_has_no_payment_url_during_a_debit(world: World) -> None:
    account = stranger(world)
    order_id = placed(world, account)["order"]["id"]
    world.stripe.controls.debit_checkout(page_of(world, order_id, account)["id"])
    world.run()
    body = shown(world, order_id, account)
    assert not PAGE & set(body["order"])
    assert (body["order"]["status"], body["tasks"][0]["status"]) == ("pending", "PENDING")


def test_O1_022_the_task_is_paused_until_the_customer_pays(world: World) -> None:
    account = stranger(world)
    order_id = placed(world, account)["order"]["id"]
    world.run(finish=False)
    assert task(world, order_id, account) == "PAUSED"
    world.stripe.controls.pay_checkout(page_of(world, order_id, account)["id"])
    world.run(finish=False)
    assert task(world, order_id, account) == "RUNNING"
    world.run()
    assert task(world, order_id, account) == "OK"


def task(world: World, order_id: str, account: str) -> str:
    (one,) = shown(world, order_id, account)["tasks"]
    return str(one["status"])


def test_O1_023_C15_site_is_absent_until_it_exists(world: World) -> None:
    order_id = placed(world)["order"]["id"]
    assert "site" not in shown(world, order_id)
    world.run(finish=False)
    assert "site" not in shown(world, order_id)
    world.run()
    site_ = shown(world, order_id)["site"]
    assert set(site_) == {"id", "name", "domain", "ssh_data"}
    assert site_["id"] and site_["name"] == "My site" and "." in site_["domain"]
    assert set(site_["ssh_data"]) == {"ipaddr", "username", "password", "port"}
    assert type(site_["ssh_data"]["port"]) is str and site_["ssh_data"]["port"].isdigit()
    assert all(site_["ssh_data"].values())


def test_O1_023_C10_an_undeliverable_order_has_no_site(world: World) -> None:
    before = world.net_paid()
    order_id = placed(world)["order"]["id"]
    world.run(finish=False)
    world.platform.fail(order_id, retryable=False)
    world.platform_webhook(order_id)
    world.live(600, every=60)
    body = shown(world, order_id)
    assert (body["order"]["status"], body["tasks"][0]["status"]) == ("failed", "FAILED")
    assert "site" not in body and world.net_paid() == before


def test_O1_023_C22_the_password_is_null_for_oauth(world: World) -> None:
    body = delivered(world)
    token = oauth(world, "billing:read") | {"x-api-version": "1"}
    seen = send(world, "GET", f"/api/orders/{body['order']['id']}", headers=token, account=None).body
    secret = body["site"]["ssh_data"]["password"]
    assert secret and secret not in str(seen)
    assert seen["site"] == body["site"] | {"ssh_data": body["site"]["ssh_data"] | {"password": None}}
    for key in ("user_key", "system_key"):
        more = ask(
            world, "GET", f"/api/orders/{body['order']['id']}", key=key, headers={"x-api-version": "1"}
        )
        assert more.body["site"]["ssh_data"]["password"] == secret


def test_O1_024_an_order_shows_the_account_without_roles_and_secret(world: World) -> None:
    body = shown(world, placed(world)["order"]["id"])
    alone = ask(world, "GET", "/api/accounts/acc_ready").body
    for more in ("account_roles", "callback_signing_secret"):
        del alone[more]
    assert body["account"] == alone


def test_O1_025_user_equals_the_response_of_the_user_endpoint(world: World) -> None:
    body = shown(world, placed(world)["order"]["id"])
    assert body["user"] == ask(world, "GET", "/api/users/usr_ready").body


def test_O1_025_a_system_key_has_no_user(world: World) -> None:
    secret = new_key(world, "ready", kind=CredentialKind.SYSTEM, api_version=1)
    world.accounts["ready"]["system_key_v1"] = secret
    reply = ask(
        world,
        "POST",
        "/api/orders",
        key="system_key_v1",
        body='{"site": {"name": "x", "variant": "vanilla"}}',
    )
    assert shown(world, reply.body["order"]["id"])["user"] is None


def test_O1_020_another_accounts_order_gets_the_404_of_an_unknown_order(world: World) -> None:
    mine = placed(world, "credit")["order"]["id"]
    before = state_of(world)
    bodies = []
    for path in (mine, UNKNOWN, "0", "x", "-1", "f" * 24, "f" * 200):
        reply = ask(world, "GET", f"/api/orders/{path}")
        assert_error(reply, 404, "not_found")
        bodies.append(reply.body["code"])
    assert ask(world, "GET", f"/api/orders/{mine}").body == ask(world, "GET", f"/api/orders/{UNKNOWN}").body
    assert state_of(world) == before


@pytest.mark.parametrize(
    ("scopes", "status"), [(("billing:read",), 200), (("account:read", "tasks:read"), 403)]
)
def test_O1_020_reading_with_oauth_needs_billing_read(world: World, scopes: Any, status: int) -> None:
    order_id = placed(world)["order"]["id"]
    token = oauth(world, *scopes) | {"x-api-version": "1"}
    for path in ("/api/orders", f"/api/orders/{order_id}"):
        reply = send(world, "GET", path, headers=token, account=None)
        assert reply.status == status
        assert status == 200 or reply.body["code"] == "insufficient_scope"


@pytest.mark.parametrize("path", ["/api/orders", f"/api/orders/{UNKNOWN}"])
@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
def test_O1_001_every_order_endpoint_needs_the_account_header(world: World, method: str, path: str) -> None:
    if (method, path == "/api/orders") in (("POST", False), ("DELETE", True)):
        return
    key = new_key(world, "ready", api_version=1)
    for headers in ({}, {"x-auth-account": ""}, {"x-auth-account": "  "}):
        sent = {"authorization": f"Bearer {key}"} | headers
        reply = send(world, method, path, headers=sent, account=None, body="{}")
        assert_error(reply, 400, "missing_account")
        assert reply.body["errors"] == ["Missing X-Auth-Account"]


def test_O1_020_an_ended_order_has_an_etag_and_no_retry_time(world: World) -> None:
    order_id = placed(world)["order"]["id"]
    path = f"/api/orders/{order_id}"
    assert int(ask(world, "GET", path).headers["retry-after"]) > 0
    world.run()
    first = ask(world, "GET", path)
    assert "retry-after" not in first.headers
    again = ask_in(world, "1", "GET", path, headers={"if-none-match": first.headers["etag"]})
    assert (again.status, again.headers["x-api-version"]) == (304, "1")
    assert ask_in(world, "2", "GET", path, headers={"if-none-match": first.headers["etag"]}).status == 200


def test_O1_020_the_stored_order_records_its_contract(world: World) -> None:
    order_id = placed(world)["order"]["id"]
    assert stored(world, order_id, "ready").placed.contract == "orders_v1"
