"""The registrar's records: the domains in its account and the operations on them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .wire import moment

RENEWAL = "RENEW_DOMAIN"


@dataclass(frozen=True)
class Step:
    """A step of an operation. It ends after `seconds`. If `seconds` is None, only a request under /_standin ends it."""

    status: str
    seconds: float | None
    flag: str | None = None
    message: str | None = None


@dataclass
class Operation:
    """`steps` holds the current step and the steps after it. When the operation has ended, `steps` is empty.

    The current step began at `since` (Unix seconds). If `failure` is set, the operation ends with the status FAILED and
    this message.
    """

    id: str
    name: str
    type: str
    submitted_at: float
    given: Mapping[str, Any] = field(repr=False)
    steps: list[Step]
    since: float
    failure: str | None
    status: str = "SUBMITTED"
    message: str | None = None
    updated_at: float = 0.0

    @property
    def is_running(self) -> bool:
        return bool(self.steps)

    @property
    def is_transfer(self) -> bool:
        return self.type == "TRANSFER_IN_DOMAIN"

    def document(self) -> dict[str, Any]:
        now = self.steps[0] if self.steps else Step(self.status, None, None, self.message)
        shown = {
            "OperationId": self.id,
            "Status": now.status,
            "Message": now.message,
            "DomainName": self.name,
            "Type": self.type,
            "SubmittedDate": moment(self.submitted_at),
            "LastUpdatedDate": moment(self.updated_at),
            "StatusFlag": now.flag,
        }
        return {name: value for name, value in shown.items() if value is not None}


@dataclass
class Domain:
    name: str
    nameservers: tuple[str, ...]
    created_at: float
    expires_at: float
    given: Mapping[str, Any] = field(repr=False)
    verify_until: float | None = (
        None  # the registrant must confirm the e-mail address by this time; None when confirmed
    )

    stale_expiry: tuple[float, float] | None = None  # an older date, and the time until which it is shown

    def shown_expiry(self, now: float) -> float:
        """The expiry date that the API returns. After a transfer, it can be out of date for a while."""
        older, until = self.stale_expiry or (0, 0)
        return older if now < until else self.expires_at

    def held(self, now: float) -> bool:
        return self.verify_until is not None and now >= self.verify_until


def made_up_nameservers(name: str) -> tuple[str, ...]:
    digest = hashlib.sha256(name.encode()).digest()
    suffixes = ("com", "net", "org", "co.uk")
    return tuple(
        f"ns-{512 * position + digest[position]}.awsdns-{digest[position + 4] % 64:02d}.{suffix}"
        for position, suffix in enumerate(suffixes)
    )
