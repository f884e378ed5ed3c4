from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.issuer_standin import IssuerStandIn
from tests.support.oauth import an_issuer
from tests.support.world import World, a_world


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


@pytest.fixture
def issuer(world: World) -> Iterator[IssuerStandIn]:
    with an_issuer(world) as issuer:
        yield issuer
