"""Contract 000: orders, lists and callbacks. Each test has its own world (tests/support/world.py)."""

from __future__ import annotations

import json
import re

from hosting_orders.domain.catalogue import Term, VmPlan
from hosting_orders.domain.order import OrderStatus
from tests.conformance.contract_000.support import (
    VPS,
    ask,
    assert_error,
    assert_thirteen,
    data,
    fresh_key,
    order_vps,
)
from tests.conformance.contract_002.support import change_account
from tests.support.checkout import order_site
from tests.support.world import a_world

ORDERS = "/api/v1/orders"


def vm_plan(name: str, prices: dict[tuple[str, Term, str], int]) -> VmPlan:
    size = {"memory_mb": 1024, "disk_gb": 20, "cores": 1, "transfer_gb": 500}
    return VmPlan(name, name, name.title(), "One core", prices, **size)


def test_SQ_036_a_free_order_is_delivered_and_costs_nothing() -> None:
    with a_world() as world:
        world.services.catalogue.put_plan(vm_plan("free", {("standard", Term.ANNUAL, "EUR"): 0}))
        ordered = order_vps(world, plan="free", interval="12 months")
        world.run()
        found = data(ask(world, "GET", f"/api/v1/orders/{ordered['id']}"))
        assert (found["status"], found["totalNet"], found["totalGross"]) == ("COMPLETED", 0.0, 0.0)


def test_SQ_027_orders_of_a_cart_add_up_to_the_taxed_invoice() -> None:
    with a_world(automatic_tax=True) as world:
        placed = world.place_cart(world.site(), world.site(plan="business"), world.domain("sum-example.com"))
        world.run()
        found = [data(ask(world, "GET", f"/api/v1/orders/{order['id']}")) for order in placed.body["orders"]]
        (invoice,) = world.stripe.invoices()
        assert round(sum(one["totalGross"] for one in found) * 100) == invoice["total"]
        assert round(sum(one["totalNet"] for one in found) * 100) == invoice["total_excluding_tax"]
        assert all(one["totalGross"] > one["totalNet"] for one in found)


def test_SQ_026_SQ_028_C08_C09_an_order_in_yen_shows_whole_yen() -> None:
    with a_world() as world:
        world.services.catalogue.put_plan(vm_plan("yen", {("standard", Term.MONTHLY, "JPY"): 1200}))
        change_account(world, "ready", currency="JPY")
        ordered = order_vps(world, plan="yen")
        assert (ordered["totalNet"], ordered["totalGross"], ordered["currency"]) == (1200, 1200, "JPY")


def test_SQ_005_orders_placed_through_any_contract_can_be_polled() -> None:
    with a_world() as world:
        placed = [
            world.place("ready").body["orders"][0]["id"],
            world.order_domain("polled-example.com").body["orders"][0]["id"],
            order_site(world, "ready").body["order"]["id"],
            order_vps(world)["token"],
        ]
        found = [data(ask(world, "GET", f"{ORDERS}/{order_id}")) for order_id in placed]
        assert [one["token"] for one in found] == placed
        assert [one["type"] for one in found] == ["VM", "DOMAIN", "VM", "VM"]


def test_SQ_046_SQ_048_an_unpaid_order_expires() -> None:
    with a_world() as world:
        order_id = order_site(world, "no_method").body["order"]["id"]
        path = f"{ORDERS}/{order_id}"
        assert data(ask(world, "GET", path, account="no_method"))["status"] == "PENDING"
        world.live(2 * 86_400, every=3600)
        assert data(ask(world, "GET", path, account="no_method"))["status"] == "EXPIRED"


def test_a_failed_vps_is_refunded() -> None:
    with a_world() as own:
        ordered = order_vps(own)
        own.run(finish=False)
        own.platform.fail(ordered["token"], retryable=False)
        own.platform_webhook(ordered["token"])
        own.live(600, every=60)
        assert own.order(ordered["token"]).status is OrderStatus.PROVISION_FAILED
        assert data(ask(own, "GET", f"{ORDERS}/{ordered['id']}"))["status"] == "PROVISION_FAILED"
        assert own.net_paid() == 0 and own.platform.services[ordered["token"]].deleted


def test_a_key_for_one_product_gets_full_pages_without_gaps() -> None:
    with a_world() as own:
        machines = []
        for place in range(3):
            own.order_domain(f"paged-{place}-a.com")
            own.order_domain(f"paged-{place}-b.com")
            machines.append(order_vps(own)["id"])
            own.advance(1)
        key = fresh_key(own, scopes=frozenset({"vps:provision"}))
        found: list[str] = []
        query: dict[str, str] = {"per_page": "2"}
        for sizes in (2, 1):
            reply = ask(own, "GET", ORDERS, key=key, query=query)
            found += [one["id"] for one in reply.body["data"]]
            assert len(reply.body["data"]) == sizes
            older = re.search(r'<[^>]*cursor=([^>]+)>; rel="next"', reply.headers.get("link", ""))
            query = {"per_page": "2", "cursor": older[1] if older else ""}
        assert found == machines[::-1]


def test_SQ_005_the_pay_link_is_shown_when_authentication_is_required() -> None:
    with a_world() as own:
        reply = ask(own, "POST", ORDERS, VPS, account="authentication_required")
        assert reply.status == 202
        address = re.fullmatch(r'<(http[^>]+)>; rel="payment"', reply.headers["link"])
        path = f"{ORDERS}/{reply.body['data']['id']}"
        assert address is not None
        assert ask(own, "GET", path, account="authentication_required").headers["link"] == address[0]
        assert "link" not in ask(own, "POST", ORDERS, VPS).headers


def test_the_list_shows_only_what_the_key_may_see() -> None:
    with a_world() as own:
        machine = order_vps(own)["id"]
        own.advance(1)
        own.order_domain("listed-example.com")
        for scopes, types in (
            ({"vps:provision"}, ["VM"]),
            ({"domains:provision"}, ["DOMAIN"]),
            ({"vps:provision", "domains:provision"}, ["DOMAIN", "VM"]),
        ):
            reply = ask(own, "GET", ORDERS, key=fresh_key(own, scopes=frozenset(scopes)))
            assert [one["type"] for one in reply.body["data"]] == types
            for one in reply.body["data"]:
                assert_thirteen(one)
        nothing = fresh_key(own, scopes=frozenset({"other:scope"}))
        assert_error(ask(own, "GET", ORDERS, key=nothing), 403, "INSUFFICIENT_SCOPE")
        page = ask(own, "GET", ORDERS, query={"per_page": "1"})
        assert page.headers["link"].startswith("</api/v1/orders?per_page=1&cursor=")
        cursor = page.headers["link"].split("cursor=")[1].split(">")[0]
        rest = ask(own, "GET", ORDERS, query={"per_page": "1", "cursor": cursor})
        assert [one["id"] for one in rest.body["data"]] == [machine]
        assert_error(ask(own, "GET", ORDERS, query={"page": "0"}), 400, "INVALID_PAGE")


def test_a_callback_uses_this_contracts_words() -> None:
    with a_world() as own:
        ordered = order_vps(own, callback={"url": "https://client.example/hook"})
        own.run()
        (request,) = own.callbacks.received
        message = json.loads(request.body)
        assert message["event"] == "order.completed"
        assert message["data"] == {
            "id": ordered["id"],
            "token": ordered["token"],
            "status": "COMPLETED",
            "type": "VM",
        }
