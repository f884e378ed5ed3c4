"""Task tokens of waiting steps, for adapters/stepfunctions.py. A token is a secret."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from hosting_orders.domain.errors import ConcurrentUpdateError

from . import keys
from .table import IS_NEW, ConditionFailedError, Table, delete, put

_LIFETIME = 400 * 24 * 3600  # seconds; a workflow execution runs for a year at most


class DynamoTokenStore:
    def __init__(self, client: Any, table_name: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._table = Table(client, table_name, sleep)

    def put_token(self, account_id: str, number: int, step: str, token: str, now: int) -> None:
        """Raises ConcurrentUpdateError when a newer token is stored.

        Either the caller's attempt is outdated, or this machine's clock is behind. In the second case a retry succeeds.
        """
        item = {
            **keys.token(account_id, number, step),
            "token": token,
            "stored_at": now,
            "expires_at": now // 1000 + _LIFETIME,
        }
        try:
            self._table.write(put(item, f"{IS_NEW} OR #stored_at <= :now", now=now))
        except ConditionFailedError as newer:
            raise ConcurrentUpdateError("a token with a later time is stored for this step") from newer

    def token(self, account_id: str, number: int, step: str) -> str | None:
        item = self._table.get(keys.token(account_id, number, step))
        return str(item["token"]) if item else None

    def drop_token(self, account_id: str, number: int, step: str, token: str) -> None:
        try:
            self._table.write(delete(keys.token(account_id, number, step), "#token = :token", token=token))
        except ConditionFailedError:
            return
