"""Endpoints that contract 002 refers to: /api/about, /api/tasks, /api/accounts, /api/users (docs/contracts.md)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.contract_002.support import (
    assert_date_time,
    assert_error,
    change_account,
    completed,
    credentials,
    new_key,
    oauth,
    send,
    shown,
)
from tests.conformance.contract_002.test_show_order import ACCOUNT_FIELDS, USER_FIELDS
from tests.support.world import World

TASK_FIELDS = {
    "id",
    "name",
    "title",
    "status",
    "data",
    "start_on",
    "end_on",
    "user",
    "accounts",
    "sites",
    "orders",
}


# -- about --------------------------------------------------------------------------------------------------------


def test_O2_061_the_about_endpoint_lists_what_can_be_ordered(world: World) -> None:
    about = send(world, "GET", "/api/about").body
    assert isinstance(about["version"], str)
    assert (about["logged_in_as"], about["account_scoped"]) == ("usr_ready", "acc_ready")
    for place in about["locations"]:
        assert set(place) >= {"id", "name", "short_name"}
    for plan in about["products"]:
        assert set(plan) >= {"id", "name", "description", "short_name", "prices"}
        for price in plan["prices"]:
            assert price["term"] in ("monthly", "annual")
            assert price["currency"] == "EUR"
            assert type(price["net_cents"]) is int
            # This world adds no tax, so gross and net are equal.
            assert price["gross_cents"] == price["net_cents"]
    assert {variant["name"]: variant["available"] for variant in about["variants"]} == {
        "vanilla": True,
        "extendify": True,
    }
    assert about["features"] == {"domain_registration": True}


def test_the_about_endpoint_lists_the_options_of_a_machine(world: World) -> None:
    about = send(world, "GET", "/api/about").body
    plan = next(plan for plan in about["vm_plans"] if plan["short_name"] == "vps-1")
    assert {"short_name": "debian-13", "name": "Debian 13"} in plan["images"]
    assert {"id": "1", "short_name": "ams", "name": "Amsterdam"} in plan["locations"]
    assert (plan["memory_mb"], plan["disk_gb"], plan["cores"], plan["transfer_gb"]) == (2048, 40, 1, 2000)
    assert {price["term"]: price["net_cents"] for price in plan["prices"]} == {"monthly": 600, "annual": 6000}
    one = send(world, "GET", "/api/about", headers={"x-api-version": "1"}).body
    assert one["vm_plans"] == about["vm_plans"]


def test_O2_116_the_about_endpoint_shows_the_accounts_features(world: World) -> None:
    off_for_ready = {"action": "EQUALS", "key": "account_id", "value": "acc_ready"}
    rules = {"not yet": {"when_match": False, "conditions": [off_for_ready]}}
    world.features.document = {"domain_registration": {"default": True, "rules": rules}}

    def switched_on(headers: dict[str, str]) -> object:
        return send(world, "GET", "/api/about", headers=headers).body["features"]["domain_registration"]

    assert switched_on({}) is False
    assert switched_on(credentials(world, "credit")) is True
    assert switched_on({"x-auth-account": ""}) is True  # without an account, the default applies


def test_the_about_endpoint_shows_null_for_an_unreadable_feature(world: World) -> None:
    world.features.readable = False
    reply = send(world, "GET", "/api/about")
    assert (reply.status, reply.body["features"]) == (200, {"domain_registration": None})
    assert reply.body["products"]


def test_the_about_endpoint_needs_a_credential_but_no_account(world: World) -> None:
    assert_error(send(world, "GET", "/api/about", account=None), 401, "unauthorized")
    reply = send(world, "GET", "/api/about", headers={"x-auth-account": ""})
    assert (reply.status, reply.body["account_scoped"]) == (200, None)
    reply = send(world, "GET", "/api/about", headers=credentials(world, "ready", "system_key"))
    assert (reply.status, reply.body["logged_in_as"]) == (200, None)
    assert_error(
        send(world, "GET", "/api/about", headers={"x-auth-account": "acc_credit"}), 401, "unauthorized"
    )


def test_oauth_needs_account_read_to_call_the_about_endpoint(world: World) -> None:
    assert send(world, "GET", "/api/about", headers=oauth(world, "account:read")).status == 200
    assert send(world, "GET", "/api/about", headers=oauth(world, "billing:read")).status == 403


# -- tasks --------------------------------------------------------------------------------------------------------


def assert_task(task: Any) -> None:
    assert set(task) >= TASK_FIELDS
    assert type(task["id"]) is int
    assert task["status"] in ("PENDING", "RUNNING", "OK", "FAILED", "CANCELLED", "PAUSED")
    assert isinstance(json.loads(task["data"]), dict)
    for moment in (task["start_on"], task["end_on"]):
        if moment is not None:
            assert_date_time(moment)


def test_O2_185_the_list_has_the_tasks_of_the_account(world: World) -> None:
    body = completed(world, name="Task")
    tasks = send(world, "GET", "/api/tasks").body["tasks"]
    for task in tasks:
        assert_task(task)
        assert task["accounts"] == [{"id": "acc_ready", "name": "Card succeeds"}]
    task = next(task for task in tasks if task["id"] == body["tasks"][0]["id"])
    assert task["status"] == "OK"
    assert task["orders"] == [{"id": body["order"]["id"], "status": "completed"}]
    assert task["sites"] == [{"id": body["site"]["id"], "name": "Task"}]
    assert task["user"] == {"id": "usr_ready", "email": "demo@example.com"}
    assert body["site"]["ssh_data"]["password"] not in json.dumps(task)


def test_O2_185_a_task_can_be_read_by_its_id(world: World) -> None:
    body = completed(world)
    task = send(world, "GET", f"/api/tasks/{body['tasks'][0]['id']}").body["task"]
    assert_task(task)
    assert (task["status"], task["sites"][0]["id"]) == ("OK", body["site"]["id"])


def test_O2_185_a_task_is_paused_if_it_waits_for_the_customer(world: World) -> None:
    account = "authentication_required"
    order = shown(world, world.place(account).body["orders"][0]["id"], account)
    task_id = order["tasks"][0]["id"]
    alone = send(world, "GET", f"/api/tasks/{task_id}", account=account).body["task"]
    (listed,) = (
        t for t in send(world, "GET", "/api/tasks", account=account).body["tasks"] if t["id"] == task_id
    )
    assert alone["status"] == "PAUSED"
    assert listed == alone


def test_O2_185_a_request_without_an_account_lists_a_users_own_tasks(world: World) -> None:
    secret = new_key(world, "credit", "trial", user="usr_both")
    mine = {}
    for account in ("credit", "trial"):
        headers = {"authorization": f"Bearer {secret}", "x-auth-account": world.accounts[account]["id"]}
        reply = send(world, "POST", "/api/orders", headers=headers, body=json.dumps(world.site()))
        mine[account] = shown(world, reply.body["orders"][0]["id"], account)["tasks"][0]["id"]
    others = shown(world, world.place("credit").body["orders"][0]["id"], "credit")["tasks"][0]["id"]
    unscoped = {"authorization": f"Bearer {secret}", "x-auth-account": ""}
    ids = [task["id"] for task in send(world, "GET", "/api/tasks", headers=unscoped).body["tasks"]]
    assert sorted(ids) == sorted(mine.values())
    assert send(world, "GET", f"/api/tasks/{mine['trial']}", headers=unscoped).status == 200
    assert_error(send(world, "GET", f"/api/tasks/{others}", headers=unscoped), 404, "not_found")
    before = change_account(world, "trial", trial_api_access=False)
    try:
        ids = [task["id"] for task in send(world, "GET", "/api/tasks", headers=unscoped).body["tasks"]]
        assert ids == [mine["credit"]]
        assert_error(send(world, "GET", f"/api/tasks/{mine['trial']}", headers=unscoped), 404, "not_found")
        assert_error(send(world, "GET", "/api/accounts/acc_trial", headers=unscoped), 404, "not_found")
    finally:
        world.services.directory.put_account(before)


def test_O2_185_another_accounts_task_gets_the_404_of_an_unknown_task(world: World) -> None:
    task_id = completed(world)["tasks"][0]["id"]
    unknown = send(world, "GET", "/api/tasks/11", account="sepa")
    assert_error(unknown, 404, "not_found")
    assert send(world, "GET", f"/api/tasks/{task_id}", account="sepa").body == unknown.body
    for wrong in ("0", "-1", "x", f"0{task_id}", f"{task_id}0", str(task_id + 1), "9" * 30, "1e3"):
        reply = send(world, "GET", "/api/tasks/11", parameters={"id": wrong})
        assert (reply.status, reply.body) == (404, unknown.body)


def test_O2_185_the_list_has_the_tasks_of_the_last_three_days(world: World) -> None:
    task_id = completed(world)["tasks"][0]["id"]
    world.advance(3 * 86_400 - 60)
    assert task_id in [task["id"] for task in send(world, "GET", "/api/tasks").body["tasks"]]
    world.advance(120)
    assert task_id not in [task["id"] for task in send(world, "GET", "/api/tasks").body["tasks"]]
    assert send(world, "GET", f"/api/tasks/{task_id}").status == 200


def test_O2_185_an_oauth_token_needs_tasks_read_to_list_tasks(world: World) -> None:
    assert send(world, "GET", "/api/tasks", headers=oauth(world, "tasks:read")).status == 200
    assert send(world, "GET", "/api/tasks", headers=oauth(world, "billing:read")).status == 403


# -- accounts and users -------------------------------------------------------------------------------------------


def test_O2_053_the_account_endpoint_also_returns_the_roles(world: World) -> None:
    account = send(world, "GET", "/api/accounts/acc_ready").body
    assert set(account) >= ACCOUNT_FIELDS | {"account_roles"}
    embedded = completed(world)["account"]
    assert {name: account[name] for name in ACCOUNT_FIELDS} == embedded
    (role,) = account["account_roles"]
    assert set(role) == {"inherited_from", "role", "user", "created_at", "updated_at"}
    assert set(role["user"]) == {"id", "fname", "lname", "email"}
    flags = {"is_admin", "can_edit", "can_create", "can_destroy", "billing", "wp_login"}
    assert set(role["role"]) == {"id", "name", "label"} | flags
    assert all(type(role["role"][flag]) is bool for flag in flags)


@pytest.mark.parametrize("wrong", ["acc_credit", "acc_nobody", "ACC_READY", "acc_ready.", "acc_ready#"])
def test_an_unknown_or_foreign_account_gets_a_404(world: World, wrong: str) -> None:
    reply = send(world, "GET", "/api/accounts/x", parameters={"id": wrong})
    assert_error(reply, 404, "not_found")
    assert reply.body == send(world, "GET", "/api/accounts/y").body


def test_O2_054_the_user_endpoint_has_the_fields_of_an_orders_user(world: World) -> None:
    user = send(world, "GET", "/api/users/usr_ready").body
    assert set(user) == USER_FIELDS
    assert user == completed(world)["user"]
    assert type(user["account_brand_id"]) is int
    assert user["locale"] in ("en", "nl")


@pytest.mark.parametrize("wrong", ["usr_credit", "usr_nobody", "USR_READY", "usr_ready.", "usr_ready#"])
def test_an_unknown_or_foreign_user_gets_a_404(world: World, wrong: str) -> None:
    reply = send(world, "GET", "/api/users/x", parameters={"id": wrong})
    assert_error(reply, 404, "not_found")
    assert reply.body == send(world, "GET", "/api/users/y").body


@pytest.mark.parametrize("path", ["/api/accounts/acc_ready", "/api/users/usr_ready"])
def test_oauth_is_refused_for_accounts_and_users(world: World, path: str) -> None:
    scopes = ("account:read", "tasks:read", "billing:read")
    assert_error(send(world, "GET", path, headers=oauth(world, *scopes)), 403, "oauth_not_allowed")
