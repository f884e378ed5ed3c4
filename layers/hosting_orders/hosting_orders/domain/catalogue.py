"""Products on sale, their locations and their prices."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from .money import Money, is_sold_in
from .registration import DomainAction


class Term(StrEnum):
    MONTHLY = "monthly"
    ANNUAL = "annual"

    @property
    def months(self) -> int:
        return 1 if self is Term.MONTHLY else 12


class PlatformName(StrEnum):
    """Our own platform (docs/hosting-platform-contract.md) or Amazon Lightsail."""

    HTTP = "http"
    LIGHTSAIL = "lightsail"

    @property
    def reports(self) -> bool:
        """Whether the platform sends webhooks."""
        return self is PlatformName.HTTP

    @property
    def makes_passwords(self) -> bool:
        """Whether the platform makes the machines' root passwords. If not, we do."""
        return self is PlatformName.HTTP


@dataclass(frozen=True, slots=True)
class MachineSize:
    memory_mb: int
    disk_gb: int
    cores: int
    transfer_gb: int  # monthly traffic


@dataclass(frozen=True, slots=True)
class Plan:
    """`prices`: net minor units by billing plan, term and currency."""

    id: str
    short_name: str
    name: str
    description: str
    prices: dict[tuple[str, Term, str], int] = field(default_factory=dict)

    def price(self, billing_plan: str, term: Term, currency: str) -> Money | None:
        amount = self.prices.get((billing_plan, term, currency))
        return None if amount is None or not is_sold_in(currency) else Money(amount, currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class VmPlan(Plan):
    memory_mb: int
    disk_gb: int
    cores: int
    transfer_gb: int
    platform: PlatformName = PlatformName.HTTP
    bundle: str = ""  # the platform's name for the plan, if it is not the short name

    @property
    def size(self) -> MachineSize:
        return MachineSize(self.memory_mb, self.disk_gb, self.cores, self.transfer_gb)

    @property
    def code(self) -> str:
        return self.bundle or self.short_name


@dataclass(frozen=True, slots=True)
class Image:
    short_name: str
    name: str
    # The image's name at each platform. If empty, only the HTTP platform has the image.
    codes: dict[str, str] = field(default_factory=dict)

    def code_on(self, platform: PlatformName) -> str | None:
        return _code_on(platform, self.codes, self.short_name)


@dataclass(frozen=True, slots=True)
class Location:
    id: str
    short_name: str
    name: str
    # The location's name at each platform: at Lightsail an availability zone. If empty, only the HTTP platform has
    # the location.
    codes: dict[str, str] = field(default_factory=dict)

    def code_on(self, platform: PlatformName) -> str | None:
        return _code_on(platform, self.codes, self.short_name)


def _code_on(platform: PlatformName, codes: dict[str, str], short_name: str) -> str | None:
    own = short_name if platform is PlatformName.HTTP and not codes else None
    return codes.get(platform, own)


@dataclass(frozen=True, slots=True)
class Variant:
    name: str
    enabled: bool = True
    capacity: int | None = None  # None: unlimited
    used: int = 0  # may be out of date, so the write that places an order checks the capacity again

    @property
    def available(self) -> bool:
        return self.enabled and (self.capacity is None or self.used < self.capacity)


@dataclass(frozen=True, slots=True)
class DomainPrice:
    """Net minor units."""

    register: int
    transfer: int  # includes the year that a transfer adds
    renew: int

    def of(self, action: DomainAction) -> int:
        return self.register if action is DomainAction.REGISTER else self.transfer


@dataclass(frozen=True, slots=True)
class Tld:
    """`prices` is by billing plan and currency, `premium` by domain (ASCII), billing plan and currency."""

    name: str
    prices: dict[tuple[str, str], DomainPrice] = field(default_factory=dict)
    premium: dict[tuple[str, str, str], DomainPrice] = field(default_factory=dict)
    max_cost: int | None = None  # the most we pay the registrar for a year, in US cents; None: no maximum

    def costs_too_much(self, name: str, cost: Money | None) -> bool:
        """Whether the registrar's price for a year is above the maximum or cannot be compared with it.

        Premium domains are priced by hand and have no maximum.
        """
        if self.max_cost is None or any(premium == name for premium, *_ in self.premium):
            return False
        return cost is None or cost.currency != "USD" or cost.amount > self.max_cost

    def price(self, billing_plan: str, currency: str) -> DomainPrice | None:
        return self.prices.get((billing_plan, currency)) if is_sold_in(currency) else None

    def premium_price(self, name: str, billing_plan: str, currency: str) -> DomainPrice | None:
        return self.premium.get((name, billing_plan, currency)) if is_sold_in(currency) else None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The keys are the short names that clients send."""

    plans: dict[str, Plan]
    locations: dict[str, Location]
    variants: dict[str, Variant]
    tlds: dict[str, Tld] = field(default_factory=dict)
    vm_plans: dict[str, VmPlan] = field(default_factory=dict)
    images: dict[str, Image] = field(default_factory=dict)

    def locations_on(self, platform: PlatformName) -> dict[str, Location]:
        return {name: place for name, place in self.locations.items() if place.code_on(platform) is not None}

    def images_on(self, platform: PlatformName) -> dict[str, Image]:
        return {name: image for name, image in self.images.items() if image.code_on(platform) is not None}
