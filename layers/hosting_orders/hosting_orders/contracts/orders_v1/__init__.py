"""Contract 003: version 1 of orders, with payment on a page (docs/contracts.md)."""
