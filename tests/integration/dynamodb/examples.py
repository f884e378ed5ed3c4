"""Orders and carts for the adapter's tests. `an_order()` returns a new order.

`a_full_order()` has all fields of a site's order except `refund_refusals`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hosting_orders.adapters.dynamodb.catalogue import DynamoCatalogueStore
from hosting_orders.adapters.dynamodb.orders import DynamoOrderStore
from hosting_orders.domain.cart import Cart, OrderSnapshot, Payment, PaymentStatus
from hosting_orders.domain.catalogue import Term, Variant
from hosting_orders.domain.ids import mint_number
from hosting_orders.domain.money import Money
from hosting_orders.domain.order import (
    Actor,
    CallbackTarget,
    Failure,
    Order,
    OrderStatus,
    Refund,
    Subscription,
    TimelineEntry,
)
from hosting_orders.domain.placement import Channel, Placement
from hosting_orders.domain.products import SiteItem, SiteResource
from tests.support.table import TABLE_NAME

NOW = 1_790_000_000_000
ACCOUNT = "5f1e1d6f8a4e4b0001c0ffee"
TOKEN = "0a0b0c0d-0000-8000-8000-00000000000a"
NUMBER = mint_number(NOW)


def an_order(number: int = NUMBER, **changes: Any) -> Order:
    order = Order(
        account_id=ACCOUNT,
        number=number,
        cart_token=TOKEN,
        status=OrderStatus.PENDING,
        item=SiteItem("Shop", "wordpress", "ams", "starter", Term.ANNUAL),
        price=Money(12_000, "EUR"),
        created_at=NOW,
        updated_at=NOW,
        due_at=NOW + 60_000,
        timeline=(TimelineEntry(NOW, OrderStatus.PENDING, Actor.CUSTOMER, "placed"),),
    )
    return replace(order, **changes)


def a_full_order(number: int = NUMBER, **changes: Any) -> Order:
    order = an_order(
        number,
        user_id="user-1",
        placed=Placement(Channel.MCP, "order_status", "203.0.113.7", "https://client.example/back", "page-1"),
        capacity="wordpress",
        provisioning_at=NOW + 1,
        cancel_requested_at=NOW + 2,
        operation_id="op_1",
        resource=SiteResource("site-1", "shop.example", "192.0.2.1", "admin", "c2VhbGVk", 22),
        subscription=Subscription("sub_1", "active", "annual", 2027, 9),
        refund=Refund("cn_1", 11_000, 1_000, NOW + 3),
        failure=Failure("no_capacity", "Die Plattform ist voll."),
        callback=CallbackTarget("https://client.example/orders", "c2VhbGVkIHRvbw=="),
    )
    return replace(order, **changes)


def a_cart(*orders: Order, token: str = TOKEN, **changes: Any) -> Cart:
    """A new cart with these orders."""
    cart = Cart(
        account_id=ACCOUNT,
        token=token,
        fingerprint="ab" * 32,
        payment=Payment(PaymentStatus.PROCESSING, "EUR", "card"),
        created_at=NOW,
        updated_at=NOW,
        payment_method_id="pm_card_visa",
        orders={order.number: OrderSnapshot(OrderStatus.PENDING, 0) for order in orders},
        due_at=NOW + 30_000,
    )
    return replace(cart, **changes)


def a_hosted_invoice_url() -> str:
    """A URL as long as the URLs of Stripe's hosted invoices."""
    return "https://invoice.stripe.com/i/acct_1M2JTkLkdIwHu7ix/test_" + "Yw" * 75 + "?s=ap"


def place_one(store: DynamoOrderStore, **changes: Any) -> Order:
    """Place one order in a cart of its own."""
    order = an_order(**changes)
    store.place(a_cart(order, token=order.cart_token), [order])
    return order


class StillClock:
    def __init__(self, now: int = NOW) -> None:
        self.time = now

    def now(self) -> int:
        return self.time


def a_catalogue_store(client: Any) -> DynamoCatalogueStore:
    return DynamoCatalogueStore(client, TABLE_NAME, StillClock())


def limit_places(client: Any, places: int | None, name: str = "wordpress") -> None:
    """Set a variant's capacity. Each order of the variant takes one place."""
    a_catalogue_store(client).put_variant(Variant(name, capacity=places))


def places_taken(client: Any, name: str = "wordpress") -> int:
    """Read from the table how many places of the variant are taken."""
    return a_catalogue_store(client).load().variants[name].used
