"""Reads and checks what a domain order leaves in the table and at the providers, and what the client receives."""

from __future__ import annotations

from typing import Any

from hosting_orders import bootstrap
from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.domain.products import DomainItem
from tests.support.world import Reply, World

DAY = 86_400_000  # milliseconds


def placed(world: World, name: str = "hosting-example.com", account: str = "ready", **changes: Any) -> Order:
    reply = world.order_domain(name, account, callback=True, **changes)
    assert reply.status == 202, reply.body
    return world.order(reply.body["orders"][0]["id"], account)


def transfer(world: World, name: str = "moving-example.com", account: str = "ready") -> Order:
    return placed(world, name, account, action="transfer", authcode="Secret-1")


def submitted(world: World, name: str = "hosting-example.com", **changes: Any) -> Order:
    order = placed(world, name, **changes)
    world.run()
    order = now(world, order)
    assert order.status is OrderStatus.PROCESSING and order.operation_id is not None
    return order


def delivered(world: World, reply: Reply, account: str = "ready", *, every: float = 600) -> Order:
    """Let an hour pass, check that the only order of the reply is completed, and return the order."""
    world.run()
    world.live(3600, every=every)
    order = world.order(reply.body["orders"][0]["id"], account)
    assert order.status is OrderStatus.COMPLETED
    return order


def now(world: World, order: Order) -> Order:
    return world.order(order.uuid, account_of(order))


def account_of(order: Order) -> str:
    return order.account_id.removeprefix("acc_")


def shown(world: World, order: Order) -> Any:
    return world.request("GET", f"/api/orders/{order.uuid}", account=account_of(order)).body


def cancel(world: World, order: Order) -> Reply:
    return world.request("DELETE", f"/api/orders/{order.uuid}", account=account_of(order))


def zones(world: World, name: str) -> list[str]:
    made = bootstrap.aws_client("route53").list_hosted_zones()["HostedZones"]
    return [zone["Id"].removeprefix("/hostedzone/") for zone in made if zone["Name"] == f"{name}."]


def claims(world: World) -> set[str]:
    """The claimed domains. Other orders for these domains are refused."""
    return {item["PK"]["S"].partition("#")[2] for item in world.items("DOMAIN")}


def contacts(world: World) -> set[int]:
    return {int(item["number"]["N"]) for item in world.items("CONTACTS#")}


def waiting(world: World) -> list[str]:
    return [item["SK"]["S"] for item in world.items("TOKEN#")]


def endings(world: World) -> set[str]:
    return {execution.status for execution in world.runner.executions.values()}


def told(world: World) -> int:
    """The number of callbacks that clients received. A repeated callback counts once."""
    return len({request.message_id for request in world.callbacks.received})


def renewals(world: World, order: Order) -> list[dict[str, Any]]:
    return [
        one
        for one in world.stripe.subscriptions()
        if one["metadata"].get("order_id") == order.uuid and one["status"] != "canceled"
    ]


def assert_registered(world: World, order: Order) -> None:
    """The domain was submitted and registered exactly once, and has one zone, a claim, contacts and one renewal."""
    ended = now(world, order)
    name = order.item_as(DomainItem).ascii_name
    assert ended.status is OrderStatus.COMPLETED
    # The next check of the order comes only when the next year is charged.
    assert ended.due_at is not None and ended.due_at > world.clock.now() + 200 * DAY
    assert world.registrar.submissions(name) == 1 and world.registrar.registrations(name) == 1
    assert len(zones(world, name)) == 1 and ended.resource is not None
    assert len(renewals(world, order)) == 1 and ended.subscription is not None
    assert name in claims(world) and order.number in contacts(world)
    assert ended.refund is None and world.runner.executions[order.uuid].status == "SUCCEEDED"


def assert_alone(world: World, order: Order) -> None:
    """Call `assert_registered`. Also check that there was one charge and one callback, and that nothing waits."""
    assert_registered(world, order)
    assert world.net_paid(account_of(order)) == order.price.amount
    assert not world.stripe.credit_notes() and len(world.stripe.charges()) == 1
    assert len(world.stripe.subscriptions()) == 1
    assert told(world) == 1 and endings(world) == {"SUCCEEDED"} and not waiting(world)
    assert world.services.orders.due(world.clock.now() + 200 * DAY, 10) == []


def assert_given_back(world: World, order: Order, end: OrderStatus = OrderStatus.PROVISION_FAILED) -> None:
    """The order ended without its domain and is refunded. It has no claim, contacts, zone or renewal."""
    ended = now(world, order)
    name = order.item_as(DomainItem).ascii_name
    assert ended.status is end and ended.due_at is None
    assert ended.refund is not None and ended.resource is None and ended.subscription is None
    assert name not in claims(world) and order.number not in contacts(world)
    assert not zones(world, name) and not renewals(world, order)
    assert world.runner.executions[order.uuid].status == "SUCCEEDED"
    seen = shown(world, order)
    assert seen["order"]["status"] == ("cancelled" if end is OrderStatus.CANCELED else "failed")
    assert seen["payment"]["refunded_cents"] == ended.refund.amount + ended.refund.to_credit
