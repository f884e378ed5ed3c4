"""The delivery of callbacks and webhooks: attempts and retries."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from .providers import CallbackAnswer

MINUTE = 60
HOUR = 60 * MINUTE

# Seconds between attempts. The first 4 hours follow the vendor's policy (docs/contracts.md O2-187). The long delays
# after that follow Standard Webhooks.
SCHEDULE: tuple[int, ...] = (
    *(2 * MINUTE, 3 * MINUTE, 5 * MINUTE),
    *([15 * MINUTE] * 15),
    *(6 * HOUR, 12 * HOUR, 24 * HOUR, 48 * HOUR),
)

# The longest `Retry-After` that is honoured, in seconds.
MAX_RETRY_AFTER = 24 * HOUR

# Maximum attempts stored. The schedule makes fewer, but clients may request any number of redeliveries.
KEPT_ATTEMPTS = 50


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    EXHAUSTED = "exhausted"  # no retries left
    GONE = "gone"  # the receiver answered 410
    HELD = "held"  # its webhook endpoint is switched off


@dataclass(frozen=True, slots=True)
class Attempt:
    at: int
    status_code: int | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Times are epoch milliseconds."""

    status: DeliveryStatus = DeliveryStatus.PENDING
    attempts: tuple[Attempt, ...] = ()  # the most recent attempts
    due_at: int | None = None
    version: int = 0
    forgotten: int = 0  # how many older attempts are no longer stored
    retries_from: int = 0  # attempts before the last redelivery request; the schedule does not count them

    @property
    def made(self) -> int:
        return self.forgotten + len(self.attempts)

    def tried(self, answer: CallbackAnswer, now: int) -> Self:
        """Record an attempt. Schedule no retry."""
        attempts = (*self.attempts, Attempt(now, answer.status_code, answer.error))
        surplus = max(0, len(attempts) - KEPT_ATTEMPTS)
        status = DeliveryStatus.DELIVERED if answer.delivered else DeliveryStatus.EXHAUSTED
        if answer.gone:
            status = DeliveryStatus.GONE
        forgotten = self.forgotten + surplus
        return replace(self, status=status, attempts=attempts[surplus:], forgotten=forgotten, due_at=None)

    def after(self, answer: CallbackAnswer, now: int, jitter: float) -> Self:
        """Record an attempt and schedule the next. `jitter` (0 to 1) adds up to a tenth to the delay."""
        tried = self.tried(answer, now)
        number = tried.made - self.retries_from
        if tried.status is not DeliveryStatus.EXHAUSTED or number > len(SCHEDULE):
            return tried
        delay = SCHEDULE[number - 1] * (1 + jitter / 10)
        delay = max(delay, min(answer.retry_after or 0, MAX_RETRY_AFTER))
        return replace(tried, status=DeliveryStatus.PENDING, due_at=now + int(delay * 1000))

    def again(self, now: int) -> Self:
        return replace(self, status=DeliveryStatus.PENDING, due_at=now)


@dataclass(frozen=True, slots=True)
class CallbackDelivery(Delivery):
    account_id: str
    number: int
    message_id: str
