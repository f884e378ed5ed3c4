"""The limits of contracts 001, 002 and 003 (docs/contracts.md, Rate limits). Contract 000 has its own tests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from hosting_orders.contracts import published
from hosting_orders.contracts.operation import Operation
from hosting_orders.contracts.rate_limits import LIMITS
from hosting_orders.domain.account import CredentialKind
from hosting_orders.domain.errors import ProviderUnavailableError
from hosting_orders.usecases.limit_rate import Bucket, RateLimit
from tests.conformance.contract_002.keys import made, rotate
from tests.conformance.contract_002.support import UNKNOWN, new_key, send
from tests.conformance.mcp.support import refused, use, worked
from tests.structure.project import functions, read_template
from tests.structure.test_contracts import handler_of, operations_of
from tests.support.world import Reply, World, a_world

READS, WRITES, ASKS = 3, 2, 1
SHOW = f"/api/orders/{UNKNOWN}"
BILLING = "/api/billing/order/11"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with a_world() as world:
        world.limited = True
        yield world


@pytest.fixture(autouse=True)
def small_limits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lower the limits, and begin each test in a new window."""
    for bucket, requests in ((Bucket.READ, READS), (Bucket.WRITE, WRITES), (Bucket.REGISTRAR, ASKS)):
        monkeypatch.setitem(LIMITS, bucket, RateLimit(requests, 60))
    world.advance(60)


@dataclass
class Client:
    world: World
    key: str

    def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> Reply:
        known = {"authorization": f"Bearer {self.key}", "x-auth-account": self.world.accounts["ready"]["id"]}
        sent = known | {name.replace("_", "-"): value for name, value in headers.items()}
        return send(self.world, method, path, headers=sent, body=body, account=None)


@pytest.fixture
def client(world: World) -> Client:
    return Client(world, new_key(world))


def use_up_reads(client: Client, path: str = "/api/orders") -> None:
    for _ in range(READS):
        assert client.ask("GET", path).status != 429
    assert client.ask("GET", path).status == 429


# -- three counts for each key ------------------------------------------------------------------------------------


def test_three_kinds_of_requests_are_counted_separately(client: Client) -> None:
    """The kinds are reads, writes and questions to the registrar."""
    use_up_reads(client)
    for _ in range(WRITES):
        assert client.ask("DELETE", SHOW).status == 404
    assert client.ask("DELETE", SHOW).status == 429
    assert client.ask("POST", "/api/orders", "{}").status == 429
    assert client.ask("POST", "/api/orders/domain", "{}").status == 400
    for path in ("/api/orders/domain", "/api/carts", f"{SHOW}/resend-verification", "/api/create-order"):
        assert client.ask("POST", path, "{}").status == 429


@pytest.mark.parametrize("path", ["/api/carts", "/api/orders/preview"])
def test_each_domain_counts_as_a_question_to_the_registrar(
    world: World, client: Client, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LIMITS, Bucket.REGISTRAR, RateLimit(4, 60))
    names = [f"question-{number}{path[-3:]}.com" for number in range(3)]
    three, two = ({"items": [world.domain(name) for name in names[:number]]} for number in (3, 2))
    asked = len(world.registrar.requests)
    assert client.ask("POST", path, json.dumps(three)).status in (200, 202)
    assert len(world.registrar.requests) > asked
    asked = len(world.registrar.requests)
    assert client.ask("POST", path, json.dumps(two)).status == 429
    assert len(world.registrar.requests) == asked
    world.advance(60)
    assert client.ask("POST", path, json.dumps(two)).status != 429


def test_each_key_has_its_own_count(world: World, client: Client) -> None:
    use_up_reads(client)
    assert Client(world, new_key(world)).ask("GET", "/api/orders").status == 200


def test_a_rotation_does_not_reset_the_count(world: World, client: Client) -> None:
    secret, key = made(world, client.key, scopes=None)
    old = Client(world, secret)
    use_up_reads(old)
    new = Client(world, rotate(world, key["id"], secret).body["secret"])
    assert new.ask("GET", "/api/orders").status == 429
    assert old.ask("GET", "/api/orders").status == 429


