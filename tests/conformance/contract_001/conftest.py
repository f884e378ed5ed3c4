"""One world (tests/support/world.py) per module, and a check that operations return only declared error codes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hosting_orders.contracts.billing_order import envelope, operations
from hosting_orders.entrypoints import http
from tests.conformance.contract_002.conftest import world

__all__ = ["refusals_are_declared", "world"]

DECLARED = {
    operation.route: {envelope.code_word(code) for code in operation.codes}
    for operation in operations.OPERATIONS
}


@pytest.fixture(autouse=True)
def refusals_are_declared(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail the test if an operation returns an error code that it does not declare."""
    answered: Callable[..., dict[str, Any]] = http._answered
    undeclared: set[tuple[str, str]] = set()

    def watched(exchange: Any, reply_to: Any) -> dict[str, Any]:
        answer = answered(exchange, reply_to)
        route = exchange.event.get("routeKey")
        problem = answer["headers"].get("Content-Type") == "application/problem+json"
        if answer["statusCode"] >= 400 and route in DECLARED and not problem:
            code = json.loads(answer["body"])["code"]
            if code not in DECLARED[route]:
                undeclared.add((route, code))
        return answer

    monkeypatch.setattr(http, "_answered", watched)
    yield
    assert undeclared == set(), (
        "codes that the operation does not declare (contracts/billing_order/operations.py)"
    )
