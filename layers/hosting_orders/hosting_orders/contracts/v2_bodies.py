"""Contract 002, Orders and Carts v2: the bodies of sites' orders and of carts. A domain's is in v2_domain.

Field names and words are the contract's, to the letter; O2-… and C… are ids of docs/contracts.md.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from hosting_orders.domain.cart import MOST_ITEMS, OnItemFailure
from hosting_orders.domain.errors import InvalidFieldsError, InvalidRequestError

from .v2_domain import Domain, domain_problem
from .v2_words import Callback, Strict, field_problem


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


def parse_place_order(body: object) -> PlaceOrder:
    """Raises InvalidFieldsError naming every wrong field, or InvalidRequestError for a body of another API."""
    if isinstance(body, dict) and "order" in body:
        # The vendor's callbacks page shows `order{plan,term}`; its orders page, the contract, wants `site` (C18).
        hint = "put name, variant, location, plan and term into `site`, not into `order`."
        if "site" in body:
            raise InvalidRequestError(
                "invalid_field", f"`order` is not a field of this request: {hint}", "/order"
            )
        raise InvalidRequestError("missing_field", f"`site` is required: {hint}", "/site")
    try:
        return PlaceOrder.model_validate(body)
    except ValidationError as error:
        raise InvalidFieldsError([field_problem(found) for found in error.errors()]) from None


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
        if not 1 <= len(given) <= MOST_ITEMS:
            raise PydanticCustomError("number_of_items", f"must have 1 to {MOST_ITEMS} items")
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


def parse_place_cart(body: object) -> PlaceCart:
    """Raises InvalidFieldsError naming every wrong field."""
    try:
        return PlaceCart.model_validate(body)
    except ValidationError as error:
        raise InvalidFieldsError([domain_problem(found) for found in error.errors()]) from None
