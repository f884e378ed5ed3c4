"""If the registrant does not confirm the e-mail address, the registrar suspends the delivered domain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hosting_orders.domain.order import Order, OrderStatus
from tests.support.domain_books import now, shown, submitted
from tests.support.world import Reply, World, a_world

HOUR = 3600
DAY = 24 * HOUR
NAME = "unverified-bakery.com"
WAITS = "waiting for the registrant to confirm the e-mail address"


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def delivered(world: World, name: str = NAME) -> Order:
    order = submitted(world, name)
    world.live(900, every=60)
    order = now(world, order)
    assert order.status is OrderStatus.COMPLETED and order.subscription is not None
    return order


def block(world: World, order: Order) -> Any:
    return shown(world, order)["domain"]


def causes(world: World, order: Order) -> list[str]:
    return [entry.cause for entry in now(world, order).timeline]


def resend(world: World, order: Order, account: str = "ready") -> Reply:
    return world.request("POST", f"/api/orders/{order.uuid}/resend-verification", account=account)


def test_the_order_requires_action_until_the_confirmation(world: World) -> None:
    order = delivered(world)
    assert shown(world, order)["order"]["status"] == "completed"
    assert block(world, order)["status"] == "action_required"
    assert "follow the link" in block(world, order)["next_step"]
    assert causes(world, order)[-1] == WAITS
    assert world.metrics.counts["RegistrantUnverified"] > 0

    world.registrar.verify(NAME)
    world.live(DAY, every=HOUR)

    assert (block(world, order)["status"], block(world, order)["next_step"]) == ("active", None)
    assert causes(world, order)[-1] == "the registrant has confirmed the e-mail address"
    counted, asked = (
        world.metrics.counts["RegistrantUnverified"],
        world.registrar.asked("GetContactReachabilityStatus"),
    )
    world.live(2 * DAY, every=6 * HOUR)
    assert world.metrics.counts["RegistrantUnverified"] == counted
    assert world.registrar.asked("GetContactReachabilityStatus") == asked
    due = now(world, order).due_at
    assert due is not None and due > world.clock.now() + 100 * DAY * 1000, (
        "the order is next due for its renewal"
    )


def test_a_domain_is_suspended_until_the_confirmation(
    world: World,
) -> None:
    order = delivered(world)
    world.live(16 * DAY, every=6 * HOUR)
    assert block(world, order)["status"] == "action_required"
    assert "clientHold" in block(world, order)["registry_status"]

    world.registrar.verify(NAME)
    world.live(DAY, every=6 * HOUR)
    assert block(world, order)["status"] == "active"
    assert "clientHold" not in block(world, order)["registry_status"]


def test_an_earlier_confirmation_adds_no_timeline_event(world: World) -> None:
    order = delivered(world, "confirmed-before.com")
    assert block(world, order)["status"] == "active"
    assert causes(world, order)[-1] == "delivered"
    assert world.registrar.asked("GetContactReachabilityStatus") == 1
    assert world.metrics.counts["RegistrantUnverified"] == 0


def test_a_failed_verification_query_does_not_delay_delivery(world: World) -> None:
    world.registrar.fail_next("GetContactReachabilityStatus", "ServiceUnavailable", status=503)
    order = delivered(world)
    assert block(world, order)["status"] == "active"
    world.live(2 * HOUR, every=HOUR)
    assert block(world, order)["status"] == "action_required"


def test_the_mail_is_sent_again_at_most_once_an_hour(world: World) -> None:
    order = delivered(world)
    reply = resend(world, order)
    assert (reply.status, reply.body) == (
        202,
        {"status": "accepted", "domain": NAME, "already_verified": False},
    )
    world.live(600, every=300)
    again = resend(world, order)
    assert (again.status, again.body["code"]) == (429, "rate_limited")
    assert 0 < int(again.headers["retry-after"]) <= 3000
    assert world.registrar.mails(NAME) == 1

    world.live(HOUR, every=600)
    assert resend(world, order).status == 202
    assert world.registrar.mails(NAME) == 2


def test_an_unsent_mail_does_not_count_for_the_hourly_limit(world: World) -> None:
    order = delivered(world)
    world.registrar.fail_next("ResendContactReachabilityEmail", "ServiceUnavailable", status=503)
    assert resend(world, order).status == 503
    assert resend(world, order).status == 202


def test_nothing_is_sent_to_a_confirmed_registrant(world: World) -> None:
    order = delivered(world, "confirmed-before.com")
    assert resend(world, order).body["already_verified"] is True
    assert world.registrar.mails("confirmed-before.com") == 0


def test_the_mail_requires_a_delivered_domain_of_the_account(world: World) -> None:
    order = delivered(world)
    assert resend(world, order, "credit").status == 404
    site = world.request("POST", "/api/orders", world.site())
    assert site.status == 202
    on_order = submitted(world, "unverified-later.com")
    for number in (site.body["orders"][0]["id"], on_order.uuid):
        path = f"/api/orders/{number}/resend-verification"
        assert world.request("POST", path).status == 404
