"""The time at which a key was last used (`last_used_at`)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hosting_orders.domain.account import CredentialKind
from hosting_orders.usecases.authenticate import hash_key
from tests.conformance.contract_002.keys import (
    call,
    listed,
    made,
    rotate,
    works,
)
from tests.support.mishaps import Mishap
from tests.support.world import World, a_world


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


# -- the last use ---------------------------------------------------------------------------------------------------


def uses(world: World) -> int:
    # For a new item, moto (our DynamoDB in tests) also records a change without `used_at`. Do not count that change.
    images = [record["dynamodb"].get("NewImage", {}) for record in world.stream_records()]
    return sum(image["PK"]["S"].startswith("USED#") and "used_at" in image for image in images)


def test_the_last_use_is_written_at_most_once_an_hour(world: World) -> None:
    secret, key = made(world)
    uses(world)
    for _ in range(3):
        works(world, secret)
    del world.services.key_uses  # as in another process, which does not remember these uses
    works(world, secret)
    assert uses(world) == 1
    first = listed(world)[key["id"]]["last_used_at"]
    world.advance(3600)
    works(world, secret)
    assert listed(world)[key["id"]]["last_used_at"] > first


def test_a_changed_key_still_shows_its_last_use(world: World) -> None:
    secret, key = made(world)
    works(world, secret)
    used = listed(world)[key["id"]]["last_used_at"]
    assert rotate(world, key["id"], body={"overlap_seconds": 0}).body["key"]["last_used_at"] == used
    assert listed(world)[key["id"]]["last_used_at"] == used
    assert call(world, "DELETE", f"/api/keys/{key['id']}").body["key"]["last_used_at"] == used
    assert listed(world)[key["id"]]["last_used_at"] == used


def test_a_refused_request_does_not_count_as_a_use(world: World) -> None:
    secret, key = made(world, ip_list=["198.51.100.0/24"])
    assert not works(world, secret)
    assert listed(world)[key["id"]]["last_used_at"] is None


@pytest.mark.parametrize("mishap", [Mishap.NOT_DONE, Mishap.ANSWER_LOST])
def test_a_request_succeeds_even_if_its_use_cannot_be_stored(world: World, mishap: Mishap) -> None:
    secret, key = made(world)
    world.mishaps.watch(lambda name: mishap if "update_item" in name else None)
    assert works(world, secret)
    assert any("update_item" in name for name in world.mishaps.seen)
    world.mishaps.none()
    assert works(world, secret)
    assert listed(world)[key["id"]]["last_used_at"]  # the use by the second request was recorded


def test_the_list_shows_the_kind_of_a_key(world: World) -> None:
    credential = world.services.directory.credential(hash_key(world.accounts["ready"]["system_key"]))
    assert credential is not None and credential.kind is CredentialKind.SYSTEM
    assert listed(world)[credential.id]["kind"] == "system"
