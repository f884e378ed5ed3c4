"""What is sold: what an order of each kind asks for, what is delivered, and how long that takes.

A product says what it is here, and in `usecases/products/` how it is checked, delivered and taken back. Nothing else
asks for its kind (tests/structure/test_products.py). All spans of time are milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Protocol

from .catalogue import MachineSize, PlatformName, Term
from .durations import DAY, HOUR, MINUTE, SECOND
from .money import Money
from .registration import DomainAction, TransferYear


class ProductKind(StrEnum):
    """The word for a product where it is stored, in the execution's input, and for the hosting platform."""

    SITE = "site"
    DOMAIN = "domain"
    VM = "vm"


class Deliverer(StrEnum):
    """Who delivers a product: its state of the workflow, and how contract 000 names it, follow from that."""

    PLATFORM = "platform"
    REGISTRAR = "registrar"


@dataclass(frozen=True, slots=True)
class Claims:
    """What an order holds from its placing until it ends undelivered, so that no other order gets it: a place of this
    capacity counter, this domain (ASCII), or nothing."""

    counter: str | None = None
    domain: str | None = None


class Product(Protocol):
    """What an order asks for, and what follows from that alone."""

    KIND: ClassVar[ProductKind]
    DELIVERER: ClassVar[Deliverer]

    @property
    def name(self) -> str:
        """What the customer calls it."""
        ...

    @property
    def variant(self) -> str | None:
        """The kind of it, by its name in the catalogue; None for what has no kinds."""
        ...

    @property
    def plan(self) -> str | None:
        """What was bought, by its short name in the catalogue; None for what is priced otherwise."""
        ...

    @property
    def term(self) -> Term:
        """What is paid for at once."""
        ...

    @property
    def location(self) -> str | None:
        """Where it runs, by its short name in the catalogue; None for what runs nowhere."""
        ...

    @property
    def verb(self) -> str:
        """What the order does: a site is created, a domain registered or transferred."""
        ...

    def facts(self) -> dict[str, str]:
        """What was ordered, for its owner: no secret and no internal value."""
        ...

    def line_text(self) -> str:
        """Its line on the invoice. The same for ever: Stripe refuses a repeated request with another text."""
        ...

    def first_look(self) -> int:
        """How long after delivery has begun the reconciler first asks how it goes."""
        ...

    def is_reported(self) -> bool:
        """Whether the provider reports the end of its work. If not, asking it is the ordinary path."""
        ...

    def expected(self) -> int:
        """How long delivery usually takes."""
        ...

    def deadline(self) -> int:
        """How long it takes at most, as a customer is told."""
        ...

    def given_up(self) -> int:
        """How long after delivery has begun the reconciler gives it up, and the money goes back."""
        ...

    def poll_after(self) -> int:
        """How often a client that waits for delivery should ask, in seconds."""
        ...

    def renewal_price(self, price: Money) -> Money:
        """What a further term costs, net, if the first one cost `price`."""
        ...

    def renews_before(self) -> int:
        """How long before the end of the paid term the next one is charged."""
        ...

    def renewal_is_work(self) -> bool:
        """Whether each further term that was paid must be ordered at the provider. If not, it just runs on."""
        ...


class _Hosted:
    """What the hosting platforms deliver has in common: it is made in minutes, and runs on while it is paid for."""

    __slots__ = ()
    DELIVERER: ClassVar[Deliverer] = Deliverer.PLATFORM

    @property
    def verb(self) -> str:
        return "create"

    def poll_after(self) -> int:
        return 2

    def renewal_price(self, price: Money) -> Money:
        return price

    def renews_before(self) -> int:
        return 0

    def renewal_is_work(self) -> bool:
        return False


# -- sites --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SiteItem(_Hosted):
    """What a site order asks for; the names are the short names of the catalogue."""

    KIND: ClassVar[ProductKind] = ProductKind.SITE

    name: str
    variant: str
    location: str
    plan: str
    term: Term

    def facts(self) -> dict[str, str]:
        return {
            "name": self.name,
            "variant": self.variant,
            "location": self.location,
            "plan": self.plan,
            "term": self.term.value,
        }

    def line_text(self) -> str:
        return f"Site {self.name}: {self.plan} plan, {self.term}"

    def first_look(self) -> int:
        return 15 * MINUTE

    def is_reported(self) -> bool:
        return True

    def expected(self) -> int:
        return 15 * MINUTE

    def deadline(self) -> int:
        # The time-out of the state ProvisionHosting (statemachines/fulfil_order.asl.yaml).
        return 6 * HOUR

    def given_up(self) -> int:
        # The last retry of the workflow is hours ago by then (invariants 2 and 3).
        return 8 * HOUR


@dataclass(frozen=True, slots=True)
class SiteResource:
    """The delivered site. `sealed_password` is encrypted, and opened only to answer its owner (C22)."""

    KIND: ClassVar[ProductKind] = ProductKind.SITE

    id: str
    domain: str
    ip_address: str
    username: str
    sealed_password: str
    port: int


# -- domains ------------------------------------------------------------------------------------------------------


# A domain that expires later than this after its transfer may have got its year. One that was transferred at the end of
# its 45 days of grace has 320 days left.
_BROUGHT_A_YEAR = 300 * DAY


