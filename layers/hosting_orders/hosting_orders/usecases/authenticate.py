"""Who is calling, and for which account (docs/contracts.md C12, C13, O2-001 … O2-004, O2-180 … O2-183)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from hosting_orders.domain.account import Account, Credential, CredentialKind
from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import (
    AccessDeniedError,
    CredentialRefusedError,
    InvalidRequestError,
    UserRequiredError,
)

from .ports import Services

_SCHEMES = ("bearer", "token")
# One text for missing, wrong, expired, foreign and wrong-address credentials: it must not help anyone guess.
_REFUSED = "A valid API key is required: send it as `Authorization: Bearer <key>`."
_TRIAL = "Trial accounts cannot use the API."


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified credential, and the account it speaks for (None on the few routes without account scope)."""

    credential: Credential
    account: Account | None

    @property
    def scope(self) -> Account:
        """The account on routes that require `X-Auth-Account`. Raises InvalidRequestError without one."""
        if self.account is None:
            raise InvalidRequestError(Code.MISSING_ACCOUNT, "Missing X-Auth-Account")
        return self.account

    @property
    def user_id(self) -> str | None:
        return self.credential.user_id

    @property
    def may_see_secrets(self) -> bool:
        """Passwords are shown to API keys of the owning account, never to OAuth tokens (docs/contracts.md C22)."""
        return self.credential.kind is not CredentialKind.OAUTH


def hash_key(secret: str) -> str:
    """How a key is stored: keys are random and long, so a plain SHA-256 cannot be turned round."""
    # Whatever is sent has a hash: half a surrogate pair is a wrong key, not an error.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def authenticate(
    services: Services,
    headers: Mapping[str, str],
    source_ip: str,
    *,
    oauth_scope: str | None,
    account_scope: bool,
    user_required: bool = False,
) -> Caller:
    """Check the credential, OAuth rules, who it speaks for, then the account header, in the order of C13.

    `headers` have lower-case names. `oauth_scope` None means: not available via OAuth. `account_scope` says
    whether `X-Auth-Account` is required, `user_required` whether an account's own key is not enough.
    Raises CredentialRefusedError (401), AccessDeniedError (403), UserRequiredError (401), InvalidRequestError
    (400).
    """
    credential = _credential(services, headers.get("authorization", ""), source_ip)
    if credential.kind is CredentialKind.OAUTH:
        if oauth_scope is None:
            raise AccessDeniedError(
                Code.OAUTH_NOT_ALLOWED, "This endpoint is not available via OAuth; use an API key."
            )
        if oauth_scope not in credential.scopes:
            raise AccessDeniedError(
                Code.INSUFFICIENT_SCOPE, f"The OAuth token lacks the scope {oauth_scope}."
            )
    if user_required and credential.user_id is None:
        raise UserRequiredError("Only a person may do this: use a user's API key, not the account's own.")
    account_id = headers.get("x-auth-account", "").strip()
    if not account_id:
        if account_scope:
            raise InvalidRequestError(Code.MISSING_ACCOUNT, "Missing X-Auth-Account")
        accounts = [services.directory.account(known) for known in credential.account_ids]
        alive = [account for account in accounts if account is not None]
        if not alive:
            raise CredentialRefusedError(_REFUSED)
        if all(trial_blocks_api(account) for account in alive):
            raise AccessDeniedError(Code.TRIAL_ACCOUNT, _TRIAL)
        return Caller(credential, None)
    # A key's own list of accounts decides before any read, so foreign accounts can't be probed.
    account = services.directory.account(account_id) if account_id in credential.account_ids else None
    if account is None:
        raise CredentialRefusedError(_REFUSED)
    if trial_blocks_api(account):
        raise AccessDeniedError(Code.TRIAL_ACCOUNT, _TRIAL)
    return Caller(credential, account)


def trial_blocks_api(account: Account) -> bool:
    """Whether the account's trial excludes the API (docs/contracts.md C14, O2-184): then nothing of it is shown."""
    return account.is_trial and not account.trial_api_access


def _credential(services: Services, authorization: str, source_ip: str) -> Credential:
    scheme, _, secret = authorization.partition(" ")
    secret = secret.strip()
    if scheme.lower() not in _SCHEMES or not secret:
        raise CredentialRefusedError(_REFUSED)
    credential = services.directory.credential(hash_key(secret))
    if (
        credential is None
        or not credential.valid_at(services.clock.now())
        or not credential.allows_ip(source_ip)
    ):
        raise CredentialRefusedError(_REFUSED)
    return credential
