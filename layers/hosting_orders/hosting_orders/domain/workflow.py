"""The waiting steps of an order's workflow."""

from __future__ import annotations

from enum import StrEnum


class Step(StrEnum):
    """The values are part of stored keys."""

    CHARGE = "charge"  # the payment
    DELIVER = "provision"  # the product
    REFUND = "refund"  # the refund, or a delivery that completes late
