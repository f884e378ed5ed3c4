"""The one table: carts, orders and what is around them (docs/design.md)."""
