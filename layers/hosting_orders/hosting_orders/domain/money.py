"""Money is an integer of minor units with an ISO 4217 currency. Never a float."""

from __future__ import annotations

from dataclasses import dataclass

# Currencies without minor units, as Stripe charges them (its "zero-decimal currencies" page).
ZERO_DECIMAL = frozenset(
    "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF UGX VND VUV XAF XOF XPF".split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class Money:
    """`amount` in minor units (cents; whole yen), `currency` as three upper-case letters."""

    amount: int
    currency: str

    def __str__(self) -> str:
        return f"{decimal_text(self.amount, self.currency)} {self.currency}"


def decimal_text(amount: int, currency: str) -> str:
    """Minor units as a fixed decimal in major units: 1250 EUR → "12.50", 1250 JPY → "1250"."""
    if currency.upper() in ZERO_DECIMAL:
        return str(amount)
    sign, whole = ("-" if amount < 0 else ""), abs(amount)
    return f"{sign}{whole // 100}.{whole % 100:02d}"
