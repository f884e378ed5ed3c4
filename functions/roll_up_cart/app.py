"""The table's stream: when orders change, update their carts' roll-ups and the page marks (docs/glossary.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hosting_orders import bootstrap
from hosting_orders.entrypoints.stream import batch_answer, order_changes
from hosting_orders.usecases.roll_up_cart import roll_up_carts

bootstrap.prepare("orders")


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    news, unreadable = order_changes(event)
    return batch_answer(unreadable + roll_up_carts(bootstrap.services(), news))
