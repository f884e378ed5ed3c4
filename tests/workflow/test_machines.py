"""Virtual machines: the options of a plan, passwords and keys, check intervals, and payment with real or test money."""

from __future__ import annotations

import json
import re
import string
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from hosting_orders.domain.catalogue import PlatformName
from hosting_orders.domain.durations import HOUR, MINUTE, SECOND
from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.domain.products import VmItem
from hosting_orders.usecases.products import vm as vm_product
from hosting_orders.usecases.sealed_password import new_password, password_context
from tests.support.forgetful_lightsail import (
    CLOUD,
    PLAN,
    ForgetfulLightsail,
    let_money_be_real,
    sell_machines,
)
from tests.support.table import everything_in
from tests.support.world import Reply, World, a_world

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINAmUhkUHOtXTgd5/H7wH5vhM7pfD3DidAlAvknMUDPG"
OWN = {**CLOUD, "plan": "vps-1", "location": "ams"}


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


@pytest.fixture
def cloud(world: World) -> ForgetfulLightsail:
    return sell_machines(world)


def order(world: World, vm: dict[str, Any] = CLOUD, **fields: Any) -> Order:
    reply = world.place_cart({"vm": vm}, **fields)
    assert reply.status == 202, reply.body
    return world.order(reply.body["orders"][0]["id"])


def shown(world: World, order: Order, **headers: str) -> dict[str, Any]:
    reply = world.request("GET", f"/api/orders/{order.uuid}", headers=headers)
    assert reply.status == 200
    return dict(reply.body)


def refused(world: World, vm: dict[str, Any]) -> dict[str, Any]:
    """Return the only problem of a refused order, and check that nothing was written."""
    reply = world.place_cart({"vm": vm})
    assert reply.status == 400, reply.body
    assert world.items("ORDER#") == [] and world.net_paid() == 0
    (problem,) = reply.body["details"]
    return dict(problem)


# -- options per plan ---------------------------------------------------------------------------------------------


def test_the_platform_receives_its_own_names_and_a_size(world: World, cloud: ForgetfulLightsail) -> None:
    placed = order(world)
    world.run()

    asked = cloud.machines[placed.uuid].request

    assert (asked.platform, asked.plan, asked.variant, asked.location) == (
        PlatformName.LIGHTSAIL,
        "small_3_0",
        "debian_12",
        "eu-central-1a",
    )
    assert asked.size is not None
    assert (asked.size.memory_mb, asked.size.disk_gb, asked.size.cores, asked.size.transfer_gb) == (
        *(2048, 60),
        *(2, 3000),
    )


@pytest.mark.parametrize(
    ("vm", "code", "pointer", "choices"),
    [
        ({**CLOUD, "image": "rocky-10"}, "unknown_image", "image", "amazon-linux, debian-12, debian-13"),
        ({**CLOUD, "location": "ams"}, "unknown_location", "location", "fra, pdx"),
        (
            {**OWN, "image": "amazon-linux"},
            "unknown_image",
            "image",
            "debian-12, debian-13, rocky-10, ubuntu-26-04",
        ),
        ({**OWN, "location": "fra"}, "unknown_location", "location", "ams, pdx"),
    ],
)
def test_an_option_is_refused_if_the_platform_lacks_it(
    world: World, cloud: ForgetfulLightsail, vm: dict[str, Any], code: str, pointer: str, choices: str
) -> None:
    problem = refused(world, vm)

    assert (problem["code"], problem["pointer"]) == (code, f"/items/0/vm/{pointer}")
    assert f"with the plan {vm['plan']}; it is one of: {choices}." in problem["message"]


def test_all_errors_are_reported_together(world: World, cloud: ForgetfulLightsail) -> None:
    vm = {
        **dict.fromkeys(("plan", "image", "location", "term"), "mars"),
        "hostname": "-",
        "ssh_key": "my key",
    }
    reply = world.place_cart({"vm": vm})

    pointers = {problem["pointer"].rpartition("/")[2] for problem in reply.body["details"]}

    assert pointers == {"plan", "image", "location", "term", "hostname", "ssh_key"}


