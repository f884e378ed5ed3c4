"""Publish the events of stream records that Lambda gave up on."""

from __future__ import annotations

from collections.abc import Iterable

from .log import log
from .ports import Services
from .publish_events import PublisherChange, publish_events
from .repair_roll_ups import GivenUpBatch


def repair_events(services: Services, batches: Iterable[GivenUpBatch]) -> list[str]:
    """Return the ids of messages to retry."""
    return [batch.message_id for batch in batches if not _repaired(services, batch)]


def _repaired(services: Services, batch: GivenUpBatch) -> bool:
    where = {"shard": batch.shard, "sequence": batch.first}
    try:
        changed = services.stream.changed_publishers(batch.stream, batch.shard, batch.first, batch.last)
    except Exception:
        log.exception("stream records could not be read again", extra=where)
        return False
    if changed is None:
        # The stream no longer has these records. An operator can run `make publish-events`, which reads the table.
        log.error("events were lost with their stream records", extra=where)
        return True
    if changed.unreadable:
        log.error("unreadable stream record", extra={**where, "sequence": changed.unreadable[0]})
    failed = publish_events(services, [PublisherChange("", item) for item in changed.items])
    return not failed and not changed.unreadable
