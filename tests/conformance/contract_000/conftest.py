"""One world (tests/support/world.py) per module. The fixture is that of contract 002."""

from tests.conformance.contract_002.conftest import world

__all__ = ["world"]