def test_every_listed_plan_and_option_can_be_ordered(world: World, cloud: ForgetfulLightsail) -> None:
    about = world.request("GET", "/api/about").body

    plans = {plan["short_name"]: plan for plan in about["vm_plans"]}

    assert list(plans) == ["cloud-1", "vps-1", "vps-2"]
    for plan in plans.values():
        for image in plan["images"]:
            for place in plan["locations"]:
                vm = {
                    **CLOUD,
                    "plan": plan["short_name"],
                    "image": image["short_name"],
                    "location": place["short_name"],
                }
                assert world.place_cart({"vm": vm}).status == 202, vm
    assert plans["cloud-1"]["prices"][0]["net_cents"] == 14000 and plans["cloud-1"]["cores"] == 2
    assert "lightsail" not in json.dumps(about) and "small_3_0" not in json.dumps(about)


def test_a_site_cannot_be_ordered_where_only_machines_run(world: World, cloud: ForgetfulLightsail) -> None:
    about = world.request("GET", "/api/about").body

    assert [place["short_name"] for place in about["locations"]] == ["ams", "pdx"]
    reply = world.place(location="fra")
    assert (reply.status, reply.body["code"]) == (400, "unknown_location")


def test_a_changed_plan_does_not_change_a_sold_machine(world: World, cloud: ForgetfulLightsail) -> None:
    placed = order(world)
    world.services.catalogue.put_plan(replace(PLAN, bundle="large_3_0", memory_mb=8192))
    world.advance(120)
    world.run()
    cloud.start(placed.uuid)
    world.live(120, every=60)

    assert cloud.machines[placed.uuid].request.plan == "small_3_0"
    assert shown(world, placed)["vm"]["memory_mb"] == 2048


# -- passwords and keys -------------------------------------------------------------------------------------------


def test_we_generate_the_password_if_the_platform_does_not(world: World, cloud: ForgetfulLightsail) -> None:
    placed = order(world)
    item = placed.item_as(VmItem)
    assert item.sealed_password is not None
    password = world.services.cipher.open(item.sealed_password, password_context(placed))
    assert re.fullmatch(r"[A-Za-z2-9]{24}", password)
    assert shown(world, placed).get("vm") is None
    world.run()
    assert cloud.machines[placed.uuid].request.password == password
    cloud.start(placed.uuid)
    world.live(120, every=60)

    vm = shown(world, placed)["vm"]

    assert vm["ssh_data"] == {"ipaddr": "203.0.113.2", "username": "root", "password": password, "port": 22}
    assert vm["has_ssh_key"] is False
    assert password not in repr((placed, cloud.machines[placed.uuid].request))
    assert password not in json.dumps(everything_in(world.dynamodb), default=str)


def test_a_machine_with_an_ssh_key_has_no_password(world: World, cloud: ForgetfulLightsail) -> None:
    placed = order(world, {**CLOUD, "ssh_key": f"{KEY} ada@example.com"})
    world.run()
    asked = cloud.machines[placed.uuid].request
    assert (asked.ssh_key, asked.password) == (KEY, None)
    cloud.start(placed.uuid)
    world.live(120, every=60)

    vm = shown(world, placed)["vm"]

    assert (vm["has_ssh_key"], vm["ssh_data"]["password"], vm["ssh_data"]["username"]) == (True, None, "root")


def test_the_http_platform_accepts_an_ssh_key(world: World) -> None:
    placed = order(world, {**OWN, "ssh_key": KEY})
    assert placed.item_as(VmItem).sealed_password is None
    world.run()

    vm = shown(world, placed)["vm"]

    assert world.order(placed.uuid).status is OrderStatus.COMPLETED
    assert (vm["has_ssh_key"], vm["ssh_data"]["password"]) == (True, None)


def test_passwords_are_unique_and_safe_to_paste() -> None:
    made = {new_password() for _ in range(200)}

    assert len(made) == 200
    assert all(len(each) == 24 for each in made)
    assert set("".join(made)) <= set(string.ascii_letters + string.digits) - set("0O1lI")


