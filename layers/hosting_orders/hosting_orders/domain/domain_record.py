"""What only a domain order has to remember: its claim, its way to the registrar, and its renewals there."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .registration import RegistrarWaits

TRANSFER_YEAR = "transfer"
"""The reference of the year that a transfer's own price paid for. Other references are invoices."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A domain order's way to the registrar. It is written down before the registrar is asked, so that the next
    process after a crash looks there before it asks again.

    `first_at` is when it was first asked, `asked_at` when it was last asked and did not clearly refuse, `lease_until`
    until when one process alone may ask (epoch ms). `flag` is what its work waits for; the registrar's texts may
    repeat a contact, so they are not kept.
    """

    first_at: int
    lease_until: int
    asked_at: int = 0
    flag: RegistrarWaits | None = None


@dataclass(frozen=True, slots=True)
class DomainRenewal:
    """A further year at the registrar for a further term that was paid: one for each payment, and never two.

    It is written down before the registrar is asked. `expires_before` is when the domain expires without it,
    `first_at` when it was first asked for, `lease_until` until when one process alone may ask. `done_at` is when the
    registrar was seen to have renewed it (all epoch ms).
    """

    reference: str
    expires_before: int
    first_at: int
    lease_until: int
    operation_id: str | None = None
    done_at: int | None = None


@dataclass(frozen=True, slots=True)
class DomainRecord:
    """`claim` is the domain (ASCII) that the order keeps from all others, until it ends undelivered.
    `registered_until` is the registry's expiry date at delivery (epoch ms)."""

    claim: str | None = None
    submission: Submission | None = None
    renewals: tuple[DomainRenewal, ...] = ()
    registered_until: int | None = None

    @property
    def flag(self) -> RegistrarWaits | None:
        """What the registrar's work waits for."""
        return self.submission.flag if self.submission else None

    def submitting(self, now: int, lease_until: int) -> DomainRecord:
        """This process, and no other until `lease_until`, is about to ask the registrar."""
        first_at = self.submission.first_at if self.submission else now
        return replace(self, submission=Submission(first_at, lease_until, now, self.flag))

    def waits_for(self, flag: RegistrarWaits | None, now: int) -> DomainRecord:
        """The registrar's work waits for this now."""
        return replace(self, submission=replace(self.submission or Submission(now, 0), flag=flag))

    def renewal(self, reference: str) -> DomainRenewal | None:
        """What the registrar was asked for with the money of this payment."""
        return next((one for one in self.renewals if one.reference == reference), None)

    def renewing(self, renewal: DomainRenewal) -> DomainRecord:
        """Add this renewal, or put it in the place of what was known of it."""
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
        """Whether the registrar is being asked for a further year at the moment."""
        return any(one.done_at is None for one in self.renewals)
