"""Domain checks store the registrar's answers for a minute. A check succeeds even if the registrar fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from hosting_orders.contracts.rate_limits import LIMITS
from hosting_orders.domain import deadlines
from hosting_orders.usecases.limit_rate import Bucket
from tests.conformance.contract_002.support import assert_error, new_account, send, state_of
from tests.support.world import Reply, World, a_world


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def check(world: World, *names: str, account: str = "ready", **more: Any) -> Reply:
    query = {"names": ",".join(names)}
    return send(world, "GET", "/api/domains/check", query=query, account=account, **more)


def results(reply: Reply) -> list[tuple[str, str]]:
    assert reply.status == 200, reply.body
    return [(domain["name"], domain["status"]) for domain in reply.body["domains"]]


def asked(world: World) -> list[str]:
    requests = world.registrar.requests
    return sorted(one.name for one in requests if one.operation == "CheckDomainAvailability")


def test_answers_are_stored_for_a_minute_for_all_accounts(world: World) -> None:
    new_account(world, "ready", "other")
    check(world, "one.com", "two.com")
    check(world, "one.com", "two.com", "three.com", account="other")
    assert asked(world) == ["one.com", "three.com", "two.com"]
    world.advance(61)
    check(world, "one.com")
    assert asked(world) == ["one.com", "one.com", "three.com", "two.com"]


def test_only_requests_to_the_registrar_are_rate_limited(world: World) -> None:
    world.limited = True
    most = LIMITS[Bucket.REGISTRAR].requests
    names = [f"name-{number}.com" for number in range(most)]
    for start in range(0, most, 40):
        assert check(world, *names[start : start + 40]).status == 200
    before = asked(world)
    assert len(before) == most
    refused = check(world, "one.com", "two.com")
    assert_error(refused, 429, "rate_limited")
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert asked(world) == before
    # Another key has its own limit. In the next minute, the first key can send requests again.
    new_account(world, "ready", "other")
    for _ in range(3):
        assert check(world, *names[-40:], account="other").status == 200
    assert asked(world) == before
    world.advance(60)
    assert check(world, "one.com", "two.com").status == 200


def test_an_order_does_not_use_the_stored_answer(world: World) -> None:
    check(world, "one.com")
    world.registrar.take("one.com")
    assert results(check(world, "one.com")) == [("one.com", "available")]
    assert world.order_domain("one.com").status == 422


def test_a_domain_is_unknown_if_the_registrar_fails(world: World) -> None:
    assert results(check(world, "known.com")) == [("known.com", "available")]
    world.registrar.fail_next("CheckDomainAvailability", "ThrottlingException", "Rate exceeded", times=9)
    reply = check(world, "known.com", "unheard.com", "name.zzz")
    assert results(reply) == [
        ("known.com", "available"),
        ("unheard.com", "unknown"),
        ("name.zzz", "unsupported"),
    ]
    assert reply.headers["retry-after"] == "5"


def test_a_check_does_not_wait_for_a_registrar_that_hangs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    registrar = world.services.registrar
    hanging, answer = threading.Event(), registrar.availability

    def slow(name: str) -> Any:
        if name == "hangs.com":
            assert hanging.wait(30)
        return answer(name)

    monkeypatch.setattr(registrar, "availability", slow)
    monkeypatch.setattr(deadlines, "DOMAIN_CHECKS", 1000)
    try:
        reply = check(world, "quick.com", "hangs.com")
    finally:
        hanging.set()
    assert results(reply) == [("quick.com", "available"), ("hangs.com", "unknown")]


def test_a_check_writes_only_the_registrars_answers(world: World) -> None:
    before = state_of(world)
    check(world, "one.com", "taken-name.com", "x.zzz")
    after = state_of(world)
    assert after.pop("writes") == before.pop("writes") + 2
    assert after == before
    assert len(world.items("OFFER")) == 2


def test_a_check_is_refused_if_domain_registration_is_off(world: World) -> None:
    world.features.document = {"domain_registration": {"default": False}}
    assert_error(check(world, "one.com"), 503, "feature_disabled")
