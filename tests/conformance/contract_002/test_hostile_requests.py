"""Hostile requests to contract 002: every response has the contract's error shape, and nothing is stored."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from hosting_orders.domain.account import CredentialKind
from hosting_orders.domain.ids import callback_message_id, object_id
from hosting_orders.usecases.authenticate import hash_key
from tests.conformance.contract_002.support import (
    FOR_PERSONS,
    ROUTES,
    UNKNOWN,
    assert_error,
    assert_error_shape,
    credentials,
    new_key,
    number_of,
    oauth,
    send,
    state_of,
)
from tests.support.world import Reply, World, a_world, handler_of, matched

SITE = '{"name": "x", "variant": "vanilla", "location": "ams", "plan": "basic", "term": "monthly"}'
GOOD = f'{{"site": {SITE}}}'


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A world with one order of the account `ready` and one of `credit`. No test changes these orders."""
    with a_world() as world:
        world.place("ready")
        world.place("credit")
        world.run()
        yield world


def attack(world: World, method: str, path: str, **more: Any) -> Reply:
    before = state_of(world)
    reply = send(world, method, path, **more)
    assert 400 <= reply.status < 500, (reply.status, reply.body)
    assert_error_shape(reply)
    assert state_of(world) == before
    return reply


def post(world: World, body: str, **more: Any) -> Reply:
    return attack(world, "POST", "/api/orders", body=body, **more)


# -- bodies -------------------------------------------------------------------------------------------------------

NO_JSON = {
    "empty": "",
    "blank": " \r\n\t ",
    "not closed": '{"site": ',
    "two documents": GOOD + GOOD,
    "rubbish behind": GOOD + "x",
    "single quotes": "{'site': 1}",
    "trailing comma": GOOD[:-1] + ",}",
    "comment": "/* */" + GOOD,
    "form": "site[name]=x&site[plan]=basic",
    "xml": "<?xml version='1.0'?><site/>",
    "NaN": GOOD[:-1] + ', "x": NaN}',
    "Infinity": GOOD[:-1] + ', "x": -Infinity}',
    "a number of 10,000 digits": GOOD[:-1] + ', "x": ' + "9" * 10_000 + "}",
    "a number beyond every double": GOOD[:-1] + ', "x": 1e999}',
    "control character in a text": '{"site": "a\nb"}',
    "null byte": "\x00" + GOOD,
    "bare surrogate": '{"site": "\ud800"}',
    "bad escape": '{"site": "\\u12"}',
}


@pytest.mark.parametrize("name", NO_JSON)
def test_malformed_json_is_refused(world: World, name: str) -> None:
    reply = post(world, NO_JSON[name])
    assert reply.status == 400
    assert reply.body["code"] in ("malformed_json", "malformed_body")


@pytest.mark.parametrize("body", ["null", "[]", "1", '"x"', "true", f"[{GOOD}]"])
def test_the_body_must_be_a_json_object(world: World, body: str) -> None:
    assert_error(post(world, body), 400, "invalid_field", "")


@pytest.mark.parametrize("depth", [20, 100, 900, 960, 990, 1000, 5_000, 15_000])
@pytest.mark.parametrize("around", [("[", "]"), ('{"a":', "}")])
def test_deep_nesting_is_refused(world: World, depth: int, around: tuple[str, str]) -> None:
    opening, closing = around
    inside = opening * depth + "1" + closing * depth
    for body in (inside, GOOD[:-1] + f', "x": {inside}}}', f'{{"site": {inside}}}'):
        if len(body) < 65_536:
            assert post(world, body).body["code"] in ("malformed_json", "invalid_field", "missing_field")


@pytest.mark.parametrize("depth", range(940, 1000, 3))
def test_a_body_nested_near_the_recursion_limit_is_refused(world: World, depth: int) -> None:
    """Python's JSON reader and writer have different recursion limits. A depth between the two must not cause a 500."""
    post(world, GOOD[:-1] + ', "x": ' + "[" * depth + "]" * depth + "}")


