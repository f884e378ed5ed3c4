"""Orders of contract 000 that need a world of their own."""

from __future__ import annotations

import json

from hosting_orders.domain.catalogue import Term, VmPlan
from hosting_orders.domain.order import OrderStatus
from tests.conformance.contract_000.support import (
    ask,
    assert_error,
    assert_thirteen,
    data,
    fresh_key,
    order_vps,
)
from tests.support.world import a_world

ORDERS = "/api/v1/orders"


def test_SQ_036_an_order_that_costs_nothing() -> None:
    with a_world() as world:
        free = VmPlan("99", "free", "Free", "Free", {("standard", Term.ANNUAL, "EUR"): 0})
        world.services.catalogue.put_plan(free)
        ordered = order_vps(world, plan="free", interval="12 months")
        world.run()
        found = data(ask(world, "GET", f"/api/v1/orders/{ordered['id']}"))
        assert (found["status"], found["totalNet"], found["totalGross"]) == ("COMPLETED", 0.0, 0.0)


def test_SQ_027_the_parts_of_a_cart_add_up_to_its_invoice_with_tax() -> None:
    with a_world(automatic_tax=True) as world:
        placed = world.place_cart(world.site(), world.site(plan="business"), world.domain("sum-example.com"))
        world.run()
        found = [data(ask(world, "GET", f"/api/v1/orders/{order['id']}")) for order in placed.body["orders"]]
        (invoice,) = world.stripe.invoices()
        assert round(sum(one["totalGross"] for one in found) * 100) == invoice["total"]
        assert round(sum(one["totalNet"] for one in found) * 100) == invoice["total_excluding_tax"]
        assert all(one["totalGross"] > one["totalNet"] for one in found)


def test_a_vps_that_fails_is_paid_back() -> None:
    with a_world() as own:
        ordered = order_vps(own)
        own.run(finish=False)
        own.platform.fail(ordered["token"], retryable=False)
        own.platform_webhook(ordered["token"])
        own.live(600, every=60)
        assert own.order(ordered["token"]).status is OrderStatus.PROVISION_FAILED
        assert data(ask(own, "GET", f"{ORDERS}/{ordered['id']}"))["status"] == "PROVISION_FAILED"
        assert own.net_paid() == 0 and own.platform.services[ordered["token"]].deleted


def test_the_list_shows_what_the_key_may_see() -> None:
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


def test_a_callback_in_this_contract_s_words() -> None:
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
