"""How many requests a client may make: one limiter for every contract that has a limit.

A window is a stretch of the clock, such as a minute, and the same one in every process. The count is one atomic write,
so that any number of processes agree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from hosting_orders.domain.errors import ConcurrentUpdateError, ProviderUnavailableError

from .log import log
from .ports import Services


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `requests` of one client in each window of `seconds`."""

    requests: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a client stands after a request. `resets_at` is in Unix seconds, `retry_after` in seconds from now."""

    limit: int
    remaining: int
    resets_at: int
    retry_after: int
    exceeded: bool


def count_request(services: Services, bucket: str, limit: RateLimit) -> Standing | None:
    """Count a request in the client's bucket. None when the count cannot be had now: no request fails for that."""
    now = services.clock.now() / 1000
    resets_at = (int(now) // limit.seconds + 1) * limit.seconds
    try:
        made = services.counts.add(bucket, resets_at)
    except (ProviderUnavailableError, ConcurrentUpdateError):
        log.warning("a request was not counted", exc_info=True)
        return None
    return Standing(
        limit=limit.requests,
        remaining=max(0, limit.requests - made),
        resets_at=resets_at,
        retry_after=math.ceil(resets_at - now),
        exceeded=made > limit.requests,
    )
