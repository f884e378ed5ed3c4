"""An operator deletes a draft invoice in Stripe's dashboard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.mishaps import Mishap
from tests.support.world import World, a_world
from tests.workflow.test_stripe_webhooks import stripe_client

HOUR = 3600
DAY = 24 * HOUR


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


@pytest.mark.parametrize("writes", [1, 2])
def test_an_order_fails_if_its_draft_invoice_is_deleted(world: World, writes: int) -> None:
    """The process crashes after it has created the invoice (one write) or added the lines (two writes)."""

    def crash(name: str) -> Mishap | None:
        found = [each for each in world.mishaps.seen if each.startswith("stripe.post invoices")]
        return Mishap.CRASH_AFTER if len(found) == writes else None

    world.mishaps.watch(crash)
    assert world.place().status == 502
    world.mishaps.none()
    (draft,) = (invoice for invoice in world.stripe.objects("invoice") if invoice["status"] == "draft")
    stripe_client(world).v1.invoices.delete(draft["id"])
    world.live(2 * DAY, every=HOUR)
    (order,) = world.request("GET", "/api/orders").body["orders"]
    assert order["status"] == "failed" and world.net_paid() == 0
