"""Faults for the next matching requests of the API."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import Any

KINDS = {
    "error": "do nothing and answer 500; a retry with the same key succeeds",
    "error_after": "execute the request, but answer 500; a retry with the same key gets that 500, as at Stripe",
    "lost": "execute the request, but break the connection; a retry with the same key gets the response",
    "dropped": "do nothing and break the connection",
    "too_many": "do nothing and answer 429 `rate_limit`, as for too many requests",
    "locked": "do nothing and answer 429 `lock_timeout`, as if another request were using the object",
    "delay": "wait for `milliseconds`, then execute the request; other requests continue meanwhile",
    "refuse": "do nothing and answer your own error, with its status (400 by default)",
}


@dataclass
class Fault:
    """Applies to requests whose method and whole path match.

    The first `after` matching requests pass without the fault. Then the fault applies to `times` matching requests.
    """

    kind: str
    path: str = ".*"
    method: str = "*"
    times: int = 1
    after: int = 0
    milliseconds: int = 0
    status: int = 400
    error: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind is one of {', '.join(KINDS)}, not {self.kind!r}")
        re.compile(self.path)

    def fits(self, method: str, path: str) -> bool:
        return self.method in ("*", method) and re.fullmatch(self.path, path) is not None


class Faults:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def add(self, kind: str, path: str = ".*", **details: Any) -> Fault:
        """Raises ValueError for an unknown kind, re.error for a bad pattern, and TypeError for an unknown detail."""
        fault = Fault(kind, path, **details)
        with self._lock:
            self._waiting.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    @property
    def waiting(self) -> list[Fault]:
        with self._lock:
            return list(self._waiting)

    def take(self, method: str, path: str) -> Fault | None:
        """Return the first fault that applies to this request, and count the request."""
        with self._lock:
            for fault in self._waiting:
                if not fault.fits(method, path):
                    continue
                if fault.after > 0:
                    fault.after -= 1
                    continue
                fault.times -= 1
                if fault.times <= 0:
                    self._waiting.remove(fault)
                return fault
        return None
