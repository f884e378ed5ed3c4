"""Amazon Route 53: the registrar of our domains, their DNS zones, and what it sells."""
