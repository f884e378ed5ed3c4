"""List the tasks of the last three days. A task is an order as the endpoints `/api/tasks` show it."""

from __future__ import annotations

from dataclasses import dataclass

from hosting_orders.domain import durations
from hosting_orders.domain.account import Account, User
from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.errors import NotFoundError
from hosting_orders.domain.ids import parse_task_id, smallest_number_at
from hosting_orders.domain.order import Order, OrderStatus

from .authenticate import Caller, trial_blocks_api
from .changes import load_cart
from .ports import Services

WINDOW = 3 * durations.DAY
MAX_TASKS = 500

# The shown task depends on the payment only if the order has one of these statuses.
_UNPAID_OR_NOT = (OrderStatus.PENDING, OrderStatus.CANCELING)


@dataclass(frozen=True, slots=True)
class Task:
    order: Order
    account: Account
    user: User | None  # None if the order was placed with an account's own key
    payment: PaymentStatus | None  # None if the shown task does not depend on it


def list_tasks(services: Services, caller: Caller) -> list[Task]:
    """Newest first. If the request names no account, only tasks of orders that the key's user placed."""
    found = _orders(services, caller)
    payments: dict[str, PaymentStatus] = {}
    for order, _ in found:
        if order.status in _UNPAID_OR_NOT and order.cart_token not in payments:
            cart = load_cart(services, order.account_id, order.cart_token)
            payments[order.cart_token] = cart.payment.status
    ids = {order.user_id for order, _ in found if order.user_id}
    users = {user_id: services.directory.user(user_id) for user_id in ids}
    return [
        Task(order, account, users.get(order.user_id or ""), payments.get(order.cart_token))
        for order, account in found
    ]


def _orders(services: Services, caller: Caller) -> list[tuple[Order, Account]]:
    since = smallest_number_at(services.clock.now() - WINDOW)
    if caller.account is not None:
        account = caller.account
        return [(order, account) for order in services.orders.since(account.id, since, MAX_TASKS)]
    found: list[tuple[Order, Account]] = []
    for account_id in caller.credential.account_ids:
        other = services.directory.account(account_id)
        if other is None or trial_blocks_api(other):
            continue
        for order in services.orders.since(account_id, since, MAX_TASKS):
            if _visible(caller, order):
                found.append((order, other))
    return sorted(found, key=lambda pair: pair[0].number, reverse=True)[:MAX_TASKS]


def find_task(services: Services, caller: Caller, task_id: str) -> Task:
    """Raises NotFoundError."""
    order, account = _find(services, caller, task_id)
    cart = load_cart(services, account.id, order.cart_token)
    user = services.directory.user(order.user_id) if order.user_id else None
    return Task(order, account, user, cart.payment.status)


def _find(services: Services, caller: Caller, task_id: str) -> tuple[Order, Account]:
    parsed = parse_task_id(task_id)
    if parsed is not None and parsed[1] == 1:
        scoped = [caller.account.id] if caller.account else caller.credential.account_ids
        for account_id in scoped:
            order = services.orders.order(account_id, parsed[0])
            account = services.directory.account(account_id)
            if order is None or account is None or trial_blocks_api(account):
                continue
            if _visible(caller, order):
                return order, account
    raise NotFoundError("There is no such task.")


def _visible(caller: Caller, order: Order) -> bool:
    return caller.account is not None or (order.user_id is not None and order.user_id == caller.user_id)
