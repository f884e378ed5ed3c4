"""A Lambda handler selects an operation by its route, and by the API version where contracts share a route."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from hosting_orders import bootstrap
from hosting_orders.contracts import published
from hosting_orders.contracts.operation import Access, Body, Contract, Operation
from hosting_orders.contracts.problem import Problem
from hosting_orders.domain.account import Account, Credential, CredentialKind
from hosting_orders.domain.errors import NotFoundError
from hosting_orders.entrypoints.http import Call, Endpoint, Reply, serves, together, unknown_routes
from hosting_orders.usecases.authenticate import hash_key
from hosting_orders.usecases.ports import Services

ACCOUNT = Account("acc_1", "One", "EUR", "retail", created_at=0, updated_at=0)
KEYS = {
    hash_key(f"pinned to {version}"): Credential("", "", CredentialKind.USER, ("acc_1",), api_version=version)
    for version in (1, 2, 3)
}


@pytest.fixture(autouse=True)
def services() -> Iterator[None]:
    directory = SimpleNamespace(credential=KEYS.get, account={ACCOUNT.id: ACCOUNT}.get)
    bootstrap.use(SimpleNamespace(directory=directory, clock=SimpleNamespace(now=lambda: 0)))  # type: ignore[arg-type]
    yield
    bootstrap.use(None)


def shared_error(problem: Problem) -> Mapping[str, Any]:
    return {"shared": problem.code}


def own_error(problem: Problem) -> Mapping[str, Any]:
    return {"own": problem.code}


V2 = Contract("two", "Two", "2", ("/api",), shared_error)
V1 = Contract("one", "One", "1", (), shared_error)
OWN = Contract("own", "Own", None, ("/api/v1",), own_error)


def operation(contract: Contract, route: str = "GET /api/things/{id}", **changes: Any) -> Operation[str]:
    return Operation(
        route=route,
        heading="Things",
        contract=contract,
        access=changes.pop("access", Access(scope="things:read", account=False)),
        answers=dict,
        render=lambda view: {"in": contract.name, "view": view},
        **changes,
    )


SHOW_2, SHOW_1 = operation(V2), operation(V1)
LIST = operation(V2, "GET /api/things")
OWN_SHOW = operation(OWN, "GET /api/v1/things/{id}")


@serves(SHOW_2, SHOW_1, OWN_SHOW)
def show(call: Call[str], services: Services) -> Reply:
    if call.parameter("id") == "none":
        raise NotFoundError("There is no such thing.")
    return call.answer(call.parameter("id"))


@serves(LIST)
def listing(call: Call[str], services: Services) -> Reply:
    return call.answer("all")


def call(handler: Any, route: str, key: int | None = 2, **headers: str) -> SimpleNamespace:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if key is not None:
        given["authorization"] = f"Bearer pinned to {key}"
    method, _, path = route.partition(" ")
    event = {
        "routeKey": route.replace("/7", "/{id}").replace("/none", "/{id}"),
        "headers": given,
        "pathParameters": {"id": path.rpartition("/")[2]},
        "requestContext": {"http": {"method": method, "path": path, "sourceIp": "203.0.113.7"}},
    }
    answer = handler(event, None)
    body = json.loads(answer["body"])
    return SimpleNamespace(status=answer["statusCode"], headers=answer["headers"], body=body)


def test_one_handler_serves_operations_of_several_routes() -> None:
    handler = together(show, listing)
    assert call(handler, "GET /api/things").body == {"in": "two", "view": "all"}
    assert call(handler, "GET /api/things/7").body == {"in": "two", "view": "7"}
    assert list(handler.handles) == [SHOW_2, SHOW_1, OWN_SHOW, LIST]


def test_an_unserved_route_is_an_internal_error() -> None:
    found = call(show, "GET /api/elsewhere")
    assert (found.status, found.body) == (500, {"shared": "internal_error"})


@pytest.mark.parametrize(
    ("pinned", "header", "spoken"),
    [(2, None, "two"), (1, None, "one"), (2, "1", "one"), (1, "2", "two"), (3, " 1 ", "one")],
)
def test_the_header_overrides_the_keys_pinned_version(pinned: int, header: str | None, spoken: str) -> None:
    found = call(show, "GET /api/things/7", pinned, **({"x_api_version": header} if header else {}))
    assert (found.status, found.body["in"]) == (200, spoken)
    assert found.headers["X-Api-Version"] == {"two": "2", "one": "1"}[spoken]


@pytest.mark.parametrize("version", ["3", "", "two", "１"])
def test_the_refusal_of_a_version_names_the_known_versions(version: str) -> None:
    found = call(show, "GET /api/things/7", x_api_version=version, accept="application/problem+json")
    assert (found.status, found.body["code"]) == (400, "unsupported_api_version")
    assert found.body["detail"] == (
        f"API version {version!r} is not supported; send `X-Api-Version: 1` or `X-Api-Version: 2`."
    )
    assert call(show, "GET /api/things/7", 3).status == 400
    assert call(listing, "GET /api/things", 1).status == 400


def test_a_contract_without_versions_ignores_the_header() -> None:
    found = call(show, "GET /api/v1/things/7", 3, x_api_version="7")
    assert (found.status, found.body["in"]) == (200, "own")
    assert "X-Api-Version" not in found.headers


@pytest.mark.parametrize(
    ("route", "shape"), [("GET /api/things/7", "shared"), ("GET /api/v1/things/7", "own")]
)
def test_an_error_has_the_format_of_the_routes_contract(route: str, shape: str) -> None:
    found = call(show, route, None)
    assert (found.status, found.body) == (401, {shape: "unauthorized"})
    assert call(show, route.replace("7", "none")).body == {shape: "not_found"}
    as_problem = call(show, route, None, accept="application/problem+json")
    assert as_problem.body["code"] == "unauthorized"
    assert as_problem.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(("header", "version"), [(None, "2"), ("1", "1"), ("7", "2")])
def test_without_a_credential_the_header_decides_the_version(header: str | None, version: str) -> None:
    found = call(show, "GET /api/things/7", None, **({"x_api_version": header} if header else {}))
    assert found.headers["X-Api-Version"] == version


def test_with_a_credential_an_error_has_the_pinned_version() -> None:
    assert call(show, "GET /api/things/none", 1).headers["X-Api-Version"] == "1"


@pytest.mark.parametrize(
    ("sharing", "complaint"),
    [
        ((SHOW_2, operation(V1, access=Access(account=False))), "who may call"),
        ((SHOW_2, operation(replace(V1, error=own_error))), "shape of errors"),
        ((SHOW_2, operation(V2)), "one version"),
        ((SHOW_2, operation(replace(V1, version=None))), "without a version"),
    ],
)
def test_conflicting_operations_cannot_share_a_route(
    sharing: tuple[Operation[str], ...], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        Endpoint(dict.fromkeys(sharing, lambda call, services: Reply(200, {})))


@pytest.mark.parametrize(
    ("path", "shape"),
    [("/api/nothing", "shared"), ("/api/v1/nothing", "own"), ("/nothing", "shared"), ("/api", "shared")],
)
def test_a_404_has_the_format_of_the_paths_contract(
    monkeypatch: pytest.MonkeyPatch, path: str, shape: str
) -> None:
    modules = tuple(SimpleNamespace(CONTRACT=contract) for contract in (V2, OWN))
    monkeypatch.setattr(published, "PUBLISHED", modules)
    found = call(unknown_routes(published.contract_of_path), f"GET {path}", None)
    assert (found.status, found.body) == (404, {shape: "not_found"})


def test_the_idempotency_key_is_checked_before_the_body() -> None:
    asked = []
    taking = operation(V2, "POST /api/things", access=None, idempotent=True).taking(
        Body(dict, lambda body, facts: asked.append((body, facts)))
    )

    @serves(taking)
    def handler(call: Call[str], services: Services) -> Reply:
        call.read()
        return call.answer("read")

    event = {
        "routeKey": "POST /api/things",
        "headers": {"idempotency-key": "not allowed"},
        "requestContext": {"http": {"method": "POST", "path": "/api/things", "sourceIp": "203.0.113.7"}},
        "body": "{",
    }
    assert json.loads(handler(event, None)["body"]) == {"shared": "invalid_idempotency_key"}
    event["headers"] = {"idempotency-key": "good"}
    assert json.loads(handler(event, None)["body"]) == {"shared": "malformed_json"}
    event["body"] = '{"b": 1, "a": 2}'
    assert handler(event, None)["statusCode"] == 200
    ((body, facts),) = asked
    assert body == {"b": 1, "a": 2}
    assert (facts.key, facts.placed.contract, facts.placed.client_address) == ("good", "two", "203.0.113.7")
    # The SHA-256 of '/api/things\0{"a": 2, "b": 1}'. Every cart stores the fingerprint of its request, so the formula
    # must never change.
    assert facts.fingerprint == "aaf712017c295e382b29738cb2f68f39de32d76c14b5c93961052bbc3f357bff"
