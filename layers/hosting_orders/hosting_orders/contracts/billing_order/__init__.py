"""Contract 001: the billing order, and what belongs to it (docs/contracts.md)."""
