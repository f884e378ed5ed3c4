"""The real handlers receive forged access tokens. Each token gets the same 401 as a wrong API key (docs/oauth.md)."""

from __future__ import annotations

import hmac
import json
import logging
import string
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey, RSAKey

from hosting_orders.adapters.access_tokens import LEEWAY_SECONDS, MAX_TOKEN
from local.issuer_standin import IssuerStandIn, signing_keys
from tests.conformance.contract_002.support import assert_error, send, state_of
from tests.conformance.oauth.support import ask, call_tool
from tests.support.oauth import REMOVED, bearer, encoded, forged, use_issuer
from tests.support.world import World

OTHER_RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
OTHER_EC = ECKey.generate_key("P-256", {"kid": "ec"})
DAY = 86_400


def public_key(encoding: Encoding) -> bytes:
    return signing_keys()["rsa"].public_key.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)


def with_hmac(issuer: IssuerStandIn, secret: bytes) -> str:
    """Key confusion: a verifier that uses the public key as an HMAC secret would accept this token."""
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
    "bound to a key by DPoP": with_claim("cnf", {"jkt": "x"}),
    "bound to a certificate": with_claim("cnf", {"x5t#S256": "x"}),
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
    "a token in a token": lambda issuer: forged(
        issuer, header={"cty": "JWT"}, claims=forged(issuer).encode()
    ),
    "a certificate in the header": lambda issuer: forged(
        issuer, header={"x5c": ["MIIB"], "x5t": "x"}, key=OTHER_RSA
    ),
    "the id of an object in the key set": with_header(kid="keys"),
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
    # The same request with a good token succeeds, so the forgery was the only reason for the refusal.
    assert ask(world, forged(issuer)).status == 200


def test_a_forged_token_gets_a_401_from_the_MCP_server(
    world: World, issuer: IssuerStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OAUTH_ISSUER", issuer.url)
    reply = call_tool(world, unsigned(issuer), "list_orders")
    challenge = reply.headers["www-authenticate"]
    assert reply.status == 401
    assert challenge.startswith('Bearer error="invalid_token", resource_metadata="')
    assert challenge.endswith('mcp", scope="billing:read"')


def rsa(**members: Any) -> dict[str, Any]:
    return {**signing_keys()["rsa"].as_dict(private=False), **members}


P_384 = ECKey.generate_key("P-384", {"kid": "ec"})
with warnings.catch_warnings(action="ignore"):
    RSA_1024 = RSAKey.generate_key(1024, {"kid": "rsa"})
ES384 = {"alg": "ES384", "kid": "ec"}
PUBLISHED_KEYS: dict[str, tuple[dict[str, Any], Callable[[IssuerStandIn], str]]] = {
    "for encryption": (rsa(use="enc"), forged),
    "for an unknown use": (rsa(use="tls"), forged),
    "use is a list": (rsa(use=["sig"]), forged),
    "whose operation is to encrypt": (rsa(key_ops=["encrypt"]), forged),
    "that may do nothing": (rsa(key_ops=[]), forged),
    "operations are a text": (rsa(key_ops="verify"), forged),
    "for another algorithm": (rsa(alg="PS256"), forged),
    "for HMAC": (rsa(alg="HS256"), forged),
    "too short": (RSA_1024.as_dict(private=False), lambda issuer: forged(issuer, key=RSA_1024)),
    "on P-384, with ES384": (
        P_384.as_dict(private=False),
        lambda issuer: forged(issuer, header=ES384, key=P_384),
    ),
    "on P-384, with ES256": (
        P_384.as_dict(private=False),
        lambda issuer: ".".join(
            [encoded({**ES384, "alg": "ES256"}), *forged(issuer, header=ES384, key=P_384).split(".")[1:]]
        ),
    ),
}


@pytest.mark.filterwarnings("ignore:Key size should be")
@pytest.mark.parametrize("case", PUBLISHED_KEYS)
def test_a_token_is_refused_if_its_key_is_not_for_verifying(
    world: World, issuer: IssuerStandIn, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    key, token = PUBLISHED_KEYS[case]
    monkeypatch.setattr(issuer, "jwks", lambda: {"keys": [key]})
    assert_error(ask(world, token(issuer)), 401, "unauthorized")


def test_a_token_is_accepted_if_its_key_is_for_verifying(
    world: World, issuer: IssuerStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = rsa(key_ops=["verify"], alg="RS256", use="sig", x5t="x", **{"org.example": 1})
    monkeypatch.setattr(issuer, "jwks", lambda: {"keys": [key]})
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


def test_the_times_of_a_token_have_a_little_leeway(world: World, issuer: IssuerStandIn) -> None:
    moment = now(issuer)
    for claims in (
        {"exp": moment - LEEWAY_SECONDS + 1},
        {"nbf": moment + LEEWAY_SECONDS, "iat": moment + LEEWAY_SECONDS},
        {"exp": moment + 0.5},
        {"exp": 10**30},
    ):
        assert ask(world, forged(issuer, claims=claims)).status == 200, claims


def test_a_token_is_refused_after_its_expiry(world: World, issuer: IssuerStandIn) -> None:
    token = issuer.token("usr_ready", "acc_ready", seconds=60)
    assert ask(world, token).status == 200
    world.clock.advance(60 + LEEWAY_SECONDS)
    assert_error(ask(world, token), 401, "unauthorized")


@pytest.mark.parametrize(
    "path", ["/api/orders", "/api/v1/orders", "/api/billing/order/1", "/api/v1/unknown", "/api/tasks"]
)
def test_a_forged_token_gets_the_error_format_of_each_contract(
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
def test_no_text_with_the_form_of_a_token_causes_a_500(
    world: World, issuer: IssuerStandIn, token: str
) -> None:
    assert ask(world, token).status == 401


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=200))
def test_no_text_in_the_authorization_header_causes_a_500(
    world: World, issuer: IssuerStandIn, text: str
) -> None:
    assert send(world, "GET", "/api/orders", headers={"authorization": f"Bearer {text}"}).status == 401


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(NAMES), JSONS, min_size=1, max_size=3))
def test_no_value_of_a_signed_claim_causes_a_500(world: World, issuer: IssuerStandIn, claims: Any) -> None:
    assert ask(world, forged(issuer, claims=claims)).status in (200, 401, 403)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.sampled_from(("alg", "kid", "typ", "crit", "b64", "cty", "jku")), JSONS, max_size=3)
)
def test_no_value_in_the_header_of_a_token_causes_a_500(
    world: World, issuer: IssuerStandIn, members: Any
) -> None:
    header = encoded({"alg": "RS256", "kid": "rsa", **members})
    _, payload, signature = parts(issuer)
    assert ask(world, f"{header}.{payload}.{signature}").status == 401
