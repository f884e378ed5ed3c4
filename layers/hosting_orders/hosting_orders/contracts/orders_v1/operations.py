"""The operations of contract 003."""

from __future__ import annotations

from typing import Any

from hosting_orders.contracts.operation import BODY, Access, Contract, Operation, replayed
from hosting_orders.contracts.rate_limits import LIMITS, ietf_headers
from hosting_orders.contracts.vendor import previews
from hosting_orders.contracts.vendor.callbacks import callback_body
from hosting_orders.contracts.vendor.errors import error
from hosting_orders.contracts.vendor.operations import READ_BILLING, shared_operations
from hosting_orders.contracts.vendor.orders import links, retry_after
from hosting_orders.domain.codes import Code

from . import orders

CONTRACT = Contract(
    "orders_v1",
    "Orders with payment on a page",
    version="1",
    paths=(),
    error=error,
    callback=callback_body,
    limits=LIMITS,
    limit_headers=ietf_headers,
)
UNKNOWN_VARIANTS: frozenset[str] = frozenset()


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
    status=201,
    answers=orders.PlacedOrder,
    render=orders.placed_order,
    headers=replayed,
    refuses=(
        Code.ACCOUNT_UNABLE_TO_CREATE_ORDERS,
        Code.INVALID_CALLBACK,
        Code.INVALID_RETURN_URL,
        Code.CART_PAY_FAILED,
        Code.UNKNOWN_VARIANT,
        Code.UNKNOWN_LOCATION,
        Code.UNKNOWN_PLAN,
        Code.VARIANT_UNAVAILABLE,
        Code.PRICING_MISSING,
    ),
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
    refuses=(*PLACE_ORDER.refuses, *BODY),
    ours=True,
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

# -- shared endpoints ---------------------------------------------------------------------------------------------

_SHARED = shared_operations(CONTRACT, UNKNOWN_VARIANTS)
LIST_TASKS, SHOW_TASK = _SHARED.list_tasks, _SHARED.show_task
SHOW_SAMPLE_CALLBACK = _SHARED.show_sample_callback
SHOW_ABOUT = _SHARED.show_about
SHOW_ACCOUNT, SHOW_USER = _SHARED.show_account, _SHARED.show_user

OPERATIONS: tuple[Operation[Any], ...] = (
    *(LIST_ORDERS, SHOW_ORDER, PLACE_ORDER, PREVIEW_ORDER, CANCEL_ORDER),
    *(LIST_TASKS, SHOW_TASK, SHOW_SAMPLE_CALLBACK, SHOW_ABOUT, SHOW_ACCOUNT, SHOW_USER),
)
