"""Endpoints that contracts 002 and 003 share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hosting_orders.contracts.operation import Access, Contract, Operation
from hosting_orders.domain.account import AccountFrom

from .about import About, about_without
from .accounts import AccountWithPeople, UserDetails, account_with_people, user_details
from .callbacks import CallbackMessage, sample_callback
from .tasks import TaskAnswer, TaskList, task_answer, task_list

READ_BILLING = Access(scope="billing:read")
READ_ACCOUNT = Access(scope="account:read", account=AccountFrom.OPTIONAL)
READ_TASKS = Access(scope="tasks:read", account=AccountFrom.OPTIONAL)
_NO_SCOPE = Access(account=AccountFrom.OPTIONAL)


@dataclass(frozen=True, slots=True)
class SharedOperations:
    list_tasks: Operation[Any]
    show_task: Operation[Any]
    show_sample_callback: Operation[Any]
    show_about: Operation[Any]
    show_account: Operation[Any]
    show_user: Operation[Any]


def shared_operations(contract: Contract, unknown_variants: frozenset[str]) -> SharedOperations:
    return SharedOperations(
        list_tasks=Operation(
            route="GET /api/tasks",
            heading="Tasks of the last three days",
            contract=contract,
            access=READ_TASKS,
            answers=TaskList,
            render=task_list,
        ),
        show_task=Operation(
            route="GET /api/tasks/{id}",
            heading="View a task",
            contract=contract,
            access=READ_TASKS,
            answers=TaskAnswer,
            render=task_answer,
        ),
        show_sample_callback=Operation(
            route="GET /api/webhooks/task",
            heading="An example of a callback's body",
            contract=contract,
            access=READ_TASKS,
            answers=CallbackMessage,
            render=sample_callback,
        ),
        show_about=Operation(
            route="GET /api/about",
            heading="What may be ordered",
            contract=contract,
            access=READ_ACCOUNT,
            answers=About,
            render=about_without(unknown_variants),
        ),
        show_account=Operation(
            route="GET /api/accounts/{id}",
            heading="View an account",
            contract=contract,
            access=_NO_SCOPE,
            answers=AccountWithPeople,
            render=account_with_people,
        ),
        show_user=Operation(
            route="GET /api/users/{id}",
            heading="View a user",
            contract=contract,
            access=_NO_SCOPE,
            answers=UserDetails,
            render=user_details,
        ),
    )
