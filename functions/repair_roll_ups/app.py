"""The queue RollUpDeadLetters: recompute the roll-ups of carts whose stream records Lambda has given up on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hosting_orders import bootstrap
from hosting_orders.entrypoints.stream import batch_answer, given_up_batches
from hosting_orders.usecases.repair_roll_ups import repair_roll_ups

bootstrap.prepare("orders", "stream")


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    batches, unreadable = given_up_batches(event)
    return batch_answer(unreadable + repair_roll_ups(bootstrap.services(), batches))
