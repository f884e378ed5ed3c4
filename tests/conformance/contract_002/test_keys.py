"""Making and listing API keys."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from hosting_orders.domain.api_key import MAX_KEYS
from hosting_orders.usecases.authenticate import hash_key
from tests.conformance.contract_002.keys import (
    DAY,
    call,
    listed,
    made,
    make,
    refused,
    rotate,
    works,
)
from tests.conformance.contract_002.support import (
    assert_date_time,
    assert_error,
    new_key,
    state_of,
)
from tests.support.mishaps import Crash, Mishap
from tests.support.world import World, a_world

SECRET = re.compile(r"sq_(test|live)_[0-9a-f]{64}")


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


# -- making and listing -------------------------------------------------------------------------------------------


def test_a_new_key_works_and_is_listed_without_its_secret(world: World) -> None:
    secret, key = made(world, scopes=["tasks:read", "billing:read"])
    assert SECRET.fullmatch(secret)
    assert call(world, "GET", "/api/orders", secret).status == 200
    shown = listed(world)[key["id"]]
    assert_date_time(shown.pop("last_used_at"))
    assert_date_time(shown["created_at"])
    assert shown == {name: value for name, value in key.items() if name != "last_used_at"}
    assert key["last_used_at"] is None
    assert shown["prefix"] == secret[:14]
    assert (shown["scopes"], shown["kind"], shown["user_id"]) == (
        ["billing:read", "tasks:read"],
        "user",
        "usr_ready",
    )
    assert (shown["status"], shown["test"], shown["spend_cap"]) == ("active", True, None)
    reply = call(world, "GET", "/api/keys")
    assert secret not in json.dumps(reply.body) and hash_key(secret) not in json.dumps(reply.body)
    assert secret not in json.dumps(world.items(""))


def test_all_fields_of_a_key_are_stored_and_shown(world: World) -> None:
    fields = {
        "kind": "system",
        "api_version": 1,
        "ip_list": ["203.0.113.0/24", "198.51.100.7", "2001:db8::/32", "203.0.113.0/24"],
        "expires_at": "2026-12-31T23:00:00+01:00",
        "spend_cap": {"day": 5000, "month": 20_000},
    }
    _, key = made(world, **fields)
    assert key["ip_list"] == ["203.0.113.0/24", "198.51.100.7/32", "2001:db8::/32"]
    assert key["expires_at"] == "2026-12-31T22:00:00.000Z"
    assert key["spend_cap"] == {"currency": "EUR", "day": 5000, "month": 20_000}
    assert (key["kind"], key["user_id"], key["api_version"]) == ("system", None, 1)
    assert listed(world)[key["id"]] == key


def test_the_keys_of_the_demo_accounts_are_listed(world: World) -> None:
    names = {key["name"] for key in listed(world).values()}
    assert names >= {"Demo: user_key", "Demo: system_key", "Demo: api_key_000"}
    others = call(
        world,
        "GET",
        "/api/keys",
        world.accounts["credit"]["user_key"],
        headers={"x-auth-account": "acc_credit"},
    )
    assert not {key["id"] for key in others.body["keys"]} & set(listed(world))


def test_a_key_without_an_id_still_works_and_is_not_listed(world: World) -> None:
    old = new_key(world)
    before = len(listed(world))
    assert works(world, old)
    _, key = made(world, old)
    assert key["made_by"] is None
    assert len(listed(world, old)) == before + 1


def test_a_key_may_do_everything_only_if_its_scopes_are_null(world: World) -> None:
    refused(
        world, lambda: call(world, "POST", "/api/keys", body={"name": "x"}), 400, "missing_field", "/scopes"
    )
    refused(world, lambda: make(world, scopes=[]), 400, "invalid_field", "/scopes")
    secret, key = made(world, scopes=None)
    assert key["scopes"] is None
    assert call(world, "POST", "/api/orders", secret, world.site()).status == 202


def test_the_limits_of_a_new_key_are_enforced(world: World) -> None:
    narrow, _ = made(world, ip_list=["198.51.100.0/24"])
    assert not works(world, narrow)
    assert works(world, narrow, source_ip="198.51.100.9")
    short, key = made(world, expires_in_days=1)
    scoped, _ = made(world, scopes=["tasks:read"])
    assert works(world, short)
    assert_error(call(world, "GET", "/api/orders", scoped), 403, "insufficient_scope")
    world.advance(DAY)
    assert not works(world, short)
    assert listed(world)[key["id"]]["status"] == "expired"
    world.advance(30 * DAY)
    assert key["id"] not in listed(world)


def test_a_repeated_request_makes_no_key_and_shows_no_secret(world: World) -> None:
    first = make(world, idempotency_key="a")
    before = state_of(world)
    second = make(world, idempotency_key="a")
    assert (first.status, second.status) == (201, 201)
    assert second.headers["idempotent-replayed"] == "true"
    assert second.body["secret"] is None
    assert second.body["key"]["id"] == first.body["key"]["id"]
    assert state_of(world) == before
    refused(world, lambda: make(world, idempotency_key="a", name="Other"), 422, "idempotency_key_reused")
    assert make(world, idempotency_key="b").body["secret"] != first.body["secret"]


def test_a_repeated_request_does_not_bring_back_a_revoked_key(world: World) -> None:
    key = make(world, idempotency_key="a").body["key"]
    assert call(world, "DELETE", f"/api/keys/{key['id']}").status == 200
    again = make(world, idempotency_key="a")
    assert (again.body["key"]["status"], again.body["secret"]) == ("revoked", None)


def test_a_lost_response_leaves_one_key_that_can_be_rotated(world: World) -> None:
    world.mishaps.watch(lambda name: Mishap.CRASH_AFTER if "transact" in name else None)
    with pytest.raises(Crash):
        make(world, idempotency_key="a")
    world.mishaps.none()
    replay = make(world, idempotency_key="a")
    assert replay.body["secret"] is None
    secret = rotate(world, replay.body["key"]["id"], body={"overlap_seconds": 0}).body["secret"]
    assert works(world, secret)


def test_an_account_has_a_maximum_of_active_keys(world: World) -> None:
    for _ in range(MAX_KEYS - len(listed(world))):
        _, key = made(world)
    refused(world, lambda: make(world), 422, "too_many_keys")
    call(world, "DELETE", f"/api/keys/{key['id']}")
    made(world)
    refused(world, lambda: make(world), 422, "too_many_keys")


WRONG: Mapping[str, tuple[Mapping[str, Any], str, str]] = {
    "unknown scope": ({"scopes": ["billing:read", "billing:write"]}, "unknown_scope", "/scopes/1"),
    "no name": ({"name": " "}, "invalid_field", "/name"),
    "unknown kind": ({"kind": "oauth"}, "invalid_field", "/kind"),
    "unknown version": ({"api_version": 3}, "invalid_field", "/api_version"),
    "version as boolean": ({"api_version": True}, "invalid_field", "/api_version"),
    "version as text": ({"api_version": "2"}, "invalid_field", "/api_version"),
    "host bits": ({"ip_list": ["203.0.113.7/24"]}, "invalid_field", "/ip_list/0"),
    "no address": ({"ip_list": ["203.0.113.0/24", "example.com"]}, "invalid_field", "/ip_list/1"),
    "a zone": ({"ip_list": ["fe80::1%eth0"]}, "invalid_field", "/ip_list/0"),
    "mapped": ({"ip_list": ["::ffff:203.0.113.7"]}, "invalid_field", "/ip_list/0"),
    "too many addresses": ({"ip_list": ["203.0.113.7"] * 51}, "invalid_field", "/ip_list"),
    "past": ({"expires_at": "2020-01-01T00:00:00Z"}, "invalid_field", "/expires_at"),
    "far away": ({"expires_at": "9999-12-31T23:59:59-23:00"}, "invalid_field", "/expires_at"),
    "year 1": ({"expires_at": "0001-01-01T00:00:00+23:00"}, "invalid_field", "/expires_at"),
    "no time zone": ({"expires_at": "2027-01-01T00:00:00"}, "invalid_field", "/expires_at"),
    "no days": ({"expires_in_days": 0}, "invalid_field", "/expires_in_days"),
    "two expiries": (
        {"expires_in_days": 1, "expires_at": "2027-01-01T00:00:00Z"},
        "invalid_field",
        "/expires_in_days",
    ),
    "test as text": ({"test": "yes"}, "invalid_field", "/test"),
    "empty cap": ({"spend_cap": {}}, "invalid_field", "/spend_cap"),
    "negative cap": ({"spend_cap": {"day": -1}}, "invalid_field", "/spend_cap/day"),
    "other currency": ({"spend_cap": {"day": 1, "currency": "USD"}}, "invalid_field", "/spend_cap/currency"),
    "unknown field": ({"prefix": "sq_test_mine"}, "invalid_field", "/prefix"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_field_is_named_and_nothing_is_written(world: World, name: str) -> None:
    changes, code, pointer = WRONG[name]
    refused(world, lambda: make(world, **changes), 400, code, pointer)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"kind": "oauth"}, "`kind` must be 'user' or 'system'."),
        ({"test": 1}, "`test` must be true or false."),
        ({"ip_list": ["203.0.113.7"] * 51}, "`ip_list` must have at most 50 entries."),
        ({"scopes": []}, "`scopes` must have at least 1 entry, or be null for a key that may do everything."),
    ],
)
def test_the_errors_of_fields_are_plain_sentences(world: World, changes: Any, text: str) -> None:
    assert make(world, **changes).body["errors"] == [text]


def test_an_error_about_host_bits_shows_the_valid_block(world: World) -> None:
    reply = make(world, ip_list=["203.0.113.7/24"])
    assert "203.0.113.0/24" in reply.body["errors"][0]


def test_each_scope_is_listed_with_a_description(world: World) -> None:
    scopes = call(world, "GET", "/api/keys/scopes").body["scopes"]
    assert {each["scope"] for each in scopes} >= {"billing:read", "domains:provision", "keys:manage"}
    assert all(each["about"].endswith(".") for each in scopes)
    for each in scopes:
        made(world, scopes=[each["scope"]])
