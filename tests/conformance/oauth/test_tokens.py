"""OAuth access tokens at the real handlers: what they open, and forged ones (docs/oauth.md, O2-002 … O2-004)."""

from __future__ import annotations

import hmac
import json
import logging
import string
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey, RSAKey

from hosting_orders.adapters.access_tokens import LEEWAY_SECONDS, MAX_TOKEN
from hosting_orders.contracts.published import PUBLISHED
from hosting_orders.domain.account import OAUTH_SCOPES, CredentialKind
from hosting_orders.usecases.authenticate import identify
from local.issuer_standin import SCOPES, IssuerStandIn, signing_keys
from tests.conformance.contract_002.support import ROUTES, assert_error, new_account, send, state_of
from tests.support.oauth import REMOVED, an_issuer, bearer, encoded, forged, use_issuer
from tests.support.world import Reply, World, a_world

OTHER_RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
OTHER_EC = ECKey.generate_key("P-256", {"kid": "ec"})
DAY = 86_400


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


@pytest.fixture
def issuer(world: World) -> Iterator[IssuerStandIn]:
    with an_issuer(world) as issuer:
        yield issuer


def ask(world: World, token: str, path: str = "/api/orders", **more: Any) -> Reply:
    return send(world, "GET", path, headers=bearer(world, token), account=None, **more)


# -- what a token opens -------------------------------------------------------------------------------


@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256"])
def test_a_token_with_each_algorithm_reads_orders(world: World, issuer: IssuerStandIn, alg: str) -> None:
    token = issuer.token("usr_ready", "acc_ready", alg=alg)
    assert ask(world, token).status == 200


@pytest.mark.parametrize(
    "header", [{"typ": REMOVED}, {"typ": "JWT"}, {"typ": "application/at+jwt"}, {"org.example.tenant": 7}]
)
def test_headers_of_common_issuers_are_accepted(world: World, issuer: IssuerStandIn, header: Any) -> None:
    assert ask(world, forged(issuer, header=header)).status == 200


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"scope": "billing:read"}, 200),
        ({"scope": "openid  billing:read email"}, 200),
        ({"scope": ["billing:read"]}, 200),
        ({"scope": REMOVED, "scp": ["billing:read"]}, 200),
        ({"scope": REMOVED, "scp": "billing:read"}, 200),
        ({"scope": "account:read tasks:read"}, 403),
        ({"scope": "billing:write *  admin billing:manage"}, 403),
        ({"scope": "BILLING:READ"}, 403),
        ({"scope": ""}, 403),
        ({"scope": REMOVED}, 403),
        ({"aud": ["https://api.example.com", "https://other.example.com"]}, 200),
        ({"token_use": "access"}, 200),
        ({"typ": "Bearer"}, 200),
    ],
)
def test_O2_002_the_scope_decides_about_access(
    world: World, issuer: IssuerStandIn, claims: Any, status: int
) -> None:
    reply = ask(world, forged(issuer, claims=claims))
    assert reply.status == status, reply.body
    if status == 403:
        assert_error(reply, 403, "insufficient_scope")


@pytest.mark.parametrize("form", ["Bearer {}", "token {}"])
def test_a_token_is_accepted_in_each_form_of_a_key(world: World, issuer: IssuerStandIn, form: str) -> None:
    token = issuer.token("usr_ready", "acc_ready")
    account = {"x-auth-account": "acc_ready"}
    for headers in ({"authorization": form.format(token)}, {"x-api-key": token}):
        assert send(world, "GET", "/api/orders", headers=headers | account, account=None).status == 200


def test_O2_003_O2_004_a_token_with_every_scope_writes_nothing(world: World, issuer: IssuerStandIn) -> None:
    token = issuer.token(
        "usr_ready", "acc_ready", f"{SCOPES} billing:write vps:manage domains:manage admin *"
    )
    before = state_of(world)
    for method, path, _ in ROUTES:
        reply = send(world, method, path, headers=bearer(world, token), account=None, body="{}")
        if method != "GET":
            assert_error(reply, 403, "oauth_not_allowed")
        assert reply.status in (200, 400, 403, 404), (method, path, reply.body)
    assert state_of(world) == before


