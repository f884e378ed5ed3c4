"""Limit the rate of requests, with one count for all processes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hosting_orders.domain.errors import ConcurrentUpdateError, ProviderUnavailableError

from .log import log
from .ports import Services


@dataclass(frozen=True, slots=True)
class RateLimit:
    requests: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Standing:
    limit: int
    remaining: int
    resets_at: int  # Unix seconds
    retry_after: int  # seconds
    exceeded: bool


def count_request(services: Services, bucket: str, limit: RateLimit) -> Standing | None:
    """Count one request. Returns None when counting fails: the request then continues."""
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
