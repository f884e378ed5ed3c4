"""Callback deliveries in DynamoDB."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hosting_orders.domain.callback import CallbackDelivery
from hosting_orders.domain.errors import ConcurrentUpdateError

from . import keys
from .items import delivery_from_item, delivery_to_item
from .table import IS_NEW, ConditionFailedError, Table, put


class DynamoCallbackStore:
    def __init__(self, client: Any, table_name: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._table = Table(client, table_name, sleep)

    def delivery(self, account_id: str, number: int) -> CallbackDelivery | None:
        item = self._table.get(keys.callback(account_id, number))
        return delivery_from_item(item) if item else None

    def save_delivery(self, delivery: CallbackDelivery) -> CallbackDelivery:
        """A delivery with version 0 was never stored."""
        saved = replace(delivery, version=delivery.version + 1)
        condition = "#version = :version" if delivery.version else IS_NEW
        try:
            self._table.write(put(delivery_to_item(saved), condition, version=delivery.version))
        except ConditionFailedError as lost:
            raise ConcurrentUpdateError(f"the callback of {delivery.number} was changed meanwhile") from lost
        return saved
