"""The order page: HTML for the customer."""
