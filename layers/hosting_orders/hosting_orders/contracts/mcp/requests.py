"""The bodies of `POST /mcp`, and models of the tools' arguments. The tools' JSON Schemas come from these models."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from hosting_orders.contracts.operation import Body, RequestFacts
from hosting_orders.contracts.order_status.words import SCOPES
from hosting_orders.contracts.orders_v2.operations import UNKNOWN_VARIANTS
from hosting_orders.contracts.vendor.requests import (
    AuthCode,
    Callback,
    Name,
    ShortName,
    Strict,
    checked,
    field_problem,
)
from hosting_orders.domain.cart import MAX_ITEMS
from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import InvalidRequestError
from hosting_orders.domain.placement import Channel
from hosting_orders.domain.products import Deliverer
from hosting_orders.usecases.check_domains import MAX_NAMES
from hosting_orders.usecases.domain_item import ContactSource, DomainRequest
from hosting_orders.usecases.list_orders import MAX_PAGE
from hosting_orders.usecases.place_cart import CartRequest, ItemRequest, PaymentPage
from hosting_orders.usecases.products.fulfilment import ProductRequest
from hosting_orders.usecases.products.site import SiteRequest
from hosting_orders.usecases.products.vm import VmRequest

from . import operations
from .errors import request_id_of
from .protocol import Message

_Id = Annotated[str, StringConstraints(min_length=1, max_length=200)]


def _agreed(given: bool) -> bool:
    if not given:
        raise PydanticCustomError("not_agreed", "must be true: a person must agree first")
    return given


# Literal[True] would also accept the number 1.
_Agreed = Annotated[bool, AfterValidator(_agreed), Field(json_schema_extra={"const": True})]
_Term = Annotated[Literal["monthly", "annual"], Field(description="How long one payment lasts.")]


# -- the message --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Received:
    message: Message
    facts: RequestFacts


def _received(body: object, facts: RequestFacts) -> Received:
    """Raises InvalidRequestError if the body is not one request or notification."""
    known = body if isinstance(body, dict) else {}
    request_id, method, params = request_id_of(known), known.get("method"), known.get("params", {})
    fits = known.get("jsonrpc") == "2.0" and isinstance(method, str) and isinstance(params, dict)
    if not fits or ("id" in known and request_id is None):
        raise InvalidRequestError(Code.INVALID_FIELD, "The body is not a JSON-RPC 2.0 message.", "")
    return Received(Message(request_id, str(method), params), facts)


EXCHANGE = operations.EXCHANGE.taking(Body(dict, _received))


# -- the tools' arguments -----------------------------------------------------------------------------------------


class Site(Strict):
    name: Annotated[Name, Field(description="The customer's name for the site.")]
    variant: Annotated[ShortName, Field(description="A variant of list_catalogue, such as `wordpress`.")]
    plan: Annotated[ShortName, Field(description="`short_name` of a plan of list_catalogue (`sites.plans`).")]
    location: Annotated[ShortName, Field(description="`short_name` of a location (`sites.locations`).")]
    term: _Term


class VirtualMachine(Strict):
    hostname: Annotated[str, StringConstraints(min_length=1, max_length=253)]
    plan: Annotated[ShortName, Field(description="`short_name` of a plan (`virtual_machines`).")]
    image: Annotated[ShortName, Field(description="`short_name` of one of the plan's images.")]
    location: Annotated[ShortName, Field(description="`short_name` of one of the plan's locations.")]
    term: _Term
    ssh_key: Annotated[
        str | None,
        Field(description="A public SSH key. Without it, the owner reads a root password through the API."),
    ] = None


class Domain(Strict):
    name: Annotated[str, StringConstraints(min_length=1, max_length=1024)]
    action: Annotated[
        Literal["register", "transfer"],
        Field(description="`transfer` moves a domain from another registrar."),
    ] = "register"
    authcode: Annotated[AuthCode | None, Field(description="The auth code of a transfer.")] = None
    contact: Annotated[
        dict[str, Any] | None,
        Field(description="The registrant: the fields of GET /api/tlds/:tld. Or give `registration_id`."),
    ] = None
    registration_id: Annotated[
        int | None,
        Field(ge=1, le=2**53, description="An earlier registration whose contacts this domain gets."),
    ] = None


class Item(Strict):
    """Exactly one product."""

    site: Site | None = None
    vm: VirtualMachine | None = None
    domain: Domain | None = None

    @model_validator(mode="after")
    def _one_product(self) -> Self:
        if len(self.given) != 1:
            raise PydanticCustomError("one_product", "must have exactly one of: `site`, `vm`, `domain`")
        return self

    @property
    def given(self) -> list[tuple[str, Strict]]:
        fields = (("site", self.site), ("vm", self.vm), ("domain", self.domain))
        return [(name, product) for name, product in fields if product is not None]


_Items = Annotated[
    list[Item],
    Field(min_length=1, max_length=MAX_ITEMS, description="What to order: each item is one product."),
]


class GetOrderStatus(Strict):
    order: Annotated[_Id, Field(description="The order's id, token or number.")]


class ListOrders(Strict):
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 20
    cursor: Annotated[_Id | None, Field(description="`next_cursor` of the previous answer.")] = None


class GetCartStatus(Strict):
    cart: Annotated[_Id, Field(description="`cart.token` of place_order's answer.")]


class ListCatalogue(Strict):
    pass


class CheckDomain(Strict):
    domains: Annotated[
        list[Annotated[str, StringConstraints(min_length=1, max_length=1024)]],
        Field(min_length=1, max_length=MAX_NAMES, description="Domains such as `example.com`."),
    ]


class QuoteOrder(Strict):
    items: _Items


class PlaceOrder(Strict):
    items: Annotated[_Items, Field(description="Exactly the items of quote_order, in the same order.")]
    quote: Annotated[
        str, StringConstraints(min_length=1, max_length=4096), Field(description="`quote` of quote_order.")
    ]
    max_cost_cents: Annotated[
        int,
        Field(
            ge=0, le=2**53, description="The most that may be charged, tax included. At least `gross_cents`."
        ),
    ]
    confirm: Annotated[_Agreed, Field(description="True: a person has agreed to the price and to the terms.")]
    callback: Annotated[Callback | None, Field(description="Where to report the end of each order.")] = None


class CancelOrder(Strict):
    order: Annotated[_Id, Field(description="The order's id, token or number.")]
    confirm: Annotated[_Agreed, Field(description="True: a person has agreed to cancel the order.")]


# Our texts for the pydantic errors that occur only in the models of this module.
_FINDINGS = {
    "bool_type": "must be true: a person must agree first",
    "literal_error": "must be {expected}",
    "too_short": "must have at least {min_length} element(s)",
    "too_long": "must have at most {max_length} elements",
}


def problem(found: Mapping[str, Any]) -> InvalidRequestError:
    usual = field_problem(found)
    text = _FINDINGS.get(found["type"])
    if text is None:
        return usual
    words = text.format(**found.get("ctx", {}))
    name = ".".join(str(part) for part in found["loc"])
    return InvalidRequestError(usual.code, f"`{name}` {words}.", usual.pointer)


def arguments_of(model: type[Any], raw: Mapping[str, Any]) -> Any:
    """Raises InvalidFieldsError."""
    return checked(model, raw, problem)


# -- use-case requests --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AgentOrder:
    request: CartRequest
    scopes: frozenset[str]  # the scopes that the key needs


def agent_order(order: QuoteOrder | PlaceOrder, facts: RequestFacts) -> AgentOrder:
    products = [item.given[0] for item in order.items]
    delivered_by = {_PRODUCTS[type(product)][0] for _, product in products}
    request = CartRequest(
        items=tuple(
            ItemRequest(f"/items/{place}/{field}", _PRODUCTS[type(product)][1](product))
            for place, (field, product) in enumerate(products)
        ),
        # Do not hash the whole message: when an agent repeats a call, the message has another JSON-RPC id.
        fingerprint=_fingerprint(order),
        placed=replace(facts.placed, channel=Channel.MCP),
        page=PaymentPage(facts.origin),
    )
    if isinstance(order, PlaceOrder):
        callback = order.callback
        request = replace(
            request,
            quote=order.quote,
            max_gross=order.max_cost_cents,
            callback_url=callback.url if callback else None,
            callback_authorization=callback.authorization if callback else None,
        )
    scopes = frozenset(SCOPES[deliverer] for deliverer in delivered_by)
    return AgentOrder(request, scopes)


def _fingerprint(order: QuoteOrder | PlaceOrder) -> str:
    facts = order.model_dump(mode="json", include={"items", "callback"})
    return hashlib.sha256(f"mcp\0{json.dumps(facts, sort_keys=True)}".encode()).hexdigest()


def _site(product: Site) -> SiteRequest:
    return SiteRequest(
        product.name,
        product.variant,
        product.location,
        product.plan,
        product.term,
        unknown_variants=UNKNOWN_VARIANTS,
    )


def _vm(product: VirtualMachine) -> VmRequest:
    return VmRequest(
        product.hostname, product.plan, product.image, product.location, product.term, product.ssh_key
    )


def _domain(product: Domain) -> DomainRequest:
    source = product.registration_id
    return DomainRequest(
        name=product.name,
        action=product.action,
        auth_code=product.authcode,
        contact=product.contact,
        contact_source=ContactSource(source, {}) if source is not None else None,
        role_contacts={},
        source_field="registration_id",
        source_pointer="/registration_id",
    )


_PRODUCTS: dict[type, tuple[Deliverer, Callable[[Any], ProductRequest]]] = {
    Site: (Deliverer.PLATFORM, _site),
    VirtualMachine: (Deliverer.PLATFORM, _vm),
    Domain: (Deliverer.REGISTRAR, _domain),
}
