"""Contract 002: orders and carts, API version 2 (docs/contracts.md)."""
