"""Contract 003: orders, API version 1 (docs/contracts.md)."""
