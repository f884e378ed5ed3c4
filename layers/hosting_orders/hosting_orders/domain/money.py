"""Money as an integer of minor units with an ISO 4217 currency, never a float."""

from __future__ import annotations

from dataclasses import dataclass

# How Stripe counts amounts (https://docs.stripe.com/currencies). Stripe differs from ISO 4217 for three currencies.
# Stripe counts ISK and UGX in hundredths, although they have no decimals, and MGA in whole units, although it has two.
_NO_DECIMALS = frozenset("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".split())  # noqa: SIM905
_WHOLE_HUNDREDS = frozenset({"ISK", "UGX"})
# All ISO 4217 currencies with more than two decimals. We do not sell in them.
_MANY_DECIMALS = {
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


class CurrencyRefusedError(ValueError):
    """No account or price can have this currency or amount."""


@dataclass(frozen=True, slots=True)
class Money:
    """`amount` is in minor units: cents for euros, yen for yen."""

    amount: int
    currency: str

    def __str__(self) -> str:
        return f"{decimal_text(self.amount, self.currency)} {self.currency}"


def decimals(currency: str) -> int:
    code = currency.upper()
    return 0 if code in _NO_DECIMALS else _MANY_DECIMALS.get(code, 2)


def is_sold_in(currency: str) -> bool:
    letters = len(currency) == 3 and currency.isascii() and currency.isalpha() and currency.isupper()
    return letters and currency not in _MANY_DECIMALS


def smallest_step(currency: str) -> int:
    """All amounts are multiples of this many minor units."""
    return 100 if currency.upper() in _WHOLE_HUNDREDS else 1


def check_currency(currency: str) -> None:
    """Raises CurrencyRefusedError."""
    if not is_sold_in(currency):
        raise CurrencyRefusedError(
            f"{currency!r} cannot be the currency of an account or a price: it must be three upper-case letters, "
            "and a currency with at most two decimals."
        )


def check_price(amount: int, currency: str) -> None:
    """Raises CurrencyRefusedError."""
    check_currency(currency)
    if amount % smallest_step(currency):
        raise CurrencyRefusedError(
            f"{amount} is not a price in {currency}: amounts in this currency must be multiples of 100 minor units."
        )


def part_of(amount: int, before: int, own: int, total: int, currency: str) -> int:
    """Divide `amount` among lines in proportion to their prices, and return the part of one line.

    `own` is this line's price, `before` the sum of the lines before it, `total` the sum of all lines.
    """
    # The parts of all lines add up to `amount`.
    step = smallest_step(currency)

    def up_to(line: int) -> int:
        return amount if line == total else line * amount // (total * step) * step

    return up_to(before + own) - up_to(before)


def with_tax(net: int, basis_points: int) -> int:
    return net + (net * basis_points + 5000) // 10000


def decimal_text(amount: int, currency: str) -> str:
    """In major units: 1250 cents → "12.50", 1250 yen → "1250"."""
    places = decimals(currency)
    if places == 0:
        return str(amount)
    whole, rest = divmod(abs(amount), 10**places)
    return f"{'-' if amount < 0 else ''}{whole}.{rest:0{places}d}"
