"""Contract 002, "Register or Transfer a Domain": who may order a domain, and the order of the checks (C13).

These tests call a check a gate.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest

from hosting_orders.domain.account import CredentialKind
from hosting_orders.usecases.authenticate import hash_key
from tests.conformance.contract_002.support import (
    assert_envelope,
    assert_error,
    change_account,
    credentials,
    new_account,
    new_key,
    oauth,
    order_domain,
    send,
    state_of,
)
from tests.support.world import Reply, World

ON: dict[str, Any] = {"domain_registration": {"default": True}}
OFF: dict[str, Any] = {"domain_registration": {"default": False}}


def for_accounts(default: bool, *exceptions: str) -> dict[str, Any]:
    """The document of the feature switch. The accounts in `exceptions` get the opposite of the default."""
    rules = {
        f"rule of {account}": {
            "when_match": not default,
            "conditions": [{"action": "EQUALS", "key": "account_id", "value": account}],
        }
        for account in exceptions
    }
    return {"domain_registration": {"default": default, "rules": rules}}


@pytest.fixture
def switches(world: World) -> Iterator[World]:
    """A world in which a test may set the feature switch. The fixture turns the switch on again after the test."""
    yield world
    world.features.document = ON
    world.features.readable = True


def attempt(world: World, headers: dict[str, str], body: Any) -> Reply:
    before = state_of(world)
    reply = send(world, "POST", "/api/orders/domain", account=None, headers=headers, body=json.dumps(body))
    assert state_of(world) == before
    return reply


# -- each gate ----------------------------------------------------------------------------------------------------


def test_O2_113_domains_cannot_be_ordered_via_oauth(world: World) -> None:
    for scopes in ((), ("billing:read",), ("billing:read", "billing:write", "domains:write", "*")):
        assert_error(attempt(world, oauth(world, *scopes), world.domain()), 403, "oauth_not_allowed")


def test_O2_113_O2_114_an_accounts_own_key_cannot_order_a_domain(world: World) -> None:
    for headers in (
        credentials(world, "ready", "system_key"),
        credentials(world, "trial", "system_key"),
        {"authorization": credentials(world, "ready", "system_key")["authorization"]},
    ):
        reply = attempt(world, headers, world.domain())
        assert_error(reply, 401, "user_required")
        assert reply.headers["www-authenticate"]
        assert "user" in reply.body["errors"][0]


def test_O2_113_a_persons_key_can_order_a_domain(world: World) -> None:
    secret = new_key(world, "ready", user="usr_ready")
    headers = {"authorization": f"Bearer {secret}", "x-auth-account": "acc_ready"}
    body = world.domain("user-scoped.com")
    reply = send(world, "POST", "/api/orders/domain", headers=headers, account=None, body=json.dumps(body))
    assert reply.status == 202
    shown = world.request("GET", reply.body["orders"][0]["poll_url"]).body
    assert shown["user"]["id"] == "usr_ready"


def test_O2_115_the_account_header_is_required(world: World) -> None:
    authorization = credentials(world)["authorization"]
    for headers in (
        {"authorization": authorization},
        {"authorization": authorization, "x-auth-account": ""},
        {"authorization": authorization, "x-auth-account": "  "},
    ):
        reply = attempt(world, headers, world.domain())
        assert_error(reply, 400, "missing_account")
        assert reply.body["errors"] == ["Missing X-Auth-Account"]


def test_O2_115_a_key_of_another_account_gets_a_401(world: World) -> None:
    for account in ("acc_credit", "acc_nobody", "acc_trial"):
        headers = {**credentials(world), "x-auth-account": account}
        assert_error(attempt(world, headers, world.domain()), 401, "unauthorized")


def test_O2_116_a_domain_order_gets_a_503_if_domains_are_switched_off(switches: World) -> None:
    world = switches
    world.features.document = OFF
    reply = attempt(world, credentials(world), world.domain())
    assert_error(reply, 503, "feature_disabled")
    assert "retry-after" not in reply.headers
    world.features.document = ON
    assert world.order_domain("switched-on-again.com").status == 202


@pytest.mark.parametrize(("default", "first", "second"), [(True, 503, 202), (False, 202, 503)])
def test_O2_116_the_switch_can_be_set_for_one_account(
    switches: World, default: bool, first: int, second: int
) -> None:
    world = switches
    world.features.document = for_accounts(default, "acc_ready")
    name = f"rules-{str(default).lower()}.com"
    assert order_domain(world, world.domain(name), "ready").status == first
    assert order_domain(world, world.domain(f"x{name}"), "credit").status == second


def test_O2_116_a_domain_order_gets_a_503_if_the_switch_is_unreadable(switches: World) -> None:
    world = switches
    for document in (None, {"another": {"default": True}}, {"domain_registration": {"default": "yes"}}):
        world.features.document = document
        reply = attempt(world, credentials(world), world.domain())
        assert_error(reply, 503, "temporarily_unavailable")
        assert int(reply.headers["retry-after"]) > 0
    world.features.document = ON
    world.features.readable = False
    assert_error(attempt(world, credentials(world), world.domain()), 503, "temporarily_unavailable")


def test_O2_116_the_switch_does_not_affect_sites(switches: World) -> None:
    world = switches
    for world.features.readable in (True, False):
        world.features.document = OFF
        assert world.place().status == 202
        assert world.place_cart(world.site()).status == 202


def test_O2_117_a_trial_account_orders_sites_but_no_domains(world: World) -> None:
    assert_error(attempt(world, credentials(world, "trial"), world.domain()), 403, "trial_account")
    assert world.place("trial").status == 202
    change_account(world, "trial", is_trial=False)
    try:
        assert world.order_domain("no-trial-any-more.com", "trial").status == 202
    finally:
        change_account(world, "trial", is_trial=True)


def test_O2_117_a_trial_account_can_read(world: World) -> None:
    for path in ("/api/tlds", "/api/tlds/com"):
        assert world.request("GET", path, account="trial").status == 200


# -- the order of the gates ---------------------------------------------------------------------------------------

# The possible errors of one request. If a request has several errors, the response reports the first of this list.
GATES = {
    "credential": (401, "unauthorized"),
    "oauth": (403, "oauth_not_allowed"),
    "no user": (401, "user_required"),
    "no account": (400, "missing_account"),
    "version": (400, "unsupported_api_version"),
    "switch": (503, "feature_disabled"),
    "trial": (403, "trial_account"),
    "key": (400, "invalid_idempotency_key"),
    "field": (400, "invalid_action"),
    "preflight": (400, "no_default_payment_method"),
    "name": (422, "domain_unavailable"),
    "contact": (422, "domain_contact_invalid"),
    "more fields": (422, "domain_contact_needs_augmentation"),
    "payment": (422, "cart_pay_failed"),
}


def account_with(world: World, *, trial: bool, preflight: bool, payment: bool) -> str:
    name = f"wrong_{trial:d}{preflight:d}{payment:d}"
    if name not in world.accounts:
        new_account(world, "declined_final" if payment else "ready", name, is_trial=trial)
        if preflight:
            known = world.services.directory.account(f"acc_{name}")
            contact = replace(known.billing_contact, city="")
            change_account(world, name, billing_contact=contact)
    return name


def request_with(world: World, wrong: set[str]) -> tuple[dict[str, str], dict[str, Any]]:
    """The headers and body of a request with exactly the errors in `wrong`, which are keys of GATES."""
    account = account_with(
        world, trial="trial" in wrong, preflight="preflight" in wrong, payment="payment" in wrong
    )
    key = "system_key" if "no user" in wrong else "user_key"
    headers = credentials(world, account, key)
    if "oauth" in wrong:
        secret = new_key(world, account, kind=CredentialKind.OAUTH, scopes=frozenset({"billing:read"}))
        if "no user" in wrong:
            known = world.services.directory.credential(hash_key(secret))
            assert known is not None
            world.services.directory.put_credential(replace(known, user_id=None))
        headers["authorization"] = f"Bearer {secret}"
    if "credential" in wrong:
        headers["authorization"] += "x"
    if "no account" in wrong:
        del headers["x-auth-account"]
    if "version" in wrong:
        headers["x-api-version"] = "7"
    if "key" in wrong:
        headers["idempotency-key"] = "two words"
    world.features.document = OFF if "switch" in wrong else ON
    contact = world.contact(extra_properties={"nationality": "NL", "pin": "NL12345678"})
    if "more fields" in wrong:
        del contact["extra_properties"]["pin"]
    if "contact" in wrong:
        contact["extra_properties"]["nationality"] = "Dutch"
    changes = {"contact": contact} | ({"action": "steal"} if "field" in wrong else {})
    return headers, world.domain("taken-gate.it" if "name" in wrong else "free-gate.it", **changes)


def test_C13_a_valid_request_passes_every_check(switches: World) -> None:
    headers, body = request_with(switches, set())
    body["domain"]["name"] = "nothing-wrong.it"
    reply = send(switches, "POST", "/api/orders/domain", account=None, headers=headers, body=json.dumps(body))
    assert reply.status == 202
    assert_envelope(reply.body)


@pytest.mark.parametrize("gate", GATES)
def test_C13_each_error_alone_is_reported(switches: World, gate: str) -> None:
    headers, body = request_with(switches, {gate})
    reply = refused_at(switches, gate, headers, body)
    assert_error(reply, *GATES[gate])


@pytest.mark.parametrize(("first", "second"), list(combinations(GATES, 2)))
def test_C13_a_request_with_two_errors_gets_the_first(switches: World, first: str, second: str) -> None:
    headers, body = request_with(switches, {first, second})
    assert_error(refused_at(switches, first, headers, body), *GATES[first])


def test_C13_a_request_without_its_first_error_gets_the_next(switches: World) -> None:
    left = list(GATES)
    while left:
        headers, body = request_with(switches, set(left))
        assert_error(refused_at(switches, left[0], headers, body), *GATES[left[0]])
        left.pop(0)


def refused_at(world: World, gate: str, headers: dict[str, str], body: dict[str, Any]) -> Reply:
    if gate != "payment":
        return attempt(world, headers, body)
    return send(world, "POST", "/api/orders/domain", account=None, headers=headers, body=json.dumps(body))
