"""The `reconcile` schedule in quick motion: AWS runs it once a minute, and nobody wants to watch a minute pass.

It runs the very function that the schedule runs, one run after the other, never two at once.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from local.aws import Aws


@contextmanager
def quick_schedule(aws: Aws, function_name: str, every: float) -> Iterator[None]:
    """While this lasts the function is run, with `every` seconds between two runs."""
    stopped = threading.Event()
    client = aws.client("lambda")

    def run() -> None:
        while not stopped.wait(every):
            try:
                client.invoke(FunctionName=function_name, Payload=b"{}")
            except (BotoCoreError, ClientError):
                continue  # the emulator is busy or ending; the function's own log tells what it did

    thread = threading.Thread(target=run, name="quick schedule", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join(timeout=5)
