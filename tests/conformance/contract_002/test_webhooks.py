"""The API for account webhooks. It is our addition: the published contract 002 does not have it."""

from __future__ import annotations

import json
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hosting_orders.domain.account import CredentialKind
from hosting_orders.domain.providers import CallbackAnswer
from hosting_orders.domain.webhook import MAX_ENDPOINTS, MAX_SECRETS
from hosting_orders.domain.webhook_events import EventType
from tests.conformance.contract_002.support import (
    UNKNOWN,
    assert_date_time,
    assert_error,
    new_account,
    new_key,
    oauth,
    send,
    state_of,
)
from tests.support.world import Reply, World

ENDPOINTS = "/api/webhooks/endpoints"
URL = "https://hooks.example/in"
GOOD = {"url": URL, "events": ["order.*", "domain.renewed"], "description": "Billing"}


@pytest.fixture
def account(world: World, request: pytest.FixtureRequest) -> str:
    name = f"webhooks_{zlib.crc32(request.node.name.encode())}"
    return new_account(world, "ready", name)


def create(world: World, account: str, **changes: Any) -> dict[str, Any]:
    reply = world.request("POST", ENDPOINTS, {**GOOD, **changes}, account=account)
    assert reply.status == 201, reply.body
    endpoint: dict[str, Any] = reply.body["endpoint"]
    return endpoint


def refused(world: World, method: str, path: str, body: Any, status: int, code: str, *pointers: str) -> None:
    before = state_of(world)
    reply = send(world, method, path, body=None if body is None else json.dumps(body))
    assert_error(reply, status, code, *pointers)
    assert state_of(world) == before


# -- create, read, change, delete -----------------------------------------------------------------------------------


def test_a_new_endpoint_shows_its_secret_once(world: World, account: str) -> None:
    made = create(world, account)
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert (made["url"], made["events"], made["description"]) == (URL, GOOD["events"], "Billing")
    assert made["enabled"] is True
    assert_date_time(made["created_at"])
    shown = world.request("GET", f"{ENDPOINTS}/{made['id']}", account=account)
    assert (shown.status, shown.body) == (200, {"endpoint": made})
    listed = world.request("GET", ENDPOINTS, account=account)
    assert listed.body == {"endpoints": [made]}
    stored = json.dumps(world.items("WEBHOOK#"))
    assert secret not in stored
    assert secret.removeprefix("whsec_") not in stored


