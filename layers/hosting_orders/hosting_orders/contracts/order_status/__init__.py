"""Contract 000: order status, and what belongs to it (docs/contracts.md)."""
