"""The steps of an order's workflow that wait."""

from __future__ import annotations

from enum import StrEnum


class Step(StrEnum):
    """What a waiting step waits for. The values are part of stored keys."""

    CHARGE = "charge"  # the payment
    DELIVER = "provision"  # the product
    REFUND = "refund"  # the money to be back, or a delivery after all
