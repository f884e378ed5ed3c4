"""What can be ordered, where, and for how much."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from .money import Money


class Term(StrEnum):
    """How long a product is paid for in advance (contract 002, `site.term`)."""

    MONTHLY = "monthly"
    ANNUAL = "annual"

    @property
    def months(self) -> int:
        return 1 if self is Term.MONTHLY else 12


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
        return None if amount is None else Money(amount, currency)


@dataclass(frozen=True, slots=True)
class Location:
    id: str
    short_name: str
    name: str


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
class Catalogue:
    """Everything on sale; each mapping is keyed by the short name that clients send."""

    plans: dict[str, Plan]
    locations: dict[str, Location]
    variants: dict[str, Variant]
