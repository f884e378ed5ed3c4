"""A domain that is in our account at the registrar is delivered and not refunded.

The status of the registrar's operation does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hosting_orders.domain.errors import ProviderUnavailableError
from hosting_orders.domain.order import OrderStatus
from tests.support.domain_books import now, placed, submitted, transfer
from tests.support.world import World, a_world

MINUTE = 60.0
DAY = 86_400.0
NAME = "ours-anyway.com"


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def operation(world: World) -> Any:
    (found,) = world.registrar.operations
    return found


def arrive(world: World) -> None:
    """Put the domain into our account. The registrar's operation does not change."""
    world.registrar._registry._deliver(operation(world), world.registrar._registry.now())


def unavailable(*_: Any) -> None:
    raise ProviderUnavailableError("the registrar does not answer")


def assert_delivered(world: World, order_id: str) -> None:
    order = world.order(order_id)
    assert order.status is OrderStatus.COMPLETED and order.refund is None
    assert world.registrar.submissions(order.domain_claim or "") == 1
    assert world.net_paid() > 0
    assert world.runner.executions[order_id].status == "SUCCEEDED"
    assert world.metrics.counts["RegistrationAbandoned"] == 0


@pytest.mark.parametrize("action", ["register", "transfer"])
def test_a_domain_is_delivered_if_its_operation_is_hidden(world: World, action: str) -> None:
    """The registrar does not show completed operations."""
    world.registrar.configure(hides_completed=True)
    order = transfer(world, NAME) if action == "transfer" else submitted(world, NAME)
    world.run()
    world.live(12 * DAY, every=6 * 3600)
    assert_delivered(world, order.uuid)


def test_a_domain_is_delivered_if_its_operation_is_forgotten(world: World) -> None:
    order = submitted(world, NAME)
    arrive(world)
    world.registrar._registry.operations.clear()
    world.live(10 * MINUTE, every=MINUTE)
    assert_delivered(world, order.uuid)


@pytest.mark.parametrize("status", ["FAILED", "ERROR"])
def test_a_domain_is_delivered_if_its_operation_failed(world: World, status: str) -> None:
    order = submitted(world, NAME)
    arrive(world)
    world.registrar.fail(NAME, status=status)
    world.live(10 * MINUTE, every=MINUTE)
    assert_delivered(world, order.uuid)


def test_a_domain_is_delivered_if_its_operation_never_ends(world: World) -> None:
    world.registrar._registry.delay = None
    order = submitted(world, NAME)
    arrive(world)
    world.live(8 * DAY, every=6 * 3600)
    assert_delivered(world, order.uuid)


def test_a_domain_is_delivered_if_its_operation_is_unreadable(world: World) -> None:
    world.registrar._registry.delay = None
    order = submitted(world, NAME)
    world.registrar.fail_next("GetOperationDetail", "ServiceUnavailable", status=503, times=10_000)
    world.live(6 * DAY, every=6 * 3600)
    arrive(world)
    world.live(2 * DAY, every=6 * 3600)
    assert_delivered(world, order.uuid)


def test_an_outage_at_the_deadline_only_delays_the_delivery(world: World) -> None:
    world.registrar._registry.delay = None
    order = submitted(world, NAME)
    world.live(6 * DAY, every=6 * 3600)
    arrive(world)
    with pytest.MonkeyPatch.context() as patch:
        for question in ("operation", "domain", "find"):
            patch.setattr(world.services.registrar, question, unavailable)
        world.live(1.5 * DAY, every=6 * 3600)
        assert world.order(order.uuid).status is OrderStatus.PROCESSING and world.net_paid() > 0
    world.live(DAY / 4, every=3600)
    assert_delivered(world, order.uuid)


def test_a_domain_outside_our_account_is_refunded(world: World) -> None:
    order = submitted(world, NAME)
    world.registrar.fail(NAME)
    world.live(10 * MINUTE, every=MINUTE)
    assert world.order(order.uuid).status is OrderStatus.PROVISION_FAILED
    assert world.net_paid() == 0


def test_a_later_order_does_not_get_an_abandoned_orders_domain(world: World) -> None:
    """The domain arrives after its order was abandoned. The customer of that order is its registrant."""
    world.registrar._registry.delay = None
    abandoned = submitted(world, NAME)
    world.live(7 * DAY + 3600, every=6 * 3600)
    assert world.order(abandoned.uuid).status is OrderStatus.PROVISION_FAILED
    paid = world.net_paid()
    later = placed(world, NAME, "credit")
    world.run()
    world.live(3600, every=5 * MINUTE)
    world.registrar.finish(NAME)
    world.live(2 * 3600, every=5 * MINUTE)
    later = now(world, later)
    assert later.status is OrderStatus.PROVISION_FAILED and later.refund is not None
    assert world.net_paid() == paid
    assert world.metrics.counts["DomainWithoutOrder"] == 1
