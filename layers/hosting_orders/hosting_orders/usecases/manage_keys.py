"""List, make, rotate and revoke the API keys of an account (docs/keys.md)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace

from hosting_orders.domain.account import Credential, CredentialKind, SpendCap
from hosting_orders.domain.api_key import (
    MAX_KEYS,
    MAX_LIFE,
    PREFIX_LENGTH,
    ApiKey,
    FormerSecret,
    KeyStatus,
    Rotation,
    excess,
    key_id,
    request_token,
)
from hosting_orders.domain.codes import Code
from hosting_orders.domain.durations import DAY
from hosting_orders.domain.errors import (
    AccessDeniedError,
    ConcurrentUpdateError,
    IdempotencyKeyReusedError,
    InvalidRequestError,
    KeyChangedError,
    KeyExistsError,
    KeyInactiveError,
    NotFoundError,
    StrongerKeyError,
    TooManyKeysError,
)
from hosting_orders.domain.scopes import Scope

from .authenticate import Caller, hash_key
from .log import log
from .ports import Services

_TRIES = 6


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """`kind` and `test` default to those of the caller's key."""

    name: str
    scopes: frozenset[str]
    idempotency_key: str | None
    fingerprint: str  # of the request
    kind: CredentialKind | None = None
    api_version: int = 2
    ip_list: tuple[str, ...] = ()
    expires_at: int | None = None  # epoch ms
    expires_in: int | None = None  # ms; instead of `expires_at`
    test: bool | None = None
    spend_cap: SpendCap | None = None  # if its currency is empty, the account's currency applies


@dataclass(frozen=True, slots=True)
class RotationRequest:
    overlap: int  # ms
    idempotency_key: str | None
    fingerprint: str


@dataclass(frozen=True, slots=True)
class KeyView:
    key: ApiKey
    now: int  # epoch ms
    secret: str | None = field(default=None, repr=False)  # shown once; a replay has None
    replayed: bool = False


def list_keys(services: Services, caller: Caller) -> list[KeyView]:
    """Raises AccessDeniedError (403), as all functions here do."""
    _check_manager(caller)
    now = services.clock.now()
    found = [key for key in services.keys.ring(caller.scope.id).keys if key.listed(now)]
    used = services.keys.last_uses([key_hash for key in found for key_hash in _hashes(key)])
    return [KeyView(_with_last_use(key, used), now) for key in found]


def make_key(services: Services, caller: Caller, request: KeyRequest) -> KeyView:
    """Raises StrongerKeyError, InvalidRequestError, TooManyKeysError or IdempotencyKeyReusedError."""
    _check_manager(caller)
    account = caller.scope
    made, secret = key_id(account.id, request.idempotency_key), ""
    for _ in range(_TRIES):
        now = services.clock.now()
        ring = services.keys.ring(account.id)
        earlier = next((key for key in ring.keys if key.id == made), None)
        if earlier is not None and _has(earlier, secret):
            return KeyView(earlier, now, secret)
        if earlier is not None:
            return _replay(earlier, earlier.fingerprint, request.fingerprint, now)
        secret, key = _new(services, caller, request, made)
        _check_reach(caller, key.credential)
        if ring.active(now) >= MAX_KEYS:
            raise TooManyKeysError(
                f"An account has at most {MAX_KEYS} keys: revoke one that you do not need."
            )
        try:
            services.keys.make(key, ring)
        except (ConcurrentUpdateError, KeyExistsError):
            continue  # another request made a key at the same time, perhaps with the same Idempotency-Key
        _log("key made", caller, key)
        return KeyView(key, now, secret)
    raise ConcurrentUpdateError("other requests made keys in every try")


def rotate_key(services: Services, caller: Caller, wanted: str, request: RotationRequest) -> KeyView:
    """Give the key a new secret. One former secret still works for `request.overlap`. All other secrets end now.

    Raises NotFoundError, StrongerKeyError, KeyInactiveError, KeyChangedError or IdempotencyKeyReusedError.
    """
    _check_manager(caller)
    key = _find(services, caller, wanted)
    token = request_token("rotation", key.id, request.idempotency_key)
    now = services.clock.now()
    if key.rotation is not None and key.rotation.token == token:
        return _replay(key, key.rotation.fingerprint, request.fingerprint, now)
    if key.status(now) is not KeyStatus.ACTIVE:
        raise KeyInactiveError("The key is revoked or expired: make a new one.")
    ends = min(now + request.overlap, key.credential.expires_at or now + request.overlap)
    # Read the last uses before the key is written. If this read failed after the write, the client would not receive
    # the new secret.
    used = services.keys.last_uses(_hashes(key))
    in_use = _in_use(key, used, now, ends)
    if caller.credential.id == key.id:
        _check_rotates_itself(caller, key, in_use)
    else:
        _check_reach(caller, key.credential)
    secret = new_secret(test=key.credential.test)
    credential = _with_last_use(key, used).credential
    rotated = replace(
        key,
        credential=replace(credential, key_hash=hash_key(secret), prefix=secret[:PREFIX_LENGTH]),
        former=in_use if request.overlap else None,
        rotation=Rotation(token, request.fingerprint),
    )
    try:
        saved = services.keys.save(key, rotated)
    except ConcurrentUpdateError as lost:
        found = _find(services, caller, wanted)
        if _has(found, secret):
            return KeyView(found, now, secret)
        if found.rotation is not None and found.rotation.token == token:
            return _replay(found, found.rotation.fingerprint, request.fingerprint, now)
        raise KeyChangedError("Another request changed this key at the same time. Read it again.") from lost
    _log("key rotated", caller, saved)
    return KeyView(saved, now, secret)


