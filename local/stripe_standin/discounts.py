"""A customer's coupon, which every invoice of the customer inherits: https://docs.stripe.com/billing/subscriptions/coupons.

`Controls.discount` gives a customer a coupon. The API's own coupon endpoints are not built.
"""

from __future__ import annotations

from decimal import Decimal

from . import tax
from .sdk_types import Json
from .state import State


def apply(state: State, invoice: Json) -> None:
    """Set the discount of each line of a draft. Tax is computed after the discount."""
    percent = state.coupons.get(invoice["customer"])
    if percent is None:
        return
    for line in invoice["lines"]["data"]:
        off = tax.rounded(Decimal(line["amount"]) * percent / 100)
        line["discount_amounts"] = shown(invoice, off if line["discountable"] else 0)


def of_line(line: Json) -> int:
    return sum(one["amount"] for one in line["discount_amounts"] or [])


def shown(invoice: Json, amount: int) -> list[Json]:
    return [{"amount": amount, "discount": f"di_{invoice['customer'][4:]}"}] if amount > 0 else []
