"""One world per module, replaced where its request limiter would interfere."""

from tests.conformance.contract_002.conftest import world

__all__ = ["world"]
