"""Faults that the controls set for the next requests to the platform stand-in."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

FAULTS = ("422", "429", "500", "503", "drop", "lose", "garbage", "html")


@dataclass
class Fault:
    """The stand-in answers the next `times` requests with this fault. `method` is an HTTP method, or `*` for any."""

    method: str
    answer: str
    times: int


class Faults:
    """Pending faults. Thread-safe."""

    def __init__(self) -> None:
        self._coming: list[Fault] = []
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[Fault]:
        return iter(list(self._coming))

    def add(self, answer: str, method: str, times: int) -> None:
        """Raises ValueError when `answer` is not one of FAULTS."""
        if answer not in FAULTS:
            raise ValueError(f"answer is one of {', '.join(FAULTS)}")
        with self._lock:
            self._coming.append(Fault(method, answer, times))

    def take(self, method: str) -> str | None:
        """Return the `answer` of the first fault for this method, or None. Count this request as one of its `times`."""
        with self._lock:
            for fault in self._coming:
                if fault.method in {"*", method}:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._coming.remove(fault)
                    return fault.answer
        return None

    def clear(self) -> None:
        with self._lock:
            self._coming.clear()
