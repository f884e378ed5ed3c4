"""Limit the rate of requests, with one count for all processes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from hosting_orders.domain.errors import ConcurrentUpdateError, ProviderUnavailableError

from .log import log
from .ports import Services


class Bucket(StrEnum):
    ALL = "all"  # for contracts with one limit for all requests
    READ = "read"
    WRITE = "write"
    REGISTRAR = "registrar"  # their answer may need the registrar


@dataclass(frozen=True, slots=True)
class RateLimit:
    requests: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Standing:
    bucket: Bucket
    limit: int
    seconds: int  # the length of the window
    remaining: int
    resets_at: int  # Unix seconds
    retry_after: int  # seconds
    exceeded: bool


def count_request(services: Services, bucket: Bucket, client: str, limit: RateLimit) -> Standing | None:
    """Count one request. Returns None when counting fails: the request then continues."""
    now = services.clock.now() / 1000
    resets_at = (int(now) // limit.seconds + 1) * limit.seconds
    try:
        made = services.counts.add(f"{bucket}#{client}", resets_at)
    except (ProviderUnavailableError, ConcurrentUpdateError):
        log.warning("a request was not counted", exc_info=True)
        return None
    return Standing(
        bucket=bucket,
        limit=limit.requests,
        seconds=limit.seconds,
        remaining=max(0, limit.requests - made),
        resets_at=resets_at,
        retry_after=math.ceil(resets_at - now),
        exceeded=made > limit.requests,
    )
