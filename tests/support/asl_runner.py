"""Runs the project's real state machine in process and in virtual time. Its tasks call plain Python functions.

It interprets the part of the Amazon States Language that the project uses: a Standard workflow in JSONata with
Task (`lambda:invoke`, with or without `.waitForTaskToken`), Choice, Pass, Succeed and Fail.

    machine = StateMachine.load(path, {"ChargeOrderFunctionArn": charge_order, …})
    runner = AslRunner(machine, VirtualClock(), invoke=lambda function, payload: function(payload, context))
    execution = runner.start("order-1", {"order_number": 1})
    runner.run_until_idle()     # until every execution waits for a token, a retry or a time-out, or has ended
    runner.advance(3600)        # an hour passes: retries and time-outs fire in their order

- There are no threads. States run only in `run_until_idle`, `advance` and `run_one`, never inside
  `send_task_success`. So a handler may call `send_task_success` while it runs.
- The same calls and the same seed give the same history.
- An execution keeps the definition that it started with, even after a redrive. To simulate a deployment, set `machine`.
- Not modelled: stack traces, and the reuse of an execution's name after 90 days.

Semantics follow the Step Functions Developer Guide ("Handling errors in workflows", "Transforming data with
JSONata", "Restarting state machine executions with redrive") and the API reference.
"""

from __future__ import annotations

import heapq
import json
import random
import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from tests.support.asl_client import ApiError, StepFunctionsClient
from tests.support.asl_definition import (
    DATA_LIMIT_EXCEEDED,
    NO_CHOICE_MATCHED,
    NO_FIELD,
    QUERY_EVALUATION_ERROR,
    RUNTIME,
    TIMEOUT,
    WAIT_FOR_TOKEN,
    Catcher,
    Leaving,
    State,
    StateFailedError,
    StateMachine,
    UnsupportedAslError,
    error_matches,
    fill,
)

__all__ = [
    "ApiError",
    "AslRunner",
    "Execution",
    "InvocationError",
    "StateMachine",
    "StepFunctionsClient",
    "UnsupportedAslError",
    "VirtualClock",
]

PAYLOAD_LIMIT_BYTES = 256 * 1024

# An endless loop in the workflow must fail the test, not block it. AWS ends an execution at 25,000 history events.
MOST_TRANSITIONS = 5000

REDRIVABLE_FOR = 14 * 86_400_000  # milliseconds after an execution's end


class InvocationError(Exception):
    """Raised by `invoke` for a failure that is not an exception of the function.

    Either the function was killed (`Sandbox.Timedout`, `Runtime.ExitError`) or Lambda refused the call
    (`Lambda.TooManyRequestsException`).
    """

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


# -- the clock -------------------------------------------------------------------------------------


class Clock(Protocol):
    """A clock that the runner may move. Epoch milliseconds UTC."""

    def now(self) -> int: ...
    def advance_to(self, moment: int) -> None: ...


class VirtualClock:
    """A clock that moves only on request, and never backwards. Satisfies `usecases.ports.Clock`."""

    def __init__(self, now: int = 1_800_000_000_000) -> None:
        self._now = now

    def now(self) -> int:
        return self._now

    def advance_to(self, moment: int) -> None:
        self._now = max(self._now, moment)

    def advance(self, seconds: float) -> None:
        """Let time pass inside a handler. A deadline that passes meanwhile takes effect when the handler returns."""
        self.advance_to(self._now + round(seconds * 1000))


# -- executions ------------------------------------------------------------------------------------


@dataclass(slots=True)
class Visit:
    """One visit to a state. `entered_at` is in epoch milliseconds."""

    state: str
    entered_at: int
    attempts: int = 0


@dataclass(slots=True)
class Execution:
    """The data of DescribeExecution and GetExecutionHistory. Times are epoch milliseconds UTC."""

    name: str
    arn: str
    input: str
    started_at: int
    status: str = "RUNNING"
    stopped_at: int | None = None
    output: Any = None
    error: str | None = None
    cause: str | None = None
    transitions: int = 0  # billed by AWS: every state entered, and every retry
    history: list[Visit] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)
    attempt: _Attempt | None = None  # the current attempt at a task; None once it is settled
    machine: StateMachine | None = None  # the definition that it started with
    redrives: int = 0
    failed_in: tuple[str, Any] | None = None  # the state that a redrive enters again, and its input

    @property
    def states(self) -> list[str]:
        return [visit.state for visit in self.history]

    @property
    def waiting_token(self) -> str | None:
        return self.attempt.token if self.attempt else None


