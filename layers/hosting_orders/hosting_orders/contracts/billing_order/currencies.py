"""Currencies in contract 001 (HU-058)."""

from __future__ import annotations

from typing_extensions import TypedDict

from hosting_orders.domain.money import decimals


class Currency(TypedDict):
    code: str
    iso: str
    sign: str
    format: str
    decimal: str
    rounding: str
    rounding_mode: str
    id: int  # the ISO 4217 number, or 0 if unknown
    rate: float  # always 1: amounts are in the account's own currency


# The ISO 4217 number, and the symbol written before an amount.
_KNOWN = {
    "AUD": (36, "A$"),
    "CAD": (124, "CA$"),
    "CHF": (756, "CHF"),
    "CZK": (203, "Kč"),
    "DKK": (208, "kr"),
    "EUR": (978, "€"),
    "GBP": (826, "£"),
    "HUF": (348, "Ft"),
    "JPY": (392, "¥"),
    "NOK": (578, "kr"),
    "NZD": (554, "NZ$"),
    "PLN": (985, "zł"),
    "SEK": (752, "kr"),
    "USD": (840, "$"),
}


def currency(code: str) -> Currency:
    number, sign = _KNOWN.get(code, (0, code))
    places = decimals(code)
    return {
        "code": code,
        "iso": code,
        "sign": sign,
        "format": f"1,234.{'56789'[:places]}" if places else "1,234",
        "decimal": str(places),
        "rounding": "0",
        "rounding_mode": "half_up",
        "id": number,
        "rate": 1.0,
    }
