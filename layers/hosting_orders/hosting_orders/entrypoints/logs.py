"""Structured logs: JSON lines with the ids that operators search for, and no secrets."""

from __future__ import annotations

from functools import cache

from aws_lambda_powertools import Logger

SERVICE = "hosting-orders"


@cache
def logger() -> Logger:
    """Use cases get the same logger from `logging.getLogger("hosting-orders")`."""
    return Logger(service=SERVICE, name=SERVICE, utc=True)
