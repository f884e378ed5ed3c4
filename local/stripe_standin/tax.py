"""Automatic tax: VAT by the country of the customer's address, like Stripe Tax for an EU seller.

Only the standard rates in `VAT_PERCENT` apply. A country that is not listed there has no tax (`not_collecting`).
Customers with `tax_exempt` set to `reverse` or `exempt` pay no tax either. Prices are net unless `tax_behavior` is
`inclusive`. Each line's tax is rounded half up to the minor unit, and the invoice's tax is the sum. With the setting
`tax_rounding` = `invoice`, the invoice's tax is instead the sum of the exact taxes, rounded once.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from .sdk_types import Json, part
from .state import State

VAT_PERCENT: dict[str, Decimal] = {
    country: Decimal(percent)
    for country, percent in {
        "AT": "20", "BE": "21", "BG": "20", "CY": "19", "CZ": "21", "DE": "19", "DK": "25", "EE": "24",
        "ES": "21", "FI": "25.5", "FR": "20", "GR": "24", "HR": "25", "HU": "27", "IE": "23", "IT": "22",
        "LT": "21", "LU": "17", "LV": "21", "MT": "18", "NL": "21", "PL": "23", "PT": "23", "RO": "21",
        "SE": "25", "SI": "22", "SK": "23",
    }.items()
}  # fmt: skip

NONTAXABLE = "txcd_00000000"


@dataclass(frozen=True, slots=True)
class _Rule:
    percent: Decimal
    reason: str


def location_known(customer: Json) -> bool:
    return bool(customer["address"] and customer["address"]["country"])


def taxes_of_line(
    state: State, customer: Json, amount: int, behavior: str, tax_code: str | None
) -> list[Json]:
    """The tax of a line, as a list with one entry. `amount` is in minor units."""
    rule = _rule(customer, tax_code)
    rate = _rate(state, customer["address"]["country"], rule.percent, inclusive=behavior == "inclusive")
    base = 100 + rule.percent if behavior == "inclusive" else Decimal(100)
    tax = rounded(amount * rule.percent / base)
    return [
        part(
            "line_item", "Tax",
            amount=tax,
            tax_behavior=behavior,
            tax_rate_details={"tax_rate": rate["id"]},
            taxability_reason=rule.reason,
            taxable_amount=(amount - tax if behavior == "inclusive" else amount) if rule.percent else 0,
            type="tax_rate_details",
        )
    ]  # fmt: skip


def _rule(customer: Json, tax_code: str | None) -> _Rule:
    if customer["tax_exempt"] == "reverse":
        return _Rule(Decimal(0), "reverse_charge")
    if customer["tax_exempt"] == "exempt":
        return _Rule(Decimal(0), "customer_exempt")
    if tax_code == NONTAXABLE:
        return _Rule(Decimal(0), "product_exempt")
    percent = VAT_PERCENT.get(customer["address"]["country"])
    return _Rule(percent, "standard_rated") if percent is not None else _Rule(Decimal(0), "not_collecting")


def _rate(state: State, country: str, percent: Decimal, *, inclusive: bool) -> Json:
    for rate in state.all("tax_rate", country=country, percentage=float(percent), inclusive=inclusive):
        return rate
    return state.new(
        "tax_rate",
        active=False,  # created by the calculation, not for manual use
        country=country,
        display_name="VAT",
        effective_percentage=float(percent),
        inclusive=inclusive,
        jurisdiction=country,
        jurisdiction_level="country",
        percentage=float(percent),
        rate_type="percentage",
        tax_type="vat",
    )


def beside_lines(state: State, lines: list[Json]) -> int:
    """The invoice's rounded tax minus the sum of the lines' rounded taxes, in minor units.

    0 if tax is rounded by line.
    """
    exclusive = [one for line in lines for one in line["taxes"] if one["tax_behavior"] == "exclusive"]
    if state.settings.tax_rounding != "invoice" or not exclusive:
        return 0
    exact = Decimal(0)
    apart = 0
    for one in exclusive:
        rate = state.get("tax_rate", one["tax_rate_details"]["tax_rate"])
        exact += one["taxable_amount"] * Decimal(str(rate["percentage"])) / 100
        apart += int(one["amount"])
    return rounded(exact) - apart


def total(taxes: list[Json]) -> list[Json]:
    """The taxes summed by rate and reason, as in `total_taxes`."""
    summed: dict[tuple[str, str], Json] = {}
    for tax in taxes:
        key = (tax["tax_rate_details"]["tax_rate"], tax["taxability_reason"])
        if key in summed:
            summed[key]["amount"] += tax["amount"]
            summed[key]["taxable_amount"] += tax["taxable_amount"]
        else:
            summed[key] = dict(tax)
    return list(summed.values())


def rounded(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))
