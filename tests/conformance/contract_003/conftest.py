"""One world per module, and no undeclared error code, as for contract 002."""

from tests.conformance.contract_002.conftest import refusals_are_declared, world

__all__ = ["refusals_are_declared", "world"]
