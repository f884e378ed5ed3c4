"""A domain that has moved to another registrar, or has lapsed, can be ordered again.

As long as the domain is at our registrar, its order has a claim, and no other order can have the domain.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hosting_orders.domain.order import Order, OrderStatus
from tests.support.domain_books import claims, renewals
from tests.support.refusals import no_new_subscriptions
from tests.support.world import Reply, World, a_world

HOUR = 3600
DAY = 24 * HOUR
NAME = "quill-bakery.com"


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def delivered(world: World, account: str = "ready") -> Order:
    reply = world.order_domain(NAME, account)
    assert reply.status == 202, reply.body
    world.run()
    world.live(600, every=60)
    order = world.order(reply.body["orders"][0]["id"], account)
    assert order.status is OrderStatus.COMPLETED and order.subscription is not None
    return order


def end_renewal(world: World, order: Order) -> None:
    assert order.subscription is not None
    world.services.stripe.v1.subscriptions.cancel(order.subscription.id)
    world.run()
    world.live(HOUR, every=HOUR)


def transfer_back(world: World, account: str = "ready") -> Reply:
    return world.order_domain(NAME, account, action="transfer", authcode="Secret-1")


@pytest.mark.parametrize("account", ["ready", "credit"])
def test_a_moved_domain_can_be_transferred_back(world: World, account: str) -> None:
    order = delivered(world)
    end_renewal(world, order)
    world.registrar.leave(NAME)
    world.live(3 * DAY, every=6 * HOUR)

    reply = transfer_back(world, account)

    assert reply.status == 202, reply.body
    world.run()
    world.live(15 * DAY, every=6 * HOUR)
    again = world.order(reply.body["orders"][0]["id"], account)
    assert again.status is OrderStatus.COMPLETED
    assert claims(world) == {NAME}
    before = world.order(order.uuid)
    assert before.status is OrderStatus.COMPLETED and before.domain_claim is None
    assert before.timeline[-1].cause == "the domain has left the registrar"


def test_a_lapsed_domain_can_be_registered_again(world: World) -> None:
    end_renewal(world, delivered(world))
    world.registrar.lapse(NAME)
    reply = world.order_domain(NAME, "credit")
    assert reply.status == 202, reply.body


@pytest.mark.parametrize("account", ["ready", "credit"])
def test_a_domain_stays_claimed_until_it_leaves(world: World, account: str) -> None:
    """The domain belongs to its owner until it expires, even if its renewal has ended."""
    end_renewal(world, delivered(world))
    for reply in (transfer_back(world, account), world.order_domain(NAME, account)):
        assert (reply.status, reply.body["code"]) == (422, "domain_add_failed")
    assert claims(world) == {NAME}


def test_a_domain_of_an_unfinished_order_stays_claimed(world: World) -> None:
    assert world.order_domain(NAME).status == 202
    reply = world.order_domain(NAME, "credit")
    assert (reply.status, reply.body["code"]) == (422, "domain_add_failed")


def test_no_claim_is_released_during_a_registrar_outage(world: World) -> None:
    delivered(world)
    world.registrar.leave(NAME)
    world.registrar.fail_next("ListDomains", "ServiceUnavailable", status=503, times=10)
    assert transfer_back(world).status == 503
    assert claims(world) == {NAME}


def test_an_earlier_order_never_renews_a_returned_domain(world: World) -> None:
    earlier = delivered(world)
    world.registrar.leave(NAME)
    reply = transfer_back(world, "credit")
    world.run()
    world.live(15 * DAY, every=6 * HOUR)
    assert world.order(reply.body["orders"][0]["id"], "credit").status is OrderStatus.COMPLETED

    assert earlier.subscription is not None
    period: Any = world.stripe.get(earlier.subscription.id)["items"]["data"][0]["current_period_end"]
    world.advance(period - world.stripe.clock.time() - 60)
    world.live(2 * DAY, every=HOUR)

    assert world.net_paid() == earlier.price.amount
    assert world.order(earlier.uuid).domain_record.renewals == ()


def test_no_renewal_starts_for_a_departed_domain(world: World) -> None:
    """Stripe refused the renewal at delivery. Then the domain left, and another customer transferred it back."""
    with no_new_subscriptions(world.stripe):
        reply = world.order_domain(NAME)
        world.run()
        world.live(HOUR, every=300)
        order = world.order(reply.body["orders"][0]["id"])
        assert order.status is OrderStatus.COMPLETED and order.subscription is None
        world.registrar.leave(NAME)
        assert transfer_back(world, "credit").status == 202
        world.run()
        world.live(15 * DAY, every=6 * HOUR)
    paid = world.net_paid()

    world.live(2 * DAY, every=6 * HOUR)

    order = world.order(order.uuid)
    assert order.domain_has_left and order.subscription is None and order.zone_remains
    assert renewals(world, order) == [] and world.net_paid() == paid


def test_no_verification_mail_is_sent_for_a_departed_domain(world: World) -> None:
    """Otherwise the new owner would get the mail."""
    name = "unverified-quill.com"
    reply = world.order_domain(name)
    world.run()
    world.live(900, every=60)
    order = world.order(reply.body["orders"][0]["id"])
    world.registrar.verify(name)
    world.live(DAY, every=HOUR)
    world.registrar.leave(name)
    assert world.order_domain(name, "credit", action="transfer", authcode="Secret-1").status == 202
    mails = world.registrar.mails(name)

    assert world.request("POST", f"/api/orders/{order.uuid}/resend-verification").status == 404
    assert world.registrar.mails(name) == mails
