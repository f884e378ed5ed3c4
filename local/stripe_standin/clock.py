"""The stand-in's time: the machine's clock plus the time skipped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Clock:
    def __init__(self) -> None:
        self._skipped = 0.0
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []

    def time(self) -> float:
        """Seconds since the epoch, UTC."""
        return time.time() + self._skipped

    def now(self) -> int:
        """Whole seconds since the epoch, UTC, as in Stripe's API."""
        return int(self.time())

    def advance(self, seconds: float) -> None:
        """Skip `seconds`, then call the listeners. Raises ValueError for a negative number."""
        if seconds < 0:
            raise ValueError("time does not go back")
        with self._lock:
            self._skipped += seconds
        for listener in self._listeners:
            listener()

    def when_advanced(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)
