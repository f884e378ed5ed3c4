"""The operations of contract 002."""

from __future__ import annotations

from typing import Any

from hosting_orders.contracts.operation import BODY, Access, Contract, Operation, replayed
from hosting_orders.contracts.rate_limits import LIMITS, ietf_headers
from hosting_orders.contracts.vendor import previews
from hosting_orders.contracts.vendor.callbacks import (
    CallbackAttempts,
    Redelivered,
    callback_attempts,
    callback_body,
    redelivered,
)
from hosting_orders.contracts.vendor.errors import error
from hosting_orders.contracts.vendor.operations import READ_ACCOUNT, READ_BILLING, shared_operations
from hosting_orders.contracts.vendor.orders import links, retry_after
from hosting_orders.domain.account import AccountFrom
from hosting_orders.domain.codes import Code

from . import carts, domain_checks, keys, orders, tlds, webhooks
from .domains import SentVerification, sent_verification

CONTRACT = Contract(
    "orders_v2",
    "Orders and Carts",
    version="2",
    paths=("/api",),
    error=error,
    callback=callback_body,
    limits=LIMITS,
    limit_headers=ietf_headers,
)

UNKNOWN_VARIANTS = frozenset({"migration"})
"""Variants of the catalogue that this contract does not sell."""

_ANY_ORDER = (
    Code.ACCOUNT_UNABLE_TO_CREATE_ORDERS,
    Code.INVALID_CALLBACK,
    Code.NO_DEFAULT_PAYMENT_METHOD,
    Code.CART_PAY_FAILED,
)
_SITE = (
    Code.UNKNOWN_VARIANT,
    Code.UNKNOWN_LOCATION,
    Code.UNKNOWN_PLAN,
    Code.UNKNOWN_TERM,
    Code.VARIANT_UNAVAILABLE,
    Code.PRICING_MISSING,
)
_DOMAIN = (
    Code.FEATURE_DISABLED,
    Code.INVALID_ACTION,
    Code.INVALID_DOMAIN,
    Code.UNSUPPORTED_TLD,
    Code.PRICING_UNAVAILABLE,
    Code.AUTHCODE_REQUIRED,
    Code.INCOMPLETE_CONTACT,
    Code.INVALID_CONTACT,
    Code.INVALID_CONTACT_SOURCE,
    Code.DOMAIN_UNAVAILABLE,
    Code.DOMAIN_ADD_FAILED,
    Code.TOO_MANY_UNPAID_DOMAINS,
    Code.DOMAIN_CONTACT_INVALID,
    Code.DOMAIN_CONTACT_NEEDS_AUGMENTATION,
)

# -- orders -------------------------------------------------------------------------------------------------------

LIST_ORDERS = Operation(
    route="GET /api/orders",
    heading="List all orders for an account",
    contract=CONTRACT,
    access=READ_BILLING,
    answers=orders.OrderList,
    render=orders.order_list,
    headers=links,
    refuses=(Code.INVALID_PAGE, Code.INVALID_PER_PAGE, Code.INVALID_CURSOR),
)
SHOW_ORDER = Operation(
    route="GET /api/orders/{id}",
    heading="View an Order",
    contract=CONTRACT,
    access=READ_BILLING,
    answers=orders.OrderDetails,
    render=orders.order_details,
    headers=retry_after,
)
PLACE_ORDER = Operation(
    route="POST /api/orders",
    heading="Order a new Site",
    contract=CONTRACT,
    access=Access(),
    idempotent=True,
    status=202,
    answers=carts.CartEnvelope,
    render=carts.placed_cart,
    headers=replayed,
    refuses=(*_ANY_ORDER, *_SITE),
)
ORDER_DOMAIN = Operation(
    route="POST /api/orders/domain",
    heading="Register or Transfer a Domain",
    contract=CONTRACT,
    access=Access(user=True),
    idempotent=True,
    asks_registrar=True,
    status=202,
    answers=carts.CartEnvelope,
    render=carts.placed_cart,
    headers=replayed,
    refuses=(*_ANY_ORDER, *_DOMAIN),
)
CANCEL_ORDER = Operation(
    route="DELETE /api/orders/{id}",
    heading="Cancel an Order",
    contract=CONTRACT,
    access=Access(),
    status=202,
    answers=orders.Canceled,
    render=orders.canceled,
    refuses=(Code.ORDER_NOT_CANCELLABLE, Code.TEST_KEY),
)
UPDATE_ORDER: Operation[None] = Operation(
    route="PATCH /api/orders/{id}",
    heading="PATCH is a no-op",
    contract=CONTRACT,
    access=Access(),
    refuses=(Code.RESERVED,),
)
LIST_ORDER_EVENTS = Operation(
    route="GET /api/orders/{id}/events",
    heading="What happened to an order",
    contract=CONTRACT,
    access=READ_BILLING,
    answers=orders.OrderEvents,
    render=orders.order_events,
    ours=True,
)

