"""Rate limits: https://docs.stripe.com/rate-limits. All keys of an account share its limits."""

from __future__ import annotations

import threading
from collections import deque

from .clock import Clock

WINDOW = 1.0  # seconds


class RateLimits:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._served: deque[tuple[float, str]] = deque()

    def exceeded(self, endpoint: str, overall: int, each: int) -> str | None:
        """Return the reason to refuse a request. If there is none, count the request and return None.

        `overall` and `each` are limits of requests per second. 0 means no limit.
        """
        now = self._clock.time()
        with self._lock:
            while self._served and self._served[0][0] <= now - WINDOW:
                self._served.popleft()
            if overall and len(self._served) >= overall:
                return "global-rate"
            if each and sum(one == endpoint for _, one in self._served) >= each:
                return "endpoint-rate"
            self._served.append((now, endpoint))
        return None
