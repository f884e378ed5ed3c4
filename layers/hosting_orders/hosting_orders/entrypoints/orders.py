"""From a checked body of contract 002 to what the use case takes: shared by every endpoint that orders something."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

from hosting_orders import bootstrap
from hosting_orders.contracts import v2
from hosting_orders.contracts.v2_bodies import Site
from hosting_orders.contracts.v2_domain import Domain
from hosting_orders.contracts.v2_words import Callback
from hosting_orders.domain.cart import OnItemFailure
from hosting_orders.domain.placement import Channel, Placement
from hosting_orders.domain.registration import ContactRole, DomainAction
from hosting_orders.usecases.authenticate import Caller
from hosting_orders.usecases.domain_item import (
    SAME_AS_OWNER,
    ContactSource,
    DomainRequest,
    RoleContactRequest,
)
from hosting_orders.usecases.place_cart import CartRequest, ItemRequest, place_cart
from hosting_orders.usecases.ports import Services
from hosting_orders.usecases.products.fulfilment import ProductRequest
from hosting_orders.usecases.products.site import SiteRequest

from .http import Reply, Request


def place(
    request: Request,
    caller: Caller,
    services: Services,
    items: Sequence[tuple[str, Site | Domain]],
    *,
    raw: object,
    callback: Callback | None,
    on_item_failure: str | None = None,
) -> Reply:
    """Order these items, each with its JSON pointer in the body `raw`; the 202 with the cart's envelope."""
    placed = place_cart(
        services,
        caller,
        CartRequest(
            items=tuple(ItemRequest(pointer, _PRODUCTS[type(item)](item)) for pointer, item in items),
            callback_url=callback.url if callback else None,
            callback_authorization=callback.authorization if callback else None,
            idempotency_key=request.idempotency_key,
            on_item_failure=OnItemFailure(on_item_failure or OnItemFailure.KEEP),
            fingerprint=_fingerprint(request.path, raw),
            placed=Placement(Channel.API, contract="orders_v2", client_address=request.source_ip),
        ),
        allow_loopback_callbacks=bootstrap.allow_loopback_callbacks(),
    )
    headers = {"Idempotent-Replayed": "true"} if placed.replayed else {}
    return Reply(202, v2.cart_envelope(placed.cart), headers)


def _fingerprint(path: str, body: object) -> str:
    """Of the meaning, not of the bytes: a retry may be spaced otherwise."""
    return hashlib.sha256(f"{path}\0{json.dumps(body, sort_keys=True)}".encode()).hexdigest()


def _site(item: Site) -> SiteRequest:
    return SiteRequest(item.name, item.variant, item.location, item.plan, item.term)


def _domain(item: Domain) -> DomainRequest:
    source = item.contact_source
    roles = item.role_contacts
    given = {role: getattr(roles, role.value, None) for role in ContactRole} if roles else {}
    return DomainRequest(
        name=item.name,
        action=DomainAction.REGISTER.value if item.action is None else item.action,
        auth_code=item.authcode,
        contact=item.contact,
        contact_source=ContactSource(source.registration_id, _additions(source)) if source else None,
        role_contacts={
            role: RoleContactRequest(
                SAME_AS_OWNER if found.source is None else found.source,
                found.source_registration_id,
                found.contact,
            )
            for role, found in given.items()
            if found is not None
        },
    )


def _additions(source: Any) -> dict[str, object]:
    return {
        name: value
        for name, value in (
            ("organization", source.organization),
            ("state", source.state),
            ("extra_properties", source.extra_properties),
        )
        if value is not None
    }


_PRODUCTS: dict[type, Callable[[Any], ProductRequest]] = {Site: _site, Domain: _domain}
