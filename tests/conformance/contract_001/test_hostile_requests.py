"""Hostile requests to contract 001: every response has the contract's error shape, and nothing is stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.contract_001.support import (
    ROUTES,
    UNKNOWN,
    assert_error,
    body_of,
    created,
    in_shape,
    key_of,
    shown,
    site,
)
from tests.conformance.contract_002.support import credentials, oauth, send, state_of
from tests.conformance.contract_002.test_hostile_requests import (
    FORBIDDEN_URLS,
    NO_JSON,
    TRICKS,
    WRONG_AUTHORIZATIONS,
    wrong_authorizations,
)
from tests.support.world import Reply, World, a_world, handler_of, matched

GOOD = json.dumps(body_of(site()))


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A world with one order of the account `ready`. No test changes that order."""
    with a_world() as world:
        created(world, site())
        world.run()
        yield world


def attack(world: World, method: str, path: str, **more: Any) -> Reply:
    before = state_of(world)
    headers = {**key_of(world), **more.pop("headers", {})}
    reply = in_shape(send(world, method, path, headers=headers, account=None, **more))
    assert 400 <= reply.status < 500, (reply.status, reply.body)
    assert state_of(world) == before
    return reply


@pytest.mark.parametrize("name", NO_JSON)
def test_HU_070_malformed_json_is_refused(world: World, name: str) -> None:
    reply = attack(world, "POST", "/api/create-order", body=NO_JSON[name])
    assert reply.status == 400
    assert reply.body["code"] in ("MALFORMED_JSON", "MALFORMED_BODY")


@pytest.mark.parametrize("body", ["null", "[]", "1", '"x"', "true", f"[{GOOD}]"])
def test_HU_070_the_body_must_be_a_json_object(world: World, body: str) -> None:
    assert_error(attack(world, "POST", "/api/create-order", body=body), 400, "INVALID_FIELD", "")


@pytest.mark.parametrize(
    "body",
    [
        GOOD[:-1] + ', "attemptKey": "other"}',
        GOOD.replace('"plan": "basic"', '"plan": "basic", "plan": "business"'),
        GOOD[:-1] + ', "clientData": {}, "clientD\\u0061ta": {}}',
        GOOD[:-1] + ', "x": ' + "[" * 20 + "]" * 20 + "}",
    ],
)
def test_HU_070_duplicate_json_keys_and_deep_nesting_are_refused(world: World, body: str) -> None:
    assert_error(attack(world, "POST", "/api/create-order", body=body), 400, "MALFORMED_JSON")


@pytest.mark.parametrize(
    "field", ["__proto__", "accountId", "total", "price", "promocode", "clientId", "cartitems", "\ud800"]
)
def test_HU_070_an_unknown_field_is_refused(world: World, field: str) -> None:
    body = json.dumps({**json.loads(GOOD), field: 1})
    assert_error(attack(world, "POST", "/api/create-order", body=body), 400, "INVALID_FIELD")


@pytest.mark.parametrize("url", FORBIDDEN_URLS)
def test_HU_075_callback_url_must_be_public_https(world: World, url: str) -> None:
    body = json.dumps({**json.loads(GOOD), "clientData": {"callback": {"url": url}}})
    reply = attack(world, "POST", "/api/create-order", body=body)
    assert reply.body["code"] in ("INVALID_FIELD", "INVALID_CALLBACK")
    assert [detail["field"] for detail in reply.body["details"]] == ["/clientData/callback/url"]


def test_HU_070_an_oversized_body_is_refused(world: World) -> None:
    assert_error(attack(world, "POST", "/api/create-order", body="x" * 70_000), 413, "BODY_TOO_LARGE")


# Leave out the last entry, which is a key of another account. That key is valid here, because in this contract the key
# decides which account is used.
@pytest.mark.parametrize("name", WRONG_AUTHORIZATIONS[:-1])
def test_HU_070_HU_072_bad_credentials_get_the_vendors_401(world: World, name: str) -> None:
    authorization = wrong_authorizations(world)[name]
    for method, path in ROUTES:
        before = state_of(world)
        headers = {"authorization": authorization}
        reply = in_shape(send(world, method, path, headers=headers, account=None, body=GOOD))
        assert_error(reply, 401, "UNAUTHORIZED")
        assert (reply.body["error"], reply.body["message"]) == ("Unauthorized", "Authentication required")
        assert state_of(world) == before


