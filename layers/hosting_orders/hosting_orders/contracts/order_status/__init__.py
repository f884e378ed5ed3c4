"""Contract 000: order status (docs/contracts.md)."""
