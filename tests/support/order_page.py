"""The order's page in a world (tests/support/world.py): orders in every state, and what their page shows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from html import unescape
from unittest import mock

from botocore.exceptions import EndpointConnectionError

from hosting_orders.domain.order import Order
from tests.support.checkout import order_of, order_site, session_of, site
from tests.support.domain_books import transfer
from tests.support.world import Reply, World, boto3_client

DAY = 86_400


def token_of(world: World, order: Order) -> str:
    return str(world.services.page_tokens.token(order.account_id, order.number))


def get(
    world: World, token: str, outcome: str | None = None, headers: Mapping[str, str] | None = None
) -> Reply:
    """GET /o/{token} without an API key, as a browser sends it."""
    query = "" if outcome is None else f"?outcome={outcome}"
    return world.request("GET", f"/o/{token}{query}", account=None, headers=headers or {})


def speak(world: World, order: Order, language: str) -> None:
    account = world.services.directory.account(order.account_id)
    assert account is not None
    world.services.directory.put_account(replace(account, locale=language))


@contextmanager
def table_away() -> Iterator[None]:
    def refuse(*_: object) -> None:
        raise EndpointConnectionError(endpoint_url="made up")

    with mock.patch.object(boto3_client("dynamodb"), "_make_api_call", refuse):
        yield


@dataclass(frozen=True, slots=True)
class Seen:
    language: str
    heading: str
    text: str
    steps: list[tuple[str, str]]  # (title, CSS class)
    current: list[str]
    links: list[str]
    facts: dict[str, str]


def seen(reply: Reply) -> Seen:
    html = reply.body
    assert isinstance(html, str) and html.startswith("<!doctype html>"), html
    items = re.findall(r'<li class="(\w+)"( aria-current="step")?>\s*<span class="step">(.*?)</span>', html)
    facts = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", html)
    (language,) = re.findall(r'<html lang="(\w+)">', html)
    (heading,) = re.findall(r"<h1>(.*?)</h1>", html)
    return Seen(
        language,
        unescape(heading),
        plain(html.partition("<body>")[2]),
        [(unescape(title), mark) for mark, _, title in items],
        [unescape(title) for _, current, title in items if current],
        [unescape(link) for link in re.findall(r'<a [^>]*href="(.*?)"', html)],
        {plain(label): plain(value) for label, value in facts},
    )


def plain(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", "", html)).split())


# -- orders in every state ------------------------------------------------------------------------------------------


def payable(world: World) -> Order:
    order = order_of(world, order_site(world, body=site(name="Jan's bakkerij & café")))
    world.run()
    return order


def under_debit(world: World) -> Order:
    order = payable(world)
    world.stripe.controls.debit_checkout(session_of(world, order)["id"])
    world.run()
    return order


def late_debit(world: World) -> Order:
    world.stripe.controls.set(sepa_settles_after=13 * DAY)
    order = under_debit(world)
    world.live(8 * DAY, every=DAY)
    return order


def returned_debit(world: World) -> Order:
    order = under_debit(world)
    world.stripe.controls.fail(session_of(world, order)["id"])
    world.live(3 * 3600, every=600)
    return order


def paid(world: World) -> Order:
    order = payable(world)
    world.stripe.controls.pay_checkout(session_of(world, order)["id"])
    world.run(finish=False)
    return order


def late(world: World) -> Order:
    order = paid(world)
    world.live(3600, finish=False)
    return order


def delivered(world: World) -> Order:
    order = payable(world)
    world.stripe.controls.pay_checkout(session_of(world, order)["id"])
    world.run()
    return order


def expired(world: World) -> Order:
    order = payable(world)
    world.live(25 * 3600, every=3600)
    return order


def canceling(world: World) -> Order:
    order = payable(world)
    cancel(world, order)
    return order


def canceling_debit(world: World) -> Order:
    order = under_debit(world)
    cancel(world, order)
    world.run()
    return order


def canceled(world: World) -> Order:
    order = canceling(world)
    world.run()
    return order


def canceled_paid(world: World) -> Order:
    order = canceling_debit(world)
    world.stripe.controls.settle(session_of(world, order)["id"])
    world.live(1200, every=60)
    return order


def failing(world: World) -> Order:
    order = paid(world)
    world.platform.fail(order.uuid, retryable=False)
    world.platform_webhook(order.uuid)
    return order


def undeliverable(world: World) -> Order:
    order = failing(world)
    world.live(1200, every=60)
    return order


def unrefundable(world: World) -> Order:
    world.stripe.controls.set(refunds="refuse")
    order = failing(world)
    world.live(1200, every=60)
    return order


def registering(world: World) -> Order:
    reply = world.order_domain("bakkerij-jansen.nl")
    assert reply.status == 202, reply.body
    world.run()
    return world.order(reply.body["orders"][0]["id"])


def registered(world: World) -> Order:
    order = registering(world)
    world.live(1800, every=60)
    return order


def transferring(world: World) -> Order:
    order = transfer(world)
    world.run()
    return order


def to_confirm(world: World) -> Order:
    order = transferring(world)
    world.live(3 * DAY, every=DAY / 4)
    return order


def cancel(world: World, order: Order) -> None:
    reply = world.request("DELETE", f"/api/orders/{order.uuid}", account="no_method")
    assert reply.status == 202, reply.body


STATES: dict[str, Callable[[World], Order]] = {
    make.__name__: make
    for make in (
        *(payable, under_debit, late_debit, returned_debit, paid, late, delivered, expired),
        *(canceling, canceling_debit, canceled, canceled_paid, failing, undeliverable, unrefundable),
        *(registering, registered, transferring, to_confirm),
    )
}
