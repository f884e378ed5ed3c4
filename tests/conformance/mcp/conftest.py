"""One world per module, and the same world over HTTP for the SDK's client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.contract_002.conftest import world
from tests.conformance.mcp.support import served
from tests.support.world import World

__all__ = ["world"]


@pytest.fixture(scope="module")
def address(world: World) -> Iterator[str]:
    with served(world) as address:
        yield address
