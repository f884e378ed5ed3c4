"""One world per module: most requests leave the others alone, and a world costs a second."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.world import World, a_world


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with a_world() as world:
        yield world