def test_a_token_grants_only_our_three_scopes(world: World, issuer: IssuerStandIn) -> None:
    """No token has a scope outside OAUTH_SCOPES, even if an operation required it in the future."""
    token = issuer.token("usr_ready", "acc_ready", f"{SCOPES} billing:write vps:manage keys:manage *")
    credential = identify(world.services, bearer(world, token), "203.0.113.7")
    assert credential.scopes == {"billing:read", "account:read", "tasks:read"}
    assert (credential.kind, credential.account_ids) == (CredentialKind.OAUTH, ("acc_ready",))
    assert (
        credential.key_hash
        != identify(world.services, bearer(world, other_member(world, issuer)), "").key_hash
    )
    again = identify(world.services, bearer(world, issuer.token("usr_ready", "acc_ready", seconds=9)), "")
    assert credential.key_hash == again.key_hash, "a new token is counted with the old one"


def other_member(world: World, issuer: IssuerStandIn) -> str:
    member_of_two(world)
    return issuer.token("usr_two", "acc_ready")


def test_each_operation_of_each_contract_is_closed_or_needs_a_scope_that_a_token_can_have() -> None:
    """The test fails for a new operation with another scope, and for a write with one of these scopes."""
    for module in PUBLISHED:
        for operation in module.OPERATIONS:
            scope = operation.access.scope if operation.access else None
            if scope is not None:
                assert scope in OAUTH_SCOPES, f"{operation.route}: no token can have {scope}"
                # The tools of the MCP server check further: the test below calls each of them.
                reads = operation.method == "GET" or operation.path == "/mcp"
                assert reads, f"{operation.route} is a write that a token can call"


def call_tool(world: World, token: str, tool: str, **arguments: Any) -> Reply:
    message = {"name": tool, "arguments": arguments}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": message}
    sent = {"authorization": f"Bearer {token}", "accept": "application/json, text/event-stream"}
    sent |= {"content-type": "application/json", "mcp-protocol-version": "2025-11-25"}
    return send(world, "POST", "/mcp", headers=sent, account=None, body=json.dumps(body))


def test_the_tools_of_the_MCP_server_read_but_do_not_order(world: World, issuer: IssuerStandIn) -> None:
    order = world.place().body["orders"][0]["id"]
    token = issuer.token("usr_ready", "acc_ready", f"{SCOPES} vps:manage domains:manage")
    place = {"plan": "vps-1", "image": "debian-13", "location": "ams", "term": "monthly"}
    items = [{"vm": {"hostname": "a.example.com", **place}}]
    before = state_of(world)
    listed = call_tool(world, token, "list_orders")
    assert (listed.status, listed.body["result"].get("isError", False)) == (200, False), listed.body
    for tool, arguments in {
        "quote_order": {"items": items},
        "place_order": {"items": items, "quote": "x" * 40, "confirm": True, "max_cost_cents": 1},
        "cancel_order": {"order": order, "confirm": True},
    }.items():
        answer = call_tool(world, token, tool, **arguments).body["result"]
        assert answer["structuredContent"]["code"] == "oauth_not_allowed", (tool, answer)
    assert state_of(world) == before


