"""Domains, their contacts, and the registrar's results (contract 002)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum

from .errors import ProviderUnavailableError, ProvisioningFailedError
from .money import Money


class DomainAction(StrEnum):
    """Contract 002, `domain.action`."""

    REGISTER = "register"
    TRANSFER = "transfer"


@dataclass(frozen=True, slots=True)
class DomainName:
    """One label under a public suffix.

    For `bücher.de`, `ascii` is `xn--bcher-kva.de` and `tld` is `de`.
    """

    unicode: str
    ascii: str
    tld: str


class ContactRole(StrEnum):
    """The owner is the registrant."""

    OWNER = "owner"
    ADMIN = "admin"
    BILLING = "billing"
    TECH = "tech"


@dataclass(frozen=True, slots=True)
class Contact:
    """Personal data: stored only encrypted, never logged.

    `phone` has the form `+31.201234567`. `extra` holds the registry's own fields.
    """

    first_name: str
    last_name: str
    street_address: str
    post_code: str
    city: str
    country: str
    email: str
    phone: str
    organization: str = ""
    state: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return "Contact(…)"  # keeps personal data out of logs and tracebacks

    def as_given(self) -> dict[str, object]:
        """The form that clients send, always with `extra_properties`."""
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
    """Encrypted JSON. None means the same as the owner."""

    account_id: str
    number: int
    owner: str
    admin: str | None = None
    billing: str | None = None
    tech: str | None = None


@dataclass(frozen=True, slots=True)
class Violation:
    """`pointer` is relative to the contact."""

    pointer: str
    message: str


@dataclass(frozen=True, slots=True)
class Augmentation:
    """`schema` is the JSON Schema of the missing value."""

    pointer: str
    message: str
    schema: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class TldRules:
    """`contact_schema` is published by GET /api/tlds/:tld and used to check orders."""

    tld: str
    contact_schema: Mapping[str, object]
    authcode_required: bool = True
    transferable: bool = True


# -- the registrar's answers --------------------------------------------------------------------------------------


class Availability(StrEnum):
    AVAILABLE = "available"
    UNAVAILABLE = "unavailable"
    PREMIUM = "premium"


@dataclass(frozen=True, slots=True)
class DomainOffer:
    """`cost` is the registrar's price for the first year."""

    availability: Availability
    cost: Money | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RegistrationRequest:
    """`max_cost` limits the registrar's price."""

    name: str
    action: DomainAction
    years: int
    contacts: Contacts
    auth_code: str | None = None
    max_cost: Money | None = None

    def __repr__(self) -> str:
        return f"RegistrationRequest(name={self.name!r}, action={self.action!r})"


class Upkeep(StrEnum):
    """The registrar's work on a domain that we already have."""

    RENEW = "renew"


class RegistrarStatus(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class RegistrarWaits(StrEnum):
    """Stored, and shown as `registry_state` by contract 002, so the values must not change."""

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
    """Whether the registrant has confirmed the e-mail address. Stored, so the values must not change."""

    PENDING = "pending"
    DONE = "done"  # or not required
    EXPIRED = "expired"  # the registrar suspends the domain until the registrant confirms


class Refusal(StrEnum):
    AUTH_CODE = "auth_code"
    CONTACT = "contact"
    TAKEN = "taken"
    LOCKED = "locked"
    REJECTED = "rejected"
    OTHER = "other"


class RegistrationRefusedError(ProvisioningFailedError):
    """The registrar's text may contain contact data, so it is neither stored nor shown."""

    def __init__(self, text: str, refusal: Refusal) -> None:
        super().__init__(text)
        self.refusal = refusal


class AlreadyOrderedError(ProviderUnavailableError):
    """The registrar already works on this domain. `operation_id` may be empty, or of another order."""

    def __init__(self, text: str, operation_id: str) -> None:
        super().__init__(text)
        self.operation_id = operation_id


@dataclass(frozen=True, slots=True)
class RegistrarOperation:
    """`submitted_at` is epoch milliseconds. `message` is the registrar's text."""

    id: str
    name: str
    action: DomainAction | Upkeep
    status: RegistrarStatus
    submitted_at: int
    flag: RegistrarWaits | None = None
    message: str | None = None
    refusal: Refusal = Refusal.OTHER


_WHY = {
    Refusal.AUTH_CODE: "The auth code was not accepted.",
    Refusal.CONTACT: "The registry did not accept a contact.",
    Refusal.TAKEN: "Another registrant has the domain by now.",
    Refusal.LOCKED: "The domain is locked at its current registrar.",
    Refusal.REJECTED: "The transfer was rejected by the current registrar or the registrant.",
}


def why_it_failed(action: DomainAction, refusal: Refusal) -> str:
    """Our own sentence, because the registrar's text may contain contact data."""
    what = "transferred" if action is DomainAction.TRANSFER else "registered"
    if refusal not in _WHY:
        return f"The domain could not be {what}: its registry refused."
    return f"The domain could not be {what}. {_WHY[refusal]}"


@dataclass(frozen=True, slots=True)
class RegisteredDomain:
    """Times are epoch milliseconds. `states` are EPP status codes."""

    name: str
    nameservers: tuple[str, ...]
    created_at: int | None
    expires_at: int | None
    states: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Zone:
    id: str
    nameservers: tuple[str, ...]
