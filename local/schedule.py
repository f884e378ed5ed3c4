"""Runs the function `reconcile` every few seconds, so that local orders continue soon. AWS runs it once a minute."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from local.aws import Aws


@contextmanager
def quick_schedule(
    aws: Aws, function_name: str, every: float, before: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Invoke the function in the background, `every` seconds after each run. `before` runs before each run."""
    stopped = threading.Event()
    client = aws.client("lambda")

    def run() -> None:
        while not stopped.wait(every):
            try:
                before()
                client.invoke(FunctionName=function_name, Payload=b"{}")
            except (BotoCoreError, ClientError):
                continue  # the emulator is busy or ending; the function has its own log

    thread = threading.Thread(target=run, name="quick schedule", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join(timeout=5)
