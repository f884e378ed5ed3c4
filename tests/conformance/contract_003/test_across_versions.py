"""Orders placed in version 1 or 2 of the API are read and cancelled in the other version."""

from __future__ import annotations

from tests.conformance.contract_002.support import assert_error, finished
from tests.conformance.contract_003.support import ask, page_of, placed, shown, stranger
from tests.support.world import World

NONE = (None, None, None)


def test_O1_020_O1_023_version_1_shows_a_site_ordered_in_version_2(world: World) -> None:
    order_id = world.place(variant="extendify", plan="business", location="pdx").body["orders"][0]["id"]
    assert shown(world, order_id)["tasks"][0]["status"] in ("PENDING", "RUNNING")
    world.run()
    one, two = shown(world, order_id), world.request("GET", f"/api/orders/{order_id}").body
    order = one["order"]
    assert (order["variant"], order["product"], order["location"]) == ("extendify", "business", "pdx")
    assert (order["status"], order["created_at"]) == (two["order"]["status"], two["order"]["created_at"])
    assert (one["tasks"], one["account"], one["user"]) == (two["tasks"], two["account"], two["user"])
    ssh = two["site"]["ssh_data"]
    assert one["site"] == {
        "id": two["site"]["id"],
        "name": two["site"]["name"],
        "domain": two["site"]["domain"],
        "ssh_data": ssh | {"port": str(ssh["port"])},
    }


def test_O1_021_version_1_can_cancel_an_unpaid_order_of_version_2(world: World) -> None:
    account = "authentication_required"
    placed_2 = world.place(account)
    order_id = placed_2.body["orders"][0]["id"]
    order = shown(world, order_id, account)["order"]
    assert order["payment_ur"] == order["payment_url"] == placed_2.body["payment"]["hosted_invoice_url"]
    assert ask(world, "DELETE", f"/api/orders/{order_id}", account).status == 202
    world.run()
    assert (
        world.request("GET", f"/api/orders/{order_id}", account=account).body["order"]["status"]
        == "cancelled"
    )


def test_O1_020_O1_023_version_1_shows_a_domain_order_without_the_domain(world: World) -> None:
    order_id = world.order_domain("across-example.com").body["orders"][0]["id"]
    finished(world, order_id)
    body = shown(world, order_id)
    assert body["order"]["status"] == "completed"
    assert "site" not in body and "domain" not in body
    assert (body["order"]["variant"], body["order"]["product"], body["order"]["location"]) == NONE
    task = ask(world, "GET", f"/api/tasks/{body['tasks'][0]['id']}").body["task"]
    assert (task["name"], task["sites"]) == ("domain.register", [])


def test_O1_010_O1_020_version_1_shows_the_orders_of_a_cart_but_not_the_cart(world: World) -> None:
    reply = world.place_cart(world.site(name="In a cart"), world.domain("in-a-cart.com"))
    site, domain = (each["id"] for each in reply.body["orders"])
    world.run()
    assert shown(world, site)["site"]["name"] == "In a cart"
    assert "site" not in shown(world, domain)
    listed = {each["id"]: each for each in ask(world, "GET", "/api/orders").body["orders"]}
    assert (listed[site]["variant"], listed[domain]["variant"]) == ("vanilla", None)
    assert_error(ask(world, "GET", reply.body["cart"]["poll_url"]), 400, "unsupported_api_version")


def test_C01_C15_version_2_shows_an_order_placed_in_version_1(world: World) -> None:
    account = stranger(world)
    answer = placed(world, account)
    order_id = answer["order"]["id"]
    two = world.request("GET", f"/api/orders/{order_id}", account=account).body
    assert set(two) >= {"order", "tasks", "payment", "cancellation", "account", "user"}
    assert (two["payment"]["status"], two["payment"]["hosted_invoice_url"]) == (
        "awaiting_authentication",
        answer["payment_url"],
    )
    assert two["cancellation"]["can_cancel"] is True
    assert "variant" not in two["order"] and "payment_url" not in two["order"]
    world.run()
    world.stripe.controls.pay_checkout(page_of(world, order_id, account)["id"])
    world.run()
    two = world.request("GET", f"/api/orders/{order_id}", account=account).body
    assert (two["order"]["status"], two["payment"]["status"]) == ("completed", "succeeded")
    assert two["payment"]["hosted_invoice_url"] is None
    assert type(two["site"]["ssh_data"]["port"]) is int
    assert two["site"]["id"] == shown(world, order_id, account)["site"]["id"]


def test_C01_version_2_shows_the_cart_of_a_version_1_order(world: World) -> None:
    account = stranger(world)
    answer = placed(world, account)
    order_id = answer["order"]["id"]
    token = world.order(order_id, account).cart_token
    cart = world.request("GET", f"/api/carts/{token}", account=account).body
    assert [each["id"] for each in cart["orders"]] == [order_id]
    assert cart["payment"]["hosted_invoice_url"] == answer["payment_url"]


def test_O1_050_version_2_can_cancel_an_order_of_version_1(world: World) -> None:
    account = stranger(world)
    order_id = placed(world, account)["order"]["id"]
    assert world.request("DELETE", f"/api/orders/{order_id}", account=account).status == 202
    world.run()
    assert shown(world, order_id, account)["order"]["status"] == "cancelled"
    assert page_of(world, order_id, account)["status"] == "expired"


def test_C01_version_2_shows_a_migration_ordered_in_version_1(world: World) -> None:
    reply = ask(world, "POST", "/api/orders", body='{"site": {"name": "Moved", "variant": "migration"}}')
    world.run()
    order_id = reply.body["order"]["id"]
    assert world.request("GET", f"/api/orders/{order_id}").body["site"]["variant"] == "migration"
