"""Refusals of Stripe that last for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from local.stripe_standin import StripeStandIn


@contextmanager
def no_new_subscriptions(standin: StripeStandIn) -> Iterator[None]:
    """Stripe refuses every new subscription, but not because the customer has too many."""
    standin.faults.add("refuse", "/v1/subscriptions", method="POST", times=1_000_000)
    yield
    standin.faults.clear()
