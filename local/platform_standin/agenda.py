"""Delayed actions. One thread waits until an action is due, and a pool of threads runs it."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


class Agenda:
    """The waiting thread is started when the first action is added."""

    def __init__(self, workers: int = 8) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()  # actions due at the same time start in the order they were added
        self._changed = threading.Condition()
        self._closed = False
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="platform-standin")
        self._thread: threading.Thread | None = None

    def after(self, delay: float, action: Callable[[], None]) -> None:
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="platform-standin-agenda", daemon=True)
                self._thread.start()
            heapq.heappush(self._due, (time.monotonic() + delay, next(self._order), action))
            self._changed.notify()

    def close(self) -> None:
        """Drop pending actions and wait for running ones."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self) -> None:
        with self._changed:
            while not self._closed:
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is not None and wait <= 0:
                    self._pool.submit(heapq.heappop(self._due)[2])
                else:
                    self._changed.wait(wait)
