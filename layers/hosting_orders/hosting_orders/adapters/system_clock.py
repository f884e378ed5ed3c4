"""The real clock."""

from __future__ import annotations

import time


class SystemClock:
    def now(self) -> int:
        """Epoch milliseconds UTC."""
        return time.time_ns() // 1_000_000