def test_a_forged_token_gets_a_401_from_the_MCP_server(
    world: World, issuer: IssuerStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OAUTH_ISSUER", issuer.url)
    reply = call_tool(world, unsigned(issuer), "list_orders")
    challenge = reply.headers["www-authenticate"]
    assert (reply.status, challenge.startswith('Bearer error="invalid_token", resource_metadata=')) == (
        401,
        True,
    )


@pytest.mark.parametrize(
    "path",
    [
        *("/api/v1/orders/65f000000000000000000000", "/api/v1/orders", "/api/v1/ping", "/api/v1/catalogue"),
        *("/api/billing/order/1", "/api/account/pending-orders"),
    ],
)
def test_SQ_013_C22_contracts_000_and_001_are_closed(world: World, issuer: IssuerStandIn, path: str) -> None:
    reply = ask(world, issuer.token("usr_ready", "acc_ready", f"{SCOPES} vps:provision"), path)
    assert (reply.status, reply.body["code"]) == (403, "OAUTH_NOT_ALLOWED")


def test_version_1_takes_the_same_tokens(world: World, issuer: IssuerStandIn) -> None:
    headers = bearer(world, issuer.token("usr_ready", "acc_ready")) | {"x-api-version": "1"}
    reply = send(world, "GET", "/api/orders", headers=headers, account=None)
    assert (reply.status, reply.headers["x-api-version"]) == (200, "1")


def test_a_token_is_bound_to_one_account_of_its_user(world: World, issuer: IssuerStandIn) -> None:
    member_of_two(world)
    token = issuer.token("usr_two", "acc_ready")
    assert send(world, "GET", "/api/orders", headers=bearer(world, token), account=None).status == 200
    reply = send(world, "GET", "/api/orders", headers=bearer(world, token, "credit"), account=None)
    assert_error(reply, 401, "unauthorized")
    assert ask(world, issuer.token("usr_two", "acc_ready"), "/api/tasks").status == 200
    for path in ("/api/orders", "/api/tasks", "/api/about"):
        other = send(world, "GET", path, headers=bearer(world, token, "sepa"), account=None)
        assert_error(other, 401, "unauthorized")


def member_of_two(world: World) -> None:
    user = world.services.directory.user("usr_ready")
    assert user is not None
    world.services.directory.put_user(replace(user, id="usr_two", account_ids=("acc_ready", "acc_credit")))


def test_a_user_who_leaves_loses_access_at_once(world: World, issuer: IssuerStandIn) -> None:
    new_account(world, "ready", "leaving")
    token = issuer.token("usr_leaving", "acc_leaving")
    headers = bearer(world, token, "leaving")
    assert send(world, "GET", "/api/orders", headers=headers, account=None).status == 200
    user = world.services.directory.user("usr_leaving")
    assert user is not None
    world.services.directory.put_user(replace(user, account_ids=()))
    assert_error(send(world, "GET", "/api/orders", headers=headers, account=None), 401, "unauthorized")
    world.services.directory.put_user(replace(user, account_ids=("acc_credit",)))
    assert_error(send(world, "GET", "/api/orders", headers=headers, account=None), 401, "unauthorized")


def test_parameters_can_describe_the_claims_of_cognito(world: World, issuer: IssuerStandIn) -> None:
    claims = {
        "aud": REMOVED,
        "client_id": "client-1",
        "token_use": "access",
        "sub": "0b1c",
        "custom:user": "usr_ready",
        "custom:account": "acc_ready",
        "account_id": REMOVED,
        "scope": "orders/billing:read account:read",
    }
    rules = {
        "audiences": ("client-2", "client-1"),
        "audience_claim": "client_id",
        "user_claim": "custom:user",
        "account_claim": "custom:account",
        "scope_prefix": "orders/",
    }
    token = forged(issuer, claims=claims, header={"typ": REMOVED})
    assert_error(ask(world, token), 401, "unauthorized")
    use_issuer(world, issuer, **rules)
    assert ask(world, token).status == 200
    # Without the prefix, a scope belongs to another API of the same issuer.
    assert_error(ask(world, token, "/api/about"), 403, "insufficient_scope")
    for wrong in (
        {"client_id": "client-3"},
        {"client_id": REMOVED},
        {"aud": "client-1"},
        {"token_use": "id"},
    ):
        refused = ask(world, forged(issuer, claims={**claims, **wrong}))
        assert_error(refused, 401, "unauthorized")


# -- forged tokens ------------------------------------------------------------------------------------


def public_key(encoding: Encoding) -> bytes:
    return signing_keys()["rsa"].public_key.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)


def with_hmac(issuer: IssuerStandIn, secret: bytes) -> str:
    """Key confusion: a verifier that takes the public key as an HMAC secret would accept this."""
    header = {"alg": "HS256", "kid": "rsa", "typ": "at+jwt"}
    text = f"{encoded(header)}.{encoded(issuer.claims('usr_ready', 'acc_ready'))}"
    return f"{text}.{encoded(hmac.digest(secret, text.encode(), 'sha256'))}"