@pytest.mark.parametrize(
    "body",
    [
        f'{{"site": {SITE}, "site": {SITE}}}',
        GOOD.replace('"plan": "basic"', '"plan": "basic", "plan": "business"'),
        GOOD[:-1] + ', "callback": null, "callback": {"url": "https://client.example/"}}',
        GOOD[:-1] + ', "x": [{"a": 1, "\\u0061": 2}]}',
    ],
)
def test_a_duplicate_json_key_is_refused(world: World, body: str) -> None:
    """Different parsers use different values of a repeated key. A proxy may have checked a value that we do not use."""
    reply = post(world, body)
    assert_error(reply, 400, "malformed_json")
    assert "twice" in reply.body["errors"][0]


WRONG = (
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    1e308,
    [],
    ["x"],
    {},
    {"$ne": 1},
    "",
    " ",
    "\x00",
    "a\x00b",
    "\ud800",
    "x" * 5000,
)


@pytest.mark.parametrize("value", WRONG, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("field", ["variant", "location", "plan", "term"])
def test_an_invalid_option_value_is_refused(world: World, field: str, value: Any) -> None:
    site = json.loads(SITE) | {field: value}
    reply = post(world, json.dumps({"site": site}))
    assert reply.status == 400
    assert reply.body["code"] in ("invalid_field", f"unknown_{field}")
    assert [detail["pointer"] for detail in reply.body["details"]] == [f"/site/{field}"]


@pytest.mark.parametrize("value", WRONG, ids=lambda value: repr(value)[:20])
def test_an_invalid_site_name_is_refused(world: World, value: Any) -> None:
    reply = post(world, json.dumps({"site": json.loads(SITE) | {"name": value}}))
    assert_error(reply, 400, "invalid_field", "/site/name")


@pytest.mark.parametrize(
    "name",
    [
        "a\nb",
        "a\rb",
        "a\tb",
        "\x1b[31m",
        "a\x7f",
        "a\x85b",
        "a\u2028b",
        "a\u2029b",
        "gnp\u202exe.",
        "\u2066a",
        "\u200b",
        "\u200b \u2060",
        "\ufeff",
        "\u00ad",
    ],
)
def test_a_site_name_has_no_control_or_invisible_characters(world: World, name: str) -> None:
    reply = post(world, json.dumps({"site": json.loads(SITE) | {"name": name}}))
    assert_error(reply, 400, "invalid_field", "/site/name")


@pytest.mark.parametrize("value", [True, 0, 1.5, [], "x", "https://client.example/"], ids=repr)
def test_an_invalid_callback_is_refused(world: World, value: Any) -> None:
    reply = post(world, json.dumps({"site": json.loads(SITE), "callback": value}))
    assert_error(reply, 400, "invalid_field", "/callback")


@pytest.mark.parametrize("value", [v for v in WRONG if v != {}], ids=lambda value: repr(value)[:20])
def test_an_invalid_callback_url_is_refused(world: World, value: Any) -> None:
    reply = post(world, json.dumps({"site": json.loads(SITE), "callback": {"url": value}}))
    assert reply.body["code"] in ("invalid_field", "invalid_callback")
    assert [detail["pointer"] for detail in reply.body["details"]] == ["/callback/url"]


FORBIDDEN_URLS = (
    "http://client.example/",
    "ftp://client.example/",
    "file:///etc/passwd",
    "gopher://client.example/",
    "//client.example/",
    "/hook",
    "client.example",
    "javascript:alert(1)",
    "https://",
    "https:///path",
    "https://localhost/",
    "https://LOCALHOST./",
    "https://a.localhost/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.1/",
    "https://0177.0.0.1/",
    "https://1.2.3.4.5/",
    "https://0/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fc00::1]/",
    "https://[2002:7f00:1::]/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://[fd00:ec2::254]/",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
    "https://metadata.google.internal/",
    "https://printer.local/",
    "https://intranet/",
    "https://client.example:22/",
    "https://client.example:80/",
    "https://client.example:65536/",
    "https://client.example:x/",
    "https://client.example:-1/",
    "https://user:pass@client.example/",
    "https://user@client.example/",
    "https://client.example@127.0.0.1/",
    "https://127.0.0.1\\@client.example/",
    "https://127.0.0.1#@client.example/",
    "https://client.example/#fragment",
    "https://client.example/a b",
    "https://client.example/a\r\nX-Injected: 1",
    "https://client.example/\t",
    "https://client.example/\x00",
    " https://client.example/",
    "https://client.example /",
    "https://１２７.０.０.１/",
    "https://①②⑦.⓪.⓪.①/",
    "https://127。0。0。1/",
    "https://[::1",
    "https://-client.example/",
    "https://client..example/",
    "https://client.example/é",
    "https://" + "a." * 200 + "example/",
    "https://client.example/" + "a" * 2048,
)


@pytest.mark.parametrize("url", FORBIDDEN_URLS)
def test_a_callback_url_must_be_public_and_use_https(world: World, url: str) -> None:
    reply = post(world, json.dumps({"site": json.loads(SITE), "callback": {"url": url}}))
    assert reply.body["code"] in ("invalid_field", "invalid_callback")
    assert [detail["pointer"] for detail in reply.body["details"]] == ["/callback/url"]


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer 1\r\nX-Injected: 1",
        "Bearer 1\n",
        "Bearer\t1",
        "\x00",
        "Bearer é",
        "Bearer \u2028",
        "x" * 1025,
        "\ud800",
        1,
        [],
        {},
        True,
    ],
    ids=lambda value: repr(value)[:30],
)
def test_the_authorization_of_a_callback_cannot_inject_a_header(world: World, authorization: Any) -> None:
    callback = {"url": "https://client.example/", "authorization": authorization}
    reply = post(world, json.dumps({"site": json.loads(SITE), "callback": callback}))
    assert reply.body["code"] in ("invalid_field", "invalid_callback")
    assert [detail["pointer"] for detail in reply.body["details"]] == ["/callback/authorization"]
    if isinstance(authorization, str) and len(authorization) > 4:
        assert authorization.strip() not in str(reply.body)


