"""docs/extending.md explains how to add a product. This file adds a toy and tests its orders, renewals and refunds.

No other code mentions this product.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

import pytest
from markupsafe import Markup

from hosting_orders.adapters.dynamodb import plain
from hosting_orders.contracts.order_page import goods
from hosting_orders.contracts.order_page.goods import Goods
from hosting_orders.contracts.order_page.languages import Language
from hosting_orders.contracts.orders_v2 import orders as shown_orders
from hosting_orders.domain import order as orders
from hosting_orders.domain.catalogue import Term
from hosting_orders.domain.codes import Code
from hosting_orders.domain.durations import HOUR, MINUTE
from hosting_orders.domain.errors import InvalidRequestError
from hosting_orders.domain.money import Money
from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.domain.placement import Placement
from hosting_orders.domain.products import Claims, Deliverer, Item, Resource
from hosting_orders.domain.providers import ServiceRequest
from hosting_orders.usecases.authenticate import Caller, hash_key
from hosting_orders.usecases.drafts import Draft
from hosting_orders.usecases.place_cart import CartRequest, ItemRequest, place_cart
from hosting_orders.usecases.platform_delivery import PlatformFulfilment
from hosting_orders.usecases.products import registry
from hosting_orders.usecases.products.site import SiteRequest
from hosting_orders.usecases.sealed_password import password_context
from tests.support.order_page import get, seen, token_of
from tests.support.world import World, a_world

NET = 700


class ToyKind(StrEnum):
    TOY = "toy"


@dataclass(frozen=True, slots=True)
class ToyItem:
    KIND: ClassVar[ToyKind] = ToyKind.TOY
    DELIVERER: ClassVar[Deliverer] = Deliverer.PLATFORM

    name: str
    colour: str
    term: Term = Term.MONTHLY
    variant: ClassVar[None] = None
    location: ClassVar[None] = None
    plan: ClassVar[None] = None
    verb: ClassVar[str] = "wrap"

    def facts(self) -> dict[str, str]:
        return {"name": self.name, "colour": self.colour}

    def line_text(self) -> str:
        return f"Toy {self.name} in {self.colour}"

    def first_look(self) -> int:
        return MINUTE

    def is_reported(self) -> bool:
        return True

    def expected(self) -> int:
        return 2 * MINUTE

    def deadline(self) -> int:
        return HOUR

    def given_up(self) -> int:
        return 2 * HOUR

    def poll_after(self) -> int:
        return 7

    def renewal_price(self, price: Money) -> Money:
        return Money(price.amount - 100, price.currency)

    def renews_before(self) -> int:
        return 3 * HOUR

    def renewal_is_work(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class ToyResource:
    KIND: ClassVar[ToyKind] = ToyKind.TOY

    box: str
    sealed_password: str


@dataclass(frozen=True, slots=True)
class ToyRequest:
    KIND: ClassVar[ToyKind] = ToyKind.TOY
    DELIVERER: ClassVar[Deliverer] = Deliverer.PLATFORM

    name: str
    colour: str = "red"


class ToyFulfilment(PlatformFulfilment):
    def draft(self, services: Any, catalogue: Any, account: Any, request: ToyRequest, pointer: str) -> Draft:
        if request.colour not in ("red", "green"):
            raise InvalidRequestError(Code.INVALID_FIELD, "There is no such colour.", "/colour")
        item: Any = ToyItem(request.name, request.colour)
        return Draft(pointer, item, Money(NET, account.currency), Claims())

    def settle(self, services: Any, account: Any, drafts: Sequence[Draft]) -> Sequence[Draft]:
        return drafts

    def sealed(self, services: Any, account_id: str, number: int, draft: Draft) -> tuple[Any, Sequence[Any]]:
        return draft.item, ()

    def lost(self, draft: Draft) -> InvalidRequestError:
        raise AssertionError("a toy claims nothing")

    def service_request(self, order: Order) -> ServiceRequest:
        item = order.item_as(ToyItem)
        reference = f"{order.account_id}/{order.uuid}"
        return ServiceRequest(order.uuid, reference, order.kind.value, item.name, item.colour, "ams", "toy")

    def resource(self, services: Any, order: Order, operation: Any) -> Any:
        if operation.site is None:
            return None
        sealed = services.cipher.seal(operation.site.password, password_context(order))
        return ToyResource(operation.site.id, sealed)


def toy_block(order: Order, password: str | None) -> dict[str, Any]:
    toy = order.resource_as(ToyResource)
    return {"toy": {"box": toy.box, "secret": password}} if toy else {}


def toy_words(order: Order, names: object, _: Language) -> Goods:
    facts = ((Markup("Toy"), order.item.name),)
    return Goods(facts, Markup("Wrapping"), Markup("Being wrapped"), Markup("Wrapped"), Markup("Wait."))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    # the unions of stored types, as in domain/products.py
    monkeypatch.setattr(orders, "Item", Item | ToyItem)
    monkeypatch.setattr(orders, "Resource", Resource | ToyResource)
    plain._fields.cache_clear()
    # the tables by product kind: the fulfilments, a contract's blocks, and the texts of the order's page
    monkeypatch.setitem(registry.FULFILMENTS, ToyKind.TOY, ToyFulfilment)
    monkeypatch.setitem(shown_orders._BLOCKS, ToyKind.TOY, toy_block)
    monkeypatch.setitem(goods.GOODS, ToyKind.TOY, toy_words)
    with a_world() as world:
        yield world
    plain._fields.cache_clear()


def order(world: World, *products: Any) -> list[str]:
    """Order these products in one cart and return the order ids."""
    account = world.accounts["ready"]
    credential = world.services.directory.credential(hash_key(account["user_key"]))
    assert credential is not None
    caller = Caller(credential, world.services.directory.account(account["id"]))
    items = tuple(ItemRequest(f"/items/{place}", product) for place, product in enumerate(products))
    request = CartRequest(items, "fingerprint", Placement(), callback_url="https://client.example/hook")
    placed = place_cart(world.services, caller, request, allow_loopback_callbacks=False)
    return [found.uuid for found in world.services.orders.orders(account["id"], sorted(placed.cart.orders))]


def test_a_new_product_is_sold_delivered_and_renewed(world: World) -> None:
    (order_id,) = order(world, ToyRequest("Bear"))
    assert world.net_paid() == NET
    assert lines(world) == ["Toy Bear in red"]
    world.run(finish=False)
    waiting = world.order(order_id)
    assert world.platform.services[order_id].body["kind"] == "toy"
    shown = world.request("GET", f"/api/orders/{order_id}")
    assert (shown.status, shown.headers["retry-after"]) == (200, "7")
    page = seen(get(world, token_of(world, waiting)))
    assert (page.heading, page.current, page.facts["Toy"]) == ("Being wrapped", ["Wrapping"], "Bear")
    assert waiting.due_at == (waiting.provisioning_at or 0) + MINUTE
    world.run()
    world.live(120, every=60)
    delivered = world.order(order_id)
    assert delivered.status is OrderStatus.COMPLETED
    assert delivered.subscription is not None and delivered.due_at is None
    shown = world.request("GET", f"/api/orders/{order_id}").body
    handed_over = world.platform.services[order_id].operation.resource
    assert handed_over is not None
    assert shown["toy"] == {"box": handed_over["id"], "secret": world.platform.password(order_id)}
    one = world.request("GET", f"/api/orders/{order_id}", headers={"x-api-version": "1"}).body
    assert (one["order"]["status"], "site" in one) == ("completed", False)
    status = world.request("GET", f"/api/v1/orders/{order_id}", key="api_key_000").body["data"]
    assert (status["status"], status["type"]) == ("COMPLETED", "VM")
    billing = world.request("GET", f"/api/billing/order/{delivered.number}", key="api_key_001").body["data"]
    assert (billing["status"], billing["order"]["type"], billing["order"]["hosting"]) == ("Active", "toy", [])
    renewal = world.stripe.get(delivered.subscription.id)["items"]["data"][0]
    assert renewal["price"]["unit_amount"] == NET - 100
    (callback,) = world.callbacks.received
    assert b'"name":"toy.wrap","title":"Wrap toy Bear"' in callback.body


@pytest.mark.parametrize("silent", [False, True], ids=["the platform fails", "the platform never answers"])
def test_an_undelivered_new_product_is_removed_and_refunded(world: World, silent: bool) -> None:
    toy, site = order(world, ToyRequest("Bear"), SiteRequest("Shop", "vanilla", "ams", "basic", "monthly"))
    assert world.net_paid() == NET + 1200
    world.run(finish=False)
    world.platform.finish(site)
    world.platform_webhook(site)
    if silent:
        world.live(3 * 3600, every=600, finish=False)
    else:
        world.platform.fail(toy)
        world.platform_webhook(toy)
        world.run()
    world.live(1200, every=300)
    assert world.order(toy).status is OrderStatus.PROVISION_FAILED
    assert world.order(site).status is OrderStatus.COMPLETED
    assert (world.net_paid(), world.platform.deprovisioned) == (1200, [toy])


def test_a_new_product_has_its_own_checks(world: World) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        order(world, SiteRequest("Shop", "vanilla", "ams", "basic", "monthly"), ToyRequest("Bear", "blue"))
    assert (refused.value.code, refused.value.pointer) == (Code.INVALID_FIELD, "/items/1/colour")
    assert world.items("ORDER#") == [] and world.net_paid() == 0


def lines(world: World) -> list[str]:
    """Return the texts of all invoice lines of the account."""
    customer = world.accounts["ready"]["customer"]
    invoices = world.services.payments._stripe.v1.invoices.list({"customer": customer}).data
    return [line.description or "" for invoice in invoices for line in invoice.lines.data]
