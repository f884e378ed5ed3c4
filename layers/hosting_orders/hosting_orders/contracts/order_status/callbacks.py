"""The callback of contract 000 (our addition to the contract)."""

from __future__ import annotations

import json

from typing_extensions import TypedDict

from hosting_orders.domain.ids import object_id
from hosting_orders.domain.order import Order

from .words import iso_time, status_word, type_word


class OrderInCallback(TypedDict):
    id: str
    token: str
    status: str
    type: str


class CallbackMessage(TypedDict):
    event: str
    timestamp: str
    data: OrderInCallback


def callback_body(order: Order, account_name: str) -> bytes:
    status = status_word(order)
    message: CallbackMessage = {
        "event": f"order.{status.lower()}",
        "timestamp": iso_time(order.ended_at or order.updated_at),
        "data": {
            "id": object_id(order.number),
            "token": order.uuid,
            "status": status,
            "type": type_word(order),
        },
    }
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
