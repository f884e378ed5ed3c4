"""Contract 001: the billing order (docs/contracts.md)."""
