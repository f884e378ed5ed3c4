"""Feature switches in AppConfig (docs/runbooks.md)."""

from __future__ import annotations

DOMAIN_REGISTRATION = "domain_registration"
"""Whether domains can be registered and transferred."""
