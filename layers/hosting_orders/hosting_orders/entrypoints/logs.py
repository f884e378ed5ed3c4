"""Structured logs: one JSON line per event, with the ids that an operator searches by, and no secrets."""

from __future__ import annotations

from functools import cache

from aws_lambda_powertools import Logger

SERVICE = "hosting-orders"


@cache
def logger() -> Logger:
    """The process's logger. Use cases log through `logging.getLogger("hosting-orders")`, which is this one."""
    return Logger(service=SERVICE, name=SERVICE, utc=True)