def test_the_secret_is_in_no_log_line(
    world: World, account: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    made = create(world, account)
    rotated = world.request("POST", f"{ENDPOINTS}/{made['id']}/rotate-secret", account=account).body[
        "endpoint"
    ]
    world.request("POST", f"{ENDPOINTS}/{made['id']}/test", {}, account=account)
    text = caplog.text + capsys.readouterr().out
    assert "webhook attempted" in text
    for secret in (made["secret"], rotated["secret"]):
        assert secret.removeprefix("whsec_") not in text


def test_a_patch_changes_only_the_named_fields(world: World, account: str) -> None:
    made = create(world, account)
    path = f"{ENDPOINTS}/{made['id']}"
    assert (
        world.request("PATCH", path, {}, account=account).body["endpoint"]["updated_at"] == made["updated_at"]
    )
    changed = world.request("PATCH", path, {"events": ["*"], "enabled": False}, account=account)
    assert changed.status == 200
    endpoint = changed.body["endpoint"]
    assert (endpoint["url"], endpoint["description"]) == (URL, "Billing")
    assert (endpoint["events"], endpoint["enabled"]) == (["*"], False)
    assert endpoint["disabled_reason"] == "owner"
    assert "secret" not in endpoint
    cleared = world.request("PATCH", path, {"description": "", "enabled": True}, account=account).body[
        "endpoint"
    ]
    assert (cleared["description"], cleared["enabled"], cleared["disabled_at"]) == ("", True, None)


def test_a_deleted_endpoint_is_not_found_and_frees_its_place(world: World, account: str) -> None:
    made = [create(world, account) for _ in range(MAX_ENDPOINTS)]
    full = world.request("POST", ENDPOINTS, GOOD, account=account)
    assert_error(full, 422, "too_many_webhooks")
    path = f"{ENDPOINTS}/{made[0]['id']}"
    gone = world.request("DELETE", path, account=account)
    assert (gone.status, gone.body) == (200, {"status": "deleted", "id": made[0]["id"]})
    assert_error(world.request("DELETE", path, account=account), 404, "not_found")
    assert_error(world.request("GET", path, account=account), 404, "not_found")
    create(world, account)


def test_concurrent_requests_never_exceed_the_endpoint_maximum(world: World, account: str) -> None:
    replies: list[Reply] = []
    threads = [
        threading.Thread(
            target=lambda: replies.append(world.request("POST", ENDPOINTS, GOOD, account=account))
        )
        for _ in range(MAX_ENDPOINTS + 5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made = sum(reply.status == 201 for reply in replies)
    assert made <= MAX_ENDPOINTS
    assert {reply.status for reply in replies} <= {201, 422, 503}
    assert len(world.request("GET", ENDPOINTS, account=account).body["endpoints"]) == made


# -- a repeated request ---------------------------------------------------------------------------------------------


def repeat(world: World, account: str, key: str = "a", **changes: Any) -> Reply:
    return world.request(
        "POST", ENDPOINTS, {**GOOD, **changes}, account=account, headers={"Idempotency-Key": key}
    )


def test_a_repeated_request_creates_nothing_and_shows_no_secret(world: World, account: str) -> None:
    first = repeat(world, account)
    before = state_of(world)
    second = repeat(world, account)
    assert (first.status, second.status) == (201, 201)
    assert second.headers["idempotent-replayed"] == "true"
    assert second.body == {"endpoint": {**first.body["endpoint"], "secret": None}}
    assert state_of(world) == before
    assert_error(repeat(world, account, description="Other"), 422, "idempotency_key_reused")
    assert state_of(world) == before
    assert repeat(world, account, "b").body["endpoint"]["id"] != first.body["endpoint"]["id"]


def test_many_copies_of_one_request_make_one_endpoint(world: World, account: str) -> None:
    with ThreadPoolExecutor(12) as several:
        replies = list(several.map(lambda _: repeat(world, account), range(12)))
    assert {reply.status for reply in replies} == {201}
    assert len({reply.body["endpoint"]["id"] for reply in replies}) == 1
    assert sum(reply.body["endpoint"]["secret"] is not None for reply in replies) == 1
    # All copies together count as one endpoint towards the maximum.
    for _ in range(MAX_ENDPOINTS - 1):
        create(world, account)
    assert repeat(world, account).status == 201
    assert_error(repeat(world, account, "b"), 422, "too_many_webhooks")


def test_a_repeated_request_does_not_restore_a_deleted_endpoint(world: World, account: str) -> None:
    made = repeat(world, account).body["endpoint"]
    assert world.request("DELETE", f"{ENDPOINTS}/{made['id']}", account=account).status == 200
    before = state_of(world)
    assert_error(repeat(world, account), 422, "idempotency_key_reused")
    assert state_of(world) == before


def test_another_account_may_use_the_same_idempotency_key(world: World, account: str) -> None:
    other = new_account(world, "ready", f"{account}_other")
    made = [repeat(world, each).body["endpoint"]["id"] for each in (account, other)]
    assert made[0] != made[1]


def test_the_event_types_are_listed(world: World) -> None:
    listed = world.request("GET", "/api/webhooks/event-types").body["event_types"]
    assert {entry["type"] for entry in listed} == {kind.value for kind in EventType}
    assert all(entry["about"].endswith(".") for entry in listed)


# -- bad input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"events": ["*"]}, "missing_field", "/url"),
        ({"url": URL}, "missing_field", "/events"),
        ({**GOOD, "events": []}, "invalid_field", "/events"),
        ({**GOOD, "events": ["*"] * 21}, "invalid_field", "/events"),
        ({**GOOD, "events": "order.*"}, "invalid_field", "/events"),
        ({**GOOD, "events": ["order.*", 1]}, "invalid_field", "/events/1"),
        ({**GOOD, "events": ["order.*", "orders.*"]}, "unknown_event_type", "/events/1"),
        ({**GOOD, "events": ["order.created "]}, "unknown_event_type", "/events/0"),
        ({**GOOD, "events": ["*.created"]}, "unknown_event_type", "/events/0"),
        ({**GOOD, "enabled": "yes"}, "invalid_field", "/enabled"),
        ({**GOOD, "description": "a\nb"}, "invalid_field", "/description"),
        ({**GOOD, "description": "x" * 201}, "invalid_field", "/description"),
        ({**GOOD, "secret": "whsec_eA=="}, "invalid_field", "/secret"),
        ({**GOOD, "url": ""}, "invalid_field", "/url"),
        ({**GOOD, "url": "http://hooks.example/"}, "invalid_webhook_url", "/url"),
        ({**GOOD, "url": "https://127.0.0.1/"}, "invalid_webhook_url", "/url"),
        ({**GOOD, "url": "https://169.254.169.254/"}, "invalid_webhook_url", "/url"),
        ({**GOOD, "url": "https://hooks.internal/"}, "invalid_webhook_url", "/url"),
        ({**GOOD, "url": "https://hooks.example:25/"}, "invalid_webhook_url", "/url"),
        ({**GOOD, "url": "https://u:p@hooks.example/"}, "invalid_webhook_url", "/url"),
        ({**GOOD, "url": "https://hooks.example/\ud800"}, "invalid_field", "/url"),
    ],
)
def test_the_refusal_of_an_endpoint_names_the_invalid_field(
    world: World, body: Any, code: str, pointer: str
) -> None:
    refused(world, "POST", ENDPOINTS, body, 400, code, pointer)


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"url": None}, "invalid_field", "/url"),
        ({"enabled": None}, "invalid_field", "/enabled"),
        ({"events": ["nothing"]}, "unknown_event_type", "/events/0"),
        ({"url": "https://10.0.0.1/"}, "invalid_webhook_url", "/url"),
        ({"id": "we_000000000000000000000000"}, "invalid_field", "/id"),
    ],
)
def test_a_bad_patch_changes_nothing(world: World, body: Any, code: str, pointer: str) -> None:
    made = create(world, "ready")
    try:
        refused(world, "PATCH", f"{ENDPOINTS}/{made['id']}", body, 400, code, pointer)
    finally:
        world.request("DELETE", f"{ENDPOINTS}/{made['id']}")


