"""What is told to go wrong: faults for the next requests of the API that fit."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import Any

KINDS = {
    "error": "answered 500 before anything is done; nothing is kept under the idempotency key",
    "error_after": "done, and answered 500 all the same; the 500 is kept under the key, as Stripe does",
    "lost": "done, and the connection dropped before the answer; a repetition gets the kept answer",
    "dropped": "the connection dropped before anything is done",
    "too_many": "answered 429 before anything is done",
    "delay": "done after `milliseconds`; meanwhile the key is in use and other requests go on",
    "refuse": "answered `error` with `status` (400 unless said) before anything is done",
}


@dataclass
class Fault:
    """One fault for the next `times` requests whose method and whole path fit, after letting `after` pass."""

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
        """ValueError for an unknown kind, re.error for a bad pattern, TypeError for an unknown detail."""
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
        """The fault of this request, if any. Each request has at most one: the first that was added."""
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
