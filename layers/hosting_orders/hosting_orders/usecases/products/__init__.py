"""One module per product: how it is checked, delivered, asked about and taken back."""
