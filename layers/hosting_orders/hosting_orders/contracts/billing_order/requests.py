"""The body of contract 001, and what the use case takes of it (docs/contracts.md, HU-075).

Field names follow the vendor's: `attemptKey`, `cartItems`, `clientData`; what an item and the client's data have in
them is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from hosting_orders.contracts.operation import Body, RequestFacts
from hosting_orders.contracts.vendor.requests import Callback, Name, ShortName, Strict, checked, field_problem
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
_AttemptKey = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,255}$")]


class SiteItem(Strict):
    """A site of `cartItems`."""

    type: Literal["site"]
    name: Name
    variant: ShortName
    location: ShortName | None = None
    plan: ShortName | None = None
    billingCycle: _Cycle | None = None  # noqa: N815 - the contract's spelling


class VpsItem(Strict):
    """A virtual machine of `cartItems`."""

    type: Literal["vps"]
    hostname: Annotated[str, StringConstraints(min_length=1, max_length=253)]
    plan: ShortName
    image: ShortName
    location: ShortName
    billingCycle: _Cycle = "Monthly"  # noqa: N815


class DomainItem(Strict):
    """A domain of `cartItems`; `contact` has the fields of contract 002."""

    type: Literal["domain"]
    name: Annotated[str, StringConstraints(min_length=1, max_length=1024)]
    action: Literal["register", "transfer"] = "register"
    authCode: Annotated[str, StringConstraints(max_length=255)] | None = None  # noqa: N815
    contact: dict[str, Any]


class ClientData(Strict):
    """What belongs to the whole order."""

    returnUrl: Annotated[str, StringConstraints(max_length=2048)] | None = None  # noqa: N815
    callback: Callback | None = None


class CreateOrder(Strict):
    """Body of POST /api/create-order."""

    attemptKey: _AttemptKey  # noqa: N815
    cartItems: Annotated[  # noqa: N815
        list[Annotated[SiteItem | VpsItem | DomainItem, Field(discriminator="type")]],
        Field(min_length=1, max_length=MAX_ITEMS),
    ]
    clientData: ClientData = ClientData()  # noqa: N815


def orders_a_domain(body: object) -> bool:
    """Whether a domain is among the items, whatever else is wrong: who may order domains is checked first."""
    items = body.get("cartItems") if isinstance(body, Mapping) else None
    if not isinstance(items, list):
        return False
    return any(isinstance(item, Mapping) and item.get("type") == "domain" for item in items)


def _order(body: object, facts: RequestFacts) -> CartRequest:
    order = checked(CreateOrder, body, _problem)
    if facts.key is not None and facts.key != order.attemptKey:
        text = "`Idempotency-Key` and `attemptKey` differ; send one of them, or the same."
        raise InvalidRequestError(Code.INVALID_IDEMPOTENCY_KEY, text, "/attemptKey")
    client = order.clientData
    return CartRequest(
        items=tuple(
            ItemRequest(f"/cartItems/{place}", _product(item)) for place, item in enumerate(order.cartItems)
        ),
        callback_url=client.callback.url if client.callback else None,
        callback_authorization=client.callback.authorization if client.callback else None,
        idempotency_key=order.attemptKey,
        fingerprint=facts.fingerprint,
        placed=facts.placed,
        page=PaymentPage(facts.origin, client.returnUrl, "/clientData/returnUrl"),
    )


def _product(item: SiteItem | VpsItem | DomainItem) -> ProductRequest:
    if isinstance(item, SiteItem):
        term = _TERMS[item.billingCycle] if item.billingCycle else None
        return SiteRequest(item.name, item.variant, item.location, item.plan, term)
    if isinstance(item, VpsItem):
        return VmRequest(item.hostname, item.plan, item.image, item.location, _TERMS[item.billingCycle])
    return DomainRequest(
        name=item.name,
        action=DomainAction(item.action).value,
        auth_code=item.authCode,
        contact=item.contact,
        contact_source=None,
        role_contacts={},
    )


def _problem(found: Mapping[str, Any]) -> InvalidRequestError:
    """Pydantic puts the item's type into the path of a field; clients did not write it there."""
    location = found["loc"]
    if len(location) > 3 and location[0] == "cartItems":
        found = {**found, "loc": (*location[:2], *location[3:])}
    elif len(location) == 3 and location[0] == "cartItems" and found["type"] != "extra_forbidden":
        found = {**found, "loc": location[:2] if location[2] in ("site", "vps", "domain") else location}
    return field_problem(found)


CREATE_ORDER = operations.CREATE_ORDER.taking(Body(CreateOrder, _order))
