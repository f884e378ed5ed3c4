"""Endpoints that contract 003 refers to, and the authorization schemes `Token` and `Bearer`.

The endpoints are /api/tasks, /api/about, /api/accounts and /api/users.
"""

from __future__ import annotations

import pytest

from hosting_orders.domain.ids import parse_order_id
from tests.conformance.contract_002.support import (
    assert_date_time,
    assert_error,
    new_key,
    oauth,
    send,
)
from tests.conformance.contract_003.support import ROUTES, ask, delivered, placed, stranger
from tests.support.checkout import KEY
from tests.support.world import World


@pytest.mark.parametrize("scheme", ["Token", "Bearer", "token"])
def test_O1_060_both_authorization_schemes_are_accepted(world: World, scheme: str) -> None:
    headers = {"authorization": f"{scheme} {world.accounts['ready'][KEY]}", "x-auth-account": "acc_ready"}
    for method, path, _ in ROUTES:
        reply = send(world, method, path, headers=headers, account=None, body="{}")
        assert reply.status in (200, 400, 404) and reply.body.get("code") != "unauthorized"


def test_O1_060_O1_033_O1_034_api_about_lists_order_options(world: World) -> None:
    body = ask(world, "GET", "/api/about").body
    assert set(body) >= {"version", "logged_in_as", "account_scoped", "locations", "products"}
    assert (body["logged_in_as"], body["account_scoped"]) == ("usr_ready", "acc_ready")
    assert [place["short_name"] for place in body["locations"]] == ["ams", "pdx"]
    assert [product["short_name"] for product in body["products"]] == ["basic", "business"]
    assert all(set(place) >= {"id", "name"} for place in body["locations"])
    assert all(set(product) >= {"id", "name", "description"} for product in body["products"])


def test_O1_060_api_about_shows_no_prices_without_an_account(world: World) -> None:
    key = {"authorization": f"Bearer {world.accounts['ready'][KEY]}"}
    body = send(world, "GET", "/api/about", headers=key, account=None).body
    assert body["account_scoped"] is None and body["logged_in_as"] == "usr_ready"
    assert [product["prices"] for product in body["products"]] == [[], []]


def test_O1_022_O1_037_a_task_has_its_published_fields(world: World) -> None:
    found = delivered(world)
    (summary,) = found["tasks"]
    task = ask(world, "GET", f"/api/tasks/{summary['id']}").body["task"]
    assert (task["id"], task["status"]) == (summary["id"], "OK")
    assert task["sites"] == [{"id": found["site"]["id"], "name": found["site"]["name"]}]
    assert found["site"]["ssh_data"]["password"] not in str(task)
    assert_date_time(task["start_on"])
    assert_date_time(task["end_on"])
    assert task in ask(world, "GET", "/api/tasks").body["tasks"]


def test_O1_037_the_task_of_an_unpaid_order_has_no_site(world: World) -> None:
    account = stranger(world)
    body = placed(world, account)
    task = ask(world, "GET", f"/api/tasks/{body['task']['id']}", account).body["task"]
    assert (task["status"], task["sites"], task["end_on"]) == ("PAUSED", [], None)
    assert "payment" not in str(task) and "/o/" not in str(task)


def test_O1_037_another_accounts_task_is_not_found(world: World) -> None:
    foreign = placed(world, "credit")["task"]["id"]
    number = parse_order_id(placed(world, "credit")["order"]["id"])
    for wrong in (foreign, number, 0, "x", "-1", 10**30):
        assert_error(ask(world, "GET", f"/api/tasks/{wrong}"), 404, "not_found")


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/api/about", "account:read"),
        ("/api/tasks", "tasks:read"),
        ("/api/webhooks/task", "tasks:read"),
        ("/api/orders", "billing:read"),
    ],
)
def test_O1_060_scopes_are_the_same_in_both_versions(world: World, path: str, scope: str) -> None:
    others = {"account:read", "tasks:read", "billing:read"} - {scope}
    for version in ("1", "2"):
        allowed = send(
            world, "GET", path, headers=oauth(world, scope) | {"x-api-version": version}, account=None
        )
        refused = send(
            world, "GET", path, headers=oauth(world, *others) | {"x-api-version": version}, account=None
        )
        assert (allowed.status, allowed.headers["x-api-version"]) == (200, version)
        assert_error(refused, 403, "insufficient_scope")


@pytest.mark.parametrize("path", ["/api/accounts/acc_ready", "/api/users/usr_ready"])
def test_O1_024_O1_025_accounts_and_users_need_their_own_key(world: World, path: str) -> None:
    """An OAuth token or another account's key cannot read them."""
    token = oauth(world, "account:read", "billing:read") | {"x-api-version": "1"}
    assert_error(send(world, "GET", path, headers=token, account=None), 403, "oauth_not_allowed")
    other = {"authorization": f"Bearer {new_key(world, 'credit', api_version=1)}"}
    assert send(world, "GET", path, headers=other, account=None).status in (401, 404)
    assert ask(world, "GET", path).status == 200
