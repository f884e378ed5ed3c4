"""The AccessTokens port: JWTs of one OAuth issuer, verified with joserfc (docs/oauth.md)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.jwt import ClaimsOption, JWTClaimsRegistry
from joserfc.util import urlsafe_b64decode

from hosting_orders.domain.account import AccessToken
from hosting_orders.domain.errors import AccessTokenRefusedError

# HMAC is not allowed. With HMAC, a sender could sign a token with the issuer's public key as the secret.
ALGORITHMS = ("RS256", "PS256", "ES256")
MAX_TOKEN = 8192  # characters; API Gateway accepts about 10,000 for all headers
LEEWAY_SECONDS = 30  # our clock may differ from the issuer's

_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})  # `typ`, in lower case
# Claims by which issuers mark access tokens, and their values. ID and refresh tokens have other values.
_MARKS: Mapping[str, tuple[str, ...]] = {"token_use": ("access",), "typ": ("Bearer", "at+jwt")}
_ID = re.compile(r"[\x21-\x7e]{1,200}")


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What a token must contain, from the stack's parameters."""

    issuer: str
    audiences: Sequence[str]  # a token needs one of them
    audience_claim: str = "aud"
    user_claim: str = "sub"
    account_claim: str = "account_id"
    scope_prefix: str = ""


class Keys(Protocol):
    def key(self, kid: str) -> RSAKey | ECKey:
        """Raises AccessTokenRefusedError."""
        ...


class JwtAccessTokens:
    def __init__(self, rules: TokenRules, keys: Keys) -> None:
        self._rules = rules
        self._keys = keys

    def verify(self, token: str, now: int) -> AccessToken:
        if not self._rules.audiences:
            raise AccessTokenRefusedError("the parameter OAuthAudience is empty")
        key = self._keys.key(_key_id(token))
        # Issuers may add header parameters that the library does not know.
        registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        try:
            claims = jwt.decode(token, key, registry=registry, decoder_cls=_StrictDecoder).claims
            self._required(now).validate(claims)
        except (JoseError, ValueError, RecursionError) as error:
            raise AccessTokenRefusedError(f"{type(error).__name__}: {error}"[:200]) from error
        self._check_purpose(claims)
        return AccessToken(
            issuer=self._rules.issuer,
            user_id=_id(claims, self._rules.user_claim),
            account_id=_id(claims, self._rules.account_claim),
            scopes=self._scopes(claims),
            expires_at=(int(claims["exp"]) + LEEWAY_SECONDS) * 1000,
        )

    def _required(self, now: int) -> JWTClaimsRegistry:
        options: dict[str, ClaimsOption] = {
            "iss": {"essential": True, "value": self._rules.issuer},
            "exp": {"essential": True},
            self._rules.audience_claim: {"essential": True, "values": list(self._rules.audiences)},
        }
        return JWTClaimsRegistry(now=now // 1000, leeway=LEEWAY_SECONDS, **options)

    def _check_purpose(self, claims: Mapping[str, Any]) -> None:
        if self._rules.audience_claim != "aud" and "aud" in claims:
            # Our issuer names the audience in another claim than `aud`. A token with an `aud` is not meant for us.
            raise AccessTokenRefusedError("the token has an `aud`; set OAuthAudienceClaim to aud")
        if "cnf" in claims:
            # The token is bound to a key of the client (DPoP, mTLS). We cannot check that the sender has this key.
            raise AccessTokenRefusedError("the token is bound to a key, which is not supported")
        for claim, values in _MARKS.items():
            if claim in claims and claims[claim] not in values:
                raise AccessTokenRefusedError(
                    f"this is no access token: `{claim}` has a value of another kind of token"
                )

    def _scopes(self, claims: Mapping[str, Any]) -> frozenset[str]:
        # RFC 9068 names the claim `scope`. Microsoft and Okta name it `scp`.
        given = claims.get("scope", claims.get("scp", ""))
        words = given.split() if isinstance(given, str) else given
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise AccessTokenRefusedError("the scopes are neither text nor a list of texts")
        prefix = self._rules.scope_prefix
        return frozenset(word.removeprefix(prefix) for word in words if word.startswith(prefix))


def _key_id(token: str) -> str:
    # Only `kid` selects a key. With `jku`, `jwk` or `x5u`, the sender could choose any key.
    if len(token) > MAX_TOKEN:
        raise AccessTokenRefusedError(f"the token has more than {MAX_TOKEN} characters")
    try:
        header = json.loads(urlsafe_b64decode(token.partition(".")[0].encode()), cls=_StrictDecoder)
    except (ValueError, RecursionError) as error:
        raise AccessTokenRefusedError("the header is not JSON in Base64") from error
    if not isinstance(header, dict) or header.get("alg") not in ALGORITHMS:
        raise AccessTokenRefusedError(f"the algorithm is not one of {', '.join(ALGORITHMS)}")
    if str(header.get("typ", "JWT")).lower() not in _TYPES:
        raise AccessTokenRefusedError("`typ` is not that of an access token")
    if "crit" in header:
        raise AccessTokenRefusedError("the header has `crit`, which is not supported")
    kid = header.get("kid")
    if not isinstance(kid, str):
        raise AccessTokenRefusedError("the header has no `kid`")
    return kid


def _id(claims: Mapping[str, Any], claim: str) -> str:
    value = claims.get(claim)
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise AccessTokenRefusedError(f"the claim {claim} is missing or not an id")
    return value


class _StrictDecoder(json.JSONDecoder):
    # If an object has two members with the same name, parsers disagree on which value to use. Refuse such an object.

    def __init__(self) -> None:
        super().__init__(object_pairs_hook=_members)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a member appears twice in one object")
    return members
