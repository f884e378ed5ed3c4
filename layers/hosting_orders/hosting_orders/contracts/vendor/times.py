"""Times in contracts 002 and 003."""

from __future__ import annotations

import datetime as dt
from typing import overload


@overload
def date_time(moment: int) -> str: ...
@overload
def date_time(moment: int | None) -> str | None: ...
def date_time(moment: int | None) -> str | None:
    """Epoch milliseconds as ISO 8601 UTC with three decimals."""
    if moment is None:
        return None
    text = dt.datetime.fromtimestamp(moment / 1000, dt.UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
