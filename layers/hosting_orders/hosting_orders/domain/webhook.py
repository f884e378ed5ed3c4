"""An account's webhook endpoints, and the deliveries to them. Times are epoch milliseconds."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from .callback import Delivery, DeliveryStatus
from .durations import DAY, MINUTE
from .providers import CallbackAnswer
from .webhook_events import EventType, WebhookEvent, matches

MAX_ENDPOINTS = 10

MAX_PATTERNS = 20

ROTATION = DAY
"""How long an old secret still signs after a rotation."""

MAX_SECRETS = 3
"""Maximum secrets that sign at the same time."""

OFF_AFTER = 3 * DAY
"""An endpoint that has failed for this long is switched off at the next failure."""

KEPT = 30 * DAY
"""How long the log keeps a delivery."""

CREATION_KEPT = 30 * DAY
"""How long the Idempotency-Key of a created endpoint is known."""

PUBLISHED_FOR = KEPT - DAY
"""Events older than this are not published.

Deliveries are kept for longer, so a repeated event finds its delivery and is not sent again.
"""

SENT_SOON = 2 * MINUTE
"""A new delivery is queued at once. If it is not sent within this time, it is queued again."""

QUEUED_AGAIN = 5 * MINUTE
"""A delivery that is still not sent is queued again at this interval."""

_ENDPOINT_ID = re.compile(r"we_[0-9a-f]{24}")
_MESSAGE_ID = re.compile(r"msg_[0-9a-f]{32}")


class Disabled(StrEnum):
    OWNER = "owner"  # by the account
    FAILING = "failing"
    GONE = "gone"  # the receiver answered 410


@dataclass(frozen=True, slots=True)
class Pattern:
    """`since` is when the endpoint subscribed. Earlier events are not sent."""

    text: str
    since: int


@dataclass(frozen=True, slots=True)
class SealedSecret:
    sealed: str
    created_at: int
    expires_at: int | None = None  # None for the current secret

    def valid_at(self, now: int) -> bool:
        return self.expires_at is None or now < self.expires_at


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    account_id: str
    id: str
    url: str
    patterns: tuple[Pattern, ...]
    created_at: int
    updated_at: int
    secrets: tuple[SealedSecret, ...] = ()  # newest first
    description: str = ""
    enabled: bool = True
    disabled_at: int | None = None
    disabled_reason: Disabled | None = None
    failing_since: int | None = None  # the first failure since the last success
    last_status_code: int | None = None  # of the last failure that was recorded
    last_error: str | None = None
    test: bool = False  # created with a test key
    version: int = 0

    @property
    def pattern_texts(self) -> tuple[str, ...]:
        return tuple(pattern.text for pattern in self.patterns)

    def wants(self, event: WebhookEvent) -> bool:
        if event.endpoint_id == self.id:
            return False  # the event says that this endpoint was switched off
        return any(
            matches(pattern.text, event.type) and pattern.since <= event.at for pattern in self.patterns
        )

    def secrets_at(self, now: int) -> tuple[SealedSecret, ...]:
        return tuple(secret for secret in self.secrets if secret.valid_at(now))

    def subscribed_to(self, texts: Iterable[str], now: int) -> WebhookEndpoint:
        known = {pattern.text: pattern for pattern in self.patterns}
        wanted = tuple(known.get(text, Pattern(text, now)) for text in dict.fromkeys(texts))
        return replace(self, patterns=wanted)

    def rotated(self, sealed: str, now: int) -> WebhookEndpoint:
        old = tuple(
            secret if secret.expires_at is not None else replace(secret, expires_at=now + ROTATION)
            for secret in self.secrets_at(now)
        )
        return replace(self, secrets=(SealedSecret(sealed, now), *old), updated_at=now)

    def switched(self, on: bool, now: int) -> WebhookEndpoint:
        if on == self.enabled:
            return self
        if not on:
            return self._off(Disabled.OWNER, now)
        return replace(
            self, enabled=True, disabled_at=None, disabled_reason=None, failing_since=None, updated_at=now
        )

    def _off(self, reason: Disabled, now: int) -> WebhookEndpoint:
        return replace(self, enabled=False, disabled_at=now, disabled_reason=reason, updated_at=now)

    def after(self, answer: CallbackAnswer, now: int) -> WebhookEndpoint:
        """Record the outcome of an attempt. Return the same object if nothing changes."""
        if answer.delivered:
            return self if self.failing_since is None else replace(self, failing_since=None)
        if not self.enabled:
            return self
        known = replace(self, last_status_code=answer.status_code, last_error=answer.error)
        if answer.gone:
            return known._off(Disabled.GONE, now)
        if self.failing_since is None:
            return replace(known, failing_since=now)
        return known._off(Disabled.FAILING, now) if now - self.failing_since >= OFF_AFTER else self

    def events(self) -> Iterable[WebhookEvent]:
        """Tell other endpoints that this one was switched off."""
        if self.disabled_at is None or self.disabled_reason is Disabled.OWNER:
            return ()
        source = f"endpoint:{self.id}:{self.disabled_at}"
        kind = EventType.ENDPOINT_DISABLED
        return (WebhookEvent(kind, self.account_id, self.disabled_at, source, endpoint_id=self.id),)


@dataclass(frozen=True, slots=True)
class WebhookCreation:
    """The record of an Idempotency-Key. It outlives its endpoint, so a repeat does not recreate a deleted endpoint."""

    account_id: str
    token: str  # a hash of the Idempotency-Key
    fingerprint: str
    endpoint_id: str
    expires_at: int  # Unix seconds: the table's TTL


@dataclass(frozen=True, slots=True)
class WebhookDelivery(Delivery):
    account_id: str
    endpoint_id: str
    message_id: str
    event: WebhookEvent
    expires_at: int  # Unix seconds, for the table's TTL

    def held(self) -> WebhookDelivery:
        return replace(self, status=DeliveryStatus.HELD, due_at=None)

    def replayed(self, now: int) -> WebhookDelivery:
        """Make the delivery due now, with all retries."""
        return replace(self.again(now), retries_from=self.made)

    @property
    def can_be_replayed(self) -> bool:
        return self.status in (DeliveryStatus.EXHAUSTED, DeliveryStatus.HELD, DeliveryStatus.GONE)


@dataclass(frozen=True, slots=True)
class DueWebhook:
    account_id: str
    endpoint_id: str
    message_id: str
    due_at: int


@dataclass(frozen=True, slots=True)
class QueuedWebhook:
    """A queue message.

    Each attempt changes the delivery's `due_at`, so a duplicate message causes no second attempt.
    """

    message_id: str
    due_at: int


def delivery_of(event: WebhookEvent, endpoint_id: str, now: int) -> WebhookDelivery:
    return WebhookDelivery(
        event.account_id,
        endpoint_id,
        message_id(endpoint_id, event.source, event.type, event.at),
        event,
        (now + KEPT) // 1000,
    )


def new_endpoint_id() -> str:
    return "we_" + secrets.token_hex(12)


def is_endpoint_id(text: str) -> bool:
    return _ENDPOINT_ID.fullmatch(text) is not None


def message_id(endpoint_id: str, source: str, kind: str, at: int) -> str:
    """Ids sort by event time."""
    digest = hashlib.sha256(f"webhook\0{endpoint_id}\0{source}\0{kind}".encode()).hexdigest()
    return f"msg_{at:012x}{digest[:20]}"


def first_message_id(since: int) -> str:
    """The lowest message id from this time on."""
    return f"msg_{max(since, 0):012x}{'0' * 20}"


def is_message_id(text: str) -> bool:
    return _MESSAGE_ID.fullmatch(text) is not None
