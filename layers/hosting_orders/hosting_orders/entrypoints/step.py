"""Lambda handlers for the steps of the workflow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

from hosting_orders import bootstrap
from hosting_orders.domain.errors import HostingOrdersError
from hosting_orders.domain.ids import parse_order_id
from hosting_orders.usecases.ports import Services

from .logs import logger


@dataclass(frozen=True, slots=True)
class StepCall:
    """A step's input (statemachines/fulfil_order.asl.yaml)."""

    account_id: str
    number: int
    task_token: str = ""  # empty for a state that does not wait
    error: str = ""  # the failure that led to the state, or empty

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> StepCall:
        """Raises ValueError if the account or order is missing, which is a bug in the state machine."""
        account_id, number = event.get("account_id"), parse_order_id(str(event.get("order_id")))
        if not isinstance(account_id, str) or not account_id or number is None:
            raise ValueError("the step's payload needs `account_id` and `order_id`")
        return cls(account_id, number, event.get("task_token", ""), event.get("error", ""))


def workflow_step(
    handle: Callable[[StepCall, Services], None],
) -> Callable[[Mapping[str, Any], Any], dict[str, Any]]:
    """Return a Lambda handler. It re-raises every error: the state machine reacts to the name of the error's class."""

    @wraps(handle)
    def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        log = logger()
        log.append_keys(
            account_id=event.get("account_id"), order_id=event.get("order_id"), step=handle.__module__
        )
        try:
            handle(StepCall.of(event), bootstrap.services())
        except Exception as error:
            log.warning("step ended with an error", extra={"error": type(error).__name__, "why": str(error)})
            if not isinstance(error, HostingOrdersError):
                # The workflow retries the step for hours. Count each fault, so that operators learn of the first fault
                # early.
                bootstrap.services().metrics.count("StepFault")
            raise
        finally:
            log.remove_keys(["account_id", "order_id", "step"])
        return {}

    return handler