RESEND_VERIFICATION = Operation(
    route="POST /api/orders/{id}/resend-verification",
    heading="Send the registrant's verification mail again",
    contract=CONTRACT,
    access=Access(),
    asks_registrar=True,
    status=202,
    answers=SentVerification,
    render=sent_verification,
    refuses=(Code.RATE_LIMITED, Code.TEST_KEY),
    ours=True,
)

# -- carts --------------------------------------------------------------------------------------------------------

PLACE_CART = Operation(
    route="POST /api/carts",
    heading="Order several products with one charge",
    contract=CONTRACT,
    access=Access(),
    idempotent=True,
    asks_registrar=True,
    status=202,
    answers=carts.CartEnvelope,
    render=carts.placed_cart,
    headers=replayed,
    refuses=(Code.USER_REQUIRED, *_ANY_ORDER, *_SITE, *_DOMAIN, Code.UNKNOWN_IMAGE),
    ours=True,
)
PREVIEW_ORDER = Operation(
    route="POST /api/orders/preview",
    heading="What an order would cost, with a quote",
    contract=CONTRACT,
    access=Access(),
    asks_registrar=True,
    body=True,
    answers=previews.PreviewAnswer,
    render=previews.preview,
    refuses=(Code.USER_REQUIRED, *_ANY_ORDER, *_SITE, *_DOMAIN, Code.UNKNOWN_IMAGE, *BODY),
    ours=True,
)
SHOW_CART = Operation(
    route="GET /api/carts/{token}",
    heading="Carts",
    contract=CONTRACT,
    access=READ_BILLING,
    answers=carts.CartEnvelope,
    render=carts.shown_cart,
    headers=carts.retry_after,
)

# -- callbacks ------------------------------------------------------------------------------------------

LIST_CALLBACKS = Operation(
    route="GET /api/orders/{id}/callbacks",
    heading="The attempts to deliver an order's callback",
    contract=CONTRACT,
    access=READ_BILLING,
    answers=CallbackAttempts,
    render=callback_attempts,
    ours=True,
)
REDELIVER_CALLBACK = Operation(
    route="POST /api/orders/{id}/callbacks/{callback_id}/redeliver",
    heading="Send an order's callback once more",
    contract=CONTRACT,
    access=Access(),
    status=202,
    answers=Redelivered,
    render=redelivered,
    refuses=(Code.TEST_KEY,),
    ours=True,
)

# -- what may be ordered -----------------------------------------------------------------------------

LIST_TLDS = Operation(
    route="GET /api/tlds",
    heading="The top-level domains on sale",
    contract=CONTRACT,
    access=READ_ACCOUNT,
    answers=tlds.TldList,
    render=tlds.tld_list,
    ours=True,
)
SHOW_TLD = Operation(
    route="GET /api/tlds/{tld}",
    heading="One top-level domain, with the JSON Schema of its contacts",
    contract=CONTRACT,
    access=READ_ACCOUNT,
    answers=tlds.TldDetails,
    render=tlds.tld_details,
    ours=True,
)

CHECK_DOMAINS = Operation(
    route="GET /api/domains/check",
    heading="Which domains can be registered, and at which price",
    contract=CONTRACT,
    access=Access(scope="account:read"),
    asks_registrar=True,
    answers=domain_checks.DomainChecks,
    render=domain_checks.domain_checks,
    headers=domain_checks.retry_after,
    refuses=(Code.MISSING_FIELD, Code.INVALID_FIELD, Code.FEATURE_DISABLED),
    ours=True,
)

# -- API keys -----------------------------------------------------------------------------------------