@pytest.mark.parametrize(
    "since", [None, 1, "", "yesterday", "2026-11-27", "2026-11-27T09:00:00", "9999-99-99T00:00:00Z"]
)
def test_a_replay_needs_a_valid_start_time(world: World, since: Any) -> None:
    refused(world, "POST", f"{ENDPOINTS}/{UNKNOWN}/replay", {"since": since}, 400, "invalid_field", "/since")


WITH_AN_ID = (
    ("GET", "", None),
    ("PATCH", "", {"enabled": True}),
    ("DELETE", "", None),
    ("POST", "/test", {}),
    ("POST", "/rotate-secret", None),
    ("POST", "/replay", {"since": "2026-11-27T00:00:00Z"}),
    ("GET", "/deliveries", None),
    ("POST", "/deliveries/msg_01a21d52e429571712f7809dc524fc55/redeliver", None),
)


@pytest.mark.parametrize(("method", "rest", "body"), WITH_AN_ID)
def test_the_endpoint_of_another_account_is_not_found(
    world: World, method: str, rest: str, body: Any
) -> None:
    foreign = create(world, "credit")
    try:
        answers = []
        for endpoint_id in (foreign["id"], "we_000000000000000000000000", UNKNOWN, "x", "we_%23"):
            before = state_of(world)
            reply = world.request(method, f"{ENDPOINTS}/{endpoint_id}{rest}", body)
            assert_error(reply, 404, "not_found")
            assert state_of(world) == before
            answers.append(reply.body)
        assert all(answer == answers[0] for answer in answers)
    finally:
        world.request("DELETE", f"{ENDPOINTS}/{foreign['id']}", account="credit")


def test_an_oauth_token_can_read_endpoints_but_not_create_them(world: World) -> None:
    headers = oauth(world, "billing:read")
    assert send(world, "GET", ENDPOINTS, headers=headers, account=None).status == 200
    reply = send(world, "POST", ENDPOINTS, headers=headers, account=None, body=json.dumps(GOOD))
    assert_error(reply, 403, "oauth_not_allowed")
    other = oauth(world, "account:read")
    assert_error(send(world, "GET", ENDPOINTS, headers=other, account=None), 403, "insufficient_scope")


