"""Contract 003's callbacks. The body has the order's task, and the client finds the site through this task."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hosting_orders.contracts.orders_v1 import operations as orders_v1
from tests.conformance.contract_002.support import assert_date_time, assert_error
from tests.conformance.contract_003.support import (
    CALLBACK,
    ask,
    order,
    page_of,
    placed,
    shown,
    stranger,
)
from tests.support.checkout import site
from tests.support.table import everything_in
from tests.support.world import World

BODY = {**site(), "callback": CALLBACK}


def stored(world: World) -> list[dict[str, Any]]:
    """All items of the table except the request counts."""
    return [item for item in everything_in(world.dynamodb) if not item["PK"]["S"].startswith("LIMIT#")]


def ended(world: World, how: str) -> tuple[str, str]:
    """Run an order until it ends as `how` says (OK, FAILED, CANCELLED or EXPIRED). Return its id and account."""
    account = stranger(world)
    order_id = placed(world, account, BODY)["order"]["id"]
    world.run(finish=False)
    if how == "CANCELLED":
        assert ask(world, "DELETE", f"/api/orders/{order_id}", account).status == 202
    elif how == "EXPIRED":
        world.live(24 * 3600, every=3600)
    else:
        world.stripe.controls.pay_checkout(page_of(world, order_id, account)["id"])
        world.run(finish=how == "OK")
        if how == "FAILED":
            world.platform.fail(order_id, retryable=False)
            world.platform_webhook(order_id)
            world.live(600, every=60)
    world.run()
    return order_id, account


@pytest.mark.parametrize(
    ("how", "kind", "word", "task_word"),
    [
        ("OK", "order.completed", "completed", "OK"),
        ("FAILED", "order.failed", "failed", "FAILED"),
        ("CANCELLED", "order.cancelled", "cancelled", "CANCELLED"),
        ("EXPIRED", "order.cancelled", "cancelled", "CANCELLED"),
    ],
)
def test_O1_036_O1_037_C24_an_ended_order_sends_one_callback_with_its_task(
    world: World, how: str, kind: str, word: str, task_word: str
) -> None:
    known = len(world.callbacks.received)
    order_id, account = ended(world, how)
    (received,) = world.callbacks.received[known:]
    assert (received.url, received.authorization) == (CALLBACK["url"], "Bearer 12345")
    body = json.loads(received.body)
    assert (body["type"], set(body)) == (kind, {"type", "timestamp", "task"})
    assert_date_time(body["timestamp"])
    task = body["task"]
    assert (task["name"], task["title"], task["status"]) == ("site.create", "Create site My site", task_word)
    assert task["orders"] == [{"id": order_id, "status": word}]
    assert task["accounts"] == [{"id": f"acc_{account}", "name": f"Account {account}"}]
    assert len(task["sites"]) == (1 if how == "OK" else 0)
    found = shown(world, order_id, account)
    assert found["tasks"] == [{"id": task["id"], "status": task_word}]
    assert found["order"]["status"] == word


def test_O1_037_the_task_named_in_the_callback_leads_to_the_site(world: World) -> None:
    known = len(world.callbacks.received)
    order_id, account = ended(world, "OK")
    (received,) = world.callbacks.received[known:]
    task_id = json.loads(received.body)["task"]["id"]
    task = ask(world, "GET", f"/api/tasks/{task_id}", account).body["task"]
    found = shown(world, order_id, account)["site"]
    assert task["status"] == "OK"
    assert task["sites"] == [{"id": found["id"], "name": found["name"]}]
    assert task["orders"] == [{"id": order_id, "status": "completed"}]


def test_O1_036_C22_the_callback_and_the_table_have_no_plain_text_secret(world: World) -> None:
    known = len(world.callbacks.received)
    order_id, account = ended(world, "OK")
    (received,) = world.callbacks.received[known:]
    ssh = shown(world, order_id, account)["site"]["ssh_data"]
    text = received.body.decode()
    for secret in (ssh["password"], ssh["username"], "ssh_data", "12345", "payment_url", "/o/"):
        assert secret not in text
    everything = json.dumps(everything_in(world.dynamodb), default=str)
    assert "ORDER#" in everything
    assert ssh["password"] not in everything and "Bearer 12345" not in everything


def test_O1_036_a_callback_has_the_format_of_its_orders_contract(world: World) -> None:
    known = len(world.callbacks.received)
    marked: list[str] = []
    told = orders_v1.CONTRACT.callback

    def mark(one: Any, name: str) -> bytes:
        marked.append(one.uuid)
        assert told is not None
        return told(one, name)

    object.__setattr__(orders_v1.CONTRACT, "callback", mark)
    try:
        order_id = placed(world, body=BODY)["order"]["id"]
        two = world.place(callback=True).body["orders"][0]["id"]
        world.run()
    finally:
        object.__setattr__(orders_v1.CONTRACT, "callback", told)
    assert len(world.callbacks.received) == known + 2
    assert order_id in marked and two not in marked


@pytest.mark.parametrize("authorization", ["Bearer 12345", "Token 12345", "Basic YTpi", "12345", ""])
def test_O1_036_a_callback_sends_its_authorization_as_the_header(world: World, authorization: str) -> None:
    known = len(world.callbacks.received)
    placed(world, body={**site(), "callback": {**CALLBACK, "authorization": authorization}})
    world.run()
    (received,) = world.callbacks.received[known:]
    assert received.authorization == (authorization or None)


def test_O1_036_no_callback_is_sent_without_a_url_or_before_the_end(world: World) -> None:
    known = len(world.callbacks.received)
    placed(world)
    placed(world, stranger(world), BODY)
    placed(world, body=BODY)
    world.run(finish=False)
    assert world.callbacks.received[known:] == []
    world.run()
    assert len(world.callbacks.received) == known + 1


@pytest.mark.parametrize(
    "url",
    [
        "http://client.example/",
        "client.example",
        "/hook",
        "javascript:alert(1)",
        "https://127.0.0.1/",
        "https://169.254.169.254/latest/",
        "https://localhost/",
        "https://client.example:22/",
        "https://user:pass@client.example/",
        "https://client.example/#x",
        "https://client.example/a\r\nb",
        "https://client.example/" + "a" * 2048,
    ],
)
def test_O1_036_the_callback_url_must_be_a_public_https_url(world: World, url: str) -> None:
    known = stored(world)
    reply = order(world, {**site(), "callback": {"url": url}})
    assert reply.body["code"] in ("invalid_callback", "invalid_field")
    assert_error(reply, 400, reply.body["code"], "/callback/url")
    assert stored(world) == known


@pytest.mark.parametrize("authorization", ["Bearer 1\r\nX: 1", "Bearer é", "x" * 1025, 1, [], {}])
def test_O1_036_the_authorization_of_a_callback_cannot_inject_a_header(
    world: World, authorization: Any
) -> None:
    reply = order(world, {**site(), "callback": {**CALLBACK, "authorization": authorization}})
    assert reply.body["code"] in ("invalid_callback", "invalid_field")
    assert_error(reply, 400, reply.body["code"], "/callback/authorization")


def test_O1_037_the_documentation_endpoint_shows_an_example_of_the_body(world: World) -> None:
    body = ask(world, "GET", "/api/webhooks/task").body
    assert body["type"] == "order.completed" and body["task"]["sites"]
