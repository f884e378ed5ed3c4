"""An account's API keys. Requests are checked only against the `Credential` of a key."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import ip_network

from .account import Credential, CredentialKind
from .durations import DAY, HOUR

MAX_KEYS = 50
"""Maximum keys of an account. Revoked and expired keys do not count."""

MAX_LIFE = 3650 * DAY
"""The longest time until a new key's expiry."""

KEPT = 30 * DAY
"""How long a revoked or expired key stays in the list."""

OVERLAP = DAY
MAX_OVERLAP = 7 * DAY
"""How long the former secret of a rotated key works: OVERLAP by default, MAX_OVERLAP at most."""

USE_NOTED_EVERY = HOUR

PREFIX_LENGTH = 14
"""How many of a secret's first characters are shown."""


class KeyStatus(StrEnum):
    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class FormerSecret:
    key_hash: str
    prefix: str
    valid_until: int  # epoch ms


@dataclass(frozen=True, slots=True)
class Rotation:
    token: str  # a hash of the request's Idempotency-Key, so a repeated request does not rotate the key again
    fingerprint: str


@dataclass(frozen=True, slots=True)
class ApiKey:
    account_id: str
    credential: Credential  # with the newest secret
    former: FormerSecret | None = None
    revoked_at: int | None = None  # epoch ms
    made_by: str | None = None  # the id of the key that made it
    fingerprint: str = ""  # of the request that made it
    rotation: Rotation | None = None  # the latest rotation
    version: int = 0

    @property
    def id(self) -> str:
        return self.credential.id

    def status(self, now: int) -> KeyStatus:
        if self.revoked_at is not None:
            return KeyStatus.REVOKED
        return KeyStatus.ACTIVE if self.credential.valid_at(now) else KeyStatus.EXPIRED

    @property
    def ended_at(self) -> int | None:
        """Epoch ms; can be in the future."""
        return self.revoked_at if self.revoked_at is not None else self.credential.expires_at

    def listed(self, now: int) -> bool:
        return self.ended_at is None or now < self.ended_at + KEPT

    def previous_secret(self, now: int) -> FormerSecret | None:
        return self.former if self.former and now < self.former.valid_until else None

    def secrets(self) -> Mapping[str, int | None]:
        """Map each secret's hash to the end of its validity (epoch ms, or None)."""
        if self.revoked_at is not None:
            return {}
        newest = {self.credential.key_hash: self.credential.expires_at}
        return newest | ({self.former.key_hash: self.former.valid_until} if self.former else {})

    def revoked(self, now: int) -> ApiKey:
        return replace(self, revoked_at=now, former=None)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Newest first."""

    keys: tuple[ApiKey, ...]
    made: int = 0  # how many keys were ever made

    def active(self, now: int) -> int:
        return sum(key.status(now) is KeyStatus.ACTIVE for key in self.keys)


def key_id(account_id: str, idempotency_key: str | None) -> str:
    # The id is a hash of account and Idempotency-Key, so a repeated request finds the API key that it made.
    return f"key_{request_token('key', account_id, idempotency_key)}"


def request_token(*parts: str | None) -> str:
    """Hash the parts. The result is random if a part is None."""
    if None in parts:
        return secrets.token_hex(12)
    return hashlib.sha256("\0".join(part or "" for part in parts).encode()).hexdigest()[:24]


def excess(own: Credential, other: Credential) -> tuple[str, str] | None:
    """Return how `other` exceeds `own`: the field's JSON pointer and an error text."""
    if own.spend_cap is not None:
        # The cap is counted for each key, so the account could spend the whole cap again with each new key.
        return "", "A key with a spend cap cannot make or rotate other keys."
    if own.scopes and (not other.scopes or not all(own.allows(scope) for scope in other.scopes)):
        return "/scopes", f"The scopes must be among those of your key: {', '.join(sorted(own.scopes))}."
    if other.kind is CredentialKind.USER and other.user_id != own.user_id:
        return "/kind", "Only a key of the same user can make or rotate this user's key."
    if own.ip_list and not (other.ip_list and all(_within(block, own.ip_list) for block in other.ip_list)):
        return "/ip_list", f"The addresses must be among those of your key: {', '.join(own.ip_list)}."
    if own.expires_at is not None and (other.expires_at is None or other.expires_at > own.expires_at):
        return "/expires_at", "The key must expire no later than your key."
    return None


def _within(block: str, blocks: tuple[str, ...]) -> bool:
    network = ip_network(block, strict=False)
    outer = [ip_network(each, strict=False) for each in blocks]
    return any(network.version == each.version and network.subnet_of(each) for each in outer)  # type: ignore[arg-type]
