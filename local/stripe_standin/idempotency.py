"""Idempotency keys: https://docs.stripe.com/api/idempotent_requests.

The first response to a key is stored for 24 hours, whether it is a success or an error. An error is not stored if it
occurs before the endpoint runs (bad parameters, a key in use, too many requests).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from .clock import Clock
from .errors import bad_parameter, idempotency_key_in_use, idempotency_mismatch

FORGOTTEN_AFTER = 24 * 3600.0
MAX_LENGTH = 255


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class _Entry:
    fingerprint: str
    since: float
    answer: Answer | None = None


class IdempotencyKeys:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}

    def begin(self, key: str, request: str) -> Answer | None:
        """Return the stored response. None means that the key is new: execute the request, and then call `finish`.

        Raises Stripe's error when the key is in use or was used with other parameters.
        """
        if len(key) > MAX_LENGTH:
            raise bad_parameter(f"Idempotency keys may be at most {MAX_LENGTH} characters long.")
        now = self._clock.time()
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or (entry.answer is not None and entry.since + FORGOTTEN_AFTER <= now):
                self._entries[key] = _Entry(request, now)
                return None
            if entry.fingerprint != request:
                raise idempotency_mismatch(key)
            if entry.answer is None:
                raise idempotency_key_in_use(key)
            return entry.answer

    def finish(self, key: str, answer: Answer | None) -> None:
        """Store the response. If `answer` is None, nothing was executed, and the key is free again."""
        with self._lock:
            if answer is None:
                del self._entries[key]
            else:
                self._entries[key].answer = answer
