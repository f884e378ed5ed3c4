"""The operations of contract 001."""

from __future__ import annotations

from typing import Any

from hosting_orders.contracts.operation import Access, Contract, Operation, replayed
from hosting_orders.contracts.rate_limits import LIMITS, x_headers
from hosting_orders.contracts.vendor.callbacks import callback_body
from hosting_orders.domain.account import AccountFrom
from hosting_orders.domain.codes import Code

from . import orders
from .envelope import CANCEL, SHOW, envelope, error

CONTRACT = Contract(
    "billing_order",
    "Billing order",
    version=None,
    paths=("/api/billing", "/api/account", "/api/create-order"),
    error=error,
    envelope=envelope,
    callback=callback_body,
    limits=LIMITS,
    limit_headers=x_headers,
)
_KEY = Access(account=AccountFrom.KEY)
# This vendor's keys have no scopes, so a scoped key is refused here.
_SCOPED_KEY = (Code.INSUFFICIENT_SCOPE,)
UNKNOWN_VARIANTS = frozenset({"migration"})
"""Variants of the catalogue that this contract does not sell."""

SHOW_ORDER = Operation(
    route=SHOW,
    heading="Get details for a specific order",
    contract=CONTRACT,
    access=_KEY,
    answers=orders.BillingOrderData,
    render=orders.billing_order,
    refuses=_SCOPED_KEY,
)
CANCEL_ORDER = Operation(
    route=CANCEL,
    heading="Cancel an order",
    contract=CONTRACT,
    access=_KEY,
    answers=orders.Canceled,
    render=orders.canceled,
    refuses=(*_SCOPED_KEY, Code.ORDER_NOT_CANCELLABLE, Code.TEST_KEY),
    ours=True,
)
LIST_PENDING_ORDERS = Operation(
    route="GET /api/account/pending-orders",
    heading="The order that waits for its payment",
    contract=CONTRACT,
    access=_KEY,
    answers=orders.PendingOrders,
    render=orders.pending_orders,
    refuses=_SCOPED_KEY,
    ours=True,
)
CREATE_ORDER = Operation(
    route="POST /api/create-order",
    heading="Order several products",
    contract=CONTRACT,
    access=_KEY,
    idempotent=True,
    asks_registrar=True,
    answers=orders.CreatedOrder,
    render=orders.created_order,
    headers=replayed,
    refuses=(
        *_SCOPED_KEY,
        Code.USER_REQUIRED,
        Code.ACCOUNT_UNABLE_TO_CREATE_ORDERS,
        Code.INVALID_CALLBACK,
        Code.INVALID_RETURN_URL,
        Code.CART_PAY_FAILED,
        Code.UNKNOWN_VARIANT,
        Code.UNKNOWN_LOCATION,
        Code.UNKNOWN_PLAN,
        Code.UNKNOWN_IMAGE,
        Code.VARIANT_UNAVAILABLE,
        Code.PRICING_MISSING,
        Code.FEATURE_DISABLED,
        Code.INVALID_ACTION,
        Code.INVALID_DOMAIN,
        Code.UNSUPPORTED_TLD,
        Code.PRICING_UNAVAILABLE,
        Code.AUTHCODE_REQUIRED,
        Code.INCOMPLETE_CONTACT,
        Code.INVALID_CONTACT,
        Code.DOMAIN_UNAVAILABLE,
        Code.DOMAIN_ADD_FAILED,
        Code.TOO_MANY_UNPAID_DOMAINS,
        Code.DOMAIN_CONTACT_INVALID,
        Code.DOMAIN_CONTACT_NEEDS_AUGMENTATION,
    ),
    ours=True,
)

OPERATIONS: tuple[Operation[Any], ...] = (SHOW_ORDER, CANCEL_ORDER, LIST_PENDING_ORDERS, CREATE_ORDER)
