"""The order's page: HTML for the customer who pays and waits."""