# Without a `scope`, OAuth tokens are refused. The use case checks API keys: a key that has scopes needs `keys:manage`.
_MANAGE_KEYS = Access(scoped=True)

LIST_KEYS = Operation(
    route="GET /api/keys",
    heading="The account's API keys, without their secrets",
    contract=CONTRACT,
    access=_MANAGE_KEYS,
    answers=keys.KeyList,
    render=keys.key_list,
    refuses=(Code.INSUFFICIENT_SCOPE,),
    ours=True,
)
MAKE_KEY = Operation(
    route="POST /api/keys",
    heading="Make an API key",
    contract=CONTRACT,
    access=_MANAGE_KEYS,
    idempotent=True,
    status=201,
    answers=keys.KeyWithSecret,
    render=keys.key_with_secret,
    headers=keys.replayed,
    refuses=(
        *(Code.INSUFFICIENT_SCOPE, Code.UNKNOWN_SCOPE, Code.STRONGER_KEY, Code.TEST_KEY),
        Code.TOO_MANY_KEYS,
    ),
    ours=True,
)
REVOKE_KEY = Operation(
    route="DELETE /api/keys/{id}",
    heading="Revoke an API key",
    contract=CONTRACT,
    access=_MANAGE_KEYS,
    answers=keys.KeyAnswer,
    render=keys.key_answer,
    refuses=(Code.INSUFFICIENT_SCOPE, Code.TEST_KEY),
    ours=True,
)
ROTATE_KEY = Operation(
    route="POST /api/keys/{id}/rotate",
    heading="Give an API key a new secret",
    contract=CONTRACT,
    access=_MANAGE_KEYS,
    idempotent=True,
    answers=keys.KeyWithSecret,
    render=keys.key_with_secret,
    headers=keys.replayed,
    refuses=(
        *(Code.INSUFFICIENT_SCOPE, Code.STRONGER_KEY, Code.TEST_KEY),
        *(Code.KEY_INACTIVE, Code.KEY_CHANGED),
    ),
    ours=True,
)
LIST_SCOPES = Operation(
    route="GET /api/keys/scopes",
    heading="The scopes that a key can have",
    contract=CONTRACT,
    access=Access(account=AccountFrom.OPTIONAL, scoped=True),
    answers=keys.ScopeList,
    render=keys.scope_list,
    ours=True,
)

# -- webhooks -------------------------------------------------------------------------------------------

_ENDPOINT = "/api/webhooks/endpoints/{id}"

