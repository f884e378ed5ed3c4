"""What can be ordered, where, and for how much."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from .money import Money, is_sold_in
from .registration import DomainAction


class Term(StrEnum):
    """How long a product is paid for in advance (contract 002, `site.term`)."""

    MONTHLY = "monthly"
    ANNUAL = "annual"

    @property
    def months(self) -> int:
        return 1 if self is Term.MONTHLY else 12


class PlatformName(StrEnum):
    """What runs a virtual machine: the company's own panel behind docs/hosting-platform-contract.md, or Amazon
    Lightsail."""

    HTTP = "http"
    LIGHTSAIL = "lightsail"

    @property
    def reports(self) -> bool:
        """Whether it reports the end of its work. If not, asking it is the ordinary path."""
        return self is PlatformName.HTTP

    @property
    def makes_passwords(self) -> bool:
        """Whether it makes a machine's root password. If not, we make it and the platform is told."""
        return self is PlatformName.HTTP


@dataclass(frozen=True, slots=True)
class MachineSize:
    """How large a virtual machine is; `transfer_gb` is its traffic of a month."""

    memory_mb: int
    disk_gb: int
    cores: int
    transfer_gb: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A product. `prices` maps (billing plan, term, currency) to net minor units."""

    id: str
    short_name: str
    name: str
    description: str
    prices: dict[tuple[str, Term, str], int] = field(default_factory=dict)

    def price(self, billing_plan: str, term: Term, currency: str) -> Money | None:
        """The net price for an account's billing plan, or None when none is set."""
        amount = self.prices.get((billing_plan, term, currency))
        return None if amount is None or not is_sold_in(currency) else Money(amount, currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class VmPlan(Plan):
    """A size of virtual machine, and the platform that runs it. `bundle` is the platform's own name of the size; empty
    where that is the short name."""

    memory_mb: int
    disk_gb: int
    cores: int
    transfer_gb: int
    platform: PlatformName = PlatformName.HTTP
    bundle: str = ""

    @property
    def size(self) -> MachineSize:
        return MachineSize(self.memory_mb, self.disk_gb, self.cores, self.transfer_gb)

    @property
    def code(self) -> str:
        """Its platform's name of it."""
        return self.bundle or self.short_name


@dataclass(frozen=True, slots=True)
class Image:
    """An operating system that a virtual machine can have. `codes` are the platforms that have it, with their own
    names of it; where none are given it is the short name on the HTTP platform."""

    short_name: str
    name: str
    codes: dict[str, str] = field(default_factory=dict)

    def code_on(self, platform: PlatformName) -> str | None:
        """The platform's name of it; None where the platform does not have it."""
        return _code_on(platform, self.codes, self.short_name)


@dataclass(frozen=True, slots=True)
class Location:
    """A place to run things in; sites run where the HTTP platform is. `codes` are the regions (for Lightsail: the
    availability zones) that stand for it on each platform; where none are given it is the short name on the HTTP
    platform."""

    id: str
    short_name: str
    name: str
    codes: dict[str, str] = field(default_factory=dict)

    def code_on(self, platform: PlatformName) -> str | None:
        """The platform's name of it; None where the platform is not there."""
        return _code_on(platform, self.codes, self.short_name)


def _code_on(platform: PlatformName, codes: dict[str, str], short_name: str) -> str | None:
    own = short_name if platform is PlatformName.HTTP and not codes else None
    return codes.get(platform, own)


@dataclass(frozen=True, slots=True)
class Variant:
    """A kind of site. `enabled` False takes it off sale; `capacity` None means without limit.

    `used` may be a minute old: it predicts, the condition of the write decides.
    """

    name: str
    enabled: bool = True
    capacity: int | None = None
    used: int = 0

    @property
    def available(self) -> bool:
        """Whether an order for it would be taken now."""
        return self.enabled and (self.capacity is None or self.used < self.capacity)


@dataclass(frozen=True, slots=True)
class DomainPrice:
    """Net prices of one TLD in minor units: the first year, a transfer (with the year it adds), a further year."""

    register: int
    transfer: int
    renew: int

    def of(self, action: DomainAction) -> int:
        return self.register if action is DomainAction.REGISTER else self.transfer


@dataclass(frozen=True, slots=True)
class Tld:
    """A top-level domain on sale, by its ASCII spelling. `prices` maps (billing plan, currency) to prices;
    `premium` names a registry's premium names (ASCII) that are sold all the same, with prices of their own.
    `max_cost` is the most that we pay the registrar for a year, in US cents; None for no maximum."""

    name: str
    prices: dict[tuple[str, str], DomainPrice] = field(default_factory=dict)
    premium: dict[tuple[str, str, str], DomainPrice] = field(default_factory=dict)
    max_cost: int | None = None

    def costs_too_much(self, name: str, cost: Money | None) -> bool:
        """Whether the registrar's price for a year is above the maximum, or cannot be compared with it.

        The operator set the price of each premium domain on sale by hand, so it has no maximum.
        """
        if self.max_cost is None or any(premium == name for premium, *_ in self.premium):
            return False
        return cost is None or cost.currency != "USD" or cost.amount > self.max_cost

    def price(self, billing_plan: str, currency: str) -> DomainPrice | None:
        """The prices for an account's billing plan, or None when none are set."""
        return self.prices.get((billing_plan, currency)) if is_sold_in(currency) else None

    def premium_price(self, name: str, billing_plan: str, currency: str) -> DomainPrice | None:
        """The prices of one premium name, or None when it is not for sale."""
        return self.premium.get((name, billing_plan, currency)) if is_sold_in(currency) else None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything on sale; each mapping is keyed by the short name that clients send."""

    plans: dict[str, Plan]
    locations: dict[str, Location]
    variants: dict[str, Variant]
    tlds: dict[str, Tld] = field(default_factory=dict)
    vm_plans: dict[str, VmPlan] = field(default_factory=dict)
    images: dict[str, Image] = field(default_factory=dict)

    def locations_on(self, platform: PlatformName) -> dict[str, Location]:
        """The locations where this platform is."""
        return {name: place for name, place in self.locations.items() if place.code_on(platform) is not None}

    def images_on(self, platform: PlatformName) -> dict[str, Image]:
        """The operating systems that this platform has."""
        return {name: image for name, image in self.images.items() if image.code_on(platform) is not None}
