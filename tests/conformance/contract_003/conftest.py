"""One world (tests/support/world.py) per module, and a check that operations return only declared error codes."""

from tests.conformance.contract_002.conftest import refusals_are_declared, world

__all__ = ["refusals_are_declared", "world"]
