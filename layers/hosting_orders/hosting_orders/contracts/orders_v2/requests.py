"""The request bodies of contract 002."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, field_validator, model_validator
from pydantic_core import PydanticCustomError

from hosting_orders.contracts.operation import Body, RequestFacts
from hosting_orders.contracts.vendor.requests import (
    Agreed,
    Callback,
    Name,
    ShortName,
    Strict,
    cart_request,
    checked,
    without_quote,
)
from hosting_orders.domain.cart import MAX_ITEMS, OnItemFailure
from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import InvalidRequestError
from hosting_orders.usecases.place_cart import CartRequest, ItemRequest
from hosting_orders.usecases.products.fulfilment import ProductRequest
from hosting_orders.usecases.products.site import SiteRequest
from hosting_orders.usecases.products.vm import VmRequest

from . import operations
from .domain_requests import Domain, domain_problem, domain_request


class Site(Strict):
    """docs/contracts.md O2-064 … O2-069."""

    name: Name
    variant: ShortName
    location: ShortName
    plan: ShortName
    term: ShortName


class Vm(Strict):
    """Our addition to the contract."""

    hostname: Annotated[str, StringConstraints(min_length=1, max_length=253)]
    plan: ShortName
    image: ShortName
    location: ShortName
    term: ShortName
    ssh_key: str | None = None


class PlaceOrder(Agreed):
    site: Site
    callback: Callback | None = Field(default=None)


class OrderDomain(Agreed):
    domain: Domain
    callback: Callback | None = None


class CartItem(Strict):
    site: Site | None = None
    domain: Domain | None = None
    vm: Vm | None = None

    @model_validator(mode="after")
    def _one_product(self) -> Self:
        if len(self._given()) != 1:
            known = ", ".join(f"`{name}`" for name in type(self).model_fields)
            raise PydanticCustomError("one_product", "must have exactly one of: {known}", {"known": known})
        return self

    def _given(self) -> list[tuple[str, Strict]]:
        return [
            (name, given) for name in type(self).model_fields if (given := getattr(self, name)) is not None
        ]

    @property
    def product(self) -> tuple[str, Strict]:
        return self._given()[0]


class PlaceCart(Agreed):
    """Our addition to the contract."""

    items: list[CartItem]
    on_item_failure: str | None = None
    callback: Callback | None = None

    @field_validator("items")
    @classmethod
    def _some(cls, given: list[CartItem]) -> list[CartItem]:
        if not 1 <= len(given) <= MAX_ITEMS:
            raise PydanticCustomError("number_of_items", f"must have 1 to {MAX_ITEMS} items")
        return given

    @field_validator("on_item_failure")
    @classmethod
    def _known(cls, given: str | None) -> str | None:
        if given is not None and given not in set(OnItemFailure):
            raise PydanticCustomError("unknown", "must be `keep` or `cancel_all`")
        return given


def orders_a_domain(body: object) -> bool:
    """Accepts an invalid body, because permissions are checked before fields (C13)."""
    if isinstance(body, Mapping) and body.get("domain") is not None:
        return True
    items = body.get("items") if isinstance(body, Mapping) else None
    if not isinstance(items, list):
        return False
    return any(isinstance(item, Mapping) and item.get("domain") is not None for item in items)


# -- use-case requests --------------------------------------------------------------------------------------------


def _site_order(body: object, facts: RequestFacts) -> CartRequest:
    order = checked(PlaceOrder, _not_of_another_api(body))
    return _request([("/site", order.site)], order.callback, facts, order)


def _domain_order(body: object, facts: RequestFacts) -> CartRequest:
    order = checked(OrderDomain, body, domain_problem)
    return _request([("/domain", order.domain)], order.callback, facts, order)


def _cart(body: object, facts: RequestFacts) -> CartRequest:
    cart = checked(PlaceCart, body, domain_problem)
    products = [item.product for item in cart.items]
    items = [(f"/items/{number}/{field}", product) for number, (field, product) in enumerate(products)]
    return _request(items, cart.callback, facts, cart, cart.on_item_failure)


def _preview(body: object, facts: RequestFacts) -> CartRequest:
    """Accept the body of a cart, a site order or a domain order."""
    fields = body if isinstance(body, Mapping) else {}
    read = next((read for field, read in _SINGLE.items() if field in fields and "items" not in fields), _cart)
    return without_quote(read(body, facts))


def _not_of_another_api(body: object) -> object:
    """The vendor's callbacks page shows `order`, but the contract requires `site` (C18)."""
    if isinstance(body, dict) and "order" in body:
        hint = "put name, variant, location, plan and term into `site`, not into `order`."
        if "site" in body:
            raise InvalidRequestError(
                Code.INVALID_FIELD, f"`order` is not a field of this request: {hint}", "/order"
            )
        raise InvalidRequestError(Code.MISSING_FIELD, f"`site` is required: {hint}", "/site")
    return body


def _request(
    items: Sequence[tuple[str, Strict]],
    callback: Callback | None,
    facts: RequestFacts,
    agreed: Agreed,
    on_item_failure: str | None = None,
) -> CartRequest:
    requests = [ItemRequest(pointer, _PRODUCTS[type(item)](item)) for pointer, item in items]
    policy = OnItemFailure(on_item_failure or OnItemFailure.KEEP)
    return replace(cart_request(requests, callback, facts, agreed), on_item_failure=policy)


def _site_request(item: Site) -> SiteRequest:
    return SiteRequest(
        item.name,
        item.variant,
        item.location,
        item.plan,
        item.term,
        unknown_variants=operations.UNKNOWN_VARIANTS,
    )


def _vm_request(item: Vm) -> VmRequest:
    return VmRequest(item.hostname, item.plan, item.image, item.location, item.term, item.ssh_key)


_PRODUCTS: dict[type, Callable[[Any], ProductRequest]] = {
    Site: _site_request,
    Domain: domain_request,
    Vm: _vm_request,
}

_SINGLE = {"site": _site_order, "domain": _domain_order}

PLACE_ORDER = operations.PLACE_ORDER.taking(Body(PlaceOrder, _site_order))
ORDER_DOMAIN = operations.ORDER_DOMAIN.taking(Body(OrderDomain, _domain_order))
PLACE_CART = operations.PLACE_CART.taking(Body(PlaceCart, _cart))
PREVIEW_ORDER = operations.PREVIEW_ORDER.taking(Body(PlaceCart, _preview))
