"""Data that only domain orders have. Times are epoch milliseconds."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .registration import RegistrarWaits, Verification

TRANSFER_YEAR = "transfer"
"""The reference of the year that a transfer's own price paid for. Other references are invoices."""


@dataclass(frozen=True, slots=True)
class Submission:
    """Stored before the registrar is called. After a crash, the next process checks with the registrar first."""

    first_at: int
    lease_until: int  # until then only one process may call
    asked_at: int = 0  # when the last call began whose outcome may be unclear
    flag: RegistrarWaits | None = None


@dataclass(frozen=True, slots=True)
class DomainRenewal:
    """One payment buys one more year at the registrar, never two years. Stored before the registrar is called."""

    reference: str
    expires_before: int  # the domain's expiry without this renewal
    first_at: int
    lease_until: int
    operation_id: str | None = None
    done_at: int | None = None


@dataclass(frozen=True, slots=True)
class DomainRecord:
    """`claim` is the domain (ASCII) that no other order may have. It is released when the order ends undelivered or
    the domain leaves the registrar.

    `left_at` is when we found that a delivered domain had left, and `resent_at` when the verification mail was
    last sent again. `registered_until` is the registry's expiry date at delivery. All are epoch milliseconds.
    """

    claim: str | None = None
    submission: Submission | None = None
    renewals: tuple[DomainRenewal, ...] = ()
    left_at: int | None = None
    verification: Verification | None = None
    resent_at: int | None = None
    registered_until: int | None = None

    @property
    def flag(self) -> RegistrarWaits | None:
        return self.submission.flag if self.submission else None

    def submitting(self, now: int, lease_until: int) -> DomainRecord:
        """Take the lease before a call to the registrar."""
        first_at = self.submission.first_at if self.submission else now
        return replace(self, submission=Submission(first_at, lease_until, now, self.flag))

    def waits_for(self, flag: RegistrarWaits | None, now: int) -> DomainRecord:
        return replace(self, submission=replace(self.submission or Submission(now, 0), flag=flag))

    def renewal(self, reference: str) -> DomainRenewal | None:
        return next((one for one in self.renewals if one.reference == reference), None)

    def renewing(self, renewal: DomainRenewal) -> DomainRecord:
        """Add or replace this renewal."""
        others = tuple(one for one in self.renewals if one.reference != renewal.reference)
        return replace(self, renewals=(*others, renewal))

    def delivered(self, expires_at: int | None, now: int, *, year_missing: bool) -> DomainRecord:
        """The domain is ours until `expires_at`. A missing year that was paid for is bought next."""
        record = replace(self, registered_until=expires_at)
        if not year_missing or expires_at is None:
            return record
        return record.renewing(DomainRenewal(TRANSFER_YEAR, expires_at, first_at=now, lease_until=0))

    @property
    def transfer_year(self) -> DomainRenewal | None:
        """The year that the transfer did not bring, although it was paid for. None when it brought one."""
        return self.renewal(TRANSFER_YEAR)

    @property
    def is_renewing(self) -> bool:
        return any(one.done_at is None for one in self.renewals)