LIST_EVENT_TYPES: Operation[None] = Operation(
    route="GET /api/webhooks/event-types",
    heading="The events that account webhooks report",
    contract=CONTRACT,
    access=READ_ACCOUNT,
    answers=webhooks.EventTypeList,
    render=webhooks.event_types,
    ours=True,
)
LIST_WEBHOOKS = Operation(
    route="GET /api/webhooks/endpoints",
    heading="The account's webhook endpoints",
    contract=CONTRACT,
    access=READ_BILLING,
    answers=webhooks.EndpointList,
    render=webhooks.endpoint_list,
    ours=True,
)
SHOW_WEBHOOK = Operation(
    route=f"GET {_ENDPOINT}",
    heading="One webhook endpoint",
    contract=CONTRACT,
    access=READ_BILLING,
    answers=webhooks.EndpointAnswer,
    render=webhooks.endpoint_answer,
    ours=True,
)
LIST_DELIVERIES = Operation(
    route=f"GET {_ENDPOINT}/deliveries",
    heading="The log of a webhook endpoint",
    contract=CONTRACT,
    access=READ_BILLING,
    answers=webhooks.DeliveryList,
    render=webhooks.delivery_list,
    headers=webhooks.delivery_links,
    refuses=(Code.INVALID_PER_PAGE, Code.INVALID_CURSOR),
    ours=True,
)
CREATE_WEBHOOK = Operation(
    route="POST /api/webhooks/endpoints",
    heading="Create a webhook endpoint",
    contract=CONTRACT,
    access=Access(),
    idempotent=True,
    status=201,
    answers=webhooks.EndpointAnswer,
    render=webhooks.with_secret,
    headers=webhooks.created,
    refuses=(Code.INVALID_WEBHOOK_URL, Code.UNKNOWN_EVENT_TYPE, Code.TOO_MANY_WEBHOOKS),
    ours=True,
)
CHANGE_WEBHOOK = Operation(
    route=f"PATCH {_ENDPOINT}",
    heading="Change a webhook endpoint",
    contract=CONTRACT,
    access=Access(),
    body=True,
    answers=webhooks.EndpointAnswer,
    render=webhooks.endpoint_answer,
    refuses=(Code.INVALID_WEBHOOK_URL, Code.UNKNOWN_EVENT_TYPE, Code.TEST_KEY),
    ours=True,
)
REMOVE_WEBHOOK = Operation(
    route=f"DELETE {_ENDPOINT}",
    heading="Delete a webhook endpoint",
    contract=CONTRACT,
    access=Access(),
    answers=webhooks.Removed,
    render=webhooks.removed,
    refuses=(Code.TEST_KEY,),
    ours=True,
)
TEST_WEBHOOK = Operation(
    route=f"POST {_ENDPOINT}/test",
    heading="Send an example to a webhook endpoint",
    contract=CONTRACT,
    access=Access(),
    body=True,
    answers=webhooks.DeliveryAnswer,
    render=webhooks.delivery_answer,
    refuses=(Code.UNKNOWN_EVENT_TYPE, Code.TEST_KEY_REQUIRED),
    ours=True,
)
ROTATE_WEBHOOK_SECRET = Operation(
    route=f"POST {_ENDPOINT}/rotate-secret",
    heading="Give a webhook endpoint a new secret",
    contract=CONTRACT,
    access=Access(),
    answers=webhooks.EndpointAnswer,
    render=webhooks.with_secret,
    refuses=(Code.RATE_LIMITED, Code.TEST_KEY),
    ours=True,
)
REDELIVER_WEBHOOK = Operation(
    route=f"POST {_ENDPOINT}/deliveries/{{delivery_id}}/redeliver",
    heading="Send a webhook once more",
    contract=CONTRACT,
    access=Access(),
    status=202,
    answers=webhooks.DeliveryAnswer,
    render=webhooks.delivery_answer,
    refuses=(Code.WEBHOOK_DISABLED, Code.TEST_KEY),
    ours=True,
)
REPLAY_WEBHOOKS = Operation(
    route=f"POST {_ENDPOINT}/replay",
    heading="Send all undelivered webhooks again",
    contract=CONTRACT,
    access=Access(),
    status=202,
    body=True,
    answers=webhooks.Replayed,
    render=webhooks.replayed,
    refuses=(Code.WEBHOOK_DISABLED, Code.TEST_KEY),
    ours=True,
)

_SHARED = shared_operations(CONTRACT, UNKNOWN_VARIANTS)
LIST_TASKS, SHOW_TASK = _SHARED.list_tasks, _SHARED.show_task
SHOW_SAMPLE_CALLBACK = _SHARED.show_sample_callback
SHOW_ABOUT = _SHARED.show_about
SHOW_ACCOUNT, SHOW_USER = _SHARED.show_account, _SHARED.show_user

OPERATIONS: tuple[Operation[Any], ...] = (
    *(LIST_ORDERS, SHOW_ORDER, PLACE_ORDER, ORDER_DOMAIN, CANCEL_ORDER, UPDATE_ORDER, LIST_ORDER_EVENTS),
    RESEND_VERIFICATION,
    *(PLACE_CART, PREVIEW_ORDER, SHOW_CART),
    *(LIST_CALLBACKS, REDELIVER_CALLBACK, SHOW_SAMPLE_CALLBACK, LIST_TASKS, SHOW_TASK),
    *(LIST_KEYS, MAKE_KEY, REVOKE_KEY, ROTATE_KEY, LIST_SCOPES),
    *(LIST_EVENT_TYPES, LIST_WEBHOOKS, SHOW_WEBHOOK, LIST_DELIVERIES),
    *(CREATE_WEBHOOK, CHANGE_WEBHOOK, REMOVE_WEBHOOK, TEST_WEBHOOK, ROTATE_WEBHOOK_SECRET),
    *(REDELIVER_WEBHOOK, REPLAY_WEBHOOKS),
    *(SHOW_ABOUT, LIST_TLDS, SHOW_TLD, CHECK_DOMAINS, SHOW_ACCOUNT, SHOW_USER),
)
