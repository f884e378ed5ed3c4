"""Steps of the workflow that wait, and how they are answered.

A waiting step has a task token, and a token belongs to one attempt at the step. A step that knows the answer itself
answers the token it was given; everything else finds the token in the store, and deletes only the one it has used.
"""

from __future__ import annotations

from enum import StrEnum

from hosting_orders.domain.errors import HostingOrdersError
from hosting_orders.domain.order import Order

from .ports import Services


class Step(StrEnum):
    """The steps that wait: for the payment, for the product, for the money to be back (or a delivery after all)."""

    CHARGE = "charge"
    DELIVER = "provision"
    REFUND = "refund"


def wait(services: Services, account_id: str, number: int, step: Step, token: str) -> None:
    """Keep the token of this attempt until something answers it."""
    services.tokens.put_token(account_id, number, step, token, services.clock.now())


def answer(services: Services, account_id: str, number: int, step: Step, token: str) -> None:
    """Let this attempt go on: the step has found out by itself that there is nothing to wait for."""
    services.workflow.succeed(token)
    services.tokens.drop_token(account_id, number, step, token)


def resume(services: Services, order: Order, step: Step) -> bool:
    """Let the order's step go on if it waits; True when it did."""
    token = services.tokens.token(order.account_id, order.number, step)
    if token is None:
        return False
    resumed = services.workflow.succeed(token)
    services.tokens.drop_token(order.account_id, order.number, step, token)
    return resumed


def fail(services: Services, order: Order, step: Step, error: type[HostingOrdersError], cause: str) -> bool:
    """Fail the order's step if it waits; True when it did. The workflow decides by the name of `error`."""
    token = services.tokens.token(order.account_id, order.number, step)
    if token is None:
        return False
    failed = services.workflow.fail(token, error.__name__, cause)
    services.tokens.drop_token(order.account_id, order.number, step, token)
    return failed