def test_a_rotation_keeps_an_agents_registrar_count(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, Bucket.WRITE, RateLimit(10, 60))
    secret, key = made(world, scopes=["domains:provision", "account:read", "keys:manage"])
    worked(use(world, "check_domain", key=secret, domains=["hosting-example.com"]))
    new = rotate(world, key["id"], secret).body["secret"]
    refused(use(world, "check_domain", key=new, domains=["hosting-example.com"]), "rate_limited")


def test_contracts_001_002_and_003_share_a_keys_count(client: Client) -> None:
    assert client.ask("GET", "/api/orders").status == 200
    assert client.ask("GET", "/api/orders", x_api_version="1").status == 200
    assert client.ask("GET", BILLING).status == 404
    for reply in (client.ask("GET", "/api/orders", x_api_version="1"), client.ask("GET", BILLING)):
        assert reply.status == 429


def test_the_next_window_begins_after_the_seconds_in_retry_after(world: World, client: Client) -> None:
    use_up_reads(client)
    refused = client.ask("GET", "/api/orders")
    wait = int(refused.headers["retry-after"])
    assert 1 <= wait <= 60
    world.advance(wait)
    assert client.ask("GET", "/api/orders").status == 200


def test_concurrent_requests_cannot_exceed_the_limit(world: World, client: Client) -> None:
    client.ask("GET", "/api/orders")  # this request imports the function before the threads start
    with ThreadPoolExecutor(10) as threads:
        replies = list(threads.map(lambda _: client.ask("GET", SHOW), range(20)))
    assert sum(reply.status != 429 for reply in replies) == READS - 1


def test_a_refused_order_writes_nothing(world: World, client: Client) -> None:
    for _ in range(WRITES):
        client.ask("POST", "/api/orders", "{}")
    orders = len(world.items("ORDER#"))
    body = (
        '{"site": {"name": "A", "variant": "vanilla", "location": "ams", "plan": "basic", "term": "monthly"}}'
    )
    assert client.ask("POST", "/api/orders", body, idempotency_key="one").status == 429
    assert len(world.items("ORDER#")) == orders
    world.advance(60)
    assert client.ask("POST", "/api/orders", body, idempotency_key="one").status == 202


# -- headers and refusals in each contract's format -----------------------------------------------------------------


@pytest.mark.parametrize("version", ["1", "2"])
def test_contracts_002_and_003_send_the_ietf_drafts_headers(client: Client, version: str) -> None:
    seconds = 60 - int(client.world.clock.now() / 1000) % 60
    for left in (2, 1, 0, 0):
        reply = client.ask("GET", "/api/orders", x_api_version=version)
        assert reply.headers["ratelimit-policy"] == f'"read";q={READS};w=60'
        assert reply.headers["ratelimit"] in [f'"read";r={left};t={t}' for t in (seconds, seconds - 1)]
    assert (reply.status, reply.body["code"]) == (429, "rate_limited")
    assert reply.body["errors"] == [
        f"At most {READS} read requests in 60 seconds. Try again in {reply.headers['retry-after']} seconds."
    ]
    assert reply.headers["x-api-version"] == version
    assert "x-ratelimit-limit" not in reply.headers


def test_contract_001_sends_the_headers_of_contract_000(client: Client) -> None:
    for left in (2, 1, 0, 0):
        reply = client.ask("GET", BILLING)
        names = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")
        limit, remaining, reset = (int(reply.headers[name]) for name in names)
        assert (limit, remaining, reset % 60) == (READS, left, 0)
    assert (reply.status, reply.body["code"]) == (429, "RATE_LIMITED")
    assert set(reply.body) == {"error", "message", "code", "timestamp", "requestId"}
    assert "ratelimit" not in reply.headers


def test_a_refusal_can_be_sent_as_problem_json(client: Client) -> None:
    use_up_reads(client)
    reply = client.ask("GET", "/api/orders", accept="application/problem+json")
    assert (reply.status, reply.body["status"], reply.body["code"]) == (429, 429, "rate_limited")
    assert reply.headers["retry-after"]


# -- refusals show nothing about other accounts ---------------------------------------------------------------------


