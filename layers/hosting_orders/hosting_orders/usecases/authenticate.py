"""Identify the caller and the account (docs/contracts.md C12, C13, O2-001 … O2-004, O2-180 … O2-183)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from hosting_orders.domain.account import Account, AccountFrom, Credential, CredentialKind
from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import (
    AccessDeniedError,
    CredentialMissingError,
    CredentialRefusedError,
    InvalidRequestError,
    UserRequiredError,
)

from .access_tokens import credential_of_token, is_access_token
from .ports import Services

_SCHEMES = ("bearer", "token")
# The text is the same for every reason of a refusal, so an attacker does not learn the reason.
_REFUSED = "A valid API key is required: send it as `Authorization: Bearer <key>`."
_TRIAL = "Trial accounts cannot use the API."


@dataclass(frozen=True, slots=True)
class Caller:
    credential: Credential
    account: Account | None  # None if the route requires no account and the request names none

    @property
    def scope(self) -> Account:
        """Raises InvalidRequestError without an account."""
        if self.account is None:
            raise InvalidRequestError(Code.MISSING_ACCOUNT, "Missing X-Auth-Account")
        return self.account

    @property
    def user_id(self) -> str | None:
        return self.credential.user_id

    def may(self, scope: str) -> bool:
        """False if the key has no scopes."""
        return self.credential.allows(scope)

    @property
    def may_see_secrets(self) -> bool:
        """API keys may, OAuth tokens may not (docs/contracts.md C22)."""
        return self.credential.kind is not CredentialKind.OAUTH


def hash_key(secret: str) -> str:
    """Plain SHA-256 is enough, because keys are long and random."""
    # Hash any text, even half a surrogate pair. Such a text is only a wrong key, and must not cause an exception.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def identify(services: Services, headers: Mapping[str, str], source_ip: str) -> Credential:
    """Raises CredentialRefusedError (401). `headers` have lower-case names."""
    secret = _presented(headers)
    if not secret:
        raise CredentialMissingError(_REFUSED)
    if is_access_token(secret):
        credential = credential_of_token(services, secret)
    else:
        credential = services.directory.credential(hash_key(secret))
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
    """Check scopes, user and account, in the order of C13.

    With `oauth_scope` None, OAuth tokens are refused. With AccountFrom.KEY, the key needs `key_scope`. If `scoped`,
    the use case checks the key's scopes.
    Raises CredentialRefusedError or UserRequiredError (401), AccessDeniedError (403), InvalidRequestError (400).
    """
    if credential.kind is CredentialKind.OAUTH:
        check_token(credential, oauth_scope, "This endpoint")
    elif credential.scopes and not scoped and key_scope is None and oauth_scope not in credential.scopes:
        # A key that has scopes may call only operations whose scope it has.
        raise AccessDeniedError(
            Code.INSUFFICIENT_SCOPE, "The API key's scopes do not include this operation."
        )
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
    # Check the key's own accounts before any read, so a caller cannot probe other accounts.
    found = services.directory.account(account_id) if account_id in credential.account_ids else None
    return Caller(credential, _usable(found))


def check_token(credential: Credential, scope: str | None, what: str) -> None:
    """Raises AccessDeniedError for a token that lacks the scope, and for every token if `scope` is None."""
    if credential.kind is not CredentialKind.OAUTH:
        return
    if scope is None:
        raise AccessDeniedError(Code.OAUTH_NOT_ALLOWED, f"{what} is not available via OAuth; use an API key.")
    if scope not in credential.scopes:
        raise AccessDeniedError(Code.INSUFFICIENT_SCOPE, f"The OAuth token lacks the scope {scope}.")


def _only_account(services: Services, credential: Credential) -> Account:
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
    accounts = [services.directory.account(known) for known in credential.account_ids]
    alive = [account for account in accounts if account is not None]
    if not alive:
        raise CredentialRefusedError(_REFUSED)
    if all(trial_blocks_api(account) for account in alive):
        raise AccessDeniedError(Code.TRIAL_ACCOUNT, _TRIAL)


def trial_blocks_api(account: Account) -> bool:
    """docs/contracts.md C14, O2-184."""
    return account.is_trial and not account.trial_api_access


def _presented(headers: Mapping[str, str]) -> str:
    """Return the secret in the headers. Empty if the headers have two different secrets."""
    scheme, _, secret = headers.get("authorization", "").strip().partition(" ")
    secrets = {headers.get("x-api-key", "").strip()} - {""}
    if scheme:
        secrets.add(secret.strip() if scheme.lower() in _SCHEMES else "")
    return secrets.pop() if len(secrets) == 1 else ""
