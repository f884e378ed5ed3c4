"""Hostile requests to contract 000: every response has the contract's error shape, and nothing is stored."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import pytest

from hosting_orders.domain.ids import parse_order_id
from hosting_orders.usecases.authenticate import hash_key
from tests.conformance.contract_000.support import (
    BOTH,
    ROUTES,
    UNKNOWN,
    VPS,
    ask,
    assert_error,
    data,
    fresh_key,
    order_vps,
)
from tests.conformance.contract_002.support import new_key, oauth, send, state_of
from tests.conformance.contract_002.test_hostile_requests import (
    FORBIDDEN_URLS,
    NO_JSON,
    TRICKS,
    WRONG_AUTHORIZATIONS,
    wrong_authorizations,
)
from tests.support.world import Reply, World, a_world, handler_of, matched

ORDERS = "/api/v1/orders"
GOOD = {
    ORDERS: json.dumps(VPS),
    "/api/v1/domains/register": json.dumps({"domain": "attacked.nl", "registrationId": 1}),
}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A world with one order of the account `ready` and one of `credit`. No test changes these orders."""
    with a_world() as world:
        order_vps(world)
        order_vps(world, "credit")
        world.run()
        yield world


def attack(world: World, method: str, path: str, *, key: str | None = None, **more: Any) -> Reply:
    """Send a request that must be refused and change nothing. The request has `key`, or else a new valid key."""
    secret = fresh_key(world) if key is None else key
    before = state_of(world)
    headers = {"authorization": f"Bearer {secret}", **more.pop("headers", {})}
    reply = send(world, method, path, headers=headers, account=None, **more)
    assert_error(reply, reply.status, reply.body["code"])
    assert 400 <= reply.status < 500, (reply.status, reply.body)
    assert state_of(world) == before
    return reply


# -- bodies -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", GOOD)
@pytest.mark.parametrize("name", NO_JSON)
def test_SQ_060_malformed_json_is_refused(world: World, path: str, name: str) -> None:
    reply = attack(world, "POST", path, body=NO_JSON[name])
    assert reply.status == 400
    assert reply.body["code"] in ("MALFORMED_JSON", "MALFORMED_BODY")


@pytest.mark.parametrize("path", GOOD)
@pytest.mark.parametrize("body", ["null", "[]", "1", '"x"', "true", "[{}]"])
def test_SQ_060_the_body_must_be_a_json_object(world: World, path: str, body: str) -> None:
    assert_error(attack(world, "POST", path, body=body), 400, "INVALID_FIELD")


@pytest.mark.parametrize("path", GOOD)
@pytest.mark.parametrize(
    "more", [', "callback": null, "callback": null}', ', "x": ' + "[" * 20 + "]" * 20 + "}"]
)
def test_SQ_060_duplicate_json_keys_and_deep_nesting_are_refused(world: World, path: str, more: str) -> None:
    assert_error(attack(world, "POST", path, body=GOOD[path][:-1] + more), 400, "MALFORMED_JSON")


@pytest.mark.parametrize("path", GOOD)
@pytest.mark.parametrize("size", [70_000, 1_000_000])
def test_SQ_060_an_oversized_body_is_refused(world: World, path: str, size: int) -> None:
    assert_error(attack(world, "POST", path, body="x" * size), 413, "BODY_TOO_LARGE")


@pytest.mark.parametrize("path", GOOD)
@pytest.mark.parametrize(
    "field", ["__proto__", "accountId", "price", "totalNet", "channel", "Plan", "\ud800"]
)
def test_SQ_060_the_error_names_an_unknown_field(world: World, path: str, field: str) -> None:
    reply = attack(world, "POST", path, body=json.dumps({**json.loads(GOOD[path]), field: 1}))
    assert_error(reply, 400, "INVALID_FIELD")
    assert not field.isascii() or field in reply.body["error"]


@pytest.mark.parametrize("field", VPS)
@pytest.mark.parametrize("value", [None, 0, 1.5, True, [], {}, "", " ", "\x00", "\ud800", "x" * 5000, "<b>"])
def test_SQ_060_the_error_names_the_field_with_an_invalid_value(world: World, field: str, value: Any) -> None:
    reply = attack(world, "POST", ORDERS, body=json.dumps({**VPS, field: value}))
    assert reply.status == 400
    assert field in reply.body["error"], reply.body
    assert len(reply.body["error"]) < 600