@pytest.mark.parametrize("size", [65_537, 1_000_000])
def test_an_oversized_body_is_refused(world: World, size: int) -> None:
    body = GOOD + " " * (size - len(GOOD))
    assert_error(post(world, body), 413, "body_too_large")
    encoded = base64.b64encode(body.encode()).decode()
    assert_error(post(world, encoded, base64=True), 413, "body_too_large")


def test_a_body_of_the_maximum_size_is_read(world: World) -> None:
    body = GOOD.replace("ams", "nowhere")
    assert_error(post(world, body + " " * (65_536 - len(body))), 400, "unknown_location")


def test_the_size_of_a_body_is_counted_in_bytes(world: World) -> None:
    assert_error(post(world, '{"x": "' + "é" * 40_000 + '"}'), 413, "body_too_large")


@pytest.mark.parametrize(
    "body",
    [
        "not base64!",
        "=",
        "A",
        "é",
        base64.b64encode(b"\xff\xfe\x00").decode(),
        base64.b64encode(b"\xed\xa0\x80").decode(),
    ],
)
def test_a_body_in_invalid_base64_or_utf_8_is_refused(world: World, body: str) -> None:
    assert post(world, body, base64=True).body["code"] in ("malformed_body", "malformed_json")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-le", "latin-1"])
def test_json_must_be_utf_8(world: World, encoding: str) -> None:
    body = GOOD.replace('"x"', '"é"').encode(encoding)
    assert_error(post(world, base64.b64encode(body).decode(), base64=True), 400, "malformed_json", "")