# -- test deliveries ------------------------------------------------------------------------------------------------


def test_a_test_delivery_shows_the_response_of_the_receiver(world: World, account: str) -> None:
    made = create(world, account, events=["order.created"])
    path = f"{ENDPOINTS}/{made['id']}/test"
    known = len(world.webhooks.received)
    good = world.request("POST", path, account=account)  # no body at all
    assert good.status == 200
    assert good.body["delivery"]["status"] == "delivered"
    (sent,) = world.webhooks.received[known:]
    body = json.loads(sent.body)
    assert body["type"] == "webhook.test"
    assert body["data"] == {"account_id": f"acc_{account}", "endpoint_id": made["id"], "example": True}
    assert sent.secrets == (made["secret"],)
    world.webhooks.answers = [CallbackAnswer(None, "no connection")]
    bad = world.request("POST", path, {"type": "webhook.test"}, account=account).body["delivery"]
    assert (bad["status"], bad["next_at"]) == ("exhausted", None)
    assert [(each["status_code"], each["error"]) for each in bad["attempts"]] == [(None, "no connection")]
    # A failed test delivery is not counted as a failure of the endpoint. A replay does not repeat test deliveries.
    assert (
        world.request("GET", f"{ENDPOINTS}/{made['id']}", account=account).body["endpoint"]["failing_since"]
        is None
    )
    log = world.request("GET", f"{ENDPOINTS}/{made['id']}/deliveries", account=account).body["deliveries"]
    assert {entry["id"] for entry in log} == {bad["id"], good.body["delivery"]["id"]}
    replay = {"since": "2020-01-01T00:00:00Z"}
    replayed = world.request("POST", f"{ENDPOINTS}/{made['id']}/replay", replay, account=account)
    assert replayed.body["replayed"] == 0


@pytest.mark.parametrize("kind", [kind.value for kind in EventType])
def test_a_test_key_may_send_an_example_of_each_event_type(world: World, account: str, kind: str) -> None:
    made = create(world, account)
    path = f"{ENDPOINTS}/{made['id']}/test"
    key = new_key(world, account, test=True)
    headers = {"authorization": f"Bearer {key}", "x-auth-account": f"acc_{account}"}
    reply = send(world, "POST", path, headers=headers, account=None, body=json.dumps({"type": kind}))
    assert reply.status == 200, reply.body
    body = json.loads(world.webhooks.received[-1].body)
    assert body["type"] == kind
    assert body["data"]["example"] is True
    live = send(
        world,
        "POST",
        path,
        headers=headers | {"authorization": f"Bearer {new_key(world, account, test=False)}"},
        account=None,
        body=json.dumps({"type": kind}),
    )
    if kind == "webhook.test":
        assert live.status == 200
    else:
        assert_error(live, 403, "test_key_required")


def test_a_test_delivery_of_an_unknown_type_is_refused(world: World) -> None:
    made = create(world, "ready")
    try:
        for kind in ("order.*", "*", "order.nothing", ""):
            path = f"{ENDPOINTS}/{made['id']}/test"
            refused(world, "POST", path, {"type": kind}, 400, "unknown_event_type", "/type")
    finally:
        world.request("DELETE", f"{ENDPOINTS}/{made['id']}")


# -- secrets --------------------------------------------------------------------------------------------------------


def test_a_refused_rotation_leaves_all_secrets_valid(world: World, account: str) -> None:
    made = create(world, account)
    path = f"{ENDPOINTS}/{made['id']}/rotate-secret"
    secrets = [made["secret"]]
    for _ in range(MAX_SECRETS - 1):
        secrets.insert(0, world.request("POST", path, account=account).body["endpoint"]["secret"])
    reply = world.request("POST", path, account=account)
    assert_error(reply, 429, "rate_limited")
    assert 0 < int(reply.headers["retry-after"]) <= 24 * 3600
    world.request("POST", f"{ENDPOINTS}/{made['id']}/test", account=account)
    assert world.webhooks.received[-1].secrets == tuple(secrets)


