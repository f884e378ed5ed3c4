from __future__ import annotations

from collections.abc import Iterator

import pytest

from hosting_orders.adapters.route53.registrar import Route53Registrar
from local.registrar_standin import RegistrarStandIn
from local.registrar_standin.server import RegistrarServer
from tests.conformance.registrar_contract.books import (
    DAY,
    World,
    loopback_client,
)


@pytest.fixture(params=["in process", "loopback"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    world: World
    standin = RegistrarStandIn(now=lambda: world.now, delay=300, transfer_delay=10 * DAY)
    if request.param == "in process":
        world = World(Route53Registrar(*standin.clients(), pause=lambda seconds: None), standin)
        yield world
        return
    with RegistrarServer(standin) as server:
        client = loopback_client(server.url)
        world = World(Route53Registrar(client, client, pause=lambda seconds: None), standin)
        yield world
