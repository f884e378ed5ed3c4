"""`python -m local logs`: the log lines of a running stack's functions, oldest first, as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hosting_orders.domain.ids import order_uuid, parse_order_id
from local.aws import Aws
from local.errors import StackError


def log_lines(state: Path, about: str | None = None) -> Iterator[str]:
    """Yield the functions' log lines in time order. With `about`, yield only the lines that contain this text.

    If `about` is any form of an order's id, yield the lines that contain the order's UUID. Raises StackError if no
    stack runs in this state folder.
    """
    number = parse_order_id(about) if about else None
    wanted = order_uuid(number) if number is not None else about
    demo = state / "demo.json"
    if not demo.exists():
        raise StackError("No stack is running here; start one with `make run`.")
    client = Aws(json.loads(demo.read_text())["aws"]).client("logs")
    found: list[tuple[int, str]] = []
    try:
        for group in _all(client, "describe_log_groups", "logGroups"):
            found += _events(client, group["logGroupName"])
    except OSError as error:
        raise StackError("The stack is not running any more; start one with `make run`.") from error
    for _, line in sorted(found):
        if line.startswith("{") and (wanted is None or wanted in line):
            yield line.rstrip()


def _all(client: Any, operation: str, member: str, **arguments: str) -> Iterator[Any]:
    """Read all pages: each process of a function has its own log stream, and a page lists only 50 streams."""
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page[member]


def _events(client: Any, group: str) -> Iterator[tuple[int, str]]:
    for stream in _all(client, "describe_log_streams", "logStreams", logGroupName=group):
        events = client.get_log_events(
            logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
        )["events"]
        for event in events:
            yield event["timestamp"], event["message"]