def test_a_test_key_cannot_change_the_endpoint_of_a_live_key(world: World, account: str) -> None:
    def headers(*, test: bool) -> dict[str, str]:
        key = new_key(world, account, test=test)
        return {"authorization": f"Bearer {key}", "x-auth-account": f"acc_{account}"}

    live, test = headers(test=False), headers(test=True)
    made = send(world, "POST", ENDPOINTS, headers=live, account=None, body=json.dumps(GOOD)).body["endpoint"]
    path = f"{ENDPOINTS}/{made['id']}"
    sent = world.request("POST", f"{path}/test", headers=live).body["delivery"]["id"]
    before = state_of(world)
    for method, below, body in (
        ("PATCH", "", {"enabled": False}),
        ("DELETE", "", None),
        ("POST", "/rotate-secret", None),
        ("POST", "/replay", {"since": "2026-11-27T00:00:00Z"}),
        ("POST", f"/deliveries/{sent}/redeliver", None),
    ):
        assert_error(world.request(method, path + below, body, headers=test), 403, "test_key")
    assert state_of(world) == before
    assert world.request("GET", path, headers=test).body["endpoint"]["test"] is False
    assert world.request("POST", f"{path}/test", headers=test).status == 200
    # A live key may change what a test key has created.
    made = send(world, "POST", ENDPOINTS, headers=test, account=None, body=json.dumps(GOOD)).body["endpoint"]
    assert made["test"] is True
    assert world.request("DELETE", f"{ENDPOINTS}/{made['id']}", headers=live).status == 200


def test_a_system_key_may_manage_webhooks(world: World, account: str) -> None:
    key = new_key(world, account, kind=CredentialKind.SYSTEM)
    headers = {"authorization": f"Bearer {key}", "x-auth-account": f"acc_{account}"}
    assert send(world, "POST", ENDPOINTS, headers=headers, account=None, body=json.dumps(GOOD)).status == 201


# -- the delivery log -----------------------------------------------------------------------------------------------


def test_the_delivery_log_has_pages_and_entries_can_be_resent(world: World, account: str) -> None:
    made = create(world, account, events=["order.created"])
    path = f"{ENDPOINTS}/{made['id']}"
    sent = []
    for _ in range(5):
        sent.append(world.request("POST", f"{path}/test", account=account).body["delivery"]["id"])
        world.advance(1)
    found: list[str] = []
    url = f"{path}/deliveries?per_page=2"
    while url:
        reply = world.request("GET", url, account=account)
        found += [entry["id"] for entry in reply.body["deliveries"]]
        assert len(reply.body["deliveries"]) <= 2
        url = reply.headers.get("link", "").partition(">")[0].removeprefix("<")
    assert found == sent[::-1]
    again = world.request("POST", f"{path}/deliveries/{sent[0]}/redeliver", account=account)
    assert (again.status, again.body["delivery"]["status"]) == (202, "pending")
    known = len(world.webhooks.received)
    world.requeue_webhooks()
    world.run()
    assert [one.message_id for one in world.webhooks.received[known:]] == [sent[0]]
    for wrong in ("msg_00000000000000000000000000000000", "x", UNKNOWN):
        assert_error(
            world.request("POST", f"{path}/deliveries/{wrong}/redeliver", account=account), 404, "not_found"
        )


@pytest.mark.parametrize(
    ("query", "code", "pointer"),
    [
        ({"per_page": "0"}, "invalid_per_page", "/per_page"),
        ({"cursor": "msg_x"}, "invalid_cursor", "/cursor"),
        ({"cursor": "msg_01a21d52e429571712f7809dc524fc55#"}, "invalid_cursor", "/cursor"),
    ],
)
def test_an_invalid_page_parameter_of_a_log_is_refused(
    world: World, query: dict[str, str], code: str, pointer: str
) -> None:
    made = create(world, "ready")
    try:
        reply = send(world, "GET", f"{ENDPOINTS}/{made['id']}/deliveries", query=query)
        assert_error(reply, 400, code, pointer)
    finally:
        world.request("DELETE", f"{ENDPOINTS}/{made['id']}")
