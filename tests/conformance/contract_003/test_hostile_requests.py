"""Hostile requests to version 1 of the API: every response has the contract's error shape, and nothing is stored.

The tests of contract 002 cover the code that all contracts share. The tests in this file cover the bodies and routes
of version 1.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from hosting_orders.domain.ids import object_id
from tests.conformance.contract_002.support import (
    assert_error,
    assert_error_shape,
    change_account,
    number_of,
    send,
    state_of,
)
from tests.conformance.contract_003.support import (
    BEFORE_THE_VERSION,
    CALLBACK,
    ROUTES,
    ask,
    headers_of,
    placed,
)
from tests.support.checkout import KEY, site
from tests.support.world import Reply, World, a_world

GOOD = json.dumps(site())
FULL: dict[str, Any] = {
    "site": {
        "name": "My site",
        "variant": "vanilla",
        "location": "ams",
        "plan": "basic",
        "return_url": "https://shop.example/",
    },
    "return_url": "https://shop.example/",
    "callback": CALLBACK,
}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A world with one order of the account `ready` and one of `no_method`. No test changes these orders."""
    with a_world() as world:
        placed(world)
        placed(world, "no_method")
        world.run()
        yield world


def post(world: World, body: str, **more: Any) -> Reply:
    """Post the body for an account without a saved payment method and for one with a card. Both must be refused."""
    for account in ("no_method", "ready"):
        before = state_of(world)
        reply = ask(world, "POST", "/api/orders", account, body=body, **more)
        assert 400 <= reply.status < 500, (reply.status, reply.body)
        assert_error_shape(reply)
        assert state_of(world) == before
    return reply


@pytest.mark.parametrize(
    "body",
    [
        "",
        " \n",
        '{"site": ',
        GOOD + GOOD,
        GOOD + "x",
        GOOD[:-1] + ",}",
        GOOD[:-1] + ', "x": NaN}',
        "site=x",
        "\x00",
    ],
)
def test_malformed_json_is_refused(world: World, body: str) -> None:
    assert_error(post(world, body), 400, "malformed_json")


@pytest.mark.parametrize("body", ["null", "[]", "1", '"x"', "true", f"[{GOOD}]"])
def test_the_body_must_be_a_json_object(world: World, body: str) -> None:
    assert_error(post(world, body), 400, "invalid_field", "")


@pytest.mark.parametrize("value", [None, [], "x", 1, True, [site()["site"]], GOOD], ids=repr)
def test_O1_030_site_must_be_an_object(world: World, value: Any) -> None:
    assert_error(post(world, json.dumps({"site": value})), 400, "invalid_field", "/site")


def test_O1_030_every_missing_field_is_named(world: World) -> None:
    assert_error(post(world, "{}"), 400, "missing_field", "/site")
    assert_error(post(world, '{"site": {}}'), 400, "missing_field", "/site/name", "/site/variant")


@pytest.mark.parametrize(
    "body",
    [
        f'{{"site": {json.dumps(site()["site"])}, "site": {json.dumps(site()["site"])}}}',
        GOOD.replace('"variant": "vanilla"', '"variant": "vanilla", "variant": "migration"'),
        GOOD[:-1] + ', "return_url": null, "return_url": "https://evil.example/"}',
        GOOD[:-1] + ', "return_url": null, "return_\\u0075rl": "https://evil.example/"}',
    ],
)
def test_a_duplicate_json_key_is_refused(world: World, body: str) -> None:
    reply = post(world, body)
    assert_error(reply, 400, "malformed_json")
    assert "twice" in reply.body["errors"][0]


@pytest.mark.parametrize("value", ["red", None, {}])
@pytest.mark.parametrize("place", ["", "/site", "/callback"])
def test_the_error_names_an_unknown_field(world: World, place: str, value: Any) -> None:
    body = json.loads(json.dumps(FULL))
    (body[place[1:]] if place else body)["colour"] = value
    reply = post(world, json.dumps(body))
    assert_error(reply, 400, "invalid_field", f"{place}/colour")
    assert "colour` is not a field of this request" in reply.body["errors"][0]


@pytest.mark.parametrize(
    "name", ["term", "order", "items", "on_item_failure", "domain", "payment_url", "user_id"]
)
def test_top_level_fields_of_other_requests_are_refused(world: World, name: str) -> None:
    assert_error(post(world, json.dumps({**FULL, name: "x"})), 400, "invalid_field", f"/{name}")


WRONG = (True, 0, -1, 1.5, 10**30, [], ["x"], {}, {"$ne": 1}, "", " ", "\x00", "\ud800", "x" * 5000)