@dataclass(frozen=True, slots=True)
class DomainItem:
    """What a domain order asks for: one year of a domain. Its contacts are stored apart.

    `name` is the Unicode spelling, `ascii_name` the registry's. `renewal_amount` is the net price of a further year
    in minor units of the order's currency; `max_cost` the most the registrar may take for this year.
    `sealed_auth_code` is the transfer's auth code, encrypted. `transfer_year` says where the year of a transfer comes
    from.
    """

    KIND: ClassVar[ProductKind] = ProductKind.DOMAIN
    DELIVERER: ClassVar[Deliverer] = Deliverer.REGISTRAR

    name: str
    ascii_name: str
    tld: str
    action: DomainAction
    renewal_amount: int
    max_cost: Money | None = None
    sealed_auth_code: str | None = None
    years: int = 1
    term: Term = Term.ANNUAL
    transfer_year: TransferYear = TransferYear.ADDED

    @property
    def is_transfer(self) -> bool:
        return self.action is DomainAction.TRANSFER

    def year_missing(self, expires_at: int, now: int) -> bool:
        """Whether the domain, delivered at `now`, came without the year that was paid for (both epoch ms). Where its
        TLD should have added a year, a near expiry shows that it did not."""
        return self.is_transfer and (
            self.transfer_year is TransferYear.NONE or expires_at < now + _BROUGHT_A_YEAR
        )

    @property
    def variant(self) -> None:
        return None

    @property
    def plan(self) -> None:
        return None

    @property
    def location(self) -> None:
        return None

    @property
    def verb(self) -> str:
        return self.action.value

    def facts(self) -> dict[str, str]:
        return {"name": self.name, "ascii_name": self.ascii_name, "action": self.action.value}

    def line_text(self) -> str:
        return f"Domain {self.name}: {self._what()}"

    def _what(self) -> str:
        if not self.is_transfer:
            return "registration, 1 year"
        if self.transfer_year is TransferYear.FROM_TRANSFER:
            return "transfer, with a year from the transfer"
        return "transfer, with a further year"

    def first_look(self) -> int:
        return MINUTE

    def is_reported(self) -> bool:
        return False  # the registrar sends no webhooks

    def expected(self) -> int:
        # A transfer waits for the losing registrar, five days as a rule.
        return 7 * DAY if self.is_transfer else 30 * MINUTE

    def deadline(self) -> int:
        # A registry may want the registrant's confirmation first. The workflow waits longer than either.
        return 30 * DAY if self.is_transfer else 7 * DAY

    def given_up(self) -> int:
        return self.deadline()  # the workflow's step never gives up by itself: it waits for the reconciler

    def poll_after(self) -> int:
        return 300 if self.is_transfer else 2

    def renewal_price(self, price: Money) -> Money:
        return Money(self.renewal_amount, price.currency)

    def renews_before(self) -> int:
        # The money must have come when the domain is to be renewed at its registry, which is before it expires.
        return 30 * DAY

    def renewal_is_work(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class DomainResource:
    """The delivered domain. `nameservers` are those the registry knows, `zone_nameservers` those of our own DNS zone:
    after a transfer they differ, because what runs under the domain must go on. `expires_at` is epoch ms."""

    KIND: ClassVar[ProductKind] = ProductKind.DOMAIN

    nameservers: tuple[str, ...]
    zone_id: str
    zone_nameservers: tuple[str, ...]
    expires_at: int | None = None
    registry_states: tuple[str, ...] = ()

    @property
    def sealed_password(self) -> None:
        """It has none."""
        return None


# -- virtual machines ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class VmItem(_Hosted):
    """What a VPS order asks for: a virtual machine of this plan with this operating system; `plan`, `image` and
    `location` are short names of the catalogue.

    `platform` runs it, `bundle`, `blueprint` and `zone` are that platform's names of the plan, the image and the
    location, and `size` is what the plan had, all as they were when it was ordered: it is asked for the same machine
    always. Orders of before have none of these. Who has the private key of `ssh_key` (a public key in OpenSSH's form,
    without its comment) logs in; without one there is a root password, which is `sealed_password` (encrypted) where we
    and not the platform make it.
    """

    KIND: ClassVar[ProductKind] = ProductKind.VM

    hostname: str
    plan: str
    image: str
    location: str
    term: Term
    platform: PlatformName = PlatformName.HTTP
    bundle: str = ""
    blueprint: str = ""
    zone: str = ""
    size: MachineSize | None = None
    ssh_key: str | None = None
    sealed_password: str | None = None

    @property
    def name(self) -> str:
        return self.hostname

    @property
    def variant(self) -> None:
        return None

    def facts(self) -> dict[str, str]:
        return {
            "hostname": self.hostname,
            "plan": self.plan,
            "image": self.image,
            "location": self.location,
            "term": self.term.value,
        }

    def line_text(self) -> str:
        return f"VPS {self.hostname}: {self.plan} plan, {self.term}"

    def first_look(self) -> int:
        return 2 * MINUTE if self.is_reported() else 15 * SECOND

    def is_reported(self) -> bool:
        return self.platform.reports

    def expected(self) -> int:
        return 5 * MINUTE

    def deadline(self) -> int:
        # A machine takes minutes. The hours are for an operator who has to have a quota raised.
        return 4 * HOUR

    def given_up(self) -> int:
        return self.deadline()  # before the workflow's step gives up: the reconciler decides


@dataclass(frozen=True, slots=True)
class VmResource:
    """The delivered machine. `sealed_password` is that of `username`, encrypted, and opened only to answer its owner
    (C22); None where an SSH key logs in."""

    KIND: ClassVar[ProductKind] = ProductKind.VM

    id: str
    domain: str
    ip_address: str
    username: str
    sealed_password: str | None
    port: int


# -- all of them --------------------------------------------------------------------------------------------------

Item = SiteItem | DomainItem | VmItem
Resource = SiteResource | DomainResource | VmResource
