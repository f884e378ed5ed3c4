"""One world (tests/support/world.py) per test, because a page depends on everything that happened to its order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.world import World, a_world


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world
