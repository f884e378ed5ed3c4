"""Names of the switches that operators turn, as they stand in the switches' document (docs/runbooks.md)."""

from __future__ import annotations

DOMAIN_REGISTRATION = "domain_registration"
"""Whether names can be registered and transferred."""
