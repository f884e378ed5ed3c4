"""Spend caps of the demo keys, and what the table counts against them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from hosting_orders.adapters.dynamodb.codec import decode
from hosting_orders.domain.account import Credential, SpendCap
from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.usecases.authenticate import hash_key
from tests.support.world import World


def cap_key(
    world: World,
    account: str = "ready",
    key: str = "user_key",
    *,
    day: int | None = None,
    month: int | None = None,
    currency: str = "EUR",
) -> Credential:
    """Give a demo key this spend cap, and an id."""
    known = world.services.directory.credential(hash_key(world.accounts[account][key]))
    assert known is not None
    capped = replace(known, id=f"{account}-{key}", spend_cap=SpendCap(currency, day, month))
    world.services.directory.put_credential(capped)
    return capped


def counted(world: World) -> dict[tuple[str, str, str], int]:
    """All sums that are not zero, by account, key and period: a day as `2026-11-27`, a month as `2026-11`."""
    sums = {}
    for stored in world.items("SPENDING#"):
        item = decode(stored)
        account_id = item["PK"].removeprefix("ACCOUNT#")
        _, key, month = item["SK"].split("#")
        for name, amount in item.items():
            if name == "month":
                sums[account_id, key, month] = amount
            elif name.startswith("day_"):
                sums[account_id, key, f"{month}-{name[4:]}"] = amount
    return {period: amount for period, amount in sums.items() if amount}


def expected(orders: Iterable[Order]) -> dict[tuple[str, str, str], int]:
    """What `counted` must return: the sums of the orders that are open or completed."""
    sums: Counter[tuple[str, str, str]] = Counter()
    for order in orders:
        if order.spend is not None and (not order.ended or order.status is OrderStatus.COMPLETED):
            for period in (order.spend.day, order.spend.month):
                sums[order.account_id, order.spend.key, period] += order.spend.amount
    return dict(sums)