@pytest.mark.parametrize("wrong", TRICKS, ids=lambda value: repr(value)[:30])
@pytest.mark.parametrize(("method", "path"), ROUTES[:2])
def test_HU_003_HU_070_malicious_ids_get_a_404(world: World, method: str, path: str, wrong: str) -> None:
    assert_error(attack(world, method, path, parameters={"id": wrong}), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/billing/"),
        ("GET", "/api/billing/orders/1"),
        ("GET", "/api/billing/order/"),
        ("GET", "/api/billing/order/1/2"),
        ("POST", UNKNOWN),
        ("PUT", UNKNOWN),
        ("DELETE", UNKNOWN),
        ("GET", f"{UNKNOWN}/cancel"),
        ("HEAD", UNKNOWN),
        ("GET", "/api/create-order"),
        ("POST", "/api/create-order/x"),
        ("POST", "/api/account/pending-orders"),
        ("GET", "/api/account/nothing"),
        ("GET", "/api/billing/<script>"),
        ("GET", "/api/billing/\ud800"),
        ("GET", "/api/billing/" + "x" * 9000),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_HU_070_unknown_paths_and_methods_get_this_contracts_404(
    world: World, method: str, path: str
) -> None:
    reply = attack(world, method, path)
    assert_error(reply, 404, "NOT_FOUND")
    assert reply.body["error"] == "Not Found"
    assert len(reply.body["message"]) < 400


@pytest.mark.parametrize("path", ["/api/accounts", "/api/billings", "/api/ordersx"])
def test_unknown_paths_outside_001_get_the_404_of_contract_002(world: World, path: str) -> None:
    reply = send(world, "GET", path)
    assert (reply.status, reply.body["code"]) == (404, "not_found")


@pytest.mark.parametrize("scopes", [(), ("billing:read",), ("*",), ("billing:write",)])
def test_C12_C22_oauth_is_refused_on_every_route(world: World, scopes: tuple[str, ...]) -> None:
    token = {"authorization": oauth(world, *scopes)["authorization"]}
    for method, path in ROUTES:
        before = state_of(world)
        reply = in_shape(send(world, method, path, headers=token, account=None, body=GOOD))
        assert_error(reply, 403, "OAUTH_NOT_ALLOWED")
        assert state_of(world) == before


def test_HU_061_keys_with_scopes_are_refused_on_every_route(world: World) -> None:
    for key in ("api_key_000", "api_key_000_domains"):
        for method, path in ROUTES:
            reply = attack(world, method, path, headers=key_of(world, key=key), body=GOOD)
            assert_error(reply, 403, "INSUFFICIENT_SCOPE")


@pytest.mark.parametrize("accept", ["application/problem+json", "text/html, APPLICATION/PROBLEM+JSON"])
def test_C26_an_error_is_sent_as_problem_json_on_request(world: World, accept: str) -> None:
    for headers, body, status in (
        ({}, "{", 400),
        ({}, "{}", 400),
        ({"x-api-key": ""}, GOOD, 401),
        ({}, "x" * 70_000, 413),
    ):
        given = {**key_of(world), **headers, "accept": accept}
        reply = send(world, "POST", "/api/create-order", headers=given, account=None, body=body)
        assert reply.status == reply.body["status"] == status
        assert reply.headers["content-type"] == "application/problem+json"


def test_HU_070_an_internal_error_reveals_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: str) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(world.services.directory, "credential", broken)
    reply = in_shape(send(world, "GET", UNKNOWN, headers=key_of(world), account=None))
    assert_error(reply, 500, "INTERNAL_ERROR")
    assert "secret detail" not in json.dumps(reply.body)


def test_a_lambda_event_without_headers_query_or_body_gets_a_401(world: World) -> None:
    for method, path in ROUTES:
        folder, route, parameters = matched(method, path)
        event = {
            "version": "2.0",
            "routeKey": route,
            "requestContext": {"http": {"method": method, "path": path}},
            "pathParameters": parameters or None,
        }
        answer = handler_of(folder)(event, None)
        assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (401, "UNAUTHORIZED")


def test_HU_012_an_invalid_request_id_is_replaced(world: World) -> None:
    for wrong in ("", " ", "a b", "x" * 129, "é", "\r\n", "<script>"):
        reply = attack(world, "GET", UNKNOWN, headers={"x-request-id": wrong})
        assert len(reply.body["requestId"]) == 36


def test_headers_of_other_contracts_change_nothing(world: World) -> None:
    assert created(world, site())["orderId"]
    number = created(world, site())["orderId"]
    headers = {**credentials(world), "x-api-version": "9", "idempotency-key": "a b"}
    reply = in_shape(send(world, "GET", f"/api/billing/order/{number}", headers=headers, account=None))
    assert reply.body["data"] == shown(world, number)