def test_a_base64_body_in_utf_8_is_read_like_any_other(world: World) -> None:
    for body in (GOOD.encode(), b"\xef\xbb\xbf" + GOOD.encode()):
        encoded = base64.b64encode(body.replace(b"basic", b"gold")).decode()
        assert_error(post(world, encoded, base64=True), 400, "unknown_plan")


@pytest.mark.parametrize(
    "body",
    [
        '{"__proto__": {"site": 1}, "constructor": {}}',
        '{"site": {"__proto__": {"plan": "basic"}}}',
        '{"site": {"name": {"S": "x"}}}',
        f'{{"site": [{SITE}]}}',
        f'{{"site": {json.dumps(SITE)}}}',
    ],
)
def test_a_body_of_an_unexpected_shape_is_refused(world: World, body: str) -> None:
    assert post(world, body).status == 400


# -- credentials --------------------------------------------------------------------------------------------------


def wrong_authorizations(world: World) -> dict[str, str]:
    key = world.accounts["ready"]["user_key"]
    now = world.clock.now()
    return {
        "empty": "",
        "scheme alone": "Bearer",
        "scheme and blank": "Bearer  ",
        "no scheme": key,
        "basic": "Basic " + base64.b64encode(f"{key}:".encode()).decode(),
        "unknown": "Bearer sq_test_" + "0" * 64,
        "one character less": f"Bearer {key[:-1]}",
        "upper case": f"Bearer {key.upper()}",
        "two keys": f"Bearer {key},Bearer {key}",
        "quoted": f'Bearer "{key}"',
        "its hash": f"Bearer {hash_key(key)}",
        "expired": "Bearer " + new_key(world, expires_at=now - 1),
        "expiring now": "Bearer " + new_key(world, expires_at=now),
        "of another address": "Bearer " + new_key(world, ip_list=("198.51.100.1",)),
        "null byte": "Bearer \x00",
        "unicode": "Bearer ключ",
        "surrogate": "Bearer \ud800",
        "very long": "Bearer " + "x" * 8000,
        "injection": "Bearer x\r\nX-Auth-Account: acc_ready",
        "key of another account": "Bearer " + new_key(world, "sepa"),
    }


WRONG_AUTHORIZATIONS = (
    "empty",
    "scheme alone",
    "scheme and blank",
    "no scheme",
    "basic",
    "unknown",
    "one character less",
    "upper case",
    "two keys",
    "quoted",
    "its hash",
    "expired",
    "expiring now",
    "of another address",
    "null byte",
    "unicode",
    "surrogate",
    "very long",
    "injection",
    "key of another account",
)


@pytest.mark.parametrize("name", WRONG_AUTHORIZATIONS)
def test_every_bad_credential_gets_the_same_401_on_every_route(world: World, name: str) -> None:
    authorization = wrong_authorizations(world)[name]
    bodies = set()
    for method, path, _ in ROUTES:
        reply = attack(world, method, path, headers={"authorization": authorization}, body=GOOD)
        assert_error(reply, 401, "unauthorized")
        assert reply.headers["www-authenticate"]
        bodies.add(json.dumps(reply.body))
    reply = attack(world, "GET", "/api/orders", account=None)
    assert bodies == {json.dumps(reply.body)}


@pytest.mark.parametrize(
    "account",
    [
        "acc_credit",
        "acc_nobody",
        "ACC_READY",
        "acc_ready,acc_credit",
        "acc_ready\x00",
        "*",
        "é",
        "\ud800",
        "x" * 8000,
    ],
)
@pytest.mark.parametrize("key", ["user_key", "system_key"])
def test_a_wrong_account_gets_the_401_of_a_bad_credential(world: World, account: str, key: str) -> None:
    headers = {**credentials(world, "ready", key), "x-auth-account": account}
    expected = send(world, "GET", "/api/orders", account=None)
    for method, path, _ in ROUTES:
        reply = attack(world, method, path, headers=headers, body=GOOD)
        if key == "system_key" and path in FOR_PERSONS:
            assert_error(reply, 401, "user_required")
        else:
            assert (reply.status, reply.body) == (401, expected.body)


