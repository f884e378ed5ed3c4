"""One world (tests/support/world.py) per module, because creating a world takes a second."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hosting_orders.contracts import published
from hosting_orders.entrypoints import http
from tests.support.world import World, a_world

DECLARED = {
    (module.CONTRACT.name, operation.route): operation.codes
    for module in published.PUBLISHED
    for operation in module.OPERATIONS
}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


@pytest.fixture(autouse=True)
def refusals_are_declared(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail the test if an operation returns an error code that it does not declare."""
    answered: Callable[..., dict[str, Any]] = http._answered
    undeclared: set[tuple[str, str, str]] = set()

    def watched(exchange: Any, reply_to: Any) -> dict[str, Any]:
        answer = answered(exchange, reply_to)
        operation = (exchange.contract.name, exchange.event["routeKey"])
        if answer["statusCode"] >= 400 and operation in DECLARED:
            code = json.loads(answer["body"])["code"]
            if code not in DECLARED[operation]:
                undeclared.add((*operation, code))
        return answer

    monkeypatch.setattr(http, "_answered", watched)
    yield
    assert undeclared == set(), "codes that the operation does not declare (contracts/…/operations.py)"
