"""The limit of 60 requests a minute for each key (SQ-062), the request id (SQ-063), and ping (SQ-065)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from hosting_orders.usecases.limit_rate import Bucket, RateLimit, count_request
from tests.conformance.contract_000.support import UNKNOWN, ask, assert_error, fresh_key
from tests.conformance.contract_002.support import send
from tests.support.world import World

PING = "/api/v1/ping"


@pytest.fixture(autouse=True)
def limited(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "limited", True)


def standing(headers: object) -> tuple[int, int, int]:
    assert isinstance(headers, dict)
    names = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")
    limit, remaining, reset = (int(headers[name]) for name in names)
    return limit, remaining, reset


def test_SQ_061_SQ_062_a_key_is_refused_after_60_requests_in_a_minute(world: World) -> None:
    key = fresh_key(world)
    left = []
    for _ in range(60):
        reply = ask(world, "GET", PING, key=key)
        assert reply.status == 200
        left.append(standing(reply.headers)[1])
    assert left == list(range(59, -1, -1))
    refused = ask(world, "GET", PING, key=key)
    assert_error(refused, 429, "RATE_LIMITED")
    limit, remaining, reset = standing(refused.headers)
    now = world.clock.now() / 1000
    assert (limit, remaining) == (60, 0) and now < reset <= now + 60 and reset % 60 == 0
    wait = int(refused.headers["retry-after"])
    assert 1 <= wait <= 60 and reset - now - 1 <= wait <= reset - now + 1
    assert ask(world, "GET", PING, key=fresh_key(world)).status == 200  # another key is not affected
    world.advance(wait)
    again = ask(world, "GET", PING, key=key)
    assert again.status == 200 and standing(again.headers)[1] == 59


def test_SQ_062_every_response_says_how_many_requests_remain(world: World) -> None:
    key = fresh_key(world, scopes=frozenset({"domains:provision"}))
    for method, path, status in (
        ("GET", PING, 200),
        ("GET", UNKNOWN, 404),
        ("GET", "/api/v1/orders/zzz", 400),
        ("POST", "/api/v1/orders", 403),
        ("POST", "/api/v1/domains/register", 400),
        ("GET", "/api/v1/orders", 200),
        ("GET", "/api/v1/nothing", 404),
        ("POST", PING, 404),
        ("DELETE", UNKNOWN, 404),
    ):
        reply = ask(world, method, path, "{}" if method == "POST" else None, key=key)
        assert reply.status == status, reply.body
        assert standing(reply.headers)[0] == 60
    assert standing(reply.headers)[1] == 60 - 9
    reply = send(world, "GET", PING, headers={}, account=None, source_ip="192.0.2.9")
    assert (reply.status, standing(reply.headers)[1]) == (401, 59)


def test_SQ_062_requests_to_unknown_paths_are_counted_too(world: World) -> None:
    key = fresh_key(world)
    for left in range(59, -1, -1):
        assert standing(ask(world, "GET", "/api/v1/nothing", key=key).headers)[1] == left
    for path in ("/api/v1/nothing", PING):
        assert_error(ask(world, "GET", path, key=key), 429, "RATE_LIMITED")


def test_requests_to_other_contracts_are_counted_separately(world: World) -> None:
    key = fresh_key(world)
    headers = {"authorization": f"Bearer {key}", "x-auth-account": world.accounts["ready"]["id"]}
    for path in ("/api/orders", "/api/nothing", "/api/billing/order/1"):
        reply = send(world, "GET", path, headers=headers, account=None)
        assert "x-ratelimit-limit" not in reply.headers or path.startswith("/api/billing")
    assert standing(ask(world, "GET", PING, key=key).headers)[1] == 59


def test_SQ_062_requests_without_a_valid_key_are_counted_by_address(world: World) -> None:
    bad = {"authorization": "Bearer wrong"}
    for _ in range(60):
        reply = send(world, "GET", PING, headers=bad, account=None, source_ip="192.0.2.1")
        assert_error(reply, 401, "UNAUTHORIZED")
    reply = send(world, "GET", PING, headers=bad, account=None, source_ip="192.0.2.1")
    assert_error(reply, 429, "RATE_LIMITED")
    reply = send(world, "GET", PING, headers=bad, account=None, source_ip="192.0.2.2")
    assert_error(reply, 401, "UNAUTHORIZED")
    good = {"authorization": f"Bearer {fresh_key(world)}"}
    assert send(world, "GET", PING, headers=good, account=None, source_ip="192.0.2.1").status == 200


def test_SQ_062_concurrent_requests_never_exceed_the_limit(world: World) -> None:
    limit = RateLimit(requests=25, seconds=60)
    with ThreadPoolExecutor(10) as pool:
        found = list(
            pool.map(lambda _: count_request(world.services, Bucket.ALL, "key#many", limit), range(50))
        )
    assert sum(one is not None and not one.exceeded for one in found) == 25


def test_SQ_062_a_request_succeeds_when_it_cannot_be_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hosting_orders.domain.errors import ProviderUnavailableError

    def broken(bucket: str, ends_at: int, number: int) -> int:
        raise ProviderUnavailableError("made up")

    monkeypatch.setattr(world.services.counts, "add", broken)
    reply = ask(world, "GET", PING)
    assert reply.status == 200 and "x-ratelimit-limit" not in reply.headers


def test_SQ_063_the_request_id_is_echoed_or_generated(world: World) -> None:
    key = fresh_key(world)
    assert (
        ask(world, "GET", PING, key=key, headers={"x-request-id": "mine-1"}).headers["x-request-id"]
        == "mine-1"
    )
    for sent in ("Root=1-67891233-abcdef012345678912345678;Sampled", "a/b+c==", "x" * 128):
        reply = ask(world, "GET", PING, key=key, headers={"x-request-id": sent})
        assert reply.headers["x-request-id"] == sent
    made_up = {ask(world, "GET", PING, key=key).headers["x-request-id"] for _ in range(3)}
    assert len(made_up) == 3
    assert (
        ask(world, "GET", UNKNOWN, key=key, headers={"x-request-id": "a b"}).headers["x-request-id"] != "a b"
    )


def test_SQ_065_ping_shows_what_the_key_may_do(world: World) -> None:
    key = fresh_key(world, name="CI")
    reply = ask(world, "GET", PING, key=key)
    assert reply.body == {
        "status": "ok",
        "authenticated": True,
        "key": {"prefix": key[:14], "name": "CI", "scopes": ["domains:provision", "vps:provision"]},
        "responseTimeMs": reply.body["responseTimeMs"],
        "timestamp": reply.body["timestamp"],
    }
    assert isinstance(reply.body["responseTimeMs"], int) and 0 <= reply.body["responseTimeMs"] < 1000