@pytest.mark.parametrize(
    "value", [None, 0, True, [], {}, "", " ", "\x00", "\ud800", "x" * 5000, "<b>", "-.nl"]
)
def test_SQ_060_SQ_066_an_invalid_domain_is_refused(world: World, value: Any) -> None:
    path = "/api/v1/domains/register"
    reply = attack(world, "POST", path, body=json.dumps({"domain": value, "registrationId": 1}))
    assert (reply.status, reply.body["code"]) == (400, "INVALID_DOMAIN")
    assert len(reply.body["error"]) < 600


@pytest.mark.parametrize("path", GOOD)
@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "é", "\x00", "a\r\nb"])
def test_SQ_060_an_invalid_idempotency_key_is_refused(world: World, path: str, key: str) -> None:
    reply = attack(world, "POST", path, headers={"idempotency-key": key}, body=GOOD[path])
    assert_error(reply, 400, "INVALID_IDEMPOTENCY_KEY")


@pytest.mark.parametrize("url", FORBIDDEN_URLS)
def test_SQ_060_callback_url_must_be_public_https(world: World, url: str) -> None:
    reply = attack(world, "POST", ORDERS, body=json.dumps({**VPS, "callback": {"url": url}}))
    assert reply.body["code"] in ("INVALID_FIELD", "INVALID_CALLBACK")


# -- keys ---------------------------------------------------------------------------------------------------------


# Leave out the last entry, which is a key of another account. That key is valid here, because in this contract the key
# decides which account is used.
@pytest.mark.parametrize("name", WRONG_AUTHORIZATIONS[:-1])
def test_SQ_006_SQ_061_a_bad_credential_gets_the_same_401_on_every_route(world: World, name: str) -> None:
    authorization = wrong_authorizations(world)[name]
    bodies = set()
    for method, path in ROUTES:
        reply = send(
            world,
            method,
            path,
            headers={"authorization": authorization},
            account=None,
            body=GOOD.get(path),
            source_ip=f"192.0.2.{WRONG_AUTHORIZATIONS.index(name)}",
        )
        assert_error(reply, 401, "UNAUTHORIZED")
        assert reply.headers["www-authenticate"]
        bodies.add(json.dumps(reply.body))
    assert len(bodies) == 1


def test_SQ_061_C12_a_key_must_belong_to_exactly_one_account(world: World) -> None:
    several, none = new_key(world, "ready", "credit", scopes=BOTH), fresh_key(world)
    credential = world.services.directory.credential(hash_key(none))
    assert credential is not None
    world.services.directory.put_credential(dataclasses.replace(credential, account_ids=()))
    for key in (several, none):
        for method, path in ROUTES:
            assert_error(attack(world, method, path, key=key, body=GOOD.get(path)), 401, "UNAUTHORIZED")


def test_SQ_015_the_account_header_of_another_contract_is_ignored(world: World) -> None:
    foreign = order_vps(world, "credit")["id"]
    for account in ("acc_credit", "acc_ready,acc_credit", "*", "x" * 8000, "\ud800"):
        reply = attack(world, "GET", f"{ORDERS}/{foreign}", headers={"x-auth-account": account})
        assert_error(reply, 404, "NOT_FOUND")


@pytest.mark.parametrize("scopes", [(), ("vps:provision",), ("vps:manage", "domains:manage"), ("*",)])
def test_SQ_013_an_oauth_token_is_refused_on_every_route(world: World, scopes: tuple[str, ...]) -> None:
    token = oauth(world, *scopes)["authorization"].removeprefix("Bearer ")
    for method, path in ROUTES:
        assert_error(attack(world, method, path, key=token, body=GOOD.get(path)), 403, "OAUTH_NOT_ALLOWED")


@pytest.mark.parametrize(
    "scopes", [("vps",), ("VPS:PROVISION",), ("vps:provision ",), ("*:provision",), ("*",)]
)
def test_SQ_010_SQ_013_a_misspelt_scope_grants_nothing(world: World, scopes: tuple[str, ...]) -> None:
    key = fresh_key(world, scopes=frozenset(scopes))
    order = order_vps(world)
    assert_error(attack(world, "GET", f"{ORDERS}/{order['id']}", key=key), 403, "INSUFFICIENT_SCOPE")
    assert_error(attack(world, "POST", ORDERS, key=key, body=GOOD[ORDERS]), 403, "INSUFFICIENT_SCOPE")


