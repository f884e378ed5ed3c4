"""Count requests in DynamoDB."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from . import keys
from .table import Table, update

# A count expires this many seconds after the end of its window. Nothing reads a count after its window. DynamoDB
# deletes expired items within days.
_KEPT = 3600


class DynamoRequestCounts:
    def __init__(self, client: Any, table_name: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._table = Table(client, table_name, sleep)

    def add(self, bucket: str, ends_at: int, number: int = 1) -> int:
        counted = update(
            keys.request_count(bucket, ends_at),
            "ADD #requests :number SET #expires_at = :kept",
            number=number,
            kept=ends_at + _KEPT,
        )
        return int(self._table.updated(counted)["requests"])
