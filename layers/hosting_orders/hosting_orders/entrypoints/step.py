"""Workflow steps: the payload is checked, ids are put on every log line, errors travel by their class names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from pydantic import BaseModel, ConfigDict

from hosting_orders import bootstrap
from hosting_orders.domain.errors import HostingOrdersError, NotFoundError
from hosting_orders.domain.ids import parse_order_id
from hosting_orders.usecases.ports import Services

from .logs import logger


class Step(BaseModel):
    """What a state of statemachines/fulfil_order.asl.yaml hands to its function: ids, never documents."""

    model_config = ConfigDict(frozen=True)

    account_id: str
    order_id: str
    task_token: str = ""
    error: str = ""

    @property
    def number(self) -> int:
        number = parse_order_id(self.order_id)
        if number is None:
            raise NotFoundError("the step's order id is no order's")
        return number


def workflow_step(
    handle: Callable[[Step, Services], None],
) -> Callable[[Mapping[str, Any], Any], dict[str, Any]]:
    """Make a Lambda handler of a workflow step. Errors leave it as they are: the workflow decides by their names."""

    @wraps(handle)
    def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        step = Step.model_validate(event)
        log = logger()
        log.append_keys(account_id=step.account_id, order_id=step.order_id, step=handle.__module__)
        try:
            handle(step, bootstrap.services())
        except Exception as error:
            log.warning("step ended with an error", extra={"error": type(error).__name__, "why": str(error)})
            if not isinstance(error, HostingOrdersError):
                # Retried for hours, so an operator has time, and should know of it from the first.
                bootstrap.services().measures.count("StepFault")
            raise
        finally:
            log.remove_keys(["account_id", "order_id", "step"])
        return {}

    return handler
