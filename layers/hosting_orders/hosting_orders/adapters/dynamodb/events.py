"""The EventStore port: remembers which events of a provider were processed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from . import keys
from .table import Table, put

# Stripe sends a refused event again for 3 days, and lists events for 30 days. An event that arrives again after 30
# days would be processed a second time, which is harmless.
_LIFETIME = 30 * 24 * 3600  # seconds


class DynamoEventStore:
    def __init__(self, client: Any, table_name: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._table = Table(client, table_name, sleep)

    def seen(self, provider: str, event_id: str) -> bool:
        return self._table.get(keys.provider_event(provider, event_id)) is not None

    def mark_seen(self, provider: str, event_id: str, now: int) -> None:
        item = {**keys.provider_event(provider, event_id), "expires_at": now // 1000 + _LIFETIME}
        self._table.write(put(item))
