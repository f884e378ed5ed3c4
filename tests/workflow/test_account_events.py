"""Account webhooks about real orders. Each event is sent once, even over years."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import pytest

from hosting_orders.domain.order import OrderStatus
from tests.support.checkout import order_of, order_site, session_of
from tests.support.webhook_endpoints import create
from tests.support.world import World, a_world

HOUR = 3600
DAY = 24 * HOUR
YEAR = 365 * DAY
NAME = "hosting-example.com"


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def sent(world: World) -> Counter[str]:
    return Counter(json.loads(request.body)["type"] for request in world.webhooks.received)


def test_a_domain_renewal_sends_one_event_each_year(world: World) -> None:
    create(world, "domain.renewed")
    reply = world.order_domain(NAME)
    order_id = reply.body["orders"][0]["id"]
    world.run()
    for year in (1, 2):
        world.live(YEAR, every=5 * DAY)
        assert world.registrar.renewals(NAME) == year
        assert sent(world) == {"domain.renewed": year}
    assert {json.loads(one.body)["data"]["order_id"] for one in world.webhooks.received} == {order_id}


def test_an_order_paid_on_a_page_sends_two_payment_events(world: World) -> None:
    create(world, "payment.*", account="no_method")
    order = order_of(world, order_site(world))
    world.run()
    assert sent(world) == {"payment.action_required": 1}
    world.stripe.controls.pay_checkout(session_of(world, order)["id"])
    world.live(2 * HOUR, every=HOUR)
    assert sent(world) == {"payment.action_required": 1, "payment.succeeded": 1}


def test_an_unpaid_order_sends_events_about_its_cancellation(world: World) -> None:
    create(world, "*", account="no_method")
    order_of(world, order_site(world))
    world.live(2 * DAY, every=HOUR)
    assert sent(world) == {
        "order.created": 1,
        "payment.action_required": 1,
        "payment.cancelled": 1,
        "order.cancelled": 1,
    }


def test_a_domain_sends_one_event_when_it_leaves(world: World) -> None:
    create(world, "domain.left")
    reply = world.order_domain(NAME)
    world.run()
    world.live(DAY, every=HOUR)
    assert world.order(reply.body["orders"][0]["id"]).status is OrderStatus.COMPLETED
    world.registrar.leave(NAME)
    world.live(YEAR, every=5 * DAY)
    assert sent(world) == {"domain.left": 1}


@pytest.mark.parametrize("domain", [True, False])
def test_a_renewal_that_cannot_be_charged_sends_one_event(world: World, domain: bool) -> None:
    world.stripe.controls.set(retry_days="3 5", after_retries="unpaid")
    create(world, "renewal.failed")
    reply = world.order_domain(NAME) if domain else world.place()
    world.run()
    world.live(600, every=60)
    order = world.order(reply.body["orders"][0]["id"])
    assert order.subscription is not None
    subscription = world.stripe.get(order.subscription.id)
    customer = world.stripe.get(subscription["customer"])
    world.stripe.controls.decline(
        customer["invoice_settings"]["default_payment_method"], "insufficient_funds"
    )
    world.live((YEAR if domain else 31 * DAY) + 20 * DAY, every=DAY)
    assert sent(world) == {"renewal.failed": 1}
