"""One module per use case. Use cases know ports, never providers."""
