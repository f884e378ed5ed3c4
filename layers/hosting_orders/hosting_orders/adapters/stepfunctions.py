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

# Answers that say there is nothing left to do: the execution was started before; or no step waits on the token any
# more, because it was answered, timed out, or its execution ended.
_ALREADY_STARTED = frozenset({"ExecutionAlreadyExists"})
_NO_STEP_WAITS = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})


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

    def succeed(self, token: str) -> bool:
        """Let the step that waits on this token go on; False when none does. Results are on the order, never in the
        history."""
        answer = self._ask("send_task_success", _NO_STEP_WAITS, taskToken=token, output="{}")
        return answer is not None

    def fail(self, token: str, error: str, cause: str) -> bool:
        """Fail the step that waits on this token; False when none does. `error` is the class name of a domain
        error."""
        answer = self._ask(
            "send_task_failure",
            _NO_STEP_WAITS,
            taskToken=token,
            error=error[:LONGEST_ERROR],
            cause=cause[:LONGEST_CAUSE],
        )
        return answer is not None

    def failed_step(self, execution_arn: str) -> str | None:
        """The state that the execution entered last; None when the service knows of none."""
        page: dict[str, Any] | None = {"nextToken": None}
        while page is not None and "nextToken" in page:
            more = {"nextToken": page["nextToken"]} if page["nextToken"] else {}
            page = self._ask(
                "get_execution_history",
                frozenset({"ExecutionDoesNotExist"}),
                executionArn=execution_arn,
                reverseOrder=True,
                maxResults=1000,
                includeExecutionData=False,
                **more,
            )
            for event in page["events"] if page else ():
                if event["type"].endswith("StateEntered"):
                    return str(event["stateEnteredEventDetails"]["name"])
        return None

    def _ask(self, operation: str, done_before: frozenset[str], **arguments: Any) -> dict[str, Any] | None:
        """The answer, or None when there is nothing left to do."""
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**arguments)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code not in done_before:
                # Throttles and faults pass; a missing permission or machine an operator mends.
                raise ProviderUnavailableError(
                    f"the workflow service gave no usable answer ({code})"
                ) from error
            return None
        except (ConnectionError, HTTPClientError) as error:
            raise ProviderUnavailableError("the workflow service cannot be reached") from error
        return answer
