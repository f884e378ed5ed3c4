"""Tasks of the last three days (supporting-endpoints.md, section 2). A task is an order seen as work."""

from __future__ import annotations

from hosting_orders.domain import deadlines
from hosting_orders.domain.account import Account
from hosting_orders.domain.errors import NotFoundError
from hosting_orders.domain.ids import parse_task_id, smallest_number_at
from hosting_orders.domain.order import Order

from .authenticate import Caller, shut_out
from .ports import Services

WINDOW = 3 * deadlines.DAY
MOST = 500


def list_tasks(services: Services, caller: Caller) -> list[tuple[Order, Account]]:
    """With an account: all its tasks. Without: those the caller's user started, over all the caller's accounts."""
    since = smallest_number_at(services.clock.now() - WINDOW)
    if caller.account is not None:
        account = caller.account
        return [(order, account) for order in services.orders.since(account.id, since, MOST)]
    found: list[tuple[Order, Account]] = []
    for account_id in caller.credential.account_ids:
        other = services.directory.account(account_id)
        if other is None or shut_out(other):
            continue
        for order in services.orders.since(account_id, since, MOST):
            if _visible(caller, order):
                found.append((order, other))
    return sorted(found, key=lambda pair: pair[0].number, reverse=True)[:MOST]


def find_task(services: Services, caller: Caller, task_id: str) -> tuple[Order, Account]:
    """The task with this id, if the caller may see it. Raises NotFoundError."""
    parsed = parse_task_id(task_id)
    if parsed is not None and parsed[1] == 1:
        scoped = [caller.account.id] if caller.account else caller.credential.account_ids
        for account_id in scoped:
            order = services.orders.order(account_id, parsed[0])
            account = services.directory.account(account_id)
            if order is None or account is None or shut_out(account):
                continue
            if _visible(caller, order):
                return order, account
    raise NotFoundError("There is no such task.")


def _visible(caller: Caller, order: Order) -> bool:
    return caller.account is not None or (order.user_id is not None and order.user_id == caller.user_id)
