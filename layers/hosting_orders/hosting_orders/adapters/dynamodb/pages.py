"""Find any page of an account's orders at the same cost (docs/decisions.md, 31).

Every 50th order has a page mark with the order's place, counted from the oldest. A place stays valid, because orders
are never deleted.
"""

from __future__ import annotations

from . import keys
from .items import Item, page_mark_to_item
from .table import Table, put

MARK_EVERY = 50
MAX_NEW_MARKS = 40
"""The maximum number of marks that one call writes. The next calls write the rest."""

_ORDERS = "#PK = :account AND #SK BETWEEN :low AND :high"


class PageMarks:
    def __init__(self, table: Table) -> None:
        self._table = table

    def extend(self, account_id: str, before: int) -> None:
        last, number = self._newest(account_id)
        if before - 1 <= number:
            return
        found = self._table.query(
            _ORDERS,
            limit=MARK_EVERY * MAX_NEW_MARKS,
            only="#number",
            account=keys.account_partition(account_id),
            low=keys.order(account_id, number + 1)["SK"],
            high=keys.order(account_id, before - 1)["SK"],
        )
        for index in range(MARK_EVERY - 1, len(found), MARK_EVERY):
            place = last + index + 1
            self._table.write(put(page_mark_to_item(account_id, place, found[index]["number"])))

    def start(self, account_id: str, skip: int) -> tuple[int, int] | None:
        """Return the highest number to read and how many orders to skip. None if there are too few orders."""
        if skip <= MARK_EVERY:
            return keys.MAX_NUMBER, skip
        last, number = self._newest(account_id)
        if last == 0:
            return keys.MAX_NUMBER, skip
        unmarked = self._table.count(
            _ORDERS,
            account=keys.account_partition(account_id),
            low=keys.order(account_id, number + 1)["SK"],
            high=keys.order(account_id, keys.MAX_NUMBER)["SK"],
        )
        if skip < unmarked:
            return keys.MAX_NUMBER, skip
        place = last + unmarked - skip  # the place of the first order to read
        if place < 1:
            return None
        (mark,) = self._marks(account_id, low=place)
        return mark["number"], mark["place"] - place

    def _newest(self, account_id: str) -> tuple[int, int]:
        for mark in self._marks(account_id, descending=True):
            return mark["place"], mark["number"]
        return 0, 0

    def _marks(self, account_id: str, *, low: int = 0, descending: bool = False) -> list[Item]:
        return self._table.query(
            "#PK = :account AND #SK BETWEEN :low AND :high",
            limit=1,
            descending=descending,
            account=keys.account_partition(account_id),
            low=keys.page_mark(account_id, low)["SK"],
            high=keys.page_mark(account_id, keys.MAX_NUMBER)["SK"],
        )
