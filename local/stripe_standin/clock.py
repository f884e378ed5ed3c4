"""The stand-in's time: the machine's clock plus the time skipped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Clock:
    """A clock that runs with the machine's. `advance` skips ahead, so days take no time."""

    def __init__(self) -> None:
        self._skipped = 0.0
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []

    def time(self) -> float:
        """Seconds since the epoch, UTC."""
        return time.time() + self._skipped

    def now(self) -> int:
        """Whole seconds since the epoch, UTC: the form of every time in the API."""
        return int(self.time())

    def advance(self, seconds: float) -> None:
        """Skip ahead, and do everything that becomes due, such as settling SEPA payments.

        Raises ValueError for a negative number: Stripe's time does not run backwards.
        """
        if seconds < 0:
            raise ValueError("time does not go back")
        with self._lock:
            self._skipped += seconds
        for listener in self._listeners:
            listener()

    def when_advanced(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)
