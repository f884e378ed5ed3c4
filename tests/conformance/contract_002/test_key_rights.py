"""Who may manage API keys. No key makes or rotates a stronger key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from hosting_orders.domain.account import SpendCap
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
    assert_error,
    new_key,
    oauth,
    state_of,
)
from tests.support.world import Reply, World, a_world


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


# -- rights --------------------------------------------------------------------------------------------------------


def every_call(world: World, secret: str, key_id: str) -> Iterator[Reply]:
    yield call(world, "GET", "/api/keys", secret)
    yield make(world, secret)
    yield rotate(world, key_id, secret)
    yield call(world, "DELETE", f"/api/keys/{key_id}", secret)


def test_a_key_with_scopes_needs_a_scope_to_manage_keys(world: World) -> None:
    """The scope is `keys:manage`."""
    _, key = made(world)
    without = new_key(world, scopes=frozenset({"billing:read", "tasks:read"}))
    before = state_of(world)
    for reply in every_call(world, without, key["id"]):
        assert_error(reply, 403, "insufficient_scope")
    assert state_of(world) == before
    with_it = new_key(world, scopes=frozenset({"billing:read", "keys:manage"}))
    assert [reply.status for reply in every_call(world, with_it, key["id"])] == [200, 201, 200, 200]


def test_an_oauth_token_cannot_manage_keys(world: World) -> None:
    _, key = made(world)
    token = oauth(world, "billing:read", "keys:manage")["authorization"].removeprefix("Bearer ")
    for reply in every_call(world, token, key["id"]):
        assert_error(reply, 403, "oauth_not_allowed")
    assert_error(call(world, "GET", "/api/keys/scopes", token), 403, "oauth_not_allowed")


def test_a_system_key_cannot_make_a_users_key(world: World) -> None:
    system = world.accounts["ready"]["system_key"]
    _, key = made(world, system)
    assert (key["kind"], key["user_id"]) == ("system", None)
    refused(world, lambda: make(world, system, kind="user"), 403, "stronger_key", "/kind")


def test_the_keys_of_another_account_are_not_found(world: World) -> None:
    _, key = made(world)
    foreign, account = world.accounts["credit"]["user_key"], {"x-auth-account": "acc_credit"}
    unknown = call(world, "DELETE", "/api/keys/key_none", foreign, headers=account)
    for reply in (
        call(world, "DELETE", f"/api/keys/{key['id']}", foreign, headers=account),
        rotate(world, key["id"], foreign, headers=account),
    ):
        assert_error(reply, 404, "not_found")
        assert reply.body == unknown.body
    assert listed(world)[key["id"]]["status"] == "active"


LIMITED: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any], str, str]] = {
    "more scopes": (
        {"scopes": {"billing:read", "keys:manage"}},
        {"scopes": ["tasks:read"]},
        "stronger_key",
        "/scopes",
    ),
    "no scopes": ({"scopes": {"billing:read", "keys:manage"}}, {"scopes": None}, "stronger_key", "/scopes"),
    "a wider scope": (
        {"scopes": {"vps:provision", "keys:manage"}},
        {"scopes": ["vps:manage"]},
        "stronger_key",
        "/scopes",
    ),
    "more addresses": (
        {"ip_list": ("203.0.113.0/24",)},
        {"ip_list": ["203.0.112.0/23"]},
        "stronger_key",
        "/ip_list",
    ),
    "other addresses": (
        {"ip_list": ("203.0.113.0/24",)},
        {"ip_list": ["2001:db8::1"]},
        "stronger_key",
        "/ip_list",
    ),
    "all addresses": ({"ip_list": ("203.0.113.0/24",)}, {}, "stronger_key", "/ip_list"),
    "no expiry": ({"expires_at": 2 * DAY}, {}, "stronger_key", "/expires_at"),
    "a later expiry": ({"expires_at": 2 * DAY}, {"expires_in_days": 3}, "stronger_key", "/expires_at"),
    "no cap": ({"spend_cap": SpendCap("EUR", day=100)}, {}, "stronger_key", ""),
    "the same cap again": (
        {"spend_cap": SpendCap("EUR", day=100)},
        {"spend_cap": {"day": 100}},
        "stronger_key",
        "",
    ),
    "a live key": ({"test": True}, {"test": False}, "test_key", ""),
}


@pytest.mark.parametrize("name", LIMITED)
def test_a_key_neither_makes_nor_rotates_a_stronger_key(world: World, name: str) -> None:
    own, wanted, code, pointer = LIMITED[name]
    changes = {**own}
    if "scopes" in changes:
        changes["scopes"] = frozenset(changes["scopes"])
    if "expires_at" in changes:
        changes["expires_at"] = world.clock.now() + changes["expires_at"] * 1000
    limited = new_key(world, **changes)
    reply = refused(world, lambda: make(world, limited, **wanted), 403, code)
    if pointer:
        assert reply.body["details"][0]["pointer"] == pointer
    # A key without limits makes the stronger key. If the limited key could rotate the stronger key, the response would
    # show the stronger key's new secret.
    secret, key = made(world, new_key(world, test=wanted.get("test", True)), **wanted)
    refused(world, lambda: rotate(world, key["id"], limited, {"overlap_seconds": 0}), 403, code)
    assert works(world, secret, source_ip=wanted.get("ip_list", ["203.0.113.7"])[0].split("/")[0])


def test_a_key_makes_keys_within_its_own_limits(world: World) -> None:
    limited = new_key(
        world,
        scopes=frozenset({"vps:manage", "keys:manage"}),
        ip_list=("203.0.113.0/24", "2001:db8::/32"),
        expires_at=world.clock.now() + 2 * DAY * 1000,
    )
    within = {"scopes": ["vps:provision"], "ip_list": ["203.0.113.128/25"], "expires_in_days": 2}
    _, key = made(world, limited, **within)
    assert rotate(world, key["id"], limited).status == 200


def test_another_users_key_can_be_revoked_but_not_rotated(world: World) -> None:
    secret, key = made(world)
    for other in (new_key(world, user="usr_other"), world.accounts["ready"]["system_key"]):
        refused(world, lambda other=other: rotate(world, key["id"], other), 403, "stronger_key", "/kind")
        assert works(world, secret)
    # Another user may revoke the key, because a revocation shows no secret.
    assert call(world, "DELETE", f"/api/keys/{key['id']}", new_key(world, user="usr_other")).status == 200


def test_a_test_key_cannot_revoke_a_live_key(world: World) -> None:
    secret, key = made(world, new_key(world, test=False))
    assert secret.startswith("sq_live_") and key["test"] is False
    refused(world, lambda: call(world, "DELETE", f"/api/keys/{key['id']}"), 403, "test_key")
    assert works(world, secret)
