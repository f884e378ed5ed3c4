"""Contract 003, "Orders", API version 1, and what it refers to.

Hold it beside docs/contracts.md. `ours` marks what the published text lacks.
"""

from __future__ import annotations

from typing import Any

from hosting_orders.contracts.operation import Access, Contract, Operation
from hosting_orders.contracts.vendor.about import About, about_without
from hosting_orders.contracts.vendor.accounts import (
    AccountWithPeople,
    UserDetails,
    account_with_people,
    user_details,
)
from hosting_orders.contracts.vendor.callbacks import CallbackMessage, callback_body, sample_callback
from hosting_orders.contracts.vendor.errors import error
from hosting_orders.contracts.vendor.orders import links, retry_after
from hosting_orders.contracts.vendor.tasks import TaskAnswer, TaskList, task_answer, task_list
from hosting_orders.domain.account import AccountFrom
from hosting_orders.domain.codes import Code

from . import orders

CONTRACT = Contract(
    "orders_v1",
    "Orders with payment on a page",
    version="1",
    paths=(),
    error=error,
    callback=callback_body,
)
UNKNOWN_VARIANTS: frozenset[str] = frozenset()

_READ_BILLING = Access(scope="billing:read")
_READ_ACCOUNT = Access(scope="account:read", account=AccountFrom.OPTIONAL)
_READ_TASKS = Access(scope="tasks:read", account=AccountFrom.OPTIONAL)

# -- orders -------------------------------------------------------------------------------------------------------

LIST_ORDERS = Operation(
    route="GET /api/orders",
    heading="List all orders for an account",
    contract=CONTRACT,
    access=_READ_BILLING,
    answers=orders.OrderList,
    render=orders.order_list,
    headers=links,
    refuses=(Code.INVALID_PAGE, Code.INVALID_PER_PAGE, Code.INVALID_CURSOR),
)
SHOW_ORDER = Operation(
    route="GET /api/orders/{id}",
    heading="View an Order",
    contract=CONTRACT,
    access=_READ_BILLING,
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
    headers=orders.replayed,
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
CANCEL_ORDER = Operation(
    route="DELETE /api/orders/{id}",
    heading="Cancel an Order",
    contract=CONTRACT,
    access=Access(),
    status=202,
    answers=orders.Canceled,
    render=orders.canceled,
    refuses=(Code.ORDER_NOT_CANCELLABLE,),
)

# -- what it refers to --------------------------------------------------------------------------------------------

LIST_TASKS = Operation(
    route="GET /api/tasks",
    heading="Tasks of the last three days",
    contract=CONTRACT,
    access=_READ_TASKS,
    answers=TaskList,
    render=task_list,
)
SHOW_TASK = Operation(
    route="GET /api/tasks/{id}",
    heading="View a task",
    contract=CONTRACT,
    access=_READ_TASKS,
    answers=TaskAnswer,
    render=task_answer,
)
SHOW_SAMPLE_CALLBACK = Operation(
    route="GET /api/webhooks/task",
    heading="An example of a callback's body",
    contract=CONTRACT,
    access=_READ_TASKS,
    answers=CallbackMessage,
    render=sample_callback,
)
SHOW_ABOUT = Operation(
    route="GET /api/about",
    heading="What may be ordered",
    contract=CONTRACT,
    access=_READ_ACCOUNT,
    answers=About,
    render=about_without(UNKNOWN_VARIANTS),
)
SHOW_ACCOUNT = Operation(
    route="GET /api/accounts/{id}",
    heading="View an account",
    contract=CONTRACT,
    access=Access(account=AccountFrom.OPTIONAL),
    answers=AccountWithPeople,
    render=account_with_people,
)
SHOW_USER = Operation(
    route="GET /api/users/{id}",
    heading="View a user",
    contract=CONTRACT,
    access=Access(account=AccountFrom.OPTIONAL),
    answers=UserDetails,
    render=user_details,
)

OPERATIONS: tuple[Operation[Any], ...] = (
    *(LIST_ORDERS, SHOW_ORDER, PLACE_ORDER, CANCEL_ORDER),
    *(LIST_TASKS, SHOW_TASK, SHOW_SAMPLE_CALLBACK, SHOW_ABOUT, SHOW_ACCOUNT, SHOW_USER),
)