def test_a_refusal_shows_nothing_about_the_object(world: World, client: Client) -> None:
    mine = world.place().body["orders"][0]["id"]
    foreign = world.place("sepa").body["orders"][0]["id"]
    use_up_reads(client)
    answers = []
    for order_id in (mine, foreign, UNKNOWN, "%20"):
        reply = client.ask("GET", f"/api/orders/{order_id}")
        answers.append((reply.status, reply.body))
    assert answers[0][0] == 429
    assert answers == answers[:1] * 4


def test_requests_that_get_a_401_or_a_403_are_counted(world: World) -> None:
    scoped = Client(world, new_key(world, kind=CredentialKind.OAUTH, scopes=frozenset({"tasks:read"})))
    for _ in range(READS):
        assert scoped.ask("GET", "/api/orders").status == 403
    assert scoped.ask("GET", "/api/orders").status == 429
    stranger = Client(world, new_key(world, "sepa"))
    for _ in range(READS):
        assert stranger.ask("GET", "/api/orders").status == 401
    assert stranger.ask("GET", "/api/orders").status == 429


def test_requests_without_a_valid_key_are_counted_by_address(world: World, client: Client) -> None:
    def guess(address: str, number: int = 0) -> Reply:
        headers = {"authorization": f"Bearer guess-{number}", "x-auth-account": "acc_ready"}
        return send(world, "GET", "/api/orders", headers=headers, account=None, source_ip=address)

    assert [guess("192.0.2.1", number).status for number in range(READS + 1)] == [401, 401, 401, 429]
    assert guess("192.0.2.2").status == 401
    known = {"authorization": f"Bearer {client.key}", "x-auth-account": "acc_ready"}
    assert send(world, "GET", "/api/orders", headers=known, account=None, source_ip="192.0.2.1").status == 200


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/api/nothing"), ("GET", "/api/billing/x"), ("PUT", "/elsewhere")]
)
def test_requests_to_unknown_paths_are_counted_too(client: Client, method: str, path: str) -> None:
    statuses = [client.ask(method, path).status for _ in range(READS + 1)]
    assert statuses == ([404, 404, 404, 429] if method == "GET" else [404, 404, 429, 429])


# -- a counter that fails, and what is not counted ------------------------------------------------------------------


def test_no_request_is_refused_if_the_counter_fails(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(bucket: str, ends_at: int, number: int) -> int:
        raise ProviderUnavailableError("made up")

    monkeypatch.setattr(client.world.services.counts, "add", broken)
    for _ in range(READS + 1):
        reply = client.ask("GET", "/api/orders")
        assert reply.status == 200 and "ratelimit" not in reply.headers


def test_the_order_page_and_the_webhooks_are_not_counted(world: World) -> None:
    before = counts(world)
    for _ in range(READS + 1):
        assert world.request("GET", "/o/forged", account=None).status == 404
        for path in ("/webhooks/stripe", "/webhooks/platform"):
            assert world.request("POST", path, {}, account=None).status == 401
    assert counts(world) == before


def counts(world: World) -> Mapping[str, Any]:
    return {
        item["PK"]["S"] + item["SK"]["S"]: item["requests"]["N"]
        for item in world.items("")
        if item["PK"]["S"].startswith("LIMIT#")
    }


# -- every operation ------------------------------------------------------------------------------------------------


def all_operations() -> list[Operation[Any]]:
    return [operation for module in published.PUBLISHED for operation in module.OPERATIONS]


def test_every_operation_with_a_key_has_a_rate_limit() -> None:
    for operation in all_operations():
        limited = operation.contract.counted_as(operation.bucket) is not None
        if operation.access is None:
            continue  # no key, so nothing is counted
        assert limited, operation.route
        assert limited == (operation.contract.limit_headers is not None), operation.route


def test_the_registrar_limit_covers_registrar_operations() -> None:
    """The operations with this limit are exactly those whose function has the policy CheckDomains."""
    asking = {
        (operation.contract.name, operation.route)
        for properties in functions(read_template()).values()
        if {"Ref": "CheckDomains"} in properties.get("Policies", [])
        for operation in operations_of(handler_of(properties))
        # The MCP server counts only those messages whose tool asks the registrar (tests/conformance/mcp).
        if operation.contract.name != "mcp"
    }
    assert asking
    assert asking == {
        (each.contract.name, each.route) for each in all_operations() if each.bucket is Bucket.REGISTRAR
    }
