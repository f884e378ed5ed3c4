"""The operations of contract 000."""

from __future__ import annotations

from typing import Any

from hosting_orders.contracts.operation import Access, Contract, Operation
from hosting_orders.contracts.rate_limits import x_headers
from hosting_orders.domain.account import AccountFrom
from hosting_orders.domain.codes import Code
from hosting_orders.usecases.limit_rate import Bucket, RateLimit

from . import catalogue, orders, ping
from .callbacks import callback_body
from .errors import error

CONTRACT = Contract(
    "order_status",
    "Get Order Status",
    version=None,
    paths=("/api/v1",),
    error=error,
    callback=callback_body,
    limits={Bucket.ALL: RateLimit(requests=60, seconds=60)},
    limit_headers=x_headers,
)
_KEY = Access(account=AccountFrom.KEY, scoped=True)

SHOW_ORDER = Operation(
    route="GET /api/v1/orders/{id}",
    heading="Get Order Status",
    contract=CONTRACT,
    access=_KEY,
    answers=orders.OrderStatusAnswer,
    render=orders.order_status_answer,
    headers=orders.payment_link,
    refuses=(Code.INVALID_ID, Code.INSUFFICIENT_SCOPE),
)
LIST_ORDERS = Operation(
    route="GET /api/v1/orders",
    heading="The orders that the key may see",
    contract=CONTRACT,
    access=_KEY,
    answers=orders.OrderStatusList,
    render=orders.order_status_list,
    headers=orders.links,
    refuses=(Code.INSUFFICIENT_SCOPE, Code.INVALID_PAGE, Code.INVALID_PER_PAGE, Code.INVALID_CURSOR),
    ours=True,
)
PLACE_ORDER = Operation(
    route="POST /api/v1/orders",
    heading="Order a VPS",
    contract=CONTRACT,
    access=Access(account=AccountFrom.KEY, key_scope="vps:provision"),
    idempotent=True,
    status=202,
    answers=orders.OrderStatusAnswer,
    render=orders.placed_status,
    headers=orders.placed_headers,
    refuses=(
        Code.INSUFFICIENT_SCOPE,
        Code.ACCOUNT_UNABLE_TO_CREATE_ORDERS,
        Code.INVALID_CALLBACK,
        Code.NO_DEFAULT_PAYMENT_METHOD,
        Code.CART_PAY_FAILED,
        Code.UNKNOWN_PLAN,
        Code.UNKNOWN_IMAGE,
        Code.UNKNOWN_LOCATION,
        Code.UNKNOWN_TERM,
        Code.PRICING_MISSING,
    ),
    ours=True,
)
REGISTER_DOMAIN = Operation(
    route="POST /api/v1/domains/register",
    heading="Register a domain",
    contract=CONTRACT,
    access=Access(account=AccountFrom.KEY, key_scope="domains:provision"),
    idempotent=True,
    asks_registrar=True,
    status=202,
    answers=orders.RegisteredDomainAnswer,
    render=orders.registered_domain,
    headers=orders.placed_headers,
    refuses=(
        Code.INSUFFICIENT_SCOPE,
        Code.ACCOUNT_UNABLE_TO_CREATE_ORDERS,
        Code.INVALID_CALLBACK,
        Code.NO_DEFAULT_PAYMENT_METHOD,
        Code.CART_PAY_FAILED,
        Code.FEATURE_DISABLED,
        Code.INVALID_DOMAIN,
        Code.UNSUPPORTED_TLD,
        Code.PRICING_UNAVAILABLE,
        Code.INCOMPLETE_CONTACT,
        Code.INVALID_CONTACT,
        Code.INVALID_CONTACT_SOURCE,
        Code.DOMAIN_UNAVAILABLE,
        Code.DOMAIN_ADD_FAILED,
        Code.TOO_MANY_UNPAID_DOMAINS,
        Code.DOMAIN_CONTACT_INVALID,
        Code.DOMAIN_CONTACT_NEEDS_AUGMENTATION,
    ),
    ours=True,
)
PING = Operation(
    route="GET /api/v1/ping",
    heading="Check the key and its scopes",
    contract=CONTRACT,
    access=_KEY,
    answers=ping.Pong,
    render=ping.pong,
    ours=True,
)

SHOW_CATALOGUE = Operation(
    route="GET /api/v1/catalogue",
    heading="What can be ordered",
    contract=CONTRACT,
    access=_KEY,
    answers=catalogue.CatalogueAnswer,
    render=catalogue.catalogue,
    ours=True,
)

OPERATIONS: tuple[Operation[Any], ...] = (
    SHOW_ORDER,
    LIST_ORDERS,
    PLACE_ORDER,
    REGISTER_DOMAIN,
    PING,
    SHOW_CATALOGUE,
)
