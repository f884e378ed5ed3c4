"""The steps in which an order's workflow waits."""

from __future__ import annotations

from enum import StrEnum


class Step(StrEnum):
    """The values are part of stored keys."""

    CHARGE = "charge"  # for the payment
    DELIVER = "provision"  # for the product
    REFUND = "refund"  # for the refund, or for a delivery that completes late
