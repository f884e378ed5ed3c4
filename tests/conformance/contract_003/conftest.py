"""One world per module, and a check that operations return only error codes that they declare."""

from tests.conformance.contract_002.conftest import refusals_are_declared, world

__all__ = ["refusals_are_declared", "world"]
