"""Limit the rate of requests, with one count for all processes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from hosting_orders.domain.errors import ConcurrentUpdateError, ProviderUnavailableError, RateLimitedError

from .authenticate import Caller
from .log import log
from .ports import Services


class Bucket(StrEnum):
    ALL = "all"  # for contracts with one limit for all requests
    READ = "read"
    WRITE = "write"
    REGISTRAR = "registrar"  # requests whose answer may need the registrar
    WEBHOOK_TEST = "webhook_test"


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


def count_request(
    services: Services, bucket: Bucket, client: str, limit: RateLimit, number: int = 1
) -> Standing | None:
    """Returns None when counting fails. The request is then allowed."""
    now = services.clock.now() / 1000
    resets_at = (int(now) // limit.seconds + 1) * limit.seconds
    try:
        made = services.counts.add(f"{bucket}#{client}", resets_at, number)
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


def count_questions(services: Services, caller: Caller, limit: RateLimit, number: int = 1) -> None:
    """Raises RateLimitedError."""
    standing = count_request(services, Bucket.REGISTRAR, f"key#{caller.credential.counter}", limit, number)
    refuse_excess(standing, "questions to the registrar")


def refuse_excess(standing: Standing | None, counted: str) -> None:
    """Raises RateLimitedError. `counted` names the requests in the error text."""
    if standing is not None and standing.exceeded:
        raise RateLimitedError(
            f"At most {standing.limit} {counted} in {standing.seconds} seconds. "
            f"Try again in {standing.retry_after} seconds.",
            standing.retry_after,
        )
