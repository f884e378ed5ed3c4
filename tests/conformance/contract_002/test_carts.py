"""Contract 002, "Carts"."""

from __future__ import annotations

import pytest

from tests.conformance.contract_002.support import UNKNOWN, assert_envelope, assert_error, oauth, send
from tests.support.world import World


def test_O2_170_reading_a_cart_needs_a_key_or_scope_billing_read(world: World) -> None:
    placed = world.place().body
    path = placed["cart"]["poll_url"]
    by_key = send(world, "GET", path)
    by_token = send(world, "GET", path, headers=oauth(world, "billing:read"))
    assert by_key.status == by_token.status == 200
    assert by_key.body == by_token.body


def test_O2_171_another_accounts_cart_gets_the_404_of_an_unknown_cart(world: World) -> None:
    token = world.place().body["cart"]["token"]
    unknown = send(world, "GET", f"/api/carts/{UNKNOWN}", account="credit")
    assert_error(unknown, 404, "not_found")
    foreign = send(world, "GET", f"/api/carts/{token}", account="credit")
    assert (foreign.status, foreign.body) == (404, unknown.body)
    for wrong in (
        token[:-1],
        token + "0",
        "x",
        "0",
        token + "#ROLLUP",
        "CART%23" + token,
        token.replace("-", ""),
    ):
        reply = send(world, "GET", f"/api/carts/{wrong}")
        assert (reply.status, reply.body) == (404, unknown.body)


def test_O2_172_O2_173_a_cart_always_has_the_shape_of_its_202_response(world: World) -> None:
    placed = world.place()
    path = placed.body["cart"]["poll_url"]
    assert_envelope(placed.body)
    seen = [send(world, "GET", path)]
    world.run(finish=False)
    seen.append(send(world, "GET", path))
    world.run()
    seen.append(send(world, "GET", path))
    for reply in seen:
        assert reply.status == 200
        assert_envelope(reply.body)
        for part in ("cart", "payment"):
            assert set(reply.body[part]) >= set(placed.body[part])
        assert reply.body["orders"][0]["id"] == placed.body["orders"][0]["id"]
    assert seen[0].body["cart"]["token"] == seen[2].body["cart"]["token"]


def test_O2_174_the_stream_updates_the_rollup_status(world: World) -> None:
    path = world.place().body["cart"]["poll_url"]
    seen = [send(world, "GET", path).body["cart"]["rollup_status"]]
    world.run(finish=False)
    seen.append(send(world, "GET", path).body["cart"]["rollup_status"])
    world.stream_on = False
    world.run()
    seen.append(send(world, "GET", path).body["cart"]["rollup_status"])
    world.stream_on = True
    world.run()
    seen.append(send(world, "GET", path).body["cart"]["rollup_status"])
    assert seen == ["pending", "processing", "processing", "completed"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_a_cart_is_read_only(world: World, method: str) -> None:
    path = world.place().body["cart"]["poll_url"]
    assert_error(send(world, method, path), 404, "not_found")
