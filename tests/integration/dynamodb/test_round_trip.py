"""Every value of the stored domain types can be written as an item and read back."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting_orders.adapters.dynamodb import items
from hosting_orders.adapters.dynamodb.codec import decode, encode
from hosting_orders.domain.account import Account, Credential, User
from hosting_orders.domain.callback import CallbackDelivery
from hosting_orders.domain.cart import Cart, OrderSnapshot, RollupStatus
from hosting_orders.domain.catalogue import Location, Plan, Term, Tld, Variant
from hosting_orders.domain.domain_record import DomainRecord
from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.domain.products import ProductKind
from hosting_orders.domain.registration import SealedContacts
from tests.integration.dynamodb.examples import a_cart

WHOLE = st.integers(min_value=0, max_value=2**53)


def anything(hint: Any) -> st.SearchStrategy[Any]:
    """Generate any value of a domain type. Each field of a dataclass gets values of its own type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*[anything(argument) for argument in arguments])
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(anything(arguments[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*[anything(argument) for argument in arguments])
    if origin is frozenset:
        return st.frozensets(anything(arguments[0]), max_size=3)
    if origin is not None:
        return st.dictionaries(anything(arguments[0]), anything(arguments[1]), max_size=4)
    if dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        return st.builds(
            hint, **{field.name: anything(hints[field.name]) for field in dataclasses.fields(hint)}
        )
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(list(hint))
    return {str: st.text(max_size=12), int: WHOLE, bool: st.booleans(), type(None): st.none()}[hint]


def as_placed(value: Any) -> Any:
    """Return the value as `place` stores it. If a domain order has no record, `place` adds an empty record."""
    if isinstance(value, Order) and value.kind is ProductKind.DOMAIN and value.domain is None:
        return value.with_domain(DomainRecord())
    return value


def stored(item: dict[str, Any]) -> dict[str, Any]:
    """The item as the table returns it."""
    return decode(encode(item))


CASES: list[tuple[type, Callable[[Any], Any], Callable[[Any], Any]]] = [
    (Order, items.order_to_item, items.order_from_item),
    (CallbackDelivery, items.delivery_to_item, items.delivery_from_item),
    (Account, items.account_to_item, items.account_from_item),
    (SealedContacts, items.contacts_to_item, items.contacts_from_item),
    (Tld, items.tld_to_item, items.tld_from_item),
    (User, items.user_to_item, items.user_from_item),
    (Credential, items.credential_to_item, items.credential_from_item),
    (Plan, items.plan_to_item, items.plan_from_item),
    (Location, items.location_to_item, items.location_from_item),
]


@pytest.mark.parametrize(("kind", "to_item", "from_item"), CASES, ids=[kind.__name__ for kind, _, _ in CASES])
def test_every_stored_value_is_read_back_equal(
    kind: type, to_item: Callable[[Any], Any], from_item: Callable[[Any], Any]
) -> None:
    @given(anything(kind).map(as_placed))
    def comes_back(original: Any) -> None:
        assert from_item(stored(to_item(original))) == original

    comes_back()


@given(anything(Cart))
def test_a_cart_is_read_from_its_two_items(cart: Cart) -> None:
    back = items.cart_from_items(stored(items.cart_to_item(cart)), stored(items.rollup_to_item(cart)))
    assert back == cart
    assert list(back.orders) == list(cart.orders), "orders keep the client's sequence"


@given(anything(Cart))
def test_without_a_roll_up_item_all_orders_are_pending(cart: Cart) -> None:
    back = items.cart_from_items(stored(items.cart_to_item(cart)), None)
    assert dict(back.orders) == dict.fromkeys(cart.orders, items.NOT_REPORTED)
    assert back.payment == cart.payment


@given(anything(Variant))
def test_a_variant_is_read_with_its_counter(variant: Variant) -> None:
    counter = {"used": variant.used} | ({} if variant.capacity is None else {"capacity": variant.capacity})
    assert items.variant_from_items(stored(items.variant_to_item(variant)), stored(counter)) == variant


@given(anything(Order))
def test_a_field_with_the_value_none_is_not_stored(order: Order) -> None:
    assert None not in items.order_to_item(order).values()


@given(anything(Order))
def test_only_orders_with_a_due_time_are_in_the_index(order: Order) -> None:
    item = items.order_to_item(order)
    assert ("due_shard" in item) == ("due_at" in item) == (order.due_at is not None)


def test_attributes_of_a_later_release_are_ignored() -> None:
    plan = Plan("1", "starter", "Starter", "Small", {("standard", Term.MONTHLY, "EUR"): 500})
    assert items.plan_from_item({**items.plan_to_item(plan), "discount": 5}) == plan


def test_a_fractional_number_is_refused() -> None:
    with pytest.raises(ValueError, match="not a whole number"):
        decode({"prices": {"M": {"EUR": {"N": "12.5"}}}})


@pytest.mark.parametrize("statuses", [[status] for status in OrderStatus] + [list(OrderStatus)])
def test_the_roll_up_of_100_orders_fits_in_one_write_unit(
    statuses: list[OrderStatus],
) -> None:
    """A write unit is 1024 bytes of names and values."""
    marks = {
        2**49 - 1 - place: OrderSnapshot(statuses[place % len(statuses)], version=19) for place in range(100)
    }
    cart = a_cart(orders=marks, rollup_status=RollupStatus.PROCESSING, rollup_version=1900)
    assert size_of(encode(items.rollup_to_item(cart))) <= 1024


def size_of(item: dict[str, Any]) -> int:
    """Return the size in bytes by DynamoDB's rules.

    The size of a text is its number of UTF-8 bytes. The size of a number is half a byte per digit, plus 1 byte. The
    size of a map or list is the size of its elements, plus 1 byte per element, plus 3 bytes.
    """
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(typed: dict[str, Any]) -> int:
    ((kind, value),) = typed.items()
    if kind == "S":
        return len(value.encode())
    if kind == "N":
        return (len(value.strip("-").rstrip("0")) + 1) // 2 + 1
    if kind == "M":
        return 3 + size_of(value) + len(value)
    if kind == "L":
        return 3 + sum(_value_size(inner) + 1 for inner in value)
    return 1
