"""Every function has a payload under events/ and can read it. Most payloads are passed to the real handlers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hosting_orders.entrypoints.step import StepCall
from hosting_orders.entrypoints.stream import given_up_batches, order_changes
from tests.support.world import ROOT, World, a_world, handler_of

FUNCTIONS = sorted(folder.parent.name for folder in (ROOT / "functions").glob("*/app.py"))
EVENTS = sorted((ROOT / "events").glob("*/*.json"))
STEPS = ("charge_order", "provision_hosting", "register_domain", "refund_order", "send_callback")
# The signatures in the files are too old, so webhooks get a 401. Other requests may get a 404, because the orders that
# their paths name are not in the test's table.
REFUSED = {"receive_stripe_webhook": 401, "receive_platform_webhook": 401}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def test_the_folder_events_has_a_folder_for_each_function() -> None:
    assert sorted({event.parent.name for event in EVENTS}) == FUNCTIONS


@pytest.mark.parametrize(
    "path",
    [p for p in EVENTS if "routeKey" in json.loads(p.read_text())],
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)
def test_each_http_event_gets_a_status_below_500(path: Path, world: World) -> None:
    event = event_of(path, world)
    answer = handler_of(path.parent.name)(event, None)
    assert answer["statusCode"] == REFUSED.get(path.parent.name, answer["statusCode"])
    assert answer["statusCode"] < 500
    if path.parent.name in ("place_order", "read_tlds") or path.stem == "order_domain_ordinary":
        assert answer["statusCode"] in (200, 201, 202), answer["body"]
    version = event["headers"].get("x-api-version", "2")
    if path.parent.name == "place_order":
        assert answer["statusCode"] == {"1": 201, "2": 202}[version], answer["body"]
    unversioned = (
        "/api/billing/",
        "/api/account/",
        "/api/create-order",
        "/api/v1/",
        "/o/",
        "/mcp",
        "/.well-known/",
        "/webhooks/",
    )
    if path.parent.name != "answer_unknown_route" and not event["rawPath"].startswith(unversioned):
        assert answer["headers"]["X-Api-Version"] == version


@pytest.mark.parametrize("step", STEPS)
def test_the_payload_of_each_step_names_an_order(step: str, world: World) -> None:
    for path in (ROOT / "events" / step).glob("*.json"):
        assert StepCall.of(event_of(path, world)).number > 0


@pytest.mark.parametrize("payload", [{}, {"account_id": "acc_ready"}, {"account_id": 1, "order_id": "x"}])
def test_an_invalid_payload_of_a_step_is_counted_as_a_fault(payload: dict[str, Any], world: World) -> None:
    before = world.metrics.counts["StepFault"]
    with pytest.raises(ValueError, match="account_id"):
        handler_of("charge_order")(payload, None)
    assert world.metrics.counts["StepFault"] == before + 1


def test_stream_records_are_read_as_changes_of_orders(world: World) -> None:
    for path in (ROOT / "events" / "roll_up_cart").glob("*.json"):
        event = event_of(path, world)
        news, unreadable = order_changes(event)
        assert len(news) == len(event["Records"]) > 0
        assert unreadable == []


def test_messages_about_discarded_batches_are_processed(world: World) -> None:
    for path in (ROOT / "events" / "repair_roll_ups").glob("*.json"):
        event = event_of(path, world)
        batches, unreadable = given_up_batches(event)
        assert len(batches) == len(event["Records"]) > 0
        assert unreadable == []
        assert handler_of("repair_roll_ups")(event, None) == {"batchItemFailures": []}


def test_the_schedule_starts_a_run_of_the_reconciler(world: World) -> None:
    for path in (ROOT / "events" / "reconcile").glob("*.json"):
        assert handler_of("reconcile")(event_of(path, world), None)["items"] >= 0


def test_the_daily_schedule_starts_a_sweep_of_the_domains(world: World) -> None:
    for path in (ROOT / "events" / "sweep_domains").glob("*.json"):
        assert handler_of("sweep_domains")(event_of(path, world), None) == {"unpaid": 0}


def event_of(path: Path, world: World) -> Any:
    return json.loads(path.read_text().replace("USER_KEY", world.accounts["ready"]["user_key"]))
