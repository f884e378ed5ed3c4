"""Products: what is ordered and delivered, and how long that takes. Times are milliseconds.

No other code branches on the kind of a product (docs/extending.md).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar, Protocol, Self

from .catalogue import MachineSize, PlatformName, Term
from .durations import DAY, HOUR, MINUTE, SECOND
from .money import Money
from .registration import DomainAction, TransferYear


class ProductKind(StrEnum):
    """Stored, and sent to the workflow and the platform."""

    SITE = "site"
    DOMAIN = "domain"
    VM = "vm"


class Deliverer(StrEnum):
    """Decides which workflow state delivers, and the type and scope of an order in contract 000."""

    PLATFORM = "platform"
    REGISTRAR = "registrar"


@dataclass(frozen=True, slots=True)
class Claims:
    """Reserved for an order, and released if the order ends undelivered."""

    counter: str | None = None  # the variant whose limited capacity has a place for the order
    domain: str | None = None  # in ASCII


class Product(Protocol):
    KIND: ClassVar[ProductKind]
    DELIVERER: ClassVar[Deliverer]

    @property
    def name(self) -> str: ...

    @property
    def variant(self) -> str | None: ...

    @property
    def plan(self) -> str | None: ...

    @property
    def term(self) -> Term: ...

    @property
    def location(self) -> str | None: ...

    @property
    def verb(self) -> str:
        """`create`, `register` or `transfer`."""
        ...

    def facts(self) -> dict[str, str]:
        """For clients: no secrets and no internal values."""
        ...

    def line_text(self) -> str:
        """The invoice line's text. It must never change, because Stripe refuses a retry with another text."""
        ...

    def first_look(self) -> int:
        """Delay before the reconciler's first check."""
        ...

    def is_reported(self) -> bool:
        """Whether the provider sends webhooks. If not, the reconciler polls it."""
        ...

    def expected(self) -> int: ...

    def deadline(self) -> int:
        """The maximum delivery time, also shown to customers."""
        ...

    def given_up(self) -> int:
        """Time from the start of delivery until the reconciler abandons the delivery and refunds the order."""
        ...

    def poll_after(self) -> int:
        """Seconds between a client's requests."""
        ...

    def renewal_price(self, price: Money) -> Money:
        """`price` is the first term's price. Both prices are net."""
        ...

    def renewing_at(self, amount: int) -> Item:
        """The same item with this renewal price, in net minor units."""
        ...

    def renews_before(self) -> int:
        """How early the next term is charged."""
        ...

    def renewal_is_work(self) -> bool:
        """Whether each further paid term must be ordered at the provider."""
        ...


class _Hosted:
    __slots__ = ()
    DELIVERER: ClassVar[Deliverer] = Deliverer.PLATFORM

    @property
    def verb(self) -> str:
        return "create"

    def poll_after(self) -> int:
        return 2

    def renewal_price(self, price: Money) -> Money:
        return price

    def renewing_at(self, amount: int) -> Self:
        return self  # it renews at the first term's price

    def renews_before(self) -> int:
        return 0

    def renewal_is_work(self) -> bool:
        return False


# -- sites --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SiteItem(_Hosted):
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
        # The timeout of ProvisionHosting (statemachines/fulfil_order.asl.yaml).
        return 6 * HOUR

    def given_up(self) -> int:
        # Some hours later than the workflow's last retry (docs/design.md, invariants 2 and 3).
        return 8 * HOUR


@dataclass(frozen=True, slots=True)
class SiteResource:
    KIND: ClassVar[ProductKind] = ProductKind.SITE

    id: str
    domain: str
    ip_address: str
    username: str
    sealed_password: str  # encrypted; shown to API keys of the order's account (docs/contracts.md C22)
    port: int


# -- domains ------------------------------------------------------------------------------------------------------


# If a domain expires within this time after its transfer, the transfer has not added a year. An added year would end at
# least 320 days after the transfer, because a domain can be transferred until 45 days after its expiry.
_BROUGHT_A_YEAR = 300 * DAY


@dataclass(frozen=True, slots=True)
class DomainItem:
    KIND: ClassVar[ProductKind] = ProductKind.DOMAIN
    DELIVERER: ClassVar[Deliverer] = Deliverer.REGISTRAR

    name: str
    ascii_name: str
    tld: str
    action: DomainAction
    renewal_amount: int  # net minor units for a further year
    max_cost: Money | None = None  # the maximum that the registrar may charge for the ordered year
    sealed_auth_code: str | None = None
    years: int = 1
    term: Term = Term.ANNUAL
    transfer_year: TransferYear = TransferYear.ADDED

    @property
    def is_transfer(self) -> bool:
        return self.action is DomainAction.TRANSFER

    @property
    def keeps_owner(self) -> bool:
        # When a domain of a country's TLD is transferred, the registry keeps its owner contact:
        # https://docs.aws.amazon.com/Route53/latest/APIReference/API_domains_TransferDomain.html
        country = self.tld.rpartition(".")[2]
        return self.is_transfer and len(country) == 2 and country not in ("cc", "tv")

    def year_missing(self, expires_at: int, now: int) -> bool:
        """Whether the TLD or a near expiry shows that the transfer did not add the paid year. Times are epoch ms."""
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
        # The registrar that the domain leaves usually takes five days.
        return 7 * DAY if self.is_transfer else 30 * MINUTE

    def deadline(self) -> int:
        # A registry may require the registrant's confirmation. The workflow waits longer than either time.
        return 30 * DAY if self.is_transfer else 7 * DAY

    def given_up(self) -> int:
        return self.deadline()  # the workflow's step waits longer, so the reconciler gives up first

    def poll_after(self) -> int:
        return 300 if self.is_transfer else 2

    def renewal_price(self, price: Money) -> Money:
        return Money(self.renewal_amount, price.currency)

    def renewing_at(self, amount: int) -> DomainItem:
        return replace(self, renewal_amount=amount)

    def renews_before(self) -> int:
        # We renew a domain at its registry before it expires. The customer's payment must have arrived by then.
        return 30 * DAY

    def renewal_is_work(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class DomainResource:
    KIND: ClassVar[ProductKind] = ProductKind.DOMAIN

    nameservers: tuple[str, ...]  # as the registry has them
    zone_id: str | None  # None until the zone is made
    zone_nameservers: tuple[str, ...]  # differ from `nameservers` after a transfer
    expires_at: int | None = None  # epoch ms
    registry_states: tuple[str, ...] = ()

    @property
    def sealed_password(self) -> None:
        return None


# -- virtual machines ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class VmItem(_Hosted):
    """Stores the platform's names and `size`, so a retry requests the same machine. Older orders lack them."""

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
    ssh_key: str | None = None  # OpenSSH form, without its comment
    sealed_password: str | None = None  # only if we create the password

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
        # A machine takes minutes. The extra hours let an operator raise a quota.
        return 4 * HOUR

    def given_up(self) -> int:
        return self.deadline()  # the workflow's step waits longer, so the reconciler gives up first


@dataclass(frozen=True, slots=True)
class VmResource:
    KIND: ClassVar[ProductKind] = ProductKind.VM

    id: str
    domain: str
    ip_address: str
    username: str
    sealed_password: str | None  # None with an SSH key; otherwise as for a site (C22)
    port: int


# -- all of them --------------------------------------------------------------------------------------------------

Item = SiteItem | DomainItem | VmItem
Resource = SiteResource | DomainResource | VmResource