# -- check intervals ----------------------------------------------------------------------------------------------


def test_a_machine_is_first_checked_after_15_seconds(world: World, cloud: ForgetfulLightsail) -> None:
    placed = order(world)
    world.run()
    begun = world.order(placed.uuid)
    assert begun.provisioning_at is not None
    assert begun.due_at == begun.provisioning_at + 15 * SECOND
    looks = []
    for _ in range(6):
        due = world.order(placed.uuid).due_at
        assert due is not None
        world.advance((due - world.clock.now()) / 1000)
        looks.append((world.clock.now() - begun.provisioning_at) // 1000)
        world.reconcile()

    assert looks == [15, 45, 75, 105, 135, 168]
    assert cloud.made[placed.uuid] == 1 and "DriftOrder" not in world.metrics.counts


def test_a_slow_machine_is_checked_at_least_every_15_minutes(world: World, cloud: ForgetfulLightsail) -> None:
    placed = order(world)
    world.run()
    world.live(2 * 3600, every=600)

    waiting = world.order(placed.uuid)

    assert waiting.due_at is not None and waiting.due_at - world.clock.now() <= 15 * MINUTE
    assert waiting.status is OrderStatus.PROCESSING


def test_a_machine_is_refunded_if_it_never_starts(world: World, cloud: ForgetfulLightsail) -> None:
    placed = order(world)
    world.run()
    told = shown(world, placed)["order"]
    begun = world.order(placed.uuid).provisioning_at
    assert begun is not None and told["deadline_at"] > told["expected_by"]
    world.live(4 * 3600 - 120, every=600)
    assert world.order(placed.uuid).status is OrderStatus.PROCESSING and world.net_paid() == 1400
    world.live(1200, every=60)

    ended = world.order(placed.uuid)

    assert ended.status is OrderStatus.PROVISION_FAILED
    assert (ended.entered(OrderStatus.REFUNDING) or 0) <= begun + 4 * HOUR + MINUTE
    assert world.net_paid() == 0 and cloud.standing() == {}
    assert {execution.status for execution in world.runner.executions.values()} == {"SUCCEEDED"}


def test_a_delivered_machine_starts_its_renewal(world: World, cloud: ForgetfulLightsail) -> None:
    cloud.quick = True
    placed = order(world)
    world.run()
    world.live(120, every=60)

    delivered = world.order(placed.uuid)

    assert delivered.subscription is not None and delivered.due_at is None
    price = world.stripe.get(delivered.subscription.id)["items"]["data"][0]["price"]
    assert (price["unit_amount"], price["recurring"]["interval"]) == (1400, "month")


# -- real and test money ------------------------------------------------------------------------------------------


def test_the_platform_is_told_that_test_money_is_not_live(world: World, cloud: ForgetfulLightsail) -> None:
    placed = order(world)
    world.run()

    assert world.cart(placed.cart_token).payment.live is False
    assert [request.live for request in cloud.asked] == [False]


def test_the_platform_is_told_that_real_money_is_live(world: World, cloud: ForgetfulLightsail) -> None:
    let_money_be_real(world)
    placed = order(world)
    world.run()
    world.live(30, every=15)

    assert world.cart(placed.cart_token).payment.live is True
    assert [request.live for request in cloud.asked] == [True, True]


def test_a_free_order_is_live_only_in_stripes_live_mode(world: World, cloud: ForgetfulLightsail) -> None:
    world.services.catalogue.put_plan(replace(PLAN, prices=dict.fromkeys(PLAN.prices, 0)))
    order(world)
    world.run()
    let_money_be_real(world)
    order(world)
    world.run()

    assert [request.live for request in cloud.asked] == [False, True]


def test_delivering_a_site_does_not_read_the_cart(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vm_product, "load_cart", lambda *_: pytest.fail("the cart was read"))
    placed: Reply = world.place()
    world.run()

    assert world.order(placed.body["orders"][0]["id"]).status is OrderStatus.COMPLETED