def unsigned(issuer: IssuerStandIn, alg: str = "none", signature: str = "") -> str:
    header = encoded({"alg": alg, "kid": "rsa", "typ": "at+jwt"})
    return f"{header}.{encoded(issuer.claims('usr_ready', 'acc_ready'))}.{signature}"


def parts(issuer: IssuerStandIn) -> list[str]:
    return forged(issuer).split(".")


def other_signature(issuer: IssuerStandIn) -> str:
    return ".".join([*parts(issuer)[:2], forged(issuer, claims={"jti": "other"}).split(".")[2]])


def other_claims(issuer: IssuerStandIn) -> str:
    header, _, signature = parts(issuer)
    return f"{header}.{encoded(issuer.claims('usr_credit', 'acc_ready'))}.{signature}"


def twice(issuer: IssuerStandIn, claim: str) -> bytes:
    claims = issuer.claims("usr_ready", "acc_ready")
    return json.dumps(claims)[:-1].encode() + f', "{claim}": {json.dumps(claims[claim])}}}'.encode()


def now(issuer: IssuerStandIn) -> int:
    found: int = issuer.claims("", "")["iat"]
    return found


def with_claim(name: str, value: Any) -> Callable[[IssuerStandIn], str]:
    return lambda issuer: forged(issuer, claims={name: value})


def with_header(**header: Any) -> Callable[[IssuerStandIn], str]:
    return lambda issuer: forged(issuer, header=header)


DEEP = "[" * 2500 + "]" * 2500
DEEP_HEADER = f'{{"alg":"RS256","kid":"rsa","a":{DEEP}}}'

