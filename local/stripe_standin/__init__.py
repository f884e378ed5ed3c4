"""A stand-in for Stripe. (The whole docstring follows with the controls.)"""

from __future__ import annotations

from .server import LOCAL_WEBHOOK_SECRET, StripeStandIn

__all__ = ["LOCAL_WEBHOOK_SECRET", "StripeStandIn"]
