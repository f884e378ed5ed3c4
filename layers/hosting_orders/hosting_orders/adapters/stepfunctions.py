"""The Workflow port on AWS Step Functions.

An execution has the order's UUID as its name, so a second start has no effect. A name cannot be used again until 90
days after the execution's end, so a failed execution can only be redriven.
"""

from __future__ import annotations

import json
from typing import Any, Protocol

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

from hosting_orders.domain.errors import HostingOrdersError, ProviderUnavailableError
from hosting_orders.domain.order import Order
from hosting_orders.domain.workflow import Step

# SendTaskFailure refuses longer texts, so they are cut.
MAX_ERROR_LENGTH = 256
MAX_CAUSE_LENGTH = 32_768

# After these errors nothing is left to do. Either the execution was started before, or the token no longer works
# because it was answered, it timed out, or its execution has ended.
_ALREADY_STARTED = frozenset({"ExecutionAlreadyExists"})
_NO_STEP_WAITS = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})


class _Tokens(Protocol):
    def put_token(self, account_id: str, number: int, step: str, token: str, now: int) -> None: ...
    def token(self, account_id: str, number: int, step: str) -> str | None: ...
    def drop_token(self, account_id: str, number: int, step: str, token: str) -> None: ...


class _Clock(Protocol):
    def now(self) -> int: ...


class StepFunctionsWorkflow:
    """After a crash, the store can keep a token that was already answered. A second answer has no effect."""

    def __init__(self, client: Any, state_machine_arn: str, tokens: _Tokens, clock: _Clock) -> None:
        self._client = client
        self._state_machine_arn = state_machine_arn
        self._tokens = tokens
        self._clock = clock

    def start(self, order: Order) -> None:
        # The execution's history shows the input, so the input has no personal data. The steps read the order instead.
        # While an execution runs, Step Functions accepts a second start only with the same input. So the JSON must be
        # the same each time.
        given = {
            "account_id": order.account_id,
            "order_id": order.uuid,
            "type": order.kind.value,
            "deliverer": order.item.DELIVERER.value,
        }
        self._ask(
            "start_execution",
            _ALREADY_STARTED,
            stateMachineArn=self._state_machine_arn,
            name=order.uuid,
            input=json.dumps(given, separators=(",", ":")),
        )

    def wait(self, order: Order, step: Step, token: str) -> None:
        self._tokens.put_token(order.account_id, order.number, step, token, self._clock.now())

    def answer(self, order: Order, step: Step, token: str) -> None:
        self._succeed(token)
        self._tokens.drop_token(order.account_id, order.number, step, token)

    def resume(self, order: Order, step: Step) -> bool:
        token = self._tokens.token(order.account_id, order.number, step)
        if token is None:
            return False
        resumed = self._succeed(token)
        self._tokens.drop_token(order.account_id, order.number, step, token)
        return resumed

    def fail(self, order: Order, step: Step, error: type[HostingOrdersError], cause: str) -> bool:
        token = self._tokens.token(order.account_id, order.number, step)
        if token is None:
            return False
        answer = self._ask(
            "send_task_failure",
            _NO_STEP_WAITS,
            taskToken=token,
            error=error.__name__[:MAX_ERROR_LENGTH],
            cause=cause[:MAX_CAUSE_LENGTH],
        )
        self._tokens.drop_token(order.account_id, order.number, step, token)
        return answer is not None

    def _succeed(self, token: str) -> bool:
        # The output is empty, because results are stored on the order and not in the execution.
        return self._ask("send_task_success", _NO_STEP_WAITS, taskToken=token, output="{}") is not None

    def failed_step(self, execution_arn: str) -> str | None:
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
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**arguments)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code not in done_before:
                # Throttling and server errors are temporary. If a permission or the state machine is missing, an
                # operator corrects that. So a later attempt can succeed.
                raise ProviderUnavailableError(
                    f"the workflow service gave no usable answer ({code})"
                ) from error
            return None
        except (ConnectionError, HTTPClientError) as error:
            raise ProviderUnavailableError("the workflow service cannot be reached") from error
        return answer
