"""The delivery of one order's callback: attempts, and when to try again (docs/contracts.md)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from .providers import CallbackAnswer

MINUTE = 60
HOUR = 60 * MINUTE

# Seconds from one attempt to the next: every 2 min to 5 min, every 5 min to 10 min, every 15 min to 4 h
# (the vendor's delivery policy, docs/contracts.md O2-187), then Standard Webhooks' long tail.
SCHEDULE: tuple[int, ...] = (
    *(2 * MINUTE, 3 * MINUTE, 5 * MINUTE),
    *([15 * MINUTE] * 15),
    *(6 * HOUR, 12 * HOUR, 24 * HOUR, 48 * HOUR),
)

# A receiver can put us off, but not for longer than this (seconds).
MAX_RETRY_AFTER = 24 * HOUR

# So many attempts stay on record. The schedule makes fewer; a client may ask for redeliveries without end.
KEPT_ATTEMPTS = 50


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    EXHAUSTED = "exhausted"  # the schedule ran out
    GONE = "gone"  # the receiver answered 410: it wants no more


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at `at` (epoch ms): a status code, or the error that left none."""

    at: int
    status_code: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class CallbackDelivery:
    """Everything about one message. `attempts` are the newest; `forgotten` counts those before them.
    `due_at` (epoch ms) is when the next attempt is wanted."""

    account_id: str
    number: int
    message_id: str
    status: DeliveryStatus = DeliveryStatus.PENDING
    attempts: tuple[Attempt, ...] = ()
    due_at: int | None = None
    version: int = 0
    forgotten: int = 0

    @property
    def made(self) -> int:
        """How many attempts there have been."""
        return self.forgotten + len(self.attempts)

    def after(self, answer: CallbackAnswer, now: int, jitter: float) -> CallbackDelivery:
        """The record after an attempt. `jitter` (0 to 1) spreads retries by up to a tenth of their delay."""
        attempts = (*self.attempts, Attempt(now, answer.status_code, answer.error))
        surplus = max(0, len(attempts) - KEPT_ATTEMPTS)
        tried = replace(self, attempts=attempts[surplus:], forgotten=self.forgotten + surplus, due_at=None)
        if answer.delivered:
            return replace(tried, status=DeliveryStatus.DELIVERED)
        if answer.status_code == 410:
            return replace(tried, status=DeliveryStatus.GONE)
        if tried.made > len(SCHEDULE):
            return replace(tried, status=DeliveryStatus.EXHAUSTED)
        delay = SCHEDULE[tried.made - 1] * (1 + jitter / 10)
        delay = max(delay, min(answer.retry_after or 0, MAX_RETRY_AFTER))
        return replace(tried, due_at=now + int(delay * 1000))

    def again(self, now: int) -> CallbackDelivery:
        """Deliver once more, as soon as possible, whatever came of it before; the message id stays the same."""
        return replace(self, status=DeliveryStatus.PENDING, due_at=now)
