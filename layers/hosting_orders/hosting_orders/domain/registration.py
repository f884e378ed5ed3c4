"""Domain names as products: the name, the people behind it, and what becomes of it at the registrar.

Contract 002, "Register or Transfer a Domain".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum

from .errors import ProvisioningFailedError
from .money import Money


class DomainAction(StrEnum):
    """Contract 002, `domain.action`."""

    REGISTER = "register"
    TRANSFER = "transfer"


@dataclass(frozen=True, slots=True)
class DomainName:
    """A name that can be registered: one label under a public suffix.

    `unicode` is for people (`bücher.de`), `ascii` for registries (`xn--bcher-kva.de`), `tld` the suffix in ASCII
    (`de`, `co.uk`).
    """

    unicode: str
    ascii: str
    tld: str


class ContactRole(StrEnum):
    """The four contacts of a registration; `owner` is the registrant."""

    OWNER = "owner"
    ADMIN = "admin"
    BILLING = "billing"
    TECH = "tech"


@dataclass(frozen=True, slots=True)
class Contact:
    """A person or organization. Personal data: it is stored only encrypted and is never logged.

    `country` is ISO 3166-1 alpha-2 in capitals, `phone` the registries' form (`+31.201234567`); `extra` holds the
    registry's own fields under the names that clients send (`extra_properties`).
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
        return "Contact(…)"  # a log line or a traceback must not hold a person's data

    def as_given(self) -> dict[str, object]:
        """In the shape that clients send, without what is empty but always with `extra_properties`."""
        values = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "extra"}
        return {
            **{name: value for name, value in values.items() if value},
            "extra_properties": dict(self.extra),
        }

    def as_json(self) -> str:
        """The text that is sealed; `MAX_CONTACT_BYTES` (domain/contact_fields.py) limits it."""
        return json.dumps(self.as_given(), ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Contacts:
    """Everybody a registration names; each role is filled."""

    owner: Contact
    admin: Contact
    billing: Contact
    tech: Contact


@dataclass(frozen=True, slots=True)
class SealedContacts:
    """The contacts of one order as they are stored: each encrypted JSON, None where it is the owner."""

    account_id: str
    number: int
    owner: str
    admin: str | None = None
    billing: str | None = None
    tech: str | None = None


@dataclass(frozen=True, slots=True)
class Violation:
    """A value that the registry of this TLD does not take. `pointer` is the JSON pointer below the contact."""

    pointer: str
    message: str


@dataclass(frozen=True, slots=True)
class Augmentation:
    """A field that this TLD needs besides. `schema` is the JSON Schema of its value: what exactly to send."""

    pointer: str
    message: str
    schema: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class TldRules:
    """What a registry demands. `contact_schema` is the JSON Schema of a contact for this TLD, as it is published
    (GET /api/tlds/:tld) and as it is checked."""

    tld: str
    contact_schema: Mapping[str, object]
    authcode_required: bool = True
    transferable: bool = True


# -- what the registrar says --------------------------------------------------------------------------------------


class Availability(StrEnum):
    AVAILABLE = "available"
    UNAVAILABLE = "unavailable"
    PREMIUM = "premium"


@dataclass(frozen=True, slots=True)
class DomainOffer:
    """Whether a name can be had now, what the registrar takes for its first year, and why not (for people)."""

    availability: Availability
    cost: Money | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RegistrationRequest:
    """Ask the registrar for a name. `max_cost` is the most we agree to pay it; `auth_code` only for transfers.
    `live` says that real money paid for it."""

    name: str
    action: DomainAction
    years: int
    contacts: Contacts
    auth_code: str | None = None
    max_cost: Money | None = None
    live: bool = False

    def __repr__(self) -> str:
        return f"RegistrationRequest(name={self.name!r}, action={self.action!r})"


class Upkeep(StrEnum):
    """What the registrar does for a name that is ours already: no order asks for it."""

    RENEW = "renew"


class RegistrarStatus(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class RegistrarWaits(StrEnum):
    """What the registrar's work waits for; an adapter says it in these words. Items hold the values, and contract 002
    shows them as `registry_state`, so they stay as they are. A word that is not among them is OTHER."""

    ACCEPTANCE = "PENDING_ACCEPTANCE"
    REGISTRANT = "PENDING_CUSTOMER_ACTION"
    AUTHORIZATION = "PENDING_AUTHORIZATION"
    PAYMENT = "PENDING_PAYMENT_VERIFICATION"
    SUPPORT = "PENDING_SUPPORT_CASE"
    OTHER = "PENDING"

    @classmethod
    def _missing_(cls, value: object) -> RegistrarWaits:
        return cls.OTHER


class Refusal(StrEnum):
    """Why a registration or transfer was refused, as far as the registrar's text lets us see."""

    AUTH_CODE = "auth_code"
    CONTACT = "contact"
    TAKEN = "taken"
    LOCKED = "locked"
    REJECTED = "rejected"
    TEST_ORDER = "test_order"
    OTHER = "other"


class RegistrationRefusedError(ProvisioningFailedError):
    """The registrar refused an order for good. Its text may repeat a contact, so it is neither kept nor shown."""

    def __init__(self, text: str, refusal: Refusal) -> None:
        super().__init__(text)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class RegistrarOperation:
    """The registrar's work for one domain. `flag` is what it waits for, `message` the registrar's text, `refusal` what
    that says of work that failed; `submitted_at` is epoch milliseconds."""

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
    Refusal.TEST_ORDER: "A test order is not delivered for real.",
    Refusal.REJECTED: "The transfer was rejected by the current registrar or the registrant.",
}


def why_it_failed(action: DomainAction, refusal: Refusal) -> str:
    """A sentence of ours: the registrar's own text may repeat a contact's name or address, and what is said of an order
    stands in its timeline, in logs and in answers."""
    what = "transferred" if action is DomainAction.TRANSFER else "registered"
    if refusal not in _WHY:
        return f"The domain could not be {what}: its registry refused."
    return f"The domain could not be {what}. {_WHY[refusal]}"


@dataclass(frozen=True, slots=True)
class RegisteredDomain:
    """A name in our registrar's account. Times are epoch milliseconds; `states` are the registry's EPP words."""

    name: str
    nameservers: tuple[str, ...]
    created_at: int | None
    expires_at: int | None
    states: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Zone:
    """A name's DNS zone, and the servers that answer for it."""

    id: str
    nameservers: tuple[str, ...]
