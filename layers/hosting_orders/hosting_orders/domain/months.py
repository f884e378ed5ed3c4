"""Calendar months."""

from __future__ import annotations

import calendar
import datetime as dt


def months_after(moment: dt.datetime, months: int, day_of_month: int | None = None) -> dt.datetime:
    """The 31st becomes the last day of a shorter month. `day_of_month` replaces the day of `moment`."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    day = min(day_of_month or moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def months_later(moment: int, months: int, day_of_month: int | None = None) -> int:
    """`months_after` for epoch milliseconds."""
    start = dt.datetime.fromtimestamp(moment / 1000, dt.UTC)
    return int(months_after(start, months, day_of_month).timestamp() * 1000)
