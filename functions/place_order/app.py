"""POST /api/orders: order a site (contract 002, "Order a new Site")."""

from __future__ import annotations

import hashlib
import json

from hosting_orders import bootstrap
from hosting_orders.contracts import v2
from hosting_orders.entrypoints.http import Reply, Request, endpoint
from hosting_orders.usecases.authenticate import Caller
from hosting_orders.usecases.place_order import SiteRequest, place_order
from hosting_orders.usecases.ports import Services


@endpoint(oauth_scope=None)
def handler(request: Request, caller: Caller, services: Services) -> Reply:
    key = request.idempotency_key
    raw = request.json()
    body = v2.parse_place_order(raw)
    site, callback = body.site, body.callback
    placed = place_order(
        services,
        caller,
        SiteRequest(
            name=site.name,
            variant=site.variant,
            location=site.location,
            plan=site.plan,
            term=site.term,
            callback_url=callback.url if callback else None,
            callback_authorization=callback.authorization if callback else None,
            idempotency_key=key,
            # Of the meaning, not of the bytes: a retry may be spaced otherwise.
            fingerprint=hashlib.sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest(),
        ),
        allow_loopback_callbacks=bootstrap.allow_loopback_callbacks(),
    )
    headers = {"Idempotent-Replayed": "true"} if placed.replayed else {}
    return Reply(202, v2.cart_envelope(placed.cart), headers)
