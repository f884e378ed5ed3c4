"""Contract 002, Orders and Carts, API version 2, and the endpoints of ours beside it (docs/contracts.md)."""
