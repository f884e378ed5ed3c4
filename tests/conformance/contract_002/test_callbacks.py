"""Contract 002's callbacks, and the vendor's statements about them (docs/contracts.md)."""

from __future__ import annotations

import json
import re

import pytest

from hosting_orders.domain.providers import CallbackAnswer
from tests.conformance.contract_002.support import assert_date_time
from tests.support.world import World


def ended(world: World, how: str) -> str:
    account = "authentication_required" if how == "CANCELLED" else "ready"
    order_id = str(world.place(account, callback=True).body["orders"][0]["id"])
    world.run(finish=False)
    if how == "CANCELLED":
        assert world.request("DELETE", f"/api/orders/{order_id}", account=account).status == 202
    elif how == "FAILED":
        world.platform.fail(order_id)
        world.platform_webhook(order_id)
    world.run()
    return order_id


@pytest.mark.parametrize(
    ("how", "kind", "status"),
    [
        ("OK", "order.completed", "completed"),
        ("FAILED", "order.failed", "failed"),
        ("CANCELLED", "order.cancelled", "cancelled"),
    ],
)
def test_O2_186_C24_the_type_of_the_callback_says_how_the_order_ended(
    world: World, how: str, kind: str, status: str
) -> None:
    known = len(world.callbacks.received)
    order_id = ended(world, how)
    (received,) = world.callbacks.received[known:]
    assert received.authorization == "Bearer 12345"
    assert re.fullmatch(r"msg_[0-9a-z]+", received.message_id)
    body = json.loads(received.body)
    assert body["type"] == kind
    assert_date_time(body["timestamp"])
    task = body["task"]
    assert type(task["id"]) is int
    assert (task["name"], task["status"]) == ("site.create", how)
    assert task["orders"] == [{"id": order_id, "status": status}]
    assert_date_time(task["end_on"])
    assert [set(account) for account in task["accounts"]] == [{"id", "name"}]
    assert len(task["sites"]) == (1 if how == "OK" else 0)
    for secret in ("password", "ssh", "Bearer"):
        assert secret not in received.body.decode()


def test_O2_186_no_callback_is_sent_before_the_order_ends(world: World) -> None:
    known = len(world.callbacks.received)
    world.place(callback=True)
    world.run(finish=False)
    assert world.callbacks.received[known:] == []
    world.run()
    assert len(world.callbacks.received) == known + 1


def test_O2_187_a_failed_callback_is_retried_on_the_vendors_schedule(world: World) -> None:
    known = len(world.callbacks.received)
    world.callbacks.answers = [CallbackAnswer(500)] * 4
    world.place(callback=True)
    world.run()
    at = []
    for second in range(0, 30 * 60, 30):
        if len(world.callbacks.received) - known > len(at):
            at.append(second)
        world.advance(30)
        world.reconcile()
        world.run()
    received = world.callbacks.received[known:]
    assert len(received) == 5
    assert len({one.message_id for one in received}) == 1
    assert len({one.body for one in received}) == 1
    # Minutes after the first attempt. Each delay is up to a tenth longer, to spread the retries.
    for when, minutes in zip(at, (0, 2, 5, 10, 25), strict=True):
        assert minutes * 60 <= when <= minutes * 60 * 1.1 + 60, at
