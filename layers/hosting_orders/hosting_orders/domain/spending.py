"""Spending against the cap of an API key. Amounts are minor units."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from .account import SpendCap


class Period(StrEnum):
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Spend:
    """What an order uses of the cap. It no longer counts if the order ends undelivered."""

    key: str  # the id of the API key, or its hash if it has no id
    day: str  # when the order was placed, in UTC: `2026-11-27`
    amount: int  # with tax

    @property
    def month(self) -> str:
        return self.day[:7]


@dataclass(frozen=True, slots=True)
class Spent:
    day: int = 0
    month: int = 0


@dataclass(frozen=True, slots=True)
class Remaining:
    currency: str
    day: int | None  # None means no limit
    month: int | None

    @classmethod
    def of(cls, cap: SpendCap, spent: Spent) -> Remaining:
        return cls(cap.currency, _left(cap.day, spent.day), _left(cap.month, spent.month))

    def too_little_for(self, amount: int) -> tuple[Period, int] | None:
        """Return the period in which too little is left, and how much is left."""
        left = [(Period.MONTH, self.month), (Period.DAY, self.day)]
        short = [(period, rest) for period, rest in left if rest is not None and rest < amount]
        return min(short, key=lambda found: found[1], default=None)


def _left(limit: int | None, spent: int) -> int | None:
    # An operator may have set the cap below what is already spent.
    return None if limit is None else max(0, limit - spent)


def utc_day(now: int) -> str:
    return dt.datetime.fromtimestamp(now / 1000, dt.UTC).date().isoformat()
