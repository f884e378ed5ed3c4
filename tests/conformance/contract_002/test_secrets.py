"""No secret is in plain text in a log, a callback's body, the table, its stream, or a workflow's data."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from hosting_orders.domain.ids import callback_message_id
from hosting_orders.entrypoints.logs import logger
from tests.conformance.contract_002.support import number_of, oauth, send, shown
from tests.support.table import everything_in
from tests.support.world import World, a_world

AUTHORIZATION = "Bearer callback-secret-9f2c"


@dataclass
class Story:
    """Everything that the system produced while orders were placed, delivered, failed, cancelled and refused."""

    world: World
    logs: str = ""
    secrets: list[str] = field(default_factory=list)
    records: str = ""


def everything_that_happens(world: World) -> None:
    headers = {"Idempotency-Key": "a-key"}
    body = world.site() | {"callback": {"url": "https://client.example/hook", "authorization": AUTHORIZATION}}
    for account in ("ready", "credit", "declined_final", "authentication_required", "sepa", "no_method"):
        for key in ("user_key", "system_key"):
            world.request("POST", "/api/orders", body, account=account, key=key, headers=headers)
        world.run()
    world.request("POST", "/api/orders", body | {"x": 1}, headers=headers)
    failing = world.request("POST", "/api/orders", body).body["orders"][0]["id"]
    world.run(finish=False)
    world.platform.fail(failing)
    world.platform_webhook(failing)
    world.run()
    cancelled = world.request("POST", "/api/orders", body).body["orders"][0]["id"]
    world.request("DELETE", f"/api/orders/{cancelled}")
    world.run()
    for order in world.request("GET", "/api/orders").body["orders"]:
        for below in ("", "/events", "/callbacks"):
            world.request("GET", f"/api/orders/{order['id']}{below}")
        message = callback_message_id(number_of(order["id"]))
        world.request("POST", f"/api/orders/{order['id']}/callbacks/{message}/redeliver")
    others = (
        "/api/about",
        "/api/tasks",
        "/api/webhooks/task",
        "/api/accounts/acc_ready",
        "/api/users/usr_ready",
    )
    for path in others:
        world.request("GET", path)
    for wrong in (
        "{",
        '{"site": {"name": "x"}, "callback": {"url": 1, "authorization": "' + AUTHORIZATION + '"}}',
    ):
        world.request("POST", "/api/orders", raw=wrong)
    bad = {"url": "https://127.0.0.1/", "authorization": AUTHORIZATION + "\r\n"}
    world.request("POST", "/api/orders", world.site() | {"callback": bad})
    broken = world.services.cipher
    original = broken.seal
    broken.seal = lambda *_: 1 / 0
    world.request("POST", "/api/orders", body)  # an internal error, with its traceback in the log
    broken.seal = original
    world.stripe.faults.add("error", times=50)
    world.request("POST", "/api/orders", body)
    world.stripe.faults.clear()
    world.advance(3600)
    world.reconcile()
    world.run()


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    written = io.StringIO()
    handlers = [handler for handler in logger().handlers if isinstance(handler, logging.StreamHandler)]
    assert handlers
    before = [handler.setStream(written) for handler in handlers]
    everything_else = logging.StreamHandler(written)
    logging.getLogger().addHandler(everything_else)
    try:
        with a_world() as world:
            story = Story(world)
            world.stream_on = True
            records: list[object] = []
            taken = world.stream_records
            world.stream_records = lambda: records_of(taken(), records)  # type: ignore[method-assign]
            everything_that_happens(world)
            world.stream_records()
            story.records = json.dumps(records, default=str)
            story.logs = written.getvalue()
            story.secrets = [
                *(known[key] for known in world.accounts.values() for key in ("user_key", "system_key")),
                AUTHORIZATION,
                AUTHORIZATION.removeprefix("Bearer "),
                *(
                    world.platform.password(item)
                    for item, one in world.platform.services.items()
                    if one.built
                ),
                world.platform.api_key,
                *world.platform.webhook_secrets,
                "whsec_test_0123456789abcdef",
                "sk_test_world",
                "whsec_acc_ready",
            ]
            yield story
    finally:
        logging.getLogger().removeHandler(everything_else)
        for handler, stream in zip(handlers, before, strict=True):
            if stream is not None:
                handler.setStream(stream)


def records_of(fresh: list[dict[str, object]], kept: list[object]) -> list[dict[str, object]]:
    kept.extend(fresh)
    return fresh


def found(text: str, secrets: list[str]) -> list[str]:
    return [secret for secret in secrets if secret in text or json.dumps(secret)[1:-1] in text]


def test_the_story_has_completed_failed_and_cancelled_orders(story: Story) -> None:
    assert '"message":"order placed"' in story.logs
    assert '"message":"request failed"' in story.logs
    assert "callback attempted" in story.logs
    assert "ORDER#" in story.records
    states = {order["status"] for order in story.world.request("GET", "/api/orders").body["orders"]}
    assert states >= {"completed", "failed", "cancelled"}


def test_no_log_line_has_a_secret(story: Story) -> None:
    assert found(story.logs, story.secrets) == []


def test_the_log_line_of_a_new_order_has_all_its_ids(story: Story) -> None:
    lines = [json.loads(line) for line in story.logs.splitlines() if line.startswith("{")]
    assert len(lines) > 50
    placed = [line for line in lines if line["message"] == "order placed"]
    assert all({"order_id", "cart_token", "account_id", "request_id"} <= set(line) for line in placed)


def test_C22_no_table_item_has_a_secret_in_plain_text(story: Story) -> None:
    assert found(json.dumps(everything_in(story.world.dynamodb), default=str), story.secrets) == []


def test_C22_no_stream_record_has_a_secret_in_plain_text(story: Story) -> None:
    assert found(story.records, story.secrets) == []


def test_C22_no_callback_has_a_secret_in_its_body_or_url(story: Story) -> None:
    assert story.world.callbacks.received
    for request in story.world.callbacks.received:
        assert found(request.body.decode() + request.url, story.secrets) == []
        assert request.authorization == AUTHORIZATION


def test_C22_no_workflow_contains_a_secret(story: Story) -> None:
    executions = story.world.runner.executions.values()
    assert executions
    for execution in executions:
        told = repr([execution.input, execution.output, execution.cause, execution.history])
        assert found(told, story.secrets) == []


def test_C22_stripe_receives_no_secret_of_ours(story: Story) -> None:
    secrets = [secret for secret in story.secrets if secret != "sk_test_world"]
    assert found(str(story.world.stripe.requests), secrets) == []


def test_C22_no_response_to_an_oauth_token_has_a_secret(story: Story) -> None:
    world = story.world
    headers = oauth(world, "billing:read", "account:read", "tasks:read")
    orders = [order["id"] for order in send(world, "GET", "/api/orders", headers=headers).body["orders"]]
    paths = [f"/api/orders/{order}{below}" for order in orders for below in ("", "/events", "/callbacks")]
    paths += ["/api/tasks", "/api/about", "/api/orders", "/api/webhooks/task"]
    for path in paths:
        reply = send(world, "GET", path, headers=headers)
        assert reply.status == 200
        assert found(json.dumps(reply.body), story.secrets) == []


def test_C22_an_api_key_can_read_the_password_of_its_own_site(story: Story) -> None:
    world = story.world
    orders = world.request("GET", "/api/orders").body["orders"]
    done = next(order["id"] for order in orders if order["status"] == "completed")
    assert shown(world, done)["site"]["ssh_data"]["password"] == world.platform.password(done)
