"""The spending of API keys: a table item for each key and month, with each day's costs."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence

from hosting_orders.domain.account import SpendCap
from hosting_orders.domain.order import Order
from hosting_orders.domain.spending import Spend, Spent

from . import keys
from .items import Item
from .table import Write, update

# Every order ends in less time. Nothing reads the item after its orders have ended, so DynamoDB deletes it then.
_KEPT = dt.timedelta(days=100)


def spends_of(orders: Sequence[Order]) -> list[tuple[str, Spend]]:
    # A transaction may write an item only once, so the costs of a cart's orders are added up first.
    sums: Counter[tuple[str, str, str]] = Counter()
    for order in orders:
        if order.spend is not None:
            sums[order.account_id, order.spend.key, order.spend.day] += order.spend.amount
    return [(account_id, Spend(key, day, amount)) for (account_id, key, day), amount in sums.items()]


def take(account_id: str, spend: Spend, cap: SpendCap) -> Write:
    # If the item does not exist yet, the condition compares nothing with the cap. For this case, the caller has checked
    # that `spend` alone does not exceed the cap.
    day = _day(spend)
    limited = [(name, limit) for name, limit in (("month", cap.month), (day, cap.day)) if limit is not None]
    condition = " AND ".join(
        f"(attribute_not_exists(#{name}) OR #{name} <= :room_{name})" for name, _ in limited
    )
    return update(
        keys.spending(account_id, spend.key, spend.month),
        f"ADD #month :amount, #{day} :amount SET #expires_at = :kept",
        condition,
        amount=spend.amount,
        kept=_kept_until(spend),  # Unix seconds
        **{f"room_{name}": limit - spend.amount for name, limit in limited},
    )


def give_back(account_id: str, spend: Spend) -> Write:
    day = _day(spend)
    return update(
        keys.spending(account_id, spend.key, spend.month),
        f"ADD #month :less, #{day} :less",
        f"#month >= :amount AND #{day} >= :amount",
        less=-spend.amount,
        amount=spend.amount,
    )


def spent_from_item(item: Item | None, day: str) -> Spent:
    found = item or {}
    return Spent(found.get(_day_name(day), 0), found.get("month", 0))


def _day(spend: Spend) -> str:
    return _day_name(spend.day)


def _day_name(day: str) -> str:
    return f"day_{day[8:]}"


def _kept_until(spend: Spend) -> int:
    day = dt.datetime.fromisoformat(spend.day).replace(tzinfo=dt.UTC)
    return int((day + _KEPT).timestamp())
