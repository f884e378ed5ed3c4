"""One module per thing the system does. They know ports, never providers."""