def test_a_credential_without_accounts_grants_nothing(world: World) -> None:
    secret = new_key(world, kind=CredentialKind.USER, user="usr_stranger")
    known = world.services.directory.credential(hash_key(secret))
    assert known is not None
    world.services.directory.put_credential(dataclasses.replace(known, account_ids=()))
    for method, path, _ in ROUTES:
        for account in ("acc_ready", ""):
            headers = {"authorization": f"Bearer {secret}", "x-auth-account": account}
            reply = attack(world, method, path, headers=headers, body=GOOD)
            assert reply.status in (400, 401), (method, path, reply.body)


# -- ids ----------------------------------------------------------------------------------------------------------


def spellings(world: World, account: str) -> list[str]:
    (order,) = world.request("GET", "/api/orders", account=account).body["orders"]
    number = number_of(order["id"])
    return [order["id"], str(number), object_id(number)]


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize(
    ("method", "below"),
    [
        ("GET", ""),
        ("DELETE", ""),
        ("GET", "/events"),
        ("GET", "/callbacks"),
        ("POST", "/callbacks/MESSAGE/redeliver"),
        ("POST", "/resend-verification"),
    ],
)
def test_no_form_of_an_id_finds_another_accounts_order(
    world: World, method: str, below: str, place: int
) -> None:
    foreign = spellings(world, "credit")[place]
    below = below.replace("MESSAGE", callback_message_id(number_of(foreign)))
    expected = send(world, method, f"/api/orders/{UNKNOWN}{below}")
    reply = attack(world, method, f"/api/orders/{foreign}{below}")
    assert (reply.status, reply.body) == (404, expected.body)


TRICKS = (
    "..",
    ".",
    "../carts",
    "..%2fcarts",
    "%2e%2e",
    "1;drop",
    "1' or '1'='1",
    "1 or 1=1",
    "*",
    "{id}",
    "null",
    "undefined",
    "NaN",
    "true",
    "[]",
    "-1",
    "+1",
    "0",
    "1.0",
    "1e3",
    "0x10",
    "٣",
    "１２３",
    "\x00",
    "1\x00",
    "1\n",
    "\ud800",
    "é",
    "ORDER#1",
    "%00",
    "9" * 17,
    "9" * 5000,
    "f" * 24,
    "g" * 24,
    "x" * 9000,
    "ffffffff-ffff-8fff-bfff-ffffffffffff",
    "{00000000-0000-8000-8000-000000000000}",
    "urn:uuid:00000000-0000-8000-8000-000000000000",
    "00000000000080008000000000000000",
)


@pytest.mark.parametrize("wrong", TRICKS, ids=lambda value: repr(value)[:30])
@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/api/orders/x", "id"),
        ("DELETE", "/api/orders/x", "id"),
        ("GET", "/api/orders/x/events", "id"),
        ("GET", "/api/orders/x/callbacks", "id"),
        ("GET", "/api/carts/x", "token"),
        ("GET", "/api/tasks/x", "id"),
        ("GET", "/api/accounts/x", "id"),
        ("GET", "/api/users/x", "id"),
    ],
)
def test_malicious_ids_get_a_404(world: World, method: str, path: str, name: str, wrong: str) -> None:
    reply = attack(world, method, path, parameters={name: wrong})
    assert_error(reply, 404, "not_found")


