"""A request's API version comes from the header `X-Api-Version`, or else from the API key (docs/contracts.md C01)."""

from __future__ import annotations

import json

import pytest

from hosting_orders.contracts.orders_v1 import operations
from tests.conformance.contract_002.support import (
    ROUTES as ROUTES_2,
)
from tests.conformance.contract_002.support import (
    UNKNOWN,
    assert_error,
    assert_error_shape,
    credentials,
    new_key,
    oauth,
    send,
    state_of,
)
from tests.conformance.contract_003.support import ROUTES, ask, ask_in, order, placed
from tests.support.checkout import site
from tests.support.world import Reply, World, matched

SHARED = [(method, path) for method, path, _ in ROUTES]
OF_2_ALONE = sorted({(method, path) for method, path, _ in ROUTES_2} - set(SHARED))


def version_of(reply: Reply) -> str:
    return reply.headers["x-api-version"]


def test_C01_without_a_header_the_keys_version_applies(world: World) -> None:
    assert set(placed(world)) == {"order", "task", "site"}
    two = world.place()
    assert (two.status, two.body["status"], version_of(two)) == (202, "accepted", "2")


def test_C01_the_header_overrides_the_version_of_the_key(world: World) -> None:
    one = ask_in(world, "1", "POST", "/api/orders", body=json.dumps(site()))
    assert (one.status, set(one.body), version_of(one)) == (201, {"order", "task", "site"}, "1")
    two = send(
        world,
        "POST",
        "/api/orders",
        headers=credentials(world, "ready", "user_key_v1") | {"x-api-version": "2"},
        account=None,
        body=json.dumps(world.site()),
    )
    assert (two.status, two.body["status"], version_of(two)) == (202, "accepted", "2")


@pytest.mark.parametrize("pin", [1, 2])
@pytest.mark.parametrize("version", ["1", "2", " 1", "2 "])
def test_C01_every_shared_route_uses_the_headers_version(world: World, version: str, pin: int) -> None:
    key = {"authorization": f"Bearer {new_key(world, api_version=pin)}", "x-api-version": version}
    for method, path in SHARED:
        reply = send(world, method, path, headers=key, body="{}")
        assert version_of(reply) == version.strip(), (method, path)
        assert reply.status < 500 and reply.body.get("code") != "unsupported_api_version"


def test_C01_every_shared_route_uses_the_keys_version_by_default(world: World) -> None:
    for method, path in SHARED:
        ask(world, method, path, body="{}")
        assert version_of(send(world, method, path, body="{}")) == "2", (method, path)


@pytest.mark.parametrize(
    "version", ["3", "0", "", "one", "1.0", "１", "v1", "1,2", "1" * 500, "\ud800", "1\x00"]
)
def test_C01_the_error_for_an_unknown_version_names_the_known_ones(world: World, version: str) -> None:
    before = state_of(world)
    for method, path in SHARED:
        reply = ask_in(world, version, method, path, body=json.dumps(site()))
        assert_error(reply, 400, "unsupported_api_version")
        assert "`X-Api-Version: 1` or `X-Api-Version: 2`" in reply.body["errors"][0]
        assert version_of(reply) in ("1", "2")
    assert state_of(world) == before


@pytest.mark.parametrize(("method", "path"), OF_2_ALONE)
def test_C01_the_error_for_a_version_2_route_points_to_version_2(
    world: World, method: str, path: str
) -> None:
    before = state_of(world)
    by_pin = send(world, method, path, headers=credentials(world, "ready", "user_key_v1"), body="{}")
    by_header = ask_in(world, "1", method, path, body="{}")
    for reply in (by_pin, by_header):
        assert_error(reply, 400, "unsupported_api_version")
        assert "`X-Api-Version: 2`" in reply.body["errors"][0]
        assert "`X-Api-Version: 1`" not in reply.body["errors"][0]
        assert version_of(reply) == "2"
    assert state_of(world) == before


def test_C01_version_1_has_exactly_the_shared_routes(world: World) -> None:
    assert ("PATCH", f"/api/orders/{UNKNOWN}") in OF_2_ALONE
    assert {matched(method, path)[1] for method, path in SHARED} == {
        operation.route for operation in operations.OPERATIONS
    }


def test_C01_an_error_has_the_version_of_its_request(world: World) -> None:
    refusals = {
        404: ask(world, "GET", f"/api/orders/{UNKNOWN}"),
        400: order(world, {}),
        413: order(world, {"x": "y" * 70_000}),
    }
    for status, reply in refusals.items():
        assert (reply.status, version_of(reply)) == (status, "1")
        assert_error_shape(reply)


def test_C01_the_error_for_a_malformed_id_has_the_keys_version(world: World) -> None:
    for wrong in ("x" * 300, "a\x00b", "é", " "):
        reply = send(
            world,
            "GET",
            f"/api/orders/{UNKNOWN}",
            headers=credentials(world, "ready", "user_key_v1"),
            account=None,
            parameters={"id": wrong},
        )
        assert_error(reply, 404, "not_found")
        assert version_of(reply) == "1"


def test_C01_errors_about_the_credential_use_the_headers_version(world: World) -> None:
    for version in ("1", "2"):
        for headers in ({}, {"authorization": "Bearer x"}, oauth(world)):
            reply = send(
                world, "GET", "/api/orders", headers=headers | {"x-api-version": version}, account=None
            )
            assert reply.status in (401, 403)
            assert version_of(reply) == version


def test_C01_errors_for_unknown_paths_have_a_version(world: World) -> None:
    reply = ask_in(world, "1", "GET", "/api/nothing")
    assert_error(reply, 404, "not_found")
    assert version_of(reply)
