"""Orders from the table's stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hosting_orders.domain.order import Order

from . import keys
from .codec import decode
from .items import order_from_item


def order_of_record(record: Mapping[str, Any]) -> Order | None:
    """The order after the change. None for other items and removals."""
    change = record["dynamodb"]
    if "NewImage" not in change or not keys.is_order(decode(change["Keys"])):
        return None
    return order_from_item(decode(change["NewImage"]))
