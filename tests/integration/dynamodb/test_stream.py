"""Reading orders from the records of the table's stream."""

from __future__ import annotations

from typing import Any

from hosting_orders.adapters.dynamodb.orders import DynamoOrderStore
from hosting_orders.adapters.dynamodb.stream import order_of_record
from hosting_orders.domain.cart import OrderSnapshot
from hosting_orders.domain.order import OrderStatus
from tests.integration.dynamodb.examples import ACCOUNT, NUMBER, a_cart, a_full_order, an_order, limit_places
from tests.support.table import everything_in


def record(item: dict[str, Any], event: str = "MODIFY") -> dict[str, Any]:
    """A stream record of this item, as Lambda passes it to a handler."""
    image = {} if event == "REMOVE" else {"NewImage": item}
    keys = {name: item[name] for name in ("PK", "SK")}
    return {"eventName": event, "dynamodb": {"Keys": keys, **image, "StreamViewType": "NEW_IMAGE"}}


def test_only_order_items_are_read_as_orders(store: DynamoOrderStore, client: Any) -> None:
    limit_places(client, 5)
    orders = [a_full_order(NUMBER), an_order(NUMBER + 1)]
    store.place(a_cart(*orders), orders)
    store.save_roll_up(ACCOUNT, a_cart().token, {NUMBER: OrderSnapshot(OrderStatus.PROCESSING, 1)})
    told = [order_of_record(record(item, "INSERT")) for item in everything_in(client)]
    assert [order for order in told if order is not None] == orders
    assert len(told) == 8, "two orders, and the cart, roll-up, two number claims, variant and counter"


def test_a_removed_order_is_ignored(store: DynamoOrderStore, client: Any) -> None:
    store.place(a_cart(an_order()), [an_order()])
    assert [order_of_record(record(item, "REMOVE")) for item in everything_in(client)] == [None, None, None]