ATTACKS: dict[str, Callable[[IssuerStandIn], str]] = {
    "alg none": unsigned,
    "alg None": lambda issuer: unsigned(issuer, "None"),
    "alg none with a signature": lambda issuer: unsigned(issuer, "none", parts(issuer)[2]),
    "no signature": lambda issuer: unsigned(issuer, "RS256"),
    "no alg": lambda issuer: f"{encoded({'kid': 'rsa'})}.{parts(issuer)[1]}.{parts(issuer)[2]}",
    "alg is a list": lambda issuer: f"{encoded({'alg': ['RS256'], 'kid': 'rsa'})}.{parts(issuer)[1]}.x",
    "HMAC over the public key": lambda issuer: with_hmac(issuer, public_key(Encoding.PEM)),
    "HMAC over the public key without its last line break": lambda issuer: with_hmac(
        issuer, public_key(Encoding.PEM).strip()
    ),
    "HMAC over the public key's bytes": lambda issuer: with_hmac(issuer, public_key(Encoding.DER)),
    "HMAC over the published key": lambda issuer: with_hmac(
        issuer, json.dumps(signing_keys()["rsa"].as_dict(private=False)).encode()
    ),
    "HMAC over nothing": lambda issuer: with_hmac(issuer, b""),
    "an algorithm that is not on the list": with_header(alg="RS512"),
    "a key of another type": lambda issuer: forged(issuer, header={"alg": "ES256", "kid": "rsa"}),
    "RSA with the id of the EC key": lambda issuer: forged(issuer, header={"kid": "ec"}),
    "another RSA key under a known id": lambda issuer: forged(issuer, key=OTHER_RSA),
    "another EC key under a known id": lambda issuer: forged(
        issuer, header={"alg": "ES256", "kid": "ec"}, key=OTHER_EC
    ),
    "the key in the header": lambda issuer: forged(
        issuer, header={"jwk": OTHER_RSA.as_dict(private=False)}, key=OTHER_RSA
    ),
    "an address of keys in the header": lambda issuer: forged(
        issuer, header={"jku": "https://evil.example/jwks", "kid": "evil"}, key=OTHER_RSA
    ),
    "a certificate's address in the header": lambda issuer: forged(
        issuer, header={"x5u": "https://evil.example/x", "kid": "evil"}, key=OTHER_RSA
    ),
    "an unknown kid": with_header(kid="unknown"),
    "no kid": with_header(kid=REMOVED),
    "kid is a path": with_header(kid="../../../../dev/null"),
    "kid is empty": with_header(kid=""),
    "kid is a number": lambda issuer: f"{encoded({'alg': 'RS256', 'kid': 1})}.{parts(issuer)[1]}.x",
    "kid is an object": lambda issuer: f"{encoded({'alg': 'RS256', 'kid': {}})}.{parts(issuer)[1]}.x",
    "crit": lambda issuer: (
        f"{encoded({'alg': 'RS256', 'kid': 'rsa', 'crit': ['exp'], 'exp': 1})}.{parts(issuer)[1]}.x"
    ),
    "an unencoded payload": lambda issuer: (
        f"{encoded({'alg': 'RS256', 'kid': 'rsa', 'b64': False, 'crit': ['b64']})}.{parts(issuer)[1]}.x"
    ),
    "a logout token": with_header(typ="logout+jwt"),
    "a DPoP proof": with_header(typ="dpop+jwt"),
    "typ is a number": lambda issuer: (
        f"{encoded({'alg': 'RS256', 'kid': 'rsa', 'typ': 5})}.{parts(issuer)[1]}.x"
    ),
    "the signature of other claims": other_signature,
    "the claims of other signatures": other_claims,
    "another issuer": with_claim("iss", "https://evil.example"),
    "another issuer by a slash": lambda issuer: forged(issuer, claims={"iss": f"{issuer.url}/"}),
    "no issuer": with_claim("iss", REMOVED),
    "the issuer in a list": lambda issuer: forged(issuer, claims={"iss": [issuer.url]}),
    "another audience": with_claim("aud", "https://other.example.com"),
    "other audiences": with_claim("aud", ["a", "b"]),
    "no audience": with_claim("aud", REMOVED),
    "audience null": with_claim("aud", None),
    "audience empty": with_claim("aud", []),
    "audience an object": with_claim("aud", {"https://api.example.com": 1}),
    "audiences that are no texts": with_claim("aud", ["https://api.example.com", 1]),
    "expired": lambda issuer: forged(issuer, claims={"exp": now(issuer) - LEEWAY_SECONDS}),
    "expired long ago": with_claim("exp", 1),
    "no expiry": with_claim("exp", REMOVED),
    "expiry null": with_claim("exp", None),
    "expiry as text": with_claim("exp", "9999999999"),
    "expiry true": with_claim("exp", True),
    "expiry not a number": lambda issuer: forged(issuer, claims={"exp": float("nan")}),
    "expiry infinite": lambda issuer: forged(issuer, claims={"exp": float("inf")}),
    "expiry negative": with_claim("exp", -5),
    "not yet valid": lambda issuer: forged(issuer, claims={"nbf": now(issuer) + LEEWAY_SECONDS + 1}),
    "nbf as text": with_claim("nbf", "0"),
    "issued tomorrow": lambda issuer: forged(issuer, claims={"iat": now(issuer) + DAY}),
    "iat as text": with_claim("iat", "now"),
    "no subject": with_claim("sub", REMOVED),
    "subject a number": with_claim("sub", 5),
    "subject a list": with_claim("sub", ["usr_ready"]),
    "subject empty": with_claim("sub", ""),
    "subject with a space": with_claim("sub", "usr_ready "),
    "subject with half a character": with_claim("sub", "usr\ud800"),
    "subject too long for a key": with_claim("sub", "u" * 3000),
    "an unknown user": with_claim("sub", "usr_nobody"),
    "a user of another account": with_claim("sub", "usr_credit"),
    "no account": with_claim("account_id", REMOVED),
    "account a list": with_claim("account_id", ["acc_ready"]),
    "accounts in one text": with_claim("account_id", "acc_ready,acc_credit"),
    "an unknown account": with_claim("account_id", "acc_nobody"),
    "another account": with_claim("account_id", "acc_credit"),
    "account null": with_claim("account_id", None),
    "scope a number": with_claim("scope", 5),
    "scope an object": with_claim("scope", {"billing:read": True}),
    "scopes that are no texts": with_claim("scope", ["billing:read", 5]),
    "scope null": with_claim("scope", None),
    "an ID token of Cognito": with_claim("token_use", "id"),
    "a refresh token of Keycloak": with_claim("typ", "Refresh"),
    "token_use a list": with_claim("token_use", ["access"]),
    "jti a number": with_claim("jti", 5),
    **{
        f"{claim} twice": lambda issuer, claim=claim: forged(issuer, claims=twice(issuer, claim))
        for claim in ("sub", "exp", "account_id", "scope")
    },
    "alg twice": lambda issuer: ".".join(
        [encoded('{"alg":"none","alg":"RS256","kid":"rsa"}'), *parts(issuer)[1:]]
    ),
    "claims that are a list": lambda issuer: forged(issuer, claims=b"[]"),
    "claims that are no JSON": lambda issuer: forged(issuer, claims=b"{"),
    "claims that are not UTF-8": lambda issuer: forged(issuer, claims=b'{"sub":"\xff"}'),
    "claims with a huge number": lambda issuer: forged(issuer, claims=b'{"exp":' + b"9" * 5000 + b"}"),
    "claims that are too deep": lambda issuer: forged(issuer, claims=DEEP.encode()),
    "a header that is too deep": lambda issuer: f"{encoded(DEEP_HEADER)}.{parts(issuer)[1]}.x",
    "a header that is a list": lambda issuer: f"{encoded('[]')}.{parts(issuer)[1]}.{parts(issuer)[2]}",
    "a header in bad Base64": lambda issuer: f"eyJ.{parts(issuer)[1]}.{parts(issuer)[2]}",
    "a huge token": lambda issuer: forged(issuer, claims={"more": "x" * MAX_TOKEN}),
    "a huge header": lambda issuer: forged(issuer, header={"x5c": ["A" * 3000]}),
    "a huge signature": lambda issuer: ".".join([*parts(issuer)[:2], "A" * 4000]),
    "a signature of one byte": lambda issuer: ".".join([*parts(issuer)[:2], "AA"]),
    "another spelling of the signature": lambda issuer: f"{forged(issuer)[:-1]}_",
    "spaces around a part": lambda issuer: forged(issuer).replace(".", " .", 1),
    "a fourth part": lambda issuer: f"{forged(issuer)}.x",
    "two parts": lambda issuer: ".".join(parts(issuer)[:2]),
    "an encrypted token": lambda issuer: f"{encoded({'alg': 'RSA-OAEP', 'enc': 'A256GCM'})}.a.b.c.d",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_forged_token_gets_the_same_401_as_a_wrong_key(
    world: World, issuer: IssuerStandIn, attack: str, caplog: pytest.LogCaptureFixture
) -> None:
    wrong_key = send(world, "GET", "/api/orders", headers={"authorization": "Bearer sq_test_0"})
    token = ATTACKS[attack](issuer)
    before = state_of(world)
    with caplog.at_level(logging.INFO):
        reply = ask(world, token)
    assert_error(reply, 401, "unauthorized")
    assert reply.body == wrong_key.body
    assert reply.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert wrong_key.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert state_of(world) == before
    assert not [record for record in caplog.records if record.exc_info], "no traceback"
    logged = str([record.__dict__ for record in caplog.records])
    assert not [part for part in token.split(".") if len(part) > 40 and part in logged]
    # The same request with a good token succeeds, so the attack and nothing else was refused.
    assert ask(world, forged(issuer)).status == 200


def test_the_log_says_why_a_token_was_refused(
    world: World, issuer: IssuerStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    for attack, reason in {
        "another audience": "aud",
        "expired": "expired",
        "an unknown kid": "no usable key with the id 'unknown'",
        "a user of another account": "not a member of the account",
        "alg none": "algorithm",
    }.items():
        caplog.clear()
        with caplog.at_level(logging.INFO):
            ask(world, ATTACKS[attack](issuer))
        found = [record.__dict__["reason"] for record in caplog.records if "reason" in record.__dict__]
        assert len(found) == 1, attack
        assert reason in found[0], (attack, found)


def test_without_a_credential_the_challenge_has_no_error(world: World, issuer: IssuerStandIn) -> None:
    for headers in ({}, {"authorization": "Basic dXNlcjpwYXNz"}):
        reply = send(world, "GET", "/api/orders", headers=headers, account=None)
        assert (reply.status, reply.headers["www-authenticate"]) == (401, "Bearer")


def test_the_times_have_a_little_leeway(world: World, issuer: IssuerStandIn) -> None:
    moment = now(issuer)
    for claims in (
        {"exp": moment - LEEWAY_SECONDS + 1},
        {"nbf": moment + LEEWAY_SECONDS, "iat": moment + LEEWAY_SECONDS},
        {"exp": moment + 0.5},
        {"exp": 10**30},
    ):
        assert ask(world, forged(issuer, claims=claims)).status == 200, claims


def test_a_token_stops_at_its_expiry(world: World, issuer: IssuerStandIn) -> None:
    token = issuer.token("usr_ready", "acc_ready", seconds=60)
    assert ask(world, token).status == 200
    world.clock.advance(60 + LEEWAY_SECONDS)
    assert_error(ask(world, token), 401, "unauthorized")


@pytest.mark.parametrize(
    "path", ["/api/orders", "/api/v1/orders", "/api/billing/order/1", "/api/v1/unknown", "/api/tasks"]
)
def test_a_forged_token_is_refused_in_the_shape_of_each_contract(
    world: World, issuer: IssuerStandIn, path: str
) -> None:
    forged_token = send(world, "GET", path, headers=bearer(world, unsigned(issuer)), account=None)
    wrong_key = send(world, "GET", path, headers={"authorization": "Bearer sq_test_0"}, account=None)
    assert (forged_token.status, set(forged_token.body)) == (wrong_key.status, set(wrong_key.body))
    assert forged_token.body.get("code", "").lower() in ("unauthorized", "not_found")


def test_without_an_issuer_every_token_is_refused(world: World, issuer: IssuerStandIn) -> None:
    token = forged(issuer)
    assert ask(world, token).status == 200
    world.access_tokens = None
    world.services.__dict__.pop("access_tokens", None)
    assert_error(ask(world, token), 401, "unauthorized")


def test_without_an_audience_every_token_is_refused(world: World, issuer: IssuerStandIn) -> None:
    use_issuer(world, issuer, audiences=())
    assert_error(ask(world, forged(issuer)), 401, "unauthorized")


SEGMENT = st.text(f"{string.ascii_letters}{string.digits}-_", min_size=1, max_size=60)
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = ("iss", "aud", "sub", "exp", "nbf", "iat", "jti", "scope", "scp", "account_id", "typ", "token_use")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(SEGMENT, min_size=1, max_size=6).map(".".join).map(lambda text: f"ey{text}"))
@example("eyJ.e30.")
@example("eyJhbGciOiJSUzI1NiJ9.e30.")
def test_no_text_of_a_token_s_form_is_a_fault(world: World, issuer: IssuerStandIn, token: str) -> None:
    assert ask(world, token).status == 401


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=200))
def test_no_text_in_the_header_is_a_fault(world: World, issuer: IssuerStandIn, text: str) -> None:
    assert send(world, "GET", "/api/orders", headers={"authorization": f"Bearer {text}"}).status == 401


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(NAMES), JSONS, min_size=1, max_size=3))
def test_no_value_of_a_signed_claim_is_a_fault(world: World, issuer: IssuerStandIn, claims: Any) -> None:
    assert ask(world, forged(issuer, claims=claims)).status in (200, 401, 403)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.sampled_from(("alg", "kid", "typ", "crit", "b64", "cty", "jku")), JSONS, max_size=3)
)
def test_no_value_of_a_header_member_is_a_fault(world: World, issuer: IssuerStandIn, members: Any) -> None:
    header = encoded({"alg": "RS256", "kid": "rsa", **members})
    _, payload, signature = parts(issuer)
    assert ask(world, f"{header}.{payload}.{signature}").status == 401
