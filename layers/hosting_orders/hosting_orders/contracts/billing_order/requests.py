"""The body of POST /api/create-order (HU-075)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from hosting_orders.contracts.operation import Body, RequestFacts
from hosting_orders.contracts.vendor.requests import (
    Agreed,
    AuthCode,
    Callback,
    Name,
    ShortName,
    Strict,
    cart_request,
    checked,
    field_problem,
)
from hosting_orders.domain.cart import MAX_ITEMS
from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import InvalidRequestError
from hosting_orders.domain.registration import DomainAction
from hosting_orders.usecases.domain_item import DomainRequest
from hosting_orders.usecases.place_cart import CartRequest, ItemRequest, PaymentPage
from hosting_orders.usecases.products.fulfilment import ProductRequest
from hosting_orders.usecases.products.site import SiteRequest
from hosting_orders.usecases.products.vm import VmRequest

from . import operations
from .words import CYCLES

_Cycle = Literal["Monthly", "Annually"]
_TERMS = {word: term.value for term, word in CYCLES.items()}
_AttemptKey = Annotated[str, StringConstraints(pattern=r"\A[\x21-\x7e]{1,255}\z")]
_Text = Annotated[str, StringConstraints(max_length=1024)]


class SiteItem(Strict):
    type: Literal["site"]
    name: Name
    variant: ShortName
    location: ShortName | None = None
    plan: ShortName | None = None
    billingCycle: _Cycle | None = None  # noqa: N815 - the contract's spelling


class VpsItem(Strict):
    type: Literal["vps"]
    hostname: _Text
    plan: ShortName
    image: ShortName
    location: ShortName
    billingCycle: _Cycle = "Monthly"  # noqa: N815
    sshKey: str | None = None  # noqa: N815


class DomainItem(Strict):
    type: Literal["domain"]
    name: _Text
    action: Literal["register", "transfer"] = "register"
    authCode: AuthCode | None = None  # noqa: N815
    contact: dict[str, Any]  # the fields of contract 002


class ClientData(Strict):
    returnUrl: Annotated[str, StringConstraints(max_length=2048)] | None = None  # noqa: N815
    callback: Callback | None = None


class CreateOrder(Agreed):
    attemptKey: _AttemptKey  # noqa: N815
    cartItems: Annotated[  # noqa: N815
        list[Annotated[SiteItem | VpsItem | DomainItem, Field(discriminator="type")]],
        Field(min_length=1, max_length=MAX_ITEMS),
    ]
    clientData: ClientData = ClientData()  # noqa: N815


def orders_a_domain(body: object) -> bool:
    """`body` may be invalid, because permissions are checked before fields."""
    items = body.get("cartItems") if isinstance(body, Mapping) else None
    if not isinstance(items, list):
        return False
    return any(isinstance(item, Mapping) and item.get("type") == "domain" for item in items)


def _order(body: object, facts: RequestFacts) -> CartRequest:
    order = checked(CreateOrder, body, _problem)
    if facts.key is not None and facts.key != order.attemptKey:
        text = "`Idempotency-Key` and `attemptKey` differ; send the same value in both, or only `attemptKey`."
        raise InvalidRequestError(Code.INVALID_IDEMPOTENCY_KEY, text, "/attemptKey")
    client = order.clientData
    items = [
        ItemRequest(f"/cartItems/{place}", _PRODUCTS[item.type](item))
        for place, item in enumerate(order.cartItems)
    ]
    return replace(
        cart_request(items, client.callback, facts, order),
        idempotency_key=order.attemptKey,
        page=PaymentPage(facts.origin, client.returnUrl, "/clientData/returnUrl"),
        callback_pointer="/clientData/callback",
    )


def _site(item: SiteItem) -> ProductRequest:
    term = _TERMS[item.billingCycle] if item.billingCycle else None
    return SiteRequest(
        item.name,
        item.variant,
        item.location,
        item.plan,
        term,
        unknown_variants=operations.UNKNOWN_VARIANTS,
    )


def _vps(item: VpsItem) -> ProductRequest:
    return VmRequest(
        item.hostname,
        item.plan,
        item.image,
        item.location,
        _TERMS[item.billingCycle],
        item.sshKey,
        ssh_key_pointer="/sshKey",
    )


def _domain(item: DomainItem) -> ProductRequest:
    return DomainRequest(
        name=item.name,
        action=DomainAction(item.action).value,
        auth_code=item.authCode,
        contact=item.contact,
        auth_code_pointer="/authCode",
    )


_PRODUCTS: dict[str, Callable[[Any], ProductRequest]] = {"site": _site, "vps": _vps, "domain": _domain}


# Texts for pydantic errors that only this body can have.
_TYPES = "must be `site`, `vps` or `domain`"
_FINDINGS = {
    "union_tag_invalid": _TYPES,
    "union_tag_not_found": _TYPES,
    "too_short": f"must have 1 to {MAX_ITEMS} items",
    "too_long": f"must have 1 to {MAX_ITEMS} items",
    "string_pattern_mismatch": "must be 1 to 255 visible ASCII characters without spaces",
}
_CODES = {
    ("string_pattern_mismatch", "attemptKey"): Code.INVALID_IDEMPOTENCY_KEY,
    ("literal_error", "action"): Code.INVALID_ACTION,
    ("missing", "contact"): Code.INCOMPLETE_CONTACT,
    ("dict_type", "contact"): Code.INVALID_CONTACT,
}


def _problem(found: Mapping[str, Any]) -> InvalidRequestError:
    kind, location = found["type"], tuple(found["loc"])
    if location[:1] == ("cartItems",) and len(location) > 3:
        location = (*location[:2], *location[3:])  # leave out the item's type, which pydantic inserts
    if kind.startswith("union_tag"):
        location = (*location, "type")
    if kind == "literal_error":
        text: str | None = f"must be {found['ctx']['expected']}".replace("'", "`")
    else:
        text = _FINDINGS.get(kind)
    problem = field_problem({**found, "loc": location}, text)
    code = _CODES.get((kind, str(location[-1]) if location else ""), problem.code)
    return InvalidRequestError(code, str(problem), problem.pointer)


CREATE_ORDER = operations.CREATE_ORDER.taking(Body(CreateOrder, _order))
