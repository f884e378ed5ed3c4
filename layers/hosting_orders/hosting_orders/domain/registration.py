"""Domains, their contacts, and the registrar's results (contract 002)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum

from .errors import ProviderUnavailableError, ProvisioningFailedError
from .money import Money


class DomainAction(StrEnum):
    REGISTER = "register"
    TRANSFER = "transfer"


class TransferYear(StrEnum):
    """What a transfer does to the expiry date. The TLD decides."""

    ADDED = "added"  # a year later than before
    FROM_TRANSFER = "from_transfer"  # a year after the transfer
    NONE = "none"  # unchanged; the year is bought separately


@dataclass(frozen=True, slots=True)
class DomainName:
    """One label under a public suffix, such as `bücher.de`."""

    unicode: str
    ascii: str  # `xn--bcher-kva.de`
    tld: str  # `de`


class ContactRole(StrEnum):
    OWNER = "owner"  # the registrant
    ADMIN = "admin"
    BILLING = "billing"
    TECH = "tech"


@dataclass(frozen=True, slots=True)
class Contact:
    """Personal data: stored only encrypted, never logged."""

    first_name: str
    last_name: str
    street_address: str
    post_code: str
    city: str
    country: str
    email: str
    phone: str  # in the form `+31.201234567`
    organization: str = ""
    state: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)  # the registry's own fields

    def __repr__(self) -> str:
        return "Contact(…)"  # keeps personal data out of logs and tracebacks

    def as_given(self) -> dict[str, object]:
        values = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "extra"}
        return {
            **{name: value for name, value in values.items() if value},
            "extra_properties": dict(self.extra),
        }

    def as_json(self) -> str:
        return json.dumps(self.as_given(), ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Contacts:
    owner: Contact
    admin: Contact
    billing: Contact
    tech: Contact


@dataclass(frozen=True, slots=True)
class SealedContacts:
    """Encrypted JSON."""

    account_id: str
    number: int
    owner: str
    admin: str | None = None  # None: the same as the owner
    billing: str | None = None
    tech: str | None = None


@dataclass(frozen=True, slots=True)
class Violation:
    pointer: str  # to a field of the contact, such as `/email`
    message: str


@dataclass(frozen=True, slots=True)
class Augmentation:
    """A value that the TLD requires and the contact lacks."""

    pointer: str
    message: str
    schema: Mapping[str, object]  # the JSON Schema of the missing value


@dataclass(frozen=True, slots=True)
class TldRules:
    tld: str
    contact_schema: Mapping[str, object]  # published by GET /api/tlds/:tld and used to check orders
    authcode_required: bool = True
    transferable: bool = True
    transfer_year: TransferYear = TransferYear.ADDED
    renewable_before: int | None = None  # renewals begin this many ms before the expiry; None: at any time


# -- the registrar's answers --------------------------------------------------------------------------------------


class Availability(StrEnum):
    AVAILABLE = "available"
    UNAVAILABLE = "unavailable"
    PREMIUM = "premium"


@dataclass(frozen=True, slots=True)
class DomainOffer:
    availability: Availability
    cost: Money | None = None  # the registrar's price for the first year
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RegistrationRequest:
    name: str
    action: DomainAction
    years: int
    contacts: Contacts
    auth_code: str | None = None
    max_cost: Money | None = None  # the limit for the registrar's price
    live: bool = False  # paid with real money

    def __repr__(self) -> str:
        return f"RegistrationRequest(name={self.name!r}, action={self.action!r})"


class Upkeep(StrEnum):
    RENEW = "renew"  # work on a domain that we already have


class RegistrarStatus(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class RegistrarWaits(StrEnum):
    """Stored and published as `registry_state`: the values must not change."""

    ACCEPTANCE = "PENDING_ACCEPTANCE"
    REGISTRANT = "PENDING_CUSTOMER_ACTION"
    AUTHORIZATION = "PENDING_AUTHORIZATION"
    PAYMENT = "PENDING_PAYMENT_VERIFICATION"
    SUPPORT = "PENDING_SUPPORT_CASE"
    OTHER = "PENDING"

    @classmethod
    def _missing_(cls, value: object) -> RegistrarWaits:
        return cls.OTHER


class Verification(StrEnum):
    """Of the registrant's e-mail address. Stored, so the values must not change."""

    PENDING = "pending"
    DONE = "done"  # or no verification is required
    EXPIRED = "expired"  # the registrar suspends the domain until the registrant confirms


class Refusal(StrEnum):
    AUTH_CODE = "auth_code"
    CONTACT = "contact"
    TAKEN = "taken"
    LOCKED = "locked"
    REJECTED = "rejected"
    TEST_ORDER = "test_order"
    OTHER = "other"


class RegistrationRefusedError(ProvisioningFailedError):
    """Never store or show the text: it may contain contact data."""

    def __init__(self, text: str, refusal: Refusal) -> None:
        super().__init__(text)
        self.refusal = refusal


class AlreadyOrderedError(ProviderUnavailableError):
    """The registrar is already working on this domain."""

    def __init__(self, text: str, operation_id: str) -> None:
        super().__init__(text)
        self.operation_id = operation_id  # may be empty, or the operation of another order


@dataclass(frozen=True, slots=True)
class RegistrarOperation:
    id: str
    name: str
    action: DomainAction | Upkeep
    status: RegistrarStatus
    submitted_at: int  # epoch ms
    flag: RegistrarWaits | None = None
    message: str | None = None  # the registrar's text
    refusal: Refusal = Refusal.OTHER


_WHY = {
    Refusal.AUTH_CODE: "The auth code was not accepted.",
    Refusal.CONTACT: "The registry did not accept a contact.",
    Refusal.TAKEN: "Another registrant has registered the domain in the meantime.",
    Refusal.LOCKED: "The domain is locked at its current registrar.",
    Refusal.TEST_ORDER: "The order was paid in test mode, so no real product is delivered.",
    Refusal.REJECTED: "The transfer was rejected by the current registrar or the registrant.",
}


def why_it_failed(action: DomainAction, refusal: Refusal) -> str:
    """Does not contain the registrar's text."""
    what = "transferred" if action is DomainAction.TRANSFER else "registered"
    if refusal not in _WHY:
        return f"The domain could not be {what}: its registry refused."
    return f"The domain could not be {what}. {_WHY[refusal]}"


@dataclass(frozen=True, slots=True)
class RegisteredDomain:
    name: str
    nameservers: tuple[str, ...]
    created_at: int | None  # epoch ms
    expires_at: int | None  # epoch ms
    states: tuple[str, ...] = ()  # EPP status codes


@dataclass(frozen=True, slots=True)
class Expiry:
    name: str
    expires_at: int  # epoch ms


@dataclass(frozen=True, slots=True)
class Zone:
    id: str
    nameservers: tuple[str, ...]
