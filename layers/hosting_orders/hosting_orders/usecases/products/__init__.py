"""One module per product."""
