"""One world per module; it is reset where the limiter would be in the way."""

from tests.conformance.contract_002.conftest import world

__all__ = ["world"]
