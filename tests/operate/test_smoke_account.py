"""The account of `make smoke` leaves only expiring items in the table."""

from __future__ import annotations

from typing import Any

from hosting_orders.adapters.dynamodb import keys
from operate.smoke_account import Shop
from operate.stacks import Stack
from tests.support.world import TABLE_NAME, a_world, bootstrap


class Cloud:
    def client(self, service: str) -> Any:
        return bootstrap.aws_client(service)


def test_the_account_is_removed_with_its_orders() -> None:
    with a_world() as world:
        before = {item["PK"]["S"] for item in world.items("")}
        stack = Stack("s", "CREATE_COMPLETE", {}, {}, {"OrdersTable": TABLE_NAME})
        client = world.services.stripe.client
        shop = Shop(Cloud(), stack, client)
        account = shop.open()
        world.accounts["smoke"] = {"id": account.id, "user_key": account.key, "customer": account.customer}
        world.advance(120)
        reply = world.request("POST", "/api/orders", {"site": {"name": "x", **account.site}}, account="smoke")
        assert reply.status == 202, reply.body
        world.run()
        order = world.order(reply.body["orders"][0]["id"], "smoke")
        assert keys.number_claim(order.number)["PK"] in {item["PK"]["S"] for item in world.items("NUMBER")}

        said: list[str] = []
        shop.close([], said.append)

        assert said == []
        # The events of webhooks and the counts of requests expire by themselves.
        left = {item["PK"]["S"] for item in world.items("")} - before
        assert {name for name in left if not name.startswith(("EVENT#", "LIMIT#"))} == set()