def test_an_id_is_not_looked_up_if_it_cannot_be_a_table_key(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DynamoDB refuses keys longer than 2048 bytes, so a look-up would lead to a 500. Moto accepts such keys."""
    looked_up: list[str] = []
    directory = world.services.directory
    monkeypatch.setattr(directory, "user", looked_up.append)
    for wrong in ("x" * 2048, "x" * 9000, "é" * 1100, "\x00", "\ud800"):
        attack(world, "GET", "/api/users/x", parameters={"id": wrong})
    attack(world, "GET", "/api/users/x", parameters={"id": "usr_of_ordinary_length"})
    assert looked_up == ["usr_of_ordinary_length"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/api"),
        ("GET", "/api/"),
        ("GET", "/api/order"),
        ("GET", "/api/orders/"),
        ("GET", "//api/orders"),
        ("GET", "/api/orders/a/b"),
        ("GET", "/API/ORDERS"),
        ("PUT", "/api/orders"),
        ("DELETE", "/api/orders"),
        ("HEAD", "/api/orders/1"),
        ("OPTIONS", "/api/orders"),
        ("TRACE", "/api/orders"),
        ("POST", f"/api/orders/{UNKNOWN}"),
        ("GET", "/webhooks/stripe"),
        ("GET", "/.env"),
        ("GET", "/api/orders/../accounts/acc_credit"),
        ("GET", "/<script>"),
        ("GET", "/\x00"),
        ("GET", "/\ud800"),
        ("GET", "/" + "x" * 9000),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_unknown_paths_and_methods_get_a_404(world: World, method: str, path: str) -> None:
    for account in ("ready", None):
        reply = attack(world, method, path, account=account, body=GOOD)
        assert_error(reply, 404, "not_found")
        assert len(reply.body["errors"][0]) < 400


# -- other headers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    [
        "",
        " ",
        "a b",
        " a",
        "a ",
        "a\tb",
        "x" * 256,
        "x" * 10_000,
        "schlüssel",
        "\x00",
        "a\r\nb",
        "１",
        "\ud800",
    ],
    ids=lambda value: repr(value)[:20],
)
def test_an_invalid_idempotency_key_is_refused(world: World, key: str) -> None:
    reply = post(world, GOOD, headers={"idempotency-key": key})
    assert_error(reply, 400, "invalid_idempotency_key")
    assert "255" in reply.body["errors"][0]


@pytest.mark.parametrize(
    "accept", ["application/problem+json", "APPLICATION/PROBLEM+JSON", "text/html, application/problem+json"]
)
@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, "{", 400),
        ({}, "{}", 400),
        ({"authorization": ""}, GOOD, 401),
        ({"x-auth-account": ""}, GOOD, 400),
        ({}, "x" * 70_000, 413),
    ],
)
def test_an_error_is_sent_as_problem_json_on_request(
    world: World, accept: str, headers: Mapping[str, str], body: str, status: int
) -> None:
    before = state_of(world)
    reply = send(world, "POST", "/api/orders", headers={**headers, "accept": accept}, body=body)
    assert reply.status == reply.body["status"] == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.body["code"] == reply.body["errors"][0]["code"]
    assert state_of(world) == before


@pytest.mark.parametrize(
    "scopes",
    [
        (),
        ("billing:read",),
        ("billing:read", "account:read", "tasks:read"),
        ("*",),
        ("billing",),
        ("billing:read billing:write",),
    ],
)
def test_an_oauth_token_only_reads_what_its_scopes_allow(world: World, scopes: tuple[str, ...]) -> None:
    needed = {
        "/api/orders": "billing:read",
        "/api/carts": "billing:read",
        "/api/about": "account:read",
        "/api/tasks": "tasks:read",
        "/api/webhooks/task": "tasks:read",
        "/api/webhooks/event-types": "account:read",
        "/api/webhooks/endpoints": "billing:read",
        "/api/tlds": "account:read",
        "/api/domains": "account:read",
    }
    headers = oauth(world, *scopes)
    before = state_of(world)
    for method, path, _ in ROUTES:
        scope = next((scope for start, scope in needed.items() if path.startswith(start)), None)
        reply = send(world, method, path, headers=headers, body=GOOD)
        if method == "GET" and scope in scopes:
            assert reply.status in (200, 404) or reply.body["code"] == "missing_field"
        elif method != "GET" or scope is None:
            assert_error(reply, 403, "oauth_not_allowed")
        else:
            assert_error(reply, 403, "insufficient_scope")
            assert scope in reply.body["errors"][0]
    assert state_of(world) == before


@pytest.mark.parametrize("tag", ["", "*", "x", '"', '""', ",,,", 'W/"0"', "\ud800", "é", "x" * 9000])
def test_only_a_matching_etag_or_a_wildcard_gives_304(world: World, tag: str) -> None:
    """A client that may not read the resource gets no 304."""
    path = f"/api/orders/{spellings(world, 'ready')[0]}"
    headers = {"if-none-match": tag}
    assert send(world, "GET", path, headers=headers).status == (304 if tag == "*" else 200)
    known = send(world, "GET", path).headers["etag"]
    for wrong in (tag, known):
        assert attack(world, "GET", path, account="credit", headers={"if-none-match": wrong}).status == 404
        assert attack(world, "GET", path, account=None, headers={"if-none-match": wrong}).status == 401
    assert send(world, "GET", path, headers={"if-none-match": known}).status == 304
    readable = send(world, "GET", path, headers={**oauth(world, "billing:read"), "if-none-match": known})
    assert readable.status == 200


def test_a_webhook_ignores_if_none_match(world: World) -> None:
    item = spellings(world, "ready")[0]
    body, headers = world.platform.completion_webhook(item)
    reply = send(
        world,
        "POST",
        "/webhooks/platform",
        account=None,
        headers={**headers, "if-none-match": "*"},
        body=body.decode(),
    )
    assert (reply.status, reply.body) == (200, {"received": True})
    assert "etag" not in reply.headers


def test_a_lambda_event_without_headers_query_or_body_gets_a_401(world: World) -> None:
    for method, path, _ in ROUTES:
        folder, route, parameters = matched(method, path)
        event = {
            "version": "2.0",
            "routeKey": route,
            "requestContext": {"http": {"method": method, "path": path}},
            "pathParameters": parameters or None,
        }
        assert handler_of(folder)(event, None)["statusCode"] == 401


# -- webhooks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/webhooks/stripe", "/webhooks/platform"])
@pytest.mark.parametrize(
    "body",
    [
        "",
        "{}",
        "null",
        "[]",
        "\x00",
        "\ud800",
        '{"type": "invoice.paid", "data": {"object": {"id": "in_1"}}}',
        "x" * 200_000,
    ],
)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"stripe-signature": "", "webhook-id": "", "webhook-timestamp": "", "webhook-signature": ""},
        {
            "stripe-signature": "t=1,v1=00",
            "webhook-id": "1",
            "webhook-timestamp": "1",
            "webhook-signature": "v1,AA==",
        },
        {
            "stripe-signature": "t=x,v1=é",
            "webhook-id": "\x00",
            "webhook-timestamp": "٣",
            "webhook-signature": "v1,é",
        },
        {
            "stripe-signature": "t=" + "9" * 5000,
            "webhook-id": "1",
            "webhook-timestamp": "9" * 5000,
            "webhook-signature": " ",
        },
    ],
)
def test_forged_webhooks_change_nothing(
    world: World, path: str, body: str, headers: Mapping[str, str]
) -> None:
    reply = attack(world, "POST", path, account=None, headers=headers, body=body)
    assert reply.status in (400, 401)


def test_an_internal_error_reveals_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A 500 means a bug in our code. The response must not show the text of the exception."""

    def broken(_: str) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(world.services.directory, "credential", broken)
    reply = send(world, "GET", "/api/orders")
    assert_error(reply, 500, "internal_error")
    assert "secret detail" not in str(reply.body)
