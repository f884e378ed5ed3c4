"""OAuth access tokens as credentials (docs/oauth.md)."""

from __future__ import annotations

import hashlib
import re

from hosting_orders.domain.account import OAUTH_SCOPES, AccessToken, Credential, CredentialKind
from hosting_orders.domain.errors import AccessTokenRefusedError

from .log import log
from .ports import Services

# A signed JWT: three parts, of which the first is a JSON object in Base64.
_FORM = re.compile(r"ey[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")


def is_access_token(secret: str) -> bool:
    return _FORM.fullmatch(secret) is not None


def credential_of_token(services: Services, token: str) -> Credential | None:
    """Return None for a token that is not valid. Only the log says why."""
    tokens = services.access_tokens
    if tokens is None:
        log.info("access token refused", extra={"reason": "OAuth is off: the parameter OAuthIssuer is empty"})
        return None
    try:
        verified = tokens.verify(token, services.clock.now())
    except AccessTokenRefusedError as refusal:
        log.warning("access token refused", extra={"reason": str(refusal)})
        return None
    # A member who has left the account loses access at once, although the token is still valid.
    user = services.directory.user(verified.user_id)
    if user is None or verified.account_id not in user.account_ids:
        reason = "the user is not known" if user is None else "the user is not a member of the account"
        ids = {"user_id": verified.user_id, "token_account_id": verified.account_id}
        log.warning("access token refused", extra={"reason": reason, **ids})
        return None
    return Credential(
        key_hash=_identity(verified),
        prefix="",
        kind=CredentialKind.OAUTH,
        account_ids=(verified.account_id,),
        user_id=user.id,
        scopes=verified.scopes & OAUTH_SCOPES,
        expires_at=verified.expires_at,
    )


def _identity(token: AccessToken) -> str:
    # The hash is the same for all tokens of one caller, because a new token must not start a new rate limit.
    parts = ("oauth", token.issuer, token.user_id, token.account_id)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
