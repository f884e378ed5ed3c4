"""Rotating and revoking API keys, also with concurrent requests."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hosting_orders.adapters.dynamodb.api_keys import DynamoKeyStore
from hosting_orders.domain.api_key import MAX_KEYS
from hosting_orders.usecases.authenticate import hash_key
from tests.conformance.contract_002.keys import (
    DAY,
    call,
    listed,
    made,
    make,
    refused,
    rotate,
    secrets_of_the_table,
    works,
)
from tests.conformance.contract_002.support import (
    assert_date_time,
    assert_error,
)
from tests.support.mishaps import Mishap
from tests.support.world import Reply, World, a_world


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


# -- rotating and revoking ------------------------------------------------------------------------------------------


def test_both_secrets_work_until_the_overlap_ends(world: World) -> None:
    old, key = made(world, spend_cap={"month": 900})
    reply = rotate(world, key["id"], body={"overlap_seconds": 3600})
    new, rotated = reply.body["secret"], reply.body["key"]
    assert reply.status == 200 and new != old
    assert rotated["previous_secret"]["prefix"] == old[:14]
    same = ("id", "name", "scopes", "spend_cap", "created_at", "test")
    assert {name: rotated[name] for name in same} == {name: key[name] for name in same}
    assert works(world, old) and works(world, new)
    world.advance(3599)
    assert works(world, old)
    world.advance(1)
    assert not works(world, old)
    assert works(world, new)
    assert listed(world)[key["id"]]["previous_secret"] is None


def test_the_old_secret_works_for_a_day_by_default(world: World) -> None:
    old, key = made(world)
    rotate(world, key["id"])
    world.advance(DAY - 1)
    assert works(world, old)
    world.advance(1)
    assert not works(world, old)


def test_the_old_secret_ends_at_once_without_an_overlap(world: World) -> None:
    old, key = made(world)
    reply = rotate(world, key["id"], body={"overlap_seconds": 0})
    assert reply.body["key"]["previous_secret"] is None
    assert not works(world, old)
    assert works(world, reply.body["secret"])


@pytest.mark.parametrize("overlap", [-1, 7 * DAY + 1, 1.5, "60", None])
def test_a_wrong_overlap_is_refused(world: World, overlap: Any) -> None:
    old, key = made(world)
    body = {"overlap_seconds": overlap}
    refused(world, lambda: rotate(world, key["id"], body=body), 400, "invalid_field", "/overlap_seconds")
    assert works(world, old)


def test_a_second_rotation_ends_the_oldest_secret(world: World) -> None:
    first, key = made(world)
    second = rotate(world, key["id"]).body["secret"]
    assert works(world, second)
    third = rotate(world, key["id"]).body["secret"]
    assert [works(world, secret) for secret in (first, second, third)] == [False, True, True]


def test_a_second_rotation_replaces_an_unused_new_secret(world: World) -> None:
    """The response with the new secret may have been lost. Clients then still use the old secret, so it must work."""
    first, key = made(world)
    lost = rotate(world, key["id"], body={"overlap_seconds": 60}).body["secret"]
    third = rotate(world, key["id"], body={"overlap_seconds": 600}).body["secret"]
    assert [works(world, secret) for secret in (first, third, lost)] == [True, True, False]
    world.advance(599)
    assert works(world, first)
    world.advance(1)
    assert not works(world, first)


def test_a_repeated_rotation_rotates_once(world: World) -> None:
    old, key = made(world)
    once = {"idempotency-key": "r"}
    new = rotate(world, key["id"], body={}, headers=once).body["secret"]
    again = rotate(world, key["id"], body={}, headers=once)
    assert (again.status, again.body["secret"]) == (200, None)
    assert again.headers["idempotent-replayed"] == "true"
    assert works(world, old) and works(world, new)
    other = {"overlap_seconds": 0}
    refused(world, lambda: rotate(world, key["id"], body=other, headers=once), 422, "idempotency_key_reused")


def test_only_the_newest_secret_of_a_key_can_rotate_the_key(world: World) -> None:
    old, key = made(world, scopes=["keys:manage"], spend_cap={"day": 1}, ip_list=["203.0.113.0/24"])
    new = rotate(world, key["id"], old).body["secret"]
    assert works(world, new)
    refused(world, lambda: rotate(world, key["id"], old), 403, "stronger_key")
    assert rotate(world, key["id"], new).status == 200


def test_a_replaced_secret_cannot_make_a_key_that_outlives_it(world: World) -> None:
    old, key = made(world, scopes=None)
    rotate(world, key["id"])
    refused(world, lambda: make(world, old), 403, "stronger_key", "/expires_at")


def test_a_rotation_never_extends_a_key(world: World) -> None:
    old, key = made(world, expires_in_days=1)
    rotated = rotate(world, key["id"], body={"overlap_seconds": 7 * DAY}).body
    assert (
        rotated["key"]["expires_at"] == key["expires_at"] == rotated["key"]["previous_secret"]["valid_until"]
    )
    world.advance(DAY)
    assert not works(world, old) and not works(world, rotated["secret"])
    refused(world, lambda: rotate(world, key["id"]), 409, "key_inactive")


def test_revoking_a_key_ends_both_secrets_and_can_be_repeated(world: World) -> None:
    stored = secrets_of_the_table(world)
    old, key = made(world)
    new = rotate(world, key["id"]).body["secret"]
    assert works(world, old) and works(world, new)
    reply = call(world, "DELETE", f"/api/keys/{key['id']}")
    assert (reply.status, reply.body["key"]["status"]) == (200, "revoked")
    assert_date_time(reply.body["key"]["revoked_at"])
    assert not works(world, old) and not works(world, new)
    assert secrets_of_the_table(world) == stored
    world.advance(60)
    again = call(world, "DELETE", f"/api/keys/{key['id']}")
    assert (again.status, again.body) == (200, reply.body)
    refused(world, lambda: rotate(world, key["id"]), 409, "key_inactive")
    assert listed(world)[key["id"]]["status"] == "revoked"
    world.advance(30 * DAY)
    assert key["id"] not in listed(world)
    refused(world, lambda: rotate(world, key["id"]), 404, "not_found")


def test_a_key_can_revoke_itself(world: World) -> None:
    secret, key = made(world, scopes=["keys:manage"])
    assert call(world, "DELETE", f"/api/keys/{key['id']}", secret).status == 200
    assert not works(world, secret)


# -- races ----------------------------------------------------------------------------------------------------------


def in_the_middle(world: World, monkeypatch: pytest.MonkeyPatch, act: Any) -> None:
    """Call `act` between the read and the write of the next change to a key."""
    save = DynamoKeyStore.save

    def late(store: DynamoKeyStore, *given: Any) -> Any:
        monkeypatch.setattr(DynamoKeyStore, "save", save)
        act()
        return save(store, *given)

    monkeypatch.setattr(DynamoKeyStore, "save", late)


def test_only_one_of_two_concurrent_rotations_succeeds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = secrets_of_the_table(world)
    old, key = made(world)
    winners: list[str] = []
    in_the_middle(world, monkeypatch, lambda: winners.append(rotate(world, key["id"]).body["secret"]))
    assert_error(rotate(world, key["id"]), 409, "key_changed")
    assert works(world, old) and works(world, winners[0])
    assert secrets_of_the_table(world) == stored | {hash_key(old), hash_key(winners[0])}


def test_two_concurrent_copies_of_one_rotation_give_one_secret(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, key = made(world)
    once = {"idempotency-key": "r"}
    first: list[Reply] = []
    in_the_middle(world, monkeypatch, lambda: first.append(rotate(world, key["id"], headers=once)))
    second = rotate(world, key["id"], headers=once)
    assert (second.status, second.body["secret"]) == (200, None)
    assert works(world, first[0].body["secret"])


def test_no_secret_survives_a_revocation_during_a_rotation(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = secrets_of_the_table(world)
    old, key = made(world)
    in_the_middle(world, monkeypatch, lambda: call(world, "DELETE", f"/api/keys/{key['id']}"))
    assert_error(rotate(world, key["id"]), 409, "key_changed")
    assert not works(world, old)
    assert secrets_of_the_table(world) == stored


def test_no_secret_survives_a_rotation_during_a_revocation(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = secrets_of_the_table(world)
    old, key = made(world)
    winners: list[str] = []
    in_the_middle(world, monkeypatch, lambda: winners.append(rotate(world, key["id"]).body["secret"]))
    assert call(world, "DELETE", f"/api/keys/{key['id']}").status == 200
    assert not works(world, old) and not works(world, winners[0])
    assert secrets_of_the_table(world) == stored


def test_concurrent_requests_cannot_exceed_the_maximum_of_keys(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(MAX_KEYS - 1 - len(listed(world))):
        made(world)
    make_item, inside = DynamoKeyStore.make, []

    def late(store: DynamoKeyStore, *given: Any) -> None:
        monkeypatch.setattr(DynamoKeyStore, "make", make_item)
        inside.append(make(world).status)
        make_item(store, *given)

    monkeypatch.setattr(DynamoKeyStore, "make", late)
    assert_error(make(world), 422, "too_many_keys")
    assert inside == [201]
    assert len(listed(world)) == MAX_KEYS


def test_two_concurrent_copies_of_one_request_make_one_key(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_item, inside = DynamoKeyStore.make, []

    def late(store: DynamoKeyStore, *given: Any) -> None:
        monkeypatch.setattr(DynamoKeyStore, "make", make_item)
        inside.append(make(world, idempotency_key="a").body)
        make_item(store, *given)

    monkeypatch.setattr(DynamoKeyStore, "make", late)
    second = make(world, idempotency_key="a")
    assert (second.status, second.body["secret"]) == (201, None)
    assert second.body["key"]["id"] == inside[0]["key"]["id"]
    assert works(world, inside[0]["secret"])


def written_twice(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """Send the next write twice, as boto3 does if the first response is lost."""
    write = getattr(DynamoKeyStore, method)

    def twice(store: DynamoKeyStore, *given: Any) -> Any:
        monkeypatch.setattr(DynamoKeyStore, method, write)
        write(store, *given)
        return write(store, *given)

    monkeypatch.setattr(DynamoKeyStore, method, twice)


@pytest.mark.parametrize("idempotency_key", [None, "a"])
def test_a_repeated_write_makes_one_key_and_shows_its_secret(
    world: World, monkeypatch: pytest.MonkeyPatch, idempotency_key: str | None
) -> None:
    keys = set(listed(world))
    written_twice(monkeypatch, "make")
    reply = make(world, idempotency_key=idempotency_key)
    assert (reply.status, "idempotent-replayed" in reply.headers) == (201, False)
    assert works(world, reply.body["secret"])
    assert set(listed(world)) == keys | {reply.body["key"]["id"]}


@pytest.mark.parametrize("headers", [{}, {"idempotency-key": "r"}])
def test_a_repeated_write_of_a_rotation_shows_the_secret(
    world: World, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    old, key = made(world)
    written_twice(monkeypatch, "save")
    reply = rotate(world, key["id"], headers=headers)
    assert (reply.status, "idempotent-replayed" in reply.headers) == (200, False)
    assert works(world, old) and works(world, reply.body["secret"])
    assert reply.body["key"]["previous_secret"]["prefix"] == old[:14]


@pytest.mark.parametrize("mishap", [Mishap.NOT_DONE, Mishap.ANSWER_LOST])
def test_a_key_can_be_rotated_after_a_fault_of_the_table(world: World, mishap: Mishap) -> None:
    old, key = made(world)
    world.mishaps.watch(lambda name: mishap if "transact" in name else None)
    assert_error(rotate(world, key["id"]), 503, "temporarily_unavailable")
    world.mishaps.none()
    assert works(world, old)
    new = rotate(world, key["id"]).body["secret"]
    assert works(world, old) and works(world, new)


def test_no_secret_survives_a_revocation_among_many_rotations(world: World) -> None:
    stored = secrets_of_the_table(world)
    first, key = made(world)

    def change(number: int) -> Reply:
        if number == 6:
            return call(world, "DELETE", f"/api/keys/{key['id']}")
        return rotate(world, key["id"])

    with ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(change, range(12)))
    assert {reply.status for reply in replies} <= {200, 409, 503}
    assert replies[6].status == 200
    shown = [first, *(reply.body["secret"] for reply in replies if reply.body.get("secret"))]
    assert not any(works(world, secret) for secret in shown)
    assert secrets_of_the_table(world) == stored


def test_many_concurrent_rotations_leave_two_secrets(world: World) -> None:
    stored = secrets_of_the_table(world)
    first, key = made(world)
    with ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(lambda _: rotate(world, key["id"]), range(8)))
    shown = [reply.body["secret"] for reply in replies if reply.status == 200]
    assert shown and len(secrets_of_the_table(world) - stored) == 2
    assert works(world, first)
    assert sum(works(world, secret) for secret in shown) == 1
