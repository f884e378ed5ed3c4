"""Stripe as our payment provider (docs/design.md, "Money at Stripe")."""
