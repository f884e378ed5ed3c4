"""A virtual machine with an SSH key or a password, ordered through three contracts and read through all four."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hosting_orders.domain.products import VmItem
from tests.conformance.contract_000.support import VPS, ask, assert_error, data
from tests.conformance.contract_002.support import oauth, send
from tests.support.world import World, a_world

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINAmUhkUHOtXTgd5/H7wH5vhM7pfD3DidAlAvknMUDPG"
MACHINE = {"hostname": "web-1.example.com", "plan": "vps-1", "image": "debian-13", "location": "ams"}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def through_000(world: World, key: str | None) -> str:
    body = VPS if key is None else {**VPS, "sshKey": key}
    return str(data(ask(world, "POST", "/api/v1/orders", body), 202)["token"])


def through_001(world: World, key: str | None) -> str:
    item = {"type": "vps", **MACHINE, **({} if key is None else {"sshKey": key})}
    body = {"attemptKey": f"attempt-{key is None}", "cartItems": [item]}
    reply = world.request("POST", "/api/create-order", body, key="api_key_001")
    assert reply.status == 200, reply.body
    return world.order(reply.body["data"]["orderId"]).uuid


def through_002(world: World, key: str | None) -> str:
    machine = {**MACHINE, "term": "monthly", **({} if key is None else {"ssh_key": key})}
    reply = world.place_cart({"vm": machine})
    assert reply.status == 202, reply.body
    return str(reply.body["orders"][0]["id"])


def read(world: World, order_id: str) -> dict[str, Any]:
    number = world.order(order_id).number
    v1 = {"x-api-version": "1"}
    return {
        "000": data(ask(world, "GET", f"/api/v1/orders/{order_id}")),
        "001": world.request("GET", f"/api/billing/order/{number}", key="api_key_001").body["data"]["order"],
        "002": world.request("GET", f"/api/orders/{order_id}").body,
        "003": world.request("GET", f"/api/orders/{order_id}", headers=v1).body,
    }


PLACED: tuple[Callable[[World, str | None], str], ...] = (through_000, through_001, through_002)


@pytest.mark.parametrize("key", [KEY, None], ids=["with a key", "with a password"])
@pytest.mark.parametrize("place", PLACED, ids=["000", "001", "002"])
def test_a_machine_is_the_same_in_all_contracts(
    world: World, place: Callable[[World, str | None], str], key: str | None
) -> None:
    order_id = place(world, key and f"{key} ada@example.com")
    before = read(world, order_id)
    assert "vm" not in before["002"] and "vm" not in before["003"]
    world.run()

    found = read(world, order_id)

    assert world.order(order_id).item_as(VmItem).ssh_key == key
    assert (found["000"]["status"], found["000"]["type"]) == ("COMPLETED", "VM")
    vm = found["002"]["vm"]
    password = vm["ssh_data"]["password"]
    assert (password is None) is (key is not None) is vm["has_ssh_key"]
    assert {name: vm[name] for name in MACHINE} == MACHINE
    assert (vm["memory_mb"], vm["disk_gb"], vm["cores"], vm["transfer_gb"]) == (2048, 40, 1, 2000)
    assert vm["ip_address"] == vm["ssh_data"]["ipaddr"]
    assert found["003"]["vm"] == {**vm, "ssh_data": {**vm["ssh_data"], "port": str(vm["ssh_data"]["port"])}}
    assert "site" not in found["003"] and "site" not in found["002"]
    (hosting,) = found["001"]["hosting"]
    assert (hosting["rootpassword"], hosting["password"]) == (password or "", "")
    assert (hosting["username"], hosting["server_id"]) == (vm["ssh_data"]["username"], vm["id"])
    assert KEY not in json.dumps(found)


@pytest.mark.parametrize("key", ["my key", "", 7, f"{KEY}\n", f"no-pty {KEY}"])
def test_contract_000_names_the_field_of_an_invalid_ssh_key(world: World, key: object) -> None:
    orders = len(world.items("ORDER#"))

    reply = ask(world, "POST", "/api/v1/orders", {**VPS, "sshKey": key})

    assert_error(reply, 400, "INVALID_FIELD")
    assert "`sshKey`" in reply.body["error"]
    assert len(world.items("ORDER#")) == orders


def test_an_oauth_token_reads_a_machine_without_its_password(world: World) -> None:
    order_id = through_002(world, None)
    world.run()
    headers = oauth(world, "billing:read")

    vm = send(world, "GET", f"/api/orders/{order_id}", headers=headers).body["vm"]

    assert vm["ssh_data"]["password"] is None and vm["ip_address"]
