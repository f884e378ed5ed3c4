"""Ports for API keys."""

from __future__ import annotations

from typing import Protocol

from hosting_orders.domain.api_key import ApiKey, KeyRing


class KeyStore(Protocol):
    def ring(self, account_id: str) -> KeyRing: ...
    def key(self, account_id: str, key_id: str) -> ApiKey | None: ...

    def make(self, key: ApiKey, ring: KeyRing) -> None:
        """Raises KeyExistsError, or ConcurrentUpdateError if another key was made after `ring` was read."""
        ...

    def save(self, before: ApiKey, after: ApiKey) -> ApiKey:
        """Write the key and its secrets in one transaction. Raises ConcurrentUpdateError."""
        ...

    def last_uses(self, key_hashes: list[str]) -> dict[str, int]:
        """Return the last use of each used secret (epoch ms)."""
        ...


class KeyUses(Protocol):
    def note(self, key_hash: str, now: int) -> None:
        """Store this use, unless the stored use is less than an hour old."""
        ...
