"""The state machine that fulfils orders, on AWS Step Functions: the port Workflow.

One execution per order, named by the order's UUID, so starting twice starts once. A Standard execution's
name stays taken for 90 days after its end: one that failed can not be started again, only redriven.
"""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

from hosting_orders.domain.errors import ProviderUnavailableError
from hosting_orders.domain.order import Order

# SendTaskSuccess and SendTaskFailure refuse what is longer, and a reason cut short beats none.
LONGEST_ERROR = 256
LONGEST_CAUSE = 32_768

# Answers that say there is nothing left to do: the execution was started before; or nobody waits on the token
# any more, because it was answered, timed out, or its execution ended.
_ALREADY_STARTED = frozenset({"ExecutionAlreadyExists"})
_NOBODY_WAITS = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})


class StepFunctionsWorkflow:
    """`client` is a boto3 Step Functions client; `state_machine_arn` the machine's unqualified ARN.

    Every method raises ProviderUnavailableError when Step Functions gave no usable answer; whether it acted
    is unknown then, and calling again is harmless.
    """

    def __init__(self, client: Any, state_machine_arn: str) -> None:
        self._client = client
        self._state_machine_arn = state_machine_arn

    def start(self, order: Order) -> None:
        """Start the order's execution unless it was started before, running or ended."""
        # Ids only: a step loads what it needs, and whoever reads the history reads the input. While the
        # execution runs, the same text is the same start, so the spelling must not vary.
        given = {"account_id": order.account_id, "order_id": order.uuid, "type": order.type.value}
        self._ask(
            "start_execution",
            _ALREADY_STARTED,
            stateMachineArn=self._state_machine_arn,
            name=order.uuid,
            input=json.dumps(given, separators=(",", ":")),
        )

    def succeed(self, token: str) -> None:
        """Let the step that waits on this token go on. Results are on the order, never in the history."""
        self._ask("send_task_success", _NOBODY_WAITS, taskToken=token, output="{}")

    def fail(self, token: str, error: str, cause: str) -> None:
        """Fail the step that waits on this token; `error` is the class name of a domain error."""
        self._ask(
            "send_task_failure",
            _NOBODY_WAITS,
            taskToken=token,
            error=error[:LONGEST_ERROR],
            cause=cause[:LONGEST_CAUSE],
        )

    def _ask(self, operation: str, done_before: frozenset[str], **arguments: str) -> None:
        try:
            getattr(self._client, operation)(**arguments)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code not in done_before:
                # Throttles and faults pass; a missing permission or machine an operator mends.
                raise ProviderUnavailableError(
                    f"the workflow service gave no usable answer ({code})"
                ) from error
        except (ConnectionError, HTTPClientError) as error:
            raise ProviderUnavailableError("the workflow service can not be reached") from error