def revoke_key(services: Services, caller: Caller, wanted: str) -> KeyView:
    """End all secrets of the key now. Raises NotFoundError."""
    _check_manager(caller)
    for _ in range(_TRIES):
        key = _find(services, caller, wanted)
        now = services.clock.now()
        if key.revoked_at is not None:
            return KeyView(key, now)
        if caller.credential.test and not key.credential.test:
            raise AccessDeniedError(Code.TEST_KEY, "A test key cannot revoke a live key.")
        try:
            used = services.keys.last_uses(_hashes(key))
            saved = services.keys.save(key, _with_last_use(key, used).revoked(now))
        except ConcurrentUpdateError:
            continue
        _log("key revoked", caller, saved)
        return KeyView(saved, now)
    raise ConcurrentUpdateError("other requests changed the key in every try")


def new_secret(*, test: bool) -> str:
    return f"sq_{'test' if test else 'live'}_{secrets.token_hex(32)}"


# -- who may do what ----------------------------------------------------------------------------------------------


def _check_manager(caller: Caller) -> None:
    if caller.credential.scopes and not caller.may(Scope.KEYS_MANAGE):
        raise AccessDeniedError(Code.INSUFFICIENT_SCOPE, f"The API key lacks the scope {Scope.KEYS_MANAGE}.")


def _check_reach(caller: Caller, other: Credential) -> None:
    own = caller.credential
    if own.test and not other.test:
        raise AccessDeniedError(Code.TEST_KEY, "A test key makes and rotates only test keys.")
    found = excess(own, other)
    if found is not None:
        pointer, text = found
        raise StrongerKeyError(text, pointer)


def _check_rotates_itself(caller: Caller, key: ApiKey, in_use: FormerSecret) -> None:
    # A former secret ends soon. Once the newest secret is in use, a request with a former secret must not get a secret
    # that lasts longer.
    if caller.credential.key_hash not in (key.credential.key_hash, in_use.key_hash):
        raise StrongerKeyError("The key was rotated: use its newest secret.", "")


# -- parts --------------------------------------------------------------------------------------------------------


def _find(services: Services, caller: Caller, wanted: str) -> ApiKey:
    key = services.keys.key(caller.scope.id, wanted)
    if key is None or not key.listed(services.clock.now()):
        raise NotFoundError("There is no such key.")
    return key


def _new(services: Services, caller: Caller, request: KeyRequest, made: str) -> tuple[str, ApiKey]:
    now, account, own = services.clock.now(), caller.scope, caller.credential
    expires_at = request.expires_at if request.expires_in is None else now + request.expires_in
    if expires_at is not None and not now < expires_at <= now + MAX_LIFE:
        text = f"`expires_at` must be in the future, within {MAX_LIFE // DAY} days."
        raise InvalidRequestError(Code.INVALID_FIELD, text, "/expires_at")
    cap = request.spend_cap
    if cap is not None and cap.currency not in ("", account.currency):
        text = f"`spend_cap.currency` must be the account's currency, {account.currency}."
        raise InvalidRequestError(Code.INVALID_FIELD, text, "/spend_cap/currency")
    kind = request.kind or own.kind
    if kind is CredentialKind.USER and own.user_id is None:
        raise StrongerKeyError("Your key belongs to no user, so it cannot make a user's key.", "/kind")
    test = own.test if request.test is None else request.test
    secret = new_secret(test=test)
    credential = Credential(
        key_hash=hash_key(secret),
        prefix=secret[:PREFIX_LENGTH],
        kind=kind,
        account_ids=(account.id,),
        user_id=own.user_id if kind is CredentialKind.USER else None,
        scopes=request.scopes,
        api_version=request.api_version,
        ip_list=request.ip_list,
        expires_at=expires_at,
        test=test,
        name=request.name,
        id=made,
        created_at=now,
        spend_cap=replace(cap, currency=account.currency) if cap else None,
    )
    return secret, ApiKey(account.id, credential, made_by=own.id or None, fingerprint=request.fingerprint)


def _replay(key: ApiKey, first: str, second: str, now: int) -> KeyView:
    if first != second:
        raise IdempotencyKeyReusedError(
            "This Idempotency-Key was used before with another request; use a new one."
        )
    return KeyView(key, now, replayed=True)


def _in_use(key: ApiKey, used: dict[str, int], now: int, ends: int) -> FormerSecret:
    # If the newest secret was never used, its response may be lost, so the client still uses the former secret. The
    # client can then rotate again, and the former secret continues to work.
    former, newest = key.previous_secret(now), key.credential
    if former is not None and newest.key_hash not in used:
        return replace(former, valid_until=ends)
    return FormerSecret(newest.key_hash, newest.prefix, ends)


def _has(key: ApiKey, secret: str) -> bool:
    # boto3 repeats a write whose response was lost. The repeated write is refused, although the first one succeeded.
    # Then the stored key already has the new secret.
    return key.credential.key_hash == hash_key(secret)


def _hashes(key: ApiKey) -> list[str]:
    return [key.credential.key_hash, *([key.former.key_hash] if key.former else [])]


def _with_last_use(key: ApiKey, used: dict[str, int]) -> ApiKey:
    # Store the latest use whenever the key changes, so the uses of ended secrets are not lost.
    known = [key.credential.last_used_at, *(used.get(each) for each in _hashes(key))]
    latest = max((moment for moment in known if moment is not None), default=None)
    return replace(key, credential=replace(key.credential, last_used_at=latest))


def _log(what: str, caller: Caller, key: ApiKey) -> None:
    log.info(what, extra={"key_id": key.id, "prefix": key.credential.prefix, "by": caller.credential.prefix})