# -- ids, queries and paths ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", TRICKS, ids=lambda value: repr(value)[:30])
def test_SQ_061_malicious_ids_are_invalid_or_unknown(world: World, wrong: str) -> None:
    reply = attack(world, "GET", f"{ORDERS}/x", parameters={"id": wrong})
    known_form = wrong.replace("-", "").startswith("f" * 12)
    assert (reply.status, reply.body["code"]) == ((404, "NOT_FOUND") if known_form else (400, "INVALID_ID"))


@pytest.mark.parametrize(
    "order_id", ["zzz", "0", "-1", "507f1f77bcf86cd79943901", "a1b2c3d4-e5f6-7890-abcd", "١٢", "1" * 17]
)
def test_SQ_061_a_malformed_id_is_invalid(world: World, order_id: str) -> None:
    reply = attack(world, "GET", f"{ORDERS}/x", parameters={"id": order_id})
    assert_error(reply, 400, "INVALID_ID")


@pytest.mark.parametrize(
    "order_id", ["1", "507f1f77bcf86cd799439011", "f" * 24, "ffffffff-ffff-8fff-bfff-ffffffffffff"]
)
def test_SQ_014_a_well_formed_id_without_an_order_gets_a_404(world: World, order_id: str) -> None:
    assert parse_order_id(order_id) in (None, 1)
    assert_error(attack(world, "GET", f"{ORDERS}/x", parameters={"id": order_id}), 404, "NOT_FOUND")


@pytest.mark.parametrize("name", ["page", "per_page", "cursor"])
@pytest.mark.parametrize("value", ["", "-1", "0", "1.5", "x", "١", "\x00", "\ud800", "%00", "x" * 5000])
def test_SQ_060_the_error_names_an_invalid_page_parameter(world: World, name: str, value: str) -> None:
    reply = attack(world, "GET", ORDERS, query={name: value})
    assert_error(reply, 400, f"INVALID_{name.upper()}")
    assert name in reply.body["error"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/"),
        ("GET", "/api/v1"),
        ("GET", "/api/v1/orders/a/b"),
        ("POST", UNKNOWN),
        ("PUT", UNKNOWN),
        ("PATCH", UNKNOWN),
        ("DELETE", UNKNOWN),
        ("HEAD", UNKNOWN),
        ("OPTIONS", UNKNOWN),
        ("DELETE", ORDERS),
        ("GET", "/api/v1/domains/register"),
        ("POST", "/api/v1/ping"),
        ("GET", "/api/v1/keys"),
        ("GET", "/api/v1/<script>"),
        ("GET", "/api/v1/\x00"),
        ("GET", "/api/v1/\ud800"),
        ("GET", "/api/v1/" + "x" * 9000),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_SQ_060_unknown_paths_and_methods_get_this_contracts_404(
    world: World, method: str, path: str
) -> None:
    reply = attack(world, method, path)
    assert_error(reply, 404, "NOT_FOUND")
    assert len(reply.body["error"]) < 400


@pytest.mark.parametrize("path", ["/api/v2/orders", "/api/v10", "/api/ordersx", "/API/V1/orders"])
def test_paths_of_no_contract_get_the_404_of_contract_002(world: World, path: str) -> None:
    reply = send(world, "GET", path)
    assert (reply.status, reply.body["code"]) == (404, "not_found")


# -- headers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["", " ", "a b", "x" * 129, "é", "\r\n", "<script>"])
def test_SQ_063_an_invalid_request_id_is_replaced(world: World, wrong: str) -> None:
    reply = attack(world, "GET", UNKNOWN, headers={"x-request-id": wrong})
    assert len(reply.headers["x-request-id"]) == 36


@pytest.mark.parametrize("accept", ["application/problem+json", "text/html, APPLICATION/PROBLEM+JSON"])
def test_C26_an_error_is_sent_as_problem_json_on_request(world: World, accept: str) -> None:
    for body, status in (("{", 400), ("{}", 400), ("x" * 70_000, 413)):
        reply = ask(world, "POST", ORDERS, body, headers={"accept": accept})
        assert reply.status == reply.body["status"] == status
        assert reply.headers["content-type"] == "application/problem+json"


def test_headers_of_other_contracts_are_ignored(world: World) -> None:
    order = order_vps(world)
    headers = {"x-api-version": "9", "x-auth-account": "acc_credit"}
    assert data(ask(world, "GET", f"{ORDERS}/{order['id']}", headers=headers))["token"] == order["token"]


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
