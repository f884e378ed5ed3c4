"""Terms after the first, charged by our own invoices (docs/decisions.md 81)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .months import months_later

# The stored statuses. They are Stripe's words for the status of a subscription.
ACTIVE, PAST_DUE, ENDED = "active", "past_due", "canceled"


@dataclass(frozen=True, slots=True)
class InvoicedRenewal:
    """Only the current term is stored. Times are epoch milliseconds."""

    first_at: int  # when the first of these terms begins and is charged
    months: int
    day_of_month: int | None = None  # each term begins on this day, or on the last day of a shorter month
    term: int = 0  # the number of the current term
    reference: str | None = None  # the current term's invoice
    tried: int = 0  # how many attempts to charge this term were refused
    refused_at: int | None = None  # when the first attempt was refused
    next_try: int = 0
    status: str = ACTIVE

    @property
    def starts_at(self) -> int:
        return self._begins(self.term)

    @property
    def ends_at(self) -> int:
        return self._begins(self.term + 1)

    @property
    def ended(self) -> bool:
        return self.status == ENDED

    def _begins(self, term: int) -> int:
        return months_later(self.first_at, term * self.months, self.day_of_month if term else None)

    def known_as(self, reference: str | None, *, paid: bool = False) -> InvoicedRenewal:
        status = ACTIVE if paid else self.status
        return replace(self, reference=reference or self.reference, status=status)

    def refused(self, now: int, next_try: int) -> InvoicedRenewal:
        first = now if self.refused_at is None else self.refused_at
        return replace(self, tried=self.tried + 1, refused_at=first, next_try=next_try, status=PAST_DUE)

    def next_term(self) -> InvoicedRenewal:
        return InvoicedRenewal(self.first_at, self.months, self.day_of_month, self.term + 1)

    def next_check(self, now: int, waits_until: int | None) -> int:
        # `waits_until` says when to check an unpaid term again if no further attempt is planned. It is None if the
        # order has no unpaid term.
        if waits_until is None:
            return max(self.starts_at, now)
        return self.next_try if self.next_try > now else waits_until

    def over(self) -> InvoicedRenewal:
        return replace(self, status=ENDED)
