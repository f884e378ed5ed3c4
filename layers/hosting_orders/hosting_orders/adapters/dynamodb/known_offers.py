"""The KnownOffers port: the registrar's recent answers about availability."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from hosting_orders.domain.registration import DomainOffer

from . import keys
from .plain import from_plain, to_plain
from .table import Table, put

# DynamoDB may delete an offer after this many seconds. Offers older than a minute are no longer used.
_KEPT = 3600


class DynamoKnownOffers:
    def __init__(self, client: Any, table_name: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._table = Table(client, table_name, sleep)

    def recent(self, names: Sequence[str], since: int) -> dict[str, DomainOffer]:
        items = self._table.get_many([keys.domain_offer(name) for name in names])
        return {item["name"]: from_plain(DomainOffer, item) for item in items if item["kept_at"] >= since}

    def keep(self, name: str, offer: DomainOffer, now: int) -> None:
        known = {"name": name, "kept_at": now, "expires_at": now // 1000 + _KEPT}
        self._table.write(put({**keys.domain_offer(name), **to_plain(offer), **known}))
