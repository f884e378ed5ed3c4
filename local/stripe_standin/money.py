"""Money amounts in readable form."""

from __future__ import annotations

from decimal import Decimal

_ZERO_DECIMAL = frozenset(
    (
        "bif",
        "clp",
        "djf",
        "gnf",
        "jpy",
        "kmf",
        "krw",
        "mga",
        "pyg",
        "rwf",
        "vnd",
        "vuv",
        "xaf",
        "xof",
        "xpf",
    )
)
_THREE_DECIMAL = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))


_WHOLE_HUNDREDS = frozenset(("isk", "ugx"))


def is_whole(amount: int, currency: str) -> bool:
    """ISK and UGX have no minor units, but Stripe counts them in hundredths. So their amounts must end in 00."""
    return currency not in _WHOLE_HUNDREDS or amount % 100 == 0


def money(amount: int, currency: str) -> str:
    """1200 eur → 12.00 EUR, 1200 jpy → 1200 JPY."""
    decimals = 0 if currency in _ZERO_DECIMAL else 3 if currency in _THREE_DECIMAL else 2
    return f"{Decimal(amount).scaleb(-decimals):.{decimals}f} {currency.upper()}"