@pytest.mark.parametrize("value", WRONG, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("field", ["variant", "location", "plan"])
def test_O1_032_O1_033_O1_034_an_invalid_option_value_is_refused(
    world: World, field: str, value: Any
) -> None:
    reply = post(world, json.dumps(site(**{field: value})))
    assert reply.body["code"] in ("invalid_field", f"unknown_{field}")
    assert_error(reply, 400, reply.body["code"], f"/site/{field}")


@pytest.mark.parametrize(
    "value", [None, *WRONG, "a\nb", "\u200b", "gnp\u202exe."], ids=lambda v: repr(v)[:20]
)
def test_O1_031_an_invalid_site_name_is_refused(world: World, value: Any) -> None:
    assert_error(post(world, json.dumps(site(name=value))), 400, "invalid_field", "/site/name")


@pytest.mark.parametrize("value", [True, 0, 1.5, [], "x", [CALLBACK]], ids=repr)
def test_O1_036_an_invalid_callback_is_refused(world: World, value: Any) -> None:
    assert_error(post(world, json.dumps({**site(), "callback": value})), 400, "invalid_field", "/callback")


@pytest.mark.parametrize("size", [65_537, 1_000_000])
def test_an_oversized_body_is_refused(world: World, size: int) -> None:
    body = GOOD + " " * (size - len(GOOD))
    assert_error(post(world, body), 413, "body_too_large")
    assert_error(post(world, base64.b64encode(body.encode()).decode(), base64=True), 413, "body_too_large")


def test_a_body_of_the_maximum_size_is_read(world: World) -> None:
    body = json.dumps(site(variant="nowhere"))
    assert_error(post(world, body + " " * (65_536 - len(body))), 400, "unknown_variant")


@pytest.mark.parametrize("depth", [20, 1000, 15_000])
def test_deep_nesting_is_refused(world: World, depth: int) -> None:
    inside = "[" * depth + "]" * depth
    assert_error(post(world, GOOD[:-1] + f', "x": {inside}}}'), 400, "malformed_json")


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 256, "a\nb"])
def test_O1_030_an_invalid_idempotency_key_is_refused(world: World, key: str) -> None:
    reply = post(world, GOOD, headers={"idempotency-key": key})
    assert_error(reply, 400, "invalid_idempotency_key")


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer x", "Basic eA==", "Token sq_test_" + "0" * 64]
)
def test_O1_001_a_bad_credential_gets_a_401_on_every_route(world: World, authorization: str) -> None:
    before = state_of(world)
    for method, path, _ in ROUTES:
        headers = {"authorization": authorization, "x-auth-account": "acc_ready", "x-api-version": "1"}
        reply = send(world, method, path, headers=headers, account=None, body=GOOD)
        assert_error(reply, 401, "unauthorized")
        assert reply.headers["x-api-version"] == "1"
    assert state_of(world) == before


def test_O1_001_another_account_in_the_header_gets_a_401_on_every_route(world: World) -> None:
    before = state_of(world)
    for method, path, _ in ROUTES:
        for other in ("acc_credit", "acc_nobody", "ACC_READY", "*", "\ud800"):
            headers = headers_of(world, "ready", KEY) | {"x-auth-account": other}
            reply = send(world, method, path, headers=headers, account=None, body=GOOD)
            assert_error(reply, 401, "unauthorized")
    assert state_of(world) == before


def test_O1_020_O1_050_no_spelling_of_an_id_finds_another_accounts_order(world: World) -> None:
    (mine,) = ask(world, "GET", "/api/orders", "no_method").body["orders"]
    number = number_of(mine["id"])
    before = state_of(world)
    for spelling in (mine["id"], str(number), object_id(number), mine["id"].upper()):
        for method in ("GET", "DELETE"):
            assert_error(ask(world, method, f"/api/orders/{spelling}"), 404, "not_found")
    assert state_of(world) == before


@pytest.mark.parametrize("account", ["ready", "no_method"])
def test_O1_001_a_trial_account_without_api_access_gets_a_403(world: World, account: str) -> None:
    before = change_account(world, account, is_trial=True, trial_api_access=False)
    try:
        for method, path, _ in ROUTES:
            reply = ask(world, method, path, account, body=GOOD)
            assert_error(reply, 403, "trial_account")
    finally:
        world.services.directory.put_account(before)


def test_an_unreadable_body_is_refused_before_the_version_check(world: World) -> None:
    reply = ask(world, "POST", "/api/orders", body="not base64!", base64=True)
    assert_error(reply, 400, "malformed_body")
    assert reply.body["code"] in BEFORE_THE_VERSION
