"""The one table: carts, orders and what is around them (design.md, section 3)."""