@dataclass(slots=True, eq=False)
class _Attempt:
    """One attempt at a task. The first of these events settles the attempt.

    - The function returns (without a token) or fails.
    - The token is answered.
    - The deadline passes, or the execution ends.
    """

    execution: Execution
    visit: _TaskVisit
    token: str | None
    deadline: int | None = None


@dataclass(slots=True)
class _TaskVisit:
    """One stay in a Task state. Each retrier counts its own retries. Leaving the state resets the counts."""

    state: State
    input: Any
    record: Visit
    retries: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, order=True)
class _Timer:
    """A retry or a time-out. Timers of the same moment fire in the order in which they were set."""

    due: int
    position: int
    execution: Execution = field(compare=False)
    only_while: _Attempt | None = field(compare=False)
    fire: Callable[[], None] = field(compare=False)

    def wanted(self) -> bool:
        if self.only_while is not None and self.execution.attempt is not self.only_while:
            return False
        return self.execution.status == "RUNNING"


class AslRunner:
    def __init__(
        self,
        machine: StateMachine,
        clock: Clock,
        invoke: Callable[[Any, Any], Any],
        *,
        seed: int = 0,
        account: str = "111122223333",
        region: str = "eu-west-1",
    ) -> None:
        """`invoke(function, payload)` runs a function and returns its result.

        It may raise InvocationError or the handler's exception. The exception's class name becomes the error
        name, as in AWS's Python runtime. The jitter of retries is random; the same `seed` gives the same jitter.
        """
        self.machine = machine
        self.clock = clock
        self.arn = f"arn:aws:states:{region}:{account}:stateMachine:{machine.name}"
        self.executions: dict[str, Execution] = {}
        self._invoke = invoke
        self._chance = random.Random(seed)
        self._ready: deque[tuple[Execution, Callable[[], None]]] = deque()
        self._timers: list[_Timer] = []
        self._timers_set = 0
        self._tokens: dict[str, _Attempt] = {}
        self.ended: list[Execution] = []
        """Ended executions, in the order of their ends. A redriven execution is listed once for each end."""

    # -- the API -----------------------------------------------------------------------------------

    def start(self, name: str, input: Any) -> Execution:
        """StartExecution. `input` is JSON text, or a value to serialise.

        Starting a running execution again with the same name and text returns that execution. Any other use
        of a taken name raises ApiError ExecutionAlreadyExists.
        """
        text = input if isinstance(input, str) else json.dumps(input, separators=(",", ":"))
        if not 1 <= len(name) <= 80 or re.search(r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]", name):
            raise ApiError("InvalidName", f"Invalid Name: '{name}'")
        try:
            value = json.loads(text)
        except ValueError as error:
            raise ApiError(
                "InvalidExecutionInput", f"Invalid State Machine Execution Input: {error}"
            ) from error
        there = self.executions.get(name)
        if there is not None:
            if there.status == "RUNNING" and there.input == text:
                return there
            raise ApiError(
                "ExecutionAlreadyExists", f"Execution Already Exists: '{self._execution_arn(name)}'"
            )
        execution = Execution(name, self._execution_arn(name), text, self.clock.now(), machine=self.machine)
        self.executions[name] = execution
        if self.machine.timeout is not None:
            self._in(self.machine.timeout, execution, lambda: self._time_out(execution))
        start_at = self.machine.start_at
        self._soon(execution, lambda: self._enter(execution, start_at, value))
        return execution

    def redrive(self, name: str) -> Execution:
        """RedriveExecution: enter the failed state again, with the same input and all its retries.

        Raises ApiError ExecutionDoesNotExist. Raises ExecutionNotRedrivable when the execution is running,
        has succeeded, or ended more than 14 days ago.
        """
        execution = self.describe(name)
        unsuccessful = execution.status in ("FAILED", "TIMED_OUT", "ABORTED")
        if not unsuccessful or execution.failed_in is None or execution.stopped_at is None:
            raise ApiError("ExecutionNotRedrivable", f"Execution is {execution.status}: '{execution.arn}'")
        if self.clock.now() > execution.stopped_at + REDRIVABLE_FOR:
            raise ApiError("ExecutionNotRedrivable", f"Redrivable period exceeded: '{execution.arn}'")
        state, value = execution.failed_in
        execution.status, execution.stopped_at = "RUNNING", None
        execution.error = execution.cause = execution.failed_in = None
        execution.redrives += 1
        self._soon(execution, lambda: self._enter(execution, state, value))
        return execution

    def send_task_success(self, token: str, output: str) -> None:
        """SendTaskSuccess. Raises ApiError InvalidOutput (not JSON text), InvalidToken or TaskTimedOut."""
        try:
            value = json.loads(output)
        except ValueError as error:
            raise ApiError("InvalidOutput", f"Invalid Output: {error}") from error
        attempt = self._take(token)
        self._soon(attempt.execution, lambda: self._succeed(attempt, value))

    def send_task_failure(self, token: str, error: str | None = None, cause: str | None = None) -> None:
        """SendTaskFailure. Raises ApiError InvalidToken or TaskTimedOut."""
        attempt = self._take(token)
        self._soon(attempt.execution, lambda: self._fail(attempt, StateFailedError(error, cause)))

    def stop(self, name: str, error: str | None = None, cause: str | None = None) -> None:
        """StopExecution: the execution ends as ABORTED. Stopping an ended execution changes nothing."""
        self._finish(self.describe(name), "ABORTED", error=error, cause=cause)

    def describe(self, name: str) -> Execution:
        execution = self.executions.get(name)
        if execution is None:
            raise ApiError(
                "ExecutionDoesNotExist", f"Execution Does Not Exist: '{self._execution_arn(name)}'"
            )
        return execution

    def as_client(self) -> StepFunctionsClient:
        return StepFunctionsClient(self)

    # -- time --------------------------------------------------------------------------------------

    def run_one(self, pick: int = 0) -> bool:
        """Run one step that is ready, the `pick`-th in order of arrival. Return False when none is ready.

        A simulation chooses `pick` to try other interleavings of several executions.
        """
        if not self._ready:
            return False
        execution, step = self._ready[pick]
        del self._ready[pick]
        if execution.status == "RUNNING":
            step()
        return True

    @property
    def ready(self) -> int:
        return len(self._ready)

    def run_until_idle(self) -> None:
        """Run until every execution waits for a token or for time to pass."""
        while self.run_one():
            pass

    def next_timer(self) -> int | None:
        """The moment of the next retry or time-out (epoch milliseconds), or None."""
        while self._timers and not self._timers[0].wanted():
            heapq.heappop(self._timers)
        return self._timers[0].due if self._timers else None

    def advance(self, seconds: float) -> None:
        """Let time pass: run what is ready, then fire each retry and time-out at its moment, in order."""
        self.run_until_idle()
        end = self.clock.now() + round(seconds * 1000)
        while (due := self.next_timer()) is not None and due <= end:
            self.clock.advance_to(due)
            heapq.heappop(self._timers).fire()
            self.run_until_idle()
        self.clock.advance_to(end)

    def _soon(self, execution: Execution, step: Callable[[], None]) -> None:
        self._ready.append((execution, step))

    def _in(
        self,
        seconds: float,
        execution: Execution,
        fire: Callable[[], None],
        *,
        only_while: _Attempt | None = None,
    ) -> int:
        """Set a timer and return its moment. It lapses when the execution or the attempt `only_while` ends."""
        due = self.clock.now() + round(seconds * 1000)
        self._timers_set += 1
        heapq.heappush(self._timers, _Timer(due, self._timers_set, execution, only_while, fire))
        return due

    # -- states ------------------------------------------------------------------------------------

    def _execution_arn(self, name: str) -> str:
        return f"{self.arn.replace(':stateMachine:', ':execution:')}:{name}"

    def _enter(self, execution: Execution, name: str, input: Any) -> None:
        assert execution.machine is not None
        state = execution.machine.states[name]
        record = Visit(name, self.clock.now())
        execution.history.append(record)
        execution.failed_in = (name, input)
        self._count_transition(execution)
        if execution.status != "RUNNING":
            return
        if state.type == "Task":
            self._try(execution, _TaskVisit(state, input, record))
            return
        try:
            self._pass_through(execution, state, input, record)
        except StateFailedError as failure:
            self._finish(execution, "FAILED", error=failure.error, cause=failure.cause)

    def _pass_through(self, execution: Execution, state: State, input: Any, record: Visit) -> None:
        """Run a Choice, Pass, Succeed or Fail state. These states have no Retry or Catch, so errors are raised."""
        variables = self._variables(execution, input, record)
        if state.type == "Fail":
            raise StateFailedError(fill(state.error, variables), fill(state.cause, variables))
        leaving = self._choose(state, variables) if state.type == "Choice" else state.leaving
        assert leaving is not None
        self._leave(execution, leaving, variables, default=input)

    def _choose(self, state: State, variables: Mapping[str, Any]) -> Leaving:
        for rule in state.rules:
            holds = fill(rule.condition, variables)
            if not isinstance(holds, bool):
                cause = f"The Condition of a rule of {state.name} gave {holds!r}, not a boolean"
                raise StateFailedError(QUERY_EVALUATION_ERROR, cause)
            if holds:
                return rule.leaving
        if state.leaving is None:
            raise StateFailedError(NO_CHOICE_MATCHED, f"No rule of {state.name} holds and it has no Default")
        return state.leaving

    def _leave(
        self, execution: Execution, leaving: Leaving, variables: Mapping[str, Any], default: Any
    ) -> None:
        # Output reads the variables as they were before Assign. Assign reads none of its own new values.
        output = default if leaving.output is NO_FIELD else fill(leaving.output, variables)
        assigned = fill(leaving.assign, variables)
        execution.variables.update(assigned)
        to = leaving.to
        if to is None:
            self._finish(execution, "SUCCEEDED", output=output)
        else:
            self._soon(execution, lambda: self._enter(execution, to, output))

    def _variables(
        self, execution: Execution, input: Any, record: Visit, *, token: str | None = None, **more: Any
    ) -> dict[str, Any]:
        context: dict[str, Any] = {
            "Execution": {
                "Id": execution.arn,
                "Name": execution.name,
                "Input": json.loads(execution.input),
                "StartTime": _iso(execution.started_at),
            },
            "State": {
                "Name": record.state,
                "EnteredTime": _iso(record.entered_at),
                "RetryCount": max(0, record.attempts - 1),
            },
            "StateMachine": {"Id": self.arn, "Name": execution.machine.name if execution.machine else ""},
        }
        if token is not None:
            context["Task"] = {"Token": token}
        return {**execution.variables, "states": {"input": input, "context": context, **more}}

    # -- tasks -------------------------------------------------------------------------------------

    def _try(self, execution: Execution, visit: _TaskVisit) -> None:
        state = visit.state
        visit.record.attempts += 1
        token = None
        if state.resource == WAIT_FOR_TOKEN:
            token = f"token-{len(self._tokens) + 1}-{execution.name}"
        attempt = _Attempt(execution, visit, token)
        execution.attempt = attempt
        if token is not None:
            self._tokens[token] = attempt
        variables = self._variables(execution, visit.input, visit.record, token=token)
        try:
            timeout = fill(state.timeout, variables)
            if timeout is not None:
                if isinstance(timeout, bool) or not isinstance(timeout, int) or timeout < 1:
                    cause = f"TimeoutSeconds of {state.name} gave {timeout!r}, not a positive whole number"
                    raise StateFailedError(QUERY_EVALUATION_ERROR, cause)
                attempt.deadline = self._in(
                    timeout, execution, lambda: self._overdue(attempt), only_while=attempt
                )
            payload = None if state.payload is NO_FIELD else fill(state.payload, variables)
            answer = self._call(state.function, payload)
        except StateFailedError as failure:
            if self._close(attempt):  # the token may have settled the attempt before the function failed
                self._fail(attempt, failure)
            return
        if attempt.deadline is not None and self.clock.now() >= attempt.deadline:
            self._overdue(attempt)
        elif token is None and self._close(attempt):
            self._succeed(attempt, {"ExecutedVersion": "$LATEST", "Payload": answer, "StatusCode": 200})

    def _call(self, function: Any, payload: Any) -> Any:
        """The function's result. Input and result pass as JSON text, so the function gets no objects of the runner."""
        text = json.dumps(payload)
        if len(text.encode()) > PAYLOAD_LIMIT_BYTES:
            raise StateFailedError(DATA_LIMIT_EXCEEDED, "The task's payload exceeds 262144 bytes")
        try:
            answer = self._invoke(function, json.loads(text))
        except InvocationError as error:
            raise StateFailedError(error.error, error.cause) from error
        except Exception as error:
            name = type(error).__name__
            cause = {"errorMessage": str(error), "errorType": name, "stackTrace": []}
            raise StateFailedError(name, json.dumps(cause)) from error
        try:
            text = json.dumps(answer, allow_nan=False)
        except (TypeError, ValueError) as error:
            cause = {
                "errorMessage": f"Unable to marshal response: {error}",
                "errorType": "Runtime.MarshalError",
            }
            raise StateFailedError("Runtime.MarshalError", json.dumps(cause)) from error
        if len(text.encode()) > PAYLOAD_LIMIT_BYTES:
            raise StateFailedError(DATA_LIMIT_EXCEEDED, "The task's result exceeds 262144 bytes")
        return json.loads(text)

    def _take(self, token: str) -> _Attempt:
        if token not in self._tokens:
            raise ApiError("InvalidToken", "Invalid Token: 'Invalid token'")
        attempt = self._tokens[token]
        if not self._close(attempt):
            raise ApiError("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
        return attempt

    def _close(self, attempt: _Attempt) -> bool:
        """Mark this attempt as settled. Return False if the attempt was already settled."""
        if attempt.execution.attempt is not attempt:
            return False
        attempt.execution.attempt = None
        return True

    def _overdue(self, attempt: _Attempt) -> None:
        if self._close(attempt):
            self._soon(attempt.execution, lambda: self._fail(attempt, StateFailedError(TIMEOUT, None)))

    def _succeed(self, attempt: _Attempt, result: Any) -> None:
        visit = attempt.visit
        assert visit.state.leaving is not None
        variables = self._variables(
            attempt.execution, visit.input, visit.record, token=attempt.token, result=result
        )
        try:
            self._leave(attempt.execution, visit.state.leaving, variables, default=result)
        except StateFailedError as failure:
            self._fail(attempt, failure)

    def _fail(self, attempt: _Attempt, failure: StateFailedError) -> None:
        execution, visit = attempt.execution, attempt.visit
        for position, retrier in enumerate(visit.state.retriers):
            if error_matches(failure.error, retrier.errors):
                done = visit.retries.get(position, 0)
                if done < retrier.most_attempts:
                    visit.retries[position] = done + 1
                    self._in(retrier.delay(done, self._chance), execution, self._again(execution, visit))
                    return
                break
        for catcher in visit.state.catchers:
            if error_matches(failure.error, catcher.errors):
                self._catch(execution, visit, catcher, failure)
                return
        self._finish(execution, "FAILED", error=failure.error, cause=failure.cause)

    def _again(self, execution: Execution, visit: _TaskVisit) -> Callable[[], None]:
        """A function that retries this visit, or does nothing if the execution has been redriven since."""
        redrives = execution.redrives
        return lambda: self._retry(execution, visit) if execution.redrives == redrives else None

    def _retry(self, execution: Execution, visit: _TaskVisit) -> None:
        self._count_transition(execution)
        self._soon(execution, lambda: self._try(execution, visit))

    def _catch(
        self, execution: Execution, visit: _TaskVisit, catcher: Catcher, failure: StateFailedError
    ) -> None:
        error_output = failure.as_error_output()
        variables = self._variables(execution, visit.input, visit.record, errorOutput=error_output)
        try:
            self._leave(execution, catcher.leaving, variables, default=error_output)
        except StateFailedError as broken:
            self._finish(execution, "FAILED", error=broken.error, cause=broken.cause)

    # -- the end -----------------------------------------------------------------------------------

    def _count_transition(self, execution: Execution) -> None:
        execution.transitions += 1
        if execution.transitions > MOST_TRANSITIONS:
            self._finish(execution, "FAILED", error=RUNTIME, cause="The execution is in an endless loop")

    def _time_out(self, execution: Execution) -> None:
        self._finish(execution, "TIMED_OUT", error=TIMEOUT)

    def _finish(
        self,
        execution: Execution,
        status: str,
        *,
        output: Any = None,
        error: str | None = None,
        cause: str | None = None,
    ) -> None:
        if execution.status != "RUNNING":
            return
        if execution.attempt is not None:
            self._close(execution.attempt)  # the attempt's token is invalid from now on
        execution.status = status
        execution.stopped_at = self.clock.now()
        execution.output, execution.error, execution.cause = output, error, cause
        if status == "SUCCEEDED":
            execution.failed_in = None
        self.ended.append(execution)


def _iso(moment: int) -> str:
    return (
        datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )
