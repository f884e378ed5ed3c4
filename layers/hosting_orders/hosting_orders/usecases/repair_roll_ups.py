"""Recompute the roll-ups of carts after Lambda gave up on a stream record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .log import log
from .ports import Services
from .roll_up_cart import recompute_roll_up


@dataclass(frozen=True, slots=True)
class GivenUpBatch:
    """A range of stream records."""

    message_id: str  # in the queue
    stream: str
    shard: str
    first: str
    last: str


def repair_roll_ups(services: Services, batches: Iterable[GivenUpBatch]) -> list[str]:
    """Return the ids of messages to retry."""
    return [batch.message_id for batch in batches if not _repair(services, batch)]


def _repair(services: Services, batch: GivenUpBatch) -> bool:
    where = {"shard": batch.shard, "sequence": batch.first}
    try:
        changed = services.stream.changed(batch.stream, batch.shard, batch.first, batch.last)
    except Exception:
        log.exception("stream records could not be read again", extra=where)
        return False
    if changed is None:
        # Later changes and the reconciler still correct these carts.
        log.error("stream records no longer exist", extra=where)
        return True
    repaired = not changed.unreadable
    if not repaired:
        log.error("unreadable stream record", extra={**where, "sequence": changed.unreadable[0]})
    for account_id, token in dict.fromkeys((order.account_id, order.cart_token) for order in changed.orders):
        try:
            recompute_roll_up(services, account_id, token)
            log.info("roll-up repaired", extra={"cart_token": token})
        except Exception:
            log.exception("roll-up failed", extra={"cart_token": token})
            repaired = False
    return repaired
