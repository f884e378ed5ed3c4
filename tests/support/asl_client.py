"""A stand-in for `boto3.client("stepfunctions")`. It has AWS's arguments and errors, and calls an AslRunner."""

# ruff: noqa: N803 - boto3's own argument names

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.support.asl_runner import AslRunner, Execution


class ApiError(Exception):
    """An error of the Step Functions API. `code` is AWS's error code, such as `TaskTimedOut`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class StepFunctionsClient:
    """Raises botocore's ClientError where the runner raises ApiError."""

    def __init__(self, runner: AslRunner) -> None:
        self._runner = runner

    def start_execution(self, *, stateMachineArn: str, name: str, input: str = "{}") -> dict[str, Any]:
        with _client_errors("StartExecution"):
            if stateMachineArn != self._runner.arn:
                raise ApiError(
                    "StateMachineDoesNotExist", f"State Machine Does Not Exist: '{stateMachineArn}'"
                )
            execution = self._runner.start(name, input)
        return _answer(executionArn=execution.arn, startDate=_date(execution.started_at))

    def send_task_success(self, *, taskToken: str, output: str) -> dict[str, Any]:
        with _client_errors("SendTaskSuccess"):
            self._runner.send_task_success(taskToken, output)
        return _answer()

    def send_task_failure(
        self, *, taskToken: str, error: str | None = None, cause: str | None = None
    ) -> dict[str, Any]:
        with _client_errors("SendTaskFailure"):
            self._runner.send_task_failure(taskToken, error, cause)
        return _answer()

    def stop_execution(
        self, *, executionArn: str, error: str | None = None, cause: str | None = None
    ) -> dict[str, Any]:
        with _client_errors("StopExecution"):
            execution = self._find(executionArn)
            self._runner.stop(execution.name, error, cause)
        return _answer(stopDate=_date(execution.stopped_at))

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:
        with _client_errors("DescribeExecution"):
            execution = self._find(executionArn)
        return _answer(
            executionArn=execution.arn,
            stateMachineArn=self._runner.arn,
            name=execution.name,
            status=execution.status,
            startDate=_date(execution.started_at),
            stopDate=_date(execution.stopped_at),
            input=execution.input,
            output=json.dumps(execution.output) if execution.status == "SUCCEEDED" else None,
            error=execution.error,
            cause=execution.cause,
            redriveCount=execution.redrives,
            redriveStatus="REDRIVABLE" if execution.failed_in and execution.stopped_at else "NOT_REDRIVABLE",
        )

    def redrive_execution(self, *, executionArn: str) -> dict[str, Any]:
        with _client_errors("RedriveExecution"):
            self._runner.redrive(self._find(executionArn).name)
        return _answer(redriveDate=_date(self._runner.clock.now()))

    def list_executions(
        self, *, stateMachineArn: str, statusFilter: str | None = None, maxResults: int = 100
    ) -> dict[str, Any]:
        found = [
            {
                "executionArn": execution.arn,
                "stateMachineArn": stateMachineArn,
                "name": execution.name,
                "status": execution.status,
                "startDate": _date(execution.started_at),
                "stopDate": _date(execution.stopped_at),
            }
            for execution in sorted(self._runner.executions.values(), key=lambda one: -one.started_at)
            if stateMachineArn == self._runner.arn and statusFilter in (None, execution.status)
        ]
        return _answer(executions=found[:maxResults])

    def get_execution_history(
        self,
        *,
        executionArn: str,
        reverseOrder: bool = False,
        maxResults: int = 100,
        includeExecutionData: bool = True,
    ) -> dict[str, Any]:
        """Return one page with events for the start, each entered state and a failure. AWS has more types of events."""
        with _client_errors("GetExecutionHistory"):
            execution = self._find(executionArn)
        events: list[dict[str, Any]] = [
            {"type": "ExecutionStarted", "timestamp": _date(execution.started_at)}
        ]
        for visit in execution.history:
            entered = {"name": visit.state}
            assert execution.machine is not None
            kind = f"{execution.machine.states[visit.state].type}StateEntered"
            at = _date(visit.entered_at)
            events.append({"type": kind, "timestamp": at, "stateEnteredEventDetails": entered})
        if execution.status == "FAILED":
            failed = {"error": execution.error, "cause": execution.cause}
            known = {name: text for name, text in failed.items() if text is not None}
            at = _date(execution.stopped_at)
            events.append({"type": "ExecutionFailed", "timestamp": at, "executionFailedEventDetails": known})
        for position, event in enumerate(events, start=1):
            event["id"], event["previousEventId"] = position, position - 1
        if reverseOrder:
            events.reverse()
        return _answer(events=events[:maxResults])

    def _find(self, arn: str) -> Execution:
        execution = self._runner.executions.get(arn.rpartition(":")[2])
        if execution is None or execution.arn != arn:
            raise ApiError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
        return execution


def _answer(**facts: Any) -> dict[str, Any]:
    told = {name: value for name, value in facts.items() if value is not None}
    return {**told, "ResponseMetadata": {"HTTPStatusCode": 200, "RetryAttempts": 0}}


def _date(moment: int | None) -> datetime | None:
    return None if moment is None else datetime.fromtimestamp(moment / 1000, UTC)


@contextmanager
def _client_errors(operation: str) -> Iterator[None]:
    try:
        yield
    except ApiError as error:
        answer: Any = {
            "Error": {"Code": error.code, "Message": error.message},
            "ResponseMetadata": {"HTTPStatusCode": 400, "RetryAttempts": 0},
        }
        raise ClientError(answer, operation) from error
