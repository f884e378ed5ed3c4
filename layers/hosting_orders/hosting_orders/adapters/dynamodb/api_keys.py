"""Store API keys and their last uses in DynamoDB.

A key has one item under its account, and one item for each secret. Requests read only a secret's item. A transaction
that changes secrets also raises the version of the key's item. So only one of two concurrent changes succeeds.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from hosting_orders.domain.api_key import USE_NOTED_EVERY, ApiKey, KeyRing
from hosting_orders.domain.errors import ConcurrentUpdateError, KeyExistsError

from . import keys
from .items import api_key_from_item, api_key_to_item, deleted_at, secret_to_item
from .table import (
    IS_NEW,
    IS_THERE,
    ConditionFailedError,
    Table,
    TransactionRefusedError,
    Write,
    delete,
    put,
    update,
)

USE_KEPT = 400 * 24 * 3600  # seconds
_MAX_REMEMBERED = 10_000


class DynamoKeyStore:
    def __init__(self, client: Any, table_name: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._table = Table(client, table_name, sleep)

    def ring(self, account_id: str) -> KeyRing:
        made = keys.api_keys_made(account_id)
        items = self._table.query(
            "#PK = :account AND begins_with(#SK, :keys)", account=made["PK"], keys=made["SK"]
        )
        found = [api_key_from_item(item) for item in items if item["SK"] != made["SK"]]
        newest = sorted(found, key=lambda key: (key.credential.created_at, key.id), reverse=True)
        return KeyRing(tuple(newest), next((item["made"] for item in items if item["SK"] == made["SK"]), 0))

    def key(self, account_id: str, key_id: str) -> ApiKey | None:
        item = self._table.get(keys.api_key(account_id, key_id))
        return api_key_from_item(item) if item else None

    def make(self, key: ApiKey, ring: KeyRing) -> None:
        counted = update(
            keys.api_keys_made(key.account_id),
            "SET #made = :next",
            f"{IS_NEW} OR #made = :made" if ring.made == 0 else "#made = :made",
            made=ring.made,
            next=ring.made + 1,
        )
        owned = put(api_key_to_item(key), IS_NEW)
        try:
            self._table.transact([owned, counted, put(secret_to_item(key.credential), IS_NEW)])
        except TransactionRefusedError as refused:
            if refused.failed[0]:
                raise KeyExistsError(key.id) from refused
            raise ConcurrentUpdateError("another key was made at the same time") from refused

    def save(self, before: ApiKey, after: ApiKey) -> ApiKey:
        saved = replace(after, version=before.version + 1)
        owned = put(api_key_to_item(saved), f"{IS_THERE} AND #version = :version", version=before.version)
        try:
            self._table.transact([owned, *_secrets(before, saved)])
        except TransactionRefusedError as refused:
            raise ConcurrentUpdateError(f"{after.id} was changed by another process") from refused
        return saved

    def last_uses(self, key_hashes: list[str]) -> dict[str, int]:
        found = self._table.get_many([keys.key_use(key_hash) for key_hash in key_hashes])
        return {item["key_hash"]: item["used_at"] for item in found}


def _secrets(before: ApiKey, after: ApiKey) -> Iterator[Write]:
    had, has = before.secrets(), after.secrets()
    for key_hash in had.keys() - has.keys():
        yield delete(keys.credential(key_hash))
    for key_hash, until in has.items():
        if key_hash not in had:
            yield put(secret_to_item(replace(after.credential, key_hash=key_hash)), IS_NEW)
        elif until != had[key_hash] and until is not None:
            # A put would create the item again if an operator has deleted it, so update it.
            yield update(
                keys.credential(key_hash),
                "SET #valid_until = :until, #expires_at = :deleted",
                IS_THERE,
                until=until,
                deleted=deleted_at(until),
            )


class DynamoKeyUses:
    def __init__(self, client: Any, table_name: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._table = Table(client, table_name, sleep)
        self._noted: dict[str, int] = {}  # avoids most DynamoDB requests that would change nothing

    def note(self, key_hash: str, now: int) -> None:
        if now - self._noted.get(key_hash, 0) < USE_NOTED_EVERY:
            return
        noted = update(
            keys.key_use(key_hash),
            "SET #used_at = :now, #key_hash = :key_hash, #expires_at = :deleted",
            f"{IS_NEW} OR #used_at <= :before",
            now=now,
            key_hash=key_hash,
            before=now - USE_NOTED_EVERY,
            deleted=now // 1000 + USE_KEPT,
        )
        with contextlib.suppress(ConditionFailedError):  # another process has noted a use in the last hour
            self._table.write(noted)
        if len(self._noted) >= _MAX_REMEMBERED:
            self._noted.clear()
        self._noted[key_hash] = now
