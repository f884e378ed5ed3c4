"""Who is calling, and for which account (docs/contracts.md C12, C13, O2-001 … O2-004, O2-180 … O2-183)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from hosting_orders.domain.account import Account, AccountFrom, Credential, CredentialKind
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

    def may(self, scope: str) -> bool:
        """Whether the key was given this scope. For contracts whose keys have scopes: a key without any may not."""
        return self.credential.allows(scope)

    @property
    def may_see_secrets(self) -> bool:
        """Passwords are shown to API keys of the owning account, never to OAuth tokens (docs/contracts.md C22)."""
        return self.credential.kind is not CredentialKind.OAUTH


def hash_key(secret: str) -> str:
    """How a key is stored: keys are random and long, so a plain SHA-256 cannot be turned round."""
    # Whatever is sent has a hash: half a surrogate pair is a wrong key, not an error.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def identify(services: Services, headers: Mapping[str, str], source_ip: str) -> Credential:
    """The credential that a request shows. `headers` have lower-case names. Raises CredentialRefusedError (401)."""
    secret = _presented(headers)
    credential = services.directory.credential(hash_key(secret)) if secret else None
    if (
        credential is None
        or not credential.valid_at(services.clock.now())
        or not credential.allows_ip(source_ip)
    ):
        raise CredentialRefusedError(_REFUSED)
    return credential


def admit(
    services: Services,
    credential: Credential,
    headers: Mapping[str, str],
    *,
    oauth_scope: str | None,
    account: AccountFrom,
    user_required: bool = False,
    key_scope: str | None = None,
    scoped: bool = False,
) -> Caller:
    """Check the credential's scopes, who it speaks for, then the account, in the order of C13.

    `headers` have lower-case names. `oauth_scope` None means: not available via OAuth. `account` says how the request
    names its account, `user_required` whether an account's own key is not enough, `key_scope` the scope that a key
    needs which names its account by itself, `scoped` that the use case asks for the key's scopes.
    Raises CredentialRefusedError (401), AccessDeniedError (403), UserRequiredError (401), InvalidRequestError
    (400).
    """
    if credential.kind is CredentialKind.OAUTH:
        if oauth_scope is None:
            raise AccessDeniedError(
                Code.OAUTH_NOT_ALLOWED, "This endpoint is not available via OAuth; use an API key."
            )
        if oauth_scope not in credential.scopes:
            raise AccessDeniedError(
                Code.INSUFFICIENT_SCOPE, f"The OAuth token lacks the scope {oauth_scope}."
            )
    elif credential.scopes and not scoped and key_scope is None and oauth_scope not in credential.scopes:
        # A key that was given out for one purpose must not do more where nothing asks for its scopes.
        raise AccessDeniedError(Code.INSUFFICIENT_SCOPE, "The API key's scopes do not include this.")
    if user_required and credential.user_id is None:
        raise UserRequiredError("Only a person may do this: use a user's API key, not the account's own.")
    if account is AccountFrom.KEY:
        if key_scope is not None and not credential.allows(key_scope):
            raise AccessDeniedError(Code.INSUFFICIENT_SCOPE, f"The API key lacks the scope {key_scope}.")
        return Caller(credential, _only_account(services, credential))
    account_id = headers.get("x-auth-account", "").strip()
    if not account_id:
        if account is AccountFrom.HEADER:
            raise InvalidRequestError(Code.MISSING_ACCOUNT, "Missing X-Auth-Account")
        _check_any(services, credential)
        return Caller(credential, None)
    # A key's own list of accounts decides before any read, so foreign accounts can't be probed.
    found = services.directory.account(account_id) if account_id in credential.account_ids else None
    return Caller(credential, _usable(found))


def _only_account(services: Services, credential: Credential) -> Account:
    """The account of a key that belongs to exactly one."""
    if len(credential.account_ids) != 1:
        raise CredentialRefusedError(_REFUSED)
    return _usable(services.directory.account(credential.account_ids[0]))


def _usable(account: Account | None) -> Account:
    if account is None:
        raise CredentialRefusedError(_REFUSED)
    if trial_blocks_api(account):
        raise AccessDeniedError(Code.TRIAL_ACCOUNT, _TRIAL)
    return account


def _check_any(services: Services, credential: Credential) -> None:
    """No account is named, and at least one of the key's can be used."""
    accounts = [services.directory.account(known) for known in credential.account_ids]
    alive = [account for account in accounts if account is not None]
    if not alive:
        raise CredentialRefusedError(_REFUSED)
    if all(trial_blocks_api(account) for account in alive):
        raise AccessDeniedError(Code.TRIAL_ACCOUNT, _TRIAL)


def trial_blocks_api(account: Account) -> bool:
    """Whether the account's trial excludes the API (docs/contracts.md C14, O2-184): then nothing of it is shown."""
    return account.is_trial and not account.trial_api_access


def _presented(headers: Mapping[str, str]) -> str:
    """The secret that the request shows, in whichever header. Two different ones are none."""
    scheme, _, secret = headers.get("authorization", "").strip().partition(" ")
    secrets = {headers.get("x-api-key", "").strip()} - {""}
    if scheme:
        secrets.add(secret.strip() if scheme.lower() in _SCHEMES else "")
    return secrets.pop() if len(secrets) == 1 else ""
