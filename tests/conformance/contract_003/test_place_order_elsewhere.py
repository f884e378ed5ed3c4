"""Contract 003, "Order a new Site", with a changed catalogue or while Stripe does not answer.

Each test has its own world.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hosting_orders.domain.catalogue import Location, Plan, Term, Variant
from hosting_orders.domain.products import SiteItem
from tests.conformance.contract_002.support import assert_error
from tests.conformance.contract_003.support import ask, order, page_of, placed, shown, stored
from tests.support.checkout import sessions, site
from tests.support.mishaps import Mishap
from tests.support.world import World, a_world


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


@pytest.mark.parametrize(
    ("account", "effect"),
    [("no_method", "stripe.post checkout.sessions"), ("no_customer", "stripe.post customers")],
)
def test_O1_042_O1_043_only_order_and_task_are_sent_if_stripe_does_not_answer(
    world: World, account: str, effect: str
) -> None:
    world.mishaps.watch(lambda name: Mishap.NOT_DONE if name == effect else None)
    answer = placed(world, account)
    assert effect in world.mishaps.seen
    assert set(answer) == {"order", "task"} and answer["order"]["status"] == "pending"
    assert "payment_url" not in shown(world, answer["order"]["id"], account)["order"]
    world.mishaps.none()
    world.live(1200, every=60)
    found = shown(world, answer["order"]["id"], account)
    assert found["order"]["payment_url"] == page_of(world, answer["order"]["id"], account)["url"]


def test_O1_042_a_replay_opens_the_missing_payment_page(world: World) -> None:
    world.mishaps.watch(lambda name: Mishap.NOT_DONE if name.startswith("stripe.post") else None)
    first = order(world, account="no_method", idempotency_key="away")
    assert (first.status, set(first.body)) == (201, {"order", "task"})
    world.mishaps.none()
    again = order(world, account="no_method", idempotency_key="away")
    assert again.body["order"]["id"] == first.body["order"]["id"]
    assert again.body["payment_url"] == page_of(world, first.body["order"]["id"])["url"]


def test_O1_043_only_order_and_task_are_sent_if_the_charge_is_uncertain(world: World) -> None:
    """The bank may still require an authentication, so it is not yet known whether the customer must act."""
    world.mishaps.watch(lambda name: Mishap.NOT_DONE if name.startswith("stripe.post") else None)
    answer = placed(world, "authentication_required", site())
    assert set(answer) == {"order", "task"}
    world.mishaps.none()
    world.live(1200, every=60)
    assert shown(world, answer["order"]["id"], "authentication_required")["order"]["payment_url"]


def test_O1_034_the_default_plan_is_the_first_plan_with_a_price(world: World) -> None:
    prices = {("reseller", Term.MONTHLY, "EUR"): 100}
    world.services.catalogue.put_plan(Plan("7", "agency", "Agency", "For others", prices))
    world.services.catalogue.put_location(Location("7", "aaa", "First"))
    found = shown(world, placed(world)["order"]["id"])["order"]
    assert (found["location"], found["product"]) == ("aaa", "basic")
    reply = order(world, site(plan="agency"))
    assert_error(reply, 400, "pricing_missing", "/site/plan")


def test_O1_034_a_plan_without_a_monthly_price_is_paid_annually(world: World) -> None:
    prices = {("standard", Term.ANNUAL, "EUR"): 9900}
    world.services.catalogue.put_plan(Plan("8", "yearly", "Yearly", "Once a year", prices))
    assert term_and_price(world, site()) == (Term.MONTHLY, 1200)
    assert term_and_price(world, site(plan="yearly")) == (Term.ANNUAL, 9900)
    assert world.net_paid() == 1200 + 9900


def term_and_price(world: World, body: Any) -> tuple[Any, int]:
    found = stored(world, placed(world, body=body)["order"]["id"], "ready")
    return found.item_as(SiteItem).term, found.price.amount


def test_O1_032_a_variant_without_free_capacity_is_refused(world: World) -> None:
    world.services.catalogue.put_variant(Variant("scarce", capacity=1))
    assert order(world, site(variant="scarce"), "no_method").body["payment_url"]
    reply = order(world, site(variant="scarce"))
    assert_error(reply, 400, "variant_unavailable", "/site/variant")
    world.run()
    (first,) = ask(world, "GET", "/api/orders", "no_method").body["orders"]
    assert ask(world, "DELETE", f"/api/orders/{first['id']}", "no_method").status == 202
    world.run()
    assert order(world, site(variant="scarce")).status == 201


@pytest.mark.parametrize("account", ["no_method", "no_customer"])
def test_O1_042_O1_044_a_free_order_needs_no_payment_page(world: World, account: str) -> None:
    world.services.catalogue.put_plan(
        Plan("9", "gift", "Gift", "Free", {("standard", Term.MONTHLY, "EUR"): 0})
    )
    answer = placed(world, account, site(plan="gift"))
    assert "payment_url" not in answer and answer["site"]["name"] == "My site"
    assert not sessions(world)
    world.live(120, every=60)
    found = shown(world, answer["order"]["id"], account)
    assert found["order"]["status"] == "completed" and found["site"]["id"]
    assert not world.stripe.objects("charge")
