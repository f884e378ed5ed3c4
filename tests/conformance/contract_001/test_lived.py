"""Orders of contract 001 from start to end: payment, delivery, cancellation, expiry and refund."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.contract_001.support import (
    ask,
    create,
    created,
    domain,
    finish_domains,
    order_in,
    shown,
    site,
    undeliverable,
    vps,
)
from tests.support.world import World, a_world

DAY = 24 * 3600
PRODUCTS = ("site", "vps", "domain")


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def item_of(world: World, product: str) -> dict[str, Any]:
    return {"site": site(), "vps": vps(), "domain": domain(world)}[product]


def told(world: World, number: str, account: str = "ready") -> tuple[str, str, bool]:
    data = shown(world, number, account)
    assert data["status"] == data["order"]["status"]
    return data["status"], data["order"]["invstatus"], data["can_cancel"]


@pytest.mark.parametrize("product", PRODUCTS)
def test_HU_029_HU_041_C03_a_delivered_order_becomes_active(world: World, product: str) -> None:
    item = item_of(world, product)
    number = created(world, item)["orderId"]
    assert told(world, number)[:2] == ("Pending", "Paid")
    world.run(finish=False)
    assert told(world, number) == ("Pending", "Paid", False)
    world.run()
    if product == "domain":
        finish_domains(world, item["name"])
    assert told(world, number) == ("Active", "Paid", False)


@pytest.mark.parametrize("product", ["site", "vps"])
def test_HU_029_HU_041_C10_an_undeliverable_order_is_cancelled_and_refunded(
    world: World, product: str
) -> None:
    number = created(world, item_of(world, product))["orderId"]
    undeliverable(world, number)
    assert told(world, number) == ("Cancelled", "Refunded", False)
    assert world.net_paid() == 0


@pytest.mark.parametrize("product", PRODUCTS)
def test_HU_029_HU_041_C03_an_order_is_cancelled_if_it_is_not_paid_in_time(
    world: World, product: str
) -> None:
    number = created(world, item_of(world, product), account="authentication_required")["orderId"]
    world.run()
    assert told(world, number, "authentication_required") == ("Pending", "Unpaid", True)
    world.live(2 * DAY, every=3600)
    assert told(world, number, "authentication_required") == ("Cancelled", "Cancelled", False)
    assert order_in(world, number, "authentication_required")["balance"] == "0.00"


def test_HU_029_HU_041_C03_an_order_with_a_failed_payment_is_cancelled(world: World) -> None:
    refused = create(world, site(), account="declined_final")
    assert (refused.status, refused.body["code"]) == (422, "CART_PAY_FAILED")
    listed = world.request("GET", "/api/orders", account="declined_final").body["orders"]
    number = str(world.order(listed[0]["id"], "declined_final").number)
    assert told(world, number, "declined_final") == ("Cancelled", "Cancelled", False)


@pytest.mark.parametrize("product", PRODUCTS)
def test_HU_062_HU_071_C11_an_order_cancelled_before_payment_is_never_charged(
    world: World, product: str
) -> None:
    number = created(world, item_of(world, product), account="sepa")["orderId"]
    world.run()
    assert told(world, number, "sepa")[2] is True
    assert ask(world, "POST", f"/api/billing/order/{number}/cancel", "sepa").status == 200
    assert told(world, number, "sepa") == ("Pending", "Unpaid", False)
    world.live(12 * DAY, every=6 * 3600)
    assert told(world, number, "sepa")[0] == "Cancelled"
    assert world.net_paid("sepa") == 0
    if product != "domain":
        assert not world.platform.services


def test_HU_062_HU_071_C11_an_order_cancelled_after_payment_is_refunded(world: World) -> None:
    number = created(world, site())["orderId"]
    assert told(world, number) == ("Pending", "Paid", True)
    assert ask(world, "POST", f"/api/billing/order/{number}/cancel").status == 200
    world.run()
    assert told(world, number) == ("Cancelled", "Refunded", False)
    assert world.net_paid() == 0
