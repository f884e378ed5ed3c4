"""OAuth in tests: an issuer on loopback, and tokens that a test changes before it signs them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from hosting_orders.adapters.access_tokens import JwtAccessTokens, TokenRules
from hosting_orders.adapters.issuer_keys import IssuerKeys
from local.issuer_standin import IssuerStandIn, signing_keys
from tests.support.world import World

AUDIENCE = "https://api.example.com"
REMOVED: Any = object()
"""A test passes this value in `header` or `claims` of `forged` to leave out a member."""


@contextmanager
def an_issuer(world: World) -> Iterator[IssuerStandIn]:
    """Switch OAuth on, and yield an issuer of tokens for the demo accounts."""
    with IssuerStandIn(AUDIENCE, now=lambda: world.clock.now() / 1000) as issuer:
        use_issuer(world, issuer)
        try:
            yield issuer
        finally:
            world.access_tokens = None
            _forget(world)


def use_issuer(world: World, issuer: IssuerStandIn, **rules: Any) -> None:
    """Use the issuer. None of its keys are known yet, as in a process that has just started.

    `rules` override fields of TokenRules.
    """
    keys = IssuerKeys(issuer.url, world.metrics, allow_loopback=True, now=lambda: world.clock.now() / 1000)
    world.access_tokens = JwtAccessTokens(
        TokenRules(**{"issuer": issuer.url, "audiences": (AUDIENCE,), **rules}), keys
    )
    _forget(world)


def _forget(world: World) -> None:
    world.services.__dict__.pop("access_tokens", None)


def bearer(world: World, token: str, account: str | None = "ready") -> dict[str, str]:
    named = {"x-auth-account": world.accounts[account]["id"]} if account else {}
    return {"authorization": f"Bearer {token}", **named}


def encoded(part: bytes | str | Mapping[str, Any]) -> str:
    """Encode a part of a token as base64. An object is written as JSON first."""
    text = json.dumps(part) if isinstance(part, Mapping) else part
    raw = text.encode() if isinstance(text, str) else text
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def forged(
    issuer: IssuerStandIn,
    *,
    header: Mapping[str, Any] | None = None,
    claims: Mapping[str, Any] | bytes | None = None,
    key: RSAKey | ECKey | None = None,
    user: str = "usr_ready",
    account: str = "acc_ready",
) -> str:
    """Return a valid token with changed `header` and `claims`.

    It is signed with `key`, or by default with the issuer's key for the header's `alg`.
    """
    full = _changed({"alg": "RS256", "kid": "rsa", "typ": "at+jwt"}, header or {})
    payload = claims
    if not isinstance(payload, bytes):
        payload = json.dumps(_changed(issuer.claims(user, account), payload or {})).encode()
    signer = key or signing_keys()["ec" if str(full.get("alg")).startswith("ES") else "rsa"]
    registry = jws.JWSRegistry(algorithms=[full["alg"]], strict_check_header=False)
    return jws.serialize_compact(full, payload, signer, registry=registry)


def _changed(members: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**members, **changes}.items() if value is not REMOVED}
