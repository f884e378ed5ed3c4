"""The bodies of contract 002, and what the use case takes of each; a `domain` is in domain_requests.

Field names and words are the contract's, to the letter; O2-… and C… are ids of docs/contracts.md.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from hosting_orders.contracts.operation import Body, RequestFacts
from hosting_orders.contracts.vendor.requests import Callback, Strict, field_problem
from hosting_orders.domain.cart import MAX_ITEMS, OnItemFailure
from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import InvalidFieldsError, InvalidRequestError
from hosting_orders.usecases.place_cart import CartRequest, ItemRequest
from hosting_orders.usecases.products.fulfilment import ProductRequest
from hosting_orders.usecases.products.site import SiteRequest

from . import operations
from .domain_requests import Domain, domain_problem, domain_request

Model = TypeVar("Model", bound=Strict)


def _readable(name: str) -> str:
    """A name is a person's text: any script, but nothing that breaks a line or turns its direction round."""
    if any(unicodedata.category(sign) in ("Cc", "Zl", "Zp") or sign in _DIRECTION_SIGNS for sign in name):
        raise PydanticCustomError("unreadable", "must not have control characters or line breaks")
    if not any(unicodedata.category(sign)[0] in "LNPS" for sign in name):
        raise PydanticCustomError("unreadable", "must have at least one visible character")
    return name


# They make the text after them appear in another order: what is read is not what is stored.
_DIRECTION_SIGNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    AfterValidator(_readable),
]
_ShortName = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class Site(Strict):
    """`site` of POST /api/orders (O2-064 … O2-069)."""

    name: _Name
    variant: _ShortName
    location: _ShortName
    plan: _ShortName
    term: _ShortName


class PlaceOrder(Strict):
    """Body of POST /api/orders."""

    site: Site
    callback: Callback | None = Field(default=None)


class OrderDomain(Strict):
    """Body of POST /api/orders/domain."""

    domain: Domain
    callback: Callback | None = None


class CartItem(Strict):
    """One of `items`: a site or a domain, in the words of the endpoint that orders it alone."""

    site: Site | None = None
    domain: Domain | None = None

    @model_validator(mode="after")
    def _one_product(self) -> Self:
        if (self.site is None) == (self.domain is None):
            raise PydanticCustomError("one_product", "must have either `site` or `domain`")
        return self

    @property
    def product(self) -> tuple[str, Site | Domain]:
        """The one product, and the field it stands in."""
        if self.site is not None:
            return "site", self.site
        assert self.domain is not None
        return "domain", self.domain


class PlaceCart(Strict):
    """Body of POST /api/carts, which is ours: several products, one charge."""

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
    """Whether a body of POST /api/carts has a domain in it, whatever else is wrong with it: who may order domains is
    checked before the fields are (C13)."""
    items = body.get("items") if isinstance(body, Mapping) else None
    if not isinstance(items, list):
        return False
    return any(isinstance(item, Mapping) and item.get("domain") is not None for item in items)


# -- what the use case takes --------------------------------------------------------------------------------------


def _site_order(body: object, facts: RequestFacts) -> CartRequest:
    order = _checked(PlaceOrder, _not_of_another_api(body), field_problem)
    return _request([("/site", order.site)], order.callback, facts)


def _domain_order(body: object, facts: RequestFacts) -> CartRequest:
    order = _checked(OrderDomain, body, domain_problem)
    return _request([("/domain", order.domain)], order.callback, facts)


def _cart(body: object, facts: RequestFacts) -> CartRequest:
    cart = _checked(PlaceCart, body, domain_problem)
    products = [item.product for item in cart.items]
    items = [(f"/items/{number}/{field}", product) for number, (field, product) in enumerate(products)]
    return _request(items, cart.callback, facts, cart.on_item_failure)


def _not_of_another_api(body: object) -> object:
    """The vendor's callbacks page shows `order{plan,term}`; its orders page, the contract, wants `site` (C18)."""
    if isinstance(body, dict) and "order" in body:
        hint = "put name, variant, location, plan and term into `site`, not into `order`."
        if "site" in body:
            raise InvalidRequestError(
                Code.INVALID_FIELD, f"`order` is not a field of this request: {hint}", "/order"
            )
        raise InvalidRequestError(Code.MISSING_FIELD, f"`site` is required: {hint}", "/site")
    return body


def _checked(
    model: type[Model], body: object, problem: Callable[[Mapping[str, Any]], InvalidRequestError]
) -> Model:
    """Raises InvalidFieldsError naming every wrong field, with the contract's code for it."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise InvalidFieldsError([problem(found) for found in error.errors()]) from None


def _request(
    items: list[tuple[str, Site | Domain]],
    callback: Callback | None,
    facts: RequestFacts,
    on_item_failure: str | None = None,
) -> CartRequest:
    return CartRequest(
        items=tuple(ItemRequest(pointer, _PRODUCTS[type(item)](item)) for pointer, item in items),
        callback_url=callback.url if callback else None,
        callback_authorization=callback.authorization if callback else None,
        idempotency_key=facts.key,
        on_item_failure=OnItemFailure(on_item_failure or OnItemFailure.KEEP),
        fingerprint=facts.fingerprint,
        placed=facts.placed,
    )


def _site_request(item: Site) -> SiteRequest:
    return SiteRequest(item.name, item.variant, item.location, item.plan, item.term)


_PRODUCTS: dict[type, Callable[[Any], ProductRequest]] = {Site: _site_request, Domain: domain_request}

PLACE_ORDER = operations.PLACE_ORDER.taking(Body(PlaceOrder, _site_order))
ORDER_DOMAIN = operations.ORDER_DOMAIN.taking(Body(OrderDomain, _domain_order))
PLACE_CART = operations.PLACE_CART.taking(Body(PlaceCart, _cart))
