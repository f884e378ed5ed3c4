"""Payments without webhooks: Stripe cannot reach this machine, so the reconciler checks unsettled payments sooner."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from hosting_orders.adapters.dynamodb.orders import DynamoOrderStore
from hosting_orders.domain import deadlines, durations
from hosting_orders.domain.errors import HostingOrdersError

EVERY = 5 * durations.SECOND
"""How often a payment is checked. Stripe allows a sandbox 25 requests a second."""
_MOST = 100


def poll_payments(dynamodb: Any, table: str, now: Callable[[], float] = time.time) -> Callable[[], None]:
    """Return a function to call before each run of the reconciler. It brings payment checks forward to now."""
    orders = DynamoOrderStore(dynamodb, table)

    def make_due() -> None:
        moment = int(now() * 1000)
        # Each check sets the time of the next check: PAYMENT_CHECK later. So if that time is after `checked_lately`,
        # the payment was checked less than EVERY ago.
        checked_lately = moment + deadlines.PAYMENT_CHECK - EVERY
        with suppress(HostingOrdersError):  # the AWS emulator is busy or is shutting down
            for item in orders.due(checked_lately, _MOST):
                if item.kind == "cart" and item.due_at > moment:
                    orders.postpone(item, moment)

    return make_due
