"""Data that only domain orders have. Times are epoch milliseconds."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .registration import RegistrarWaits, Verification

TRANSFER_YEAR = "transfer"
"""The `reference` of the renewal that a transfer's price includes. Other renewals have an invoice's id."""


@dataclass(frozen=True, slots=True)
class Submission:
    """Stored before the registrar is called. A retry finds it, and first asks whether the earlier call succeeded."""

    first_at: int
    lease_until: int  # until then only one process may call the registrar
    asked_at: int = 0  # when the last call with a possibly unclear outcome began
    flag: RegistrarWaits | None = None


@dataclass(frozen=True, slots=True)
class DomainRenewal:
    """One payment buys one more year, never two. Stored before the registrar is called."""

    reference: str
    expires_before: int  # the domain's expiry without this renewal
    first_at: int
    lease_until: int
    operation_id: str | None = None
    done_at: int | None = None
    refused: bool = False  # the last attempt was certainly not accepted

    @property
    def is_open(self) -> bool:
        """Whether the registrar may have accepted this renewal. Meanwhile no other renewal may begin."""
        # With two open renewals, one change of the expiry date would seem to prove both.
        return self.done_at is None and not self.refused and self.lease_until > 0


@dataclass(frozen=True, slots=True)
class DomainRecord:
    """The claim is released when the order ends undelivered or the domain leaves the registrar."""

    claim: str | None = None  # the ASCII domain, which no other order may have
    submission: Submission | None = None
    renewals: tuple[DomainRenewal, ...] = ()
    left_at: int | None = None  # when we found that the delivered domain had left
    verification: Verification | None = None
    resent_at: int | None = None  # when the verification mail was last sent again
    registered_until: int | None = None  # the registry's expiry date at delivery
    year_waived_at: int | None = (
        None  # when an operator returned the money for a transfer's year (docs/runbooks.md)
    )

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

    def renewed(self, renewal: DomainRenewal, expires_next: int, now: int) -> DomainRecord:
        # Each renewal that is not done yet now begins at the later expiry date.
        shifted = tuple(
            one
            if one.done_at is not None or one.expires_before >= expires_next
            else replace(one, expires_before=expires_next)
            for one in self.renewals
        )
        return replace(self, renewals=shifted).renewing(replace(renewal, done_at=now))

    def delivered(self, expires_at: int | None, now: int, *, year_missing: bool) -> DomainRecord:
        """If a transfer did not add its paid year (`year_missing`) and the expiry is known, add a renewal for it."""
        record = replace(self, registered_until=expires_at)
        if not year_missing or expires_at is None:
            return record
        return record.renewing(DomainRenewal(TRANSFER_YEAR, expires_at, first_at=now, lease_until=0))

    @property
    def transfer_year(self) -> DomainRenewal | None:
        """The renewal for the paid year that the transfer did not add, or None."""
        return self.renewal(TRANSFER_YEAR)

    @property
    def is_renewing(self) -> bool:
        # A registry may refuse a transfer's year for ever, so this renewal is left out.
        return any(one.done_at is None and one.reference != TRANSFER_YEAR for one in self.renewals)
