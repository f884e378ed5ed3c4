"""Which currencies are accepted, and how many decimals Stripe counts for each of them."""

from __future__ import annotations

import pytest
from babel.core import get_global
from babel.numbers import get_currency_precision, list_currencies

from hosting_orders.contracts.billing_order.currencies import currency
from hosting_orders.domain.catalogue import DomainPrice, Plan, Term, Tld
from hosting_orders.domain.money import (
    CurrencyRefusedError,
    check_currency,
    check_price,
    decimal_text,
    decimals,
    is_sold_in,
    part_of,
)
from local.stripe_standin.money import money


@pytest.mark.parametrize(
    ("amount", "code", "text"),
    [
        (500, "UGX", "5.00"),
        (500, "ISK", "5.00"),
        (500, "JPY", "500"),
        (500, "HUF", "5.00"),
        (500, "TWD", "5.00"),
        (1234567, "KWD", "1234.567"),
        (-5, "KWD", "-0.005"),
        (-1250, "EUR", "-12.50"),
    ],
)
def test_amounts_have_the_decimals_that_stripe_counts(amount: int, code: str, text: str) -> None:
    assert decimal_text(amount, code) == text


def test_the_stripe_stand_in_formats_amounts_as_we_do() -> None:
    for code in list_currencies():
        if is_sold_in(code):
            assert money(1200, code.lower()) == f"{decimal_text(1200, code)} {code}"


def test_a_currency_with_more_than_two_decimals_is_refused() -> None:
    """babel gives IQD no decimals, but ISO 4217 gives it three. So the test adds IQD to babel's list."""
    many = {code for code in list_currencies() if get_currency_precision(code) > 2} | {"IQD"}
    assert get_global("currency_fractions")["IQD"][0] == 0
    for code in many:
        assert not is_sold_in(code), code
        with pytest.raises(CurrencyRefusedError, match="at most two decimals"):
            check_currency(code)


@pytest.mark.parametrize("code", ["", "eur", "EURO", "E1R", "ÄÖÜ"])
def test_an_invalid_currency_code_is_refused(code: str) -> None:
    with pytest.raises(CurrencyRefusedError):
        check_currency(code)


@pytest.mark.parametrize("code", ["UGX", "ISK"])
def test_a_price_in_ugx_or_isk_must_end_in_00(code: str) -> None:
    check_price(500, code)
    with pytest.raises(CurrencyRefusedError, match="multiples of 100"):
        check_price(550, code)


def test_a_stored_price_in_a_refused_currency_is_ignored() -> None:
    plan = Plan("p", "basic", "Basic", "", {("standard", Term.MONTHLY, "KWD"): 4000})
    assert plan.price("standard", Term.MONTHLY, "KWD") is None
    price = DomainPrice(4000, 4000, 4000)
    tld = Tld("com", {("standard", "KWD"): price}, {("one.com", "standard", "KWD"): price})
    assert tld.price("standard", "KWD") is None
    assert tld.premium_price("one.com", "standard", "KWD") is None


@pytest.mark.parametrize(
    ("code", "form", "places"),
    [("EUR", "1,234.56", "2"), ("JPY", "1,234", "0"), ("UGX", "1,234.56", "2"), ("KWD", "1,234.567", "3")],
)
def test_contract_001_shows_the_decimals_of_each_currency(code: str, form: str, places: str) -> None:
    shown = currency(code)
    assert (shown["format"], shown["decimal"]) == (form, places)


@pytest.mark.parametrize("code", ["EUR", "JPY", "UGX"])
@pytest.mark.parametrize("amount", [0, 700, 1900, 3000])
def test_the_parts_of_an_amount_are_valid_and_add_up(code: str, amount: int) -> None:
    lines = [500, 1200, 1300]
    parts = [part_of(amount, sum(lines[:place]), line, sum(lines), code) for place, line in enumerate(lines)]
    assert sum(parts) == amount
    assert all(0 <= part <= line for part, line in zip(parts, lines, strict=True))
    assert all(part % 100 == 0 for part in parts if code == "UGX")


def test_currencies_we_sell_in_have_zero_or_two_decimals() -> None:
    assert all(decimals(code) in (0, 2) for code in list_currencies() if is_sold_in(code))
