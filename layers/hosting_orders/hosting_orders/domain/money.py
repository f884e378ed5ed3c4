"""Money as an integer of minor units with an ISO 4217 currency, never a float."""

from __future__ import annotations

from dataclasses import dataclass

# Stripe's zero-decimal currencies (https://docs.stripe.com/currencies#zero-decimal).
ZERO_DECIMAL = frozenset(
    "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF UGX VND VUV XAF XOF XPF".split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True)
class Money:
    """`amount` is in minor units: cents, but whole yen."""

    amount: int
    currency: str

    def __str__(self) -> str:
        return f"{decimal_text(self.amount, self.currency)} {self.currency}"


def decimal_text(amount: int, currency: str) -> str:
    """In major units: 1250 EUR → "12.50", 1250 JPY → "1250"."""
    if currency.upper() in ZERO_DECIMAL:
        return str(amount)
    sign, whole = ("-" if amount < 0 else ""), abs(amount)
    return f"{sign}{whole // 100}.{whole % 100:02d}"
