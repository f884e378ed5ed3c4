"""Stripe as the payment provider (docs/design.md)."""
