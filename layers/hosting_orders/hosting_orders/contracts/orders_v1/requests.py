"""The body of an order in contract 003."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from pydantic import StringConstraints

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
from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import InvalidRequestError
from hosting_orders.usecases.place_cart import CartRequest, ItemRequest, PaymentPage
from hosting_orders.usecases.products.site import SiteRequest

from . import operations

_ReturnUrl = Annotated[str, StringConstraints(max_length=2048)]


class Site(Strict):
    """docs/contracts.md O1-031 … O1-035."""

    name: Name
    variant: ShortName
    location: ShortName | None = None
    plan: ShortName | None = None
    return_url: _ReturnUrl | None = None


class PlaceOrder(Agreed):
    site: Site
    return_url: _ReturnUrl | None = None  # takes precedence over `site.return_url` (C17)
    callback: Callback | None = None


def _order(body: object, facts: RequestFacts) -> CartRequest:
    order = checked(PlaceOrder, _without_term(body))
    site, callback = order.site, order.callback
    request = SiteRequest(
        site.name,
        site.variant,
        site.location,
        site.plan,
        unknown_variants=operations.UNKNOWN_VARIANTS,
    )
    on_top = order.return_url is not None
    page = PaymentPage(
        facts.origin,
        order.return_url if on_top else site.return_url,
        "/return_url" if on_top else "/site/return_url",
    )
    return replace(cart_request([ItemRequest("/site", request)], callback, facts, order), page=page)


def _preview(body: object, facts: RequestFacts) -> CartRequest:
    return without_quote(_order(body, facts))


def _without_term(body: object) -> object:
    """Reject a term, because ignoring it could charge for the wrong term."""
    site = body.get("site") if isinstance(body, dict) else None
    if isinstance(site, dict) and "term" in site:
        text = (
            "`site.term` is not a field of version 1, which sells the monthly term, or the annual term if the plan has "
            "no monthly price. To choose a term, use version 2."
        )
        raise InvalidRequestError(Code.INVALID_FIELD, text, "/site/term")
    return body


PLACE_ORDER = operations.PLACE_ORDER.taking(Body(PlaceOrder, _order))
PREVIEW_ORDER = operations.PREVIEW_ORDER.taking(Body(PlaceOrder, _preview))
