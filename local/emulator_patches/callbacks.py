"""Tasks that wait for a token: `arn:aws:states:::lambda:invoke.waitForTaskToken`.

ministack swallows an error of the invoked function and goes on waiting for a token that nobody will ever
send. AWS fails the task with the function's error, so that Retry and Catch see it by its class name.
https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token

AWS also ends the wait when the execution is stopped: a token sent afterwards is refused with TaskTimedOut.
"""

from __future__ import annotations

import json
import threading
import time
from typing import Any

from ministack.services import stepfunctions

_LOOK_EVERY_SECONDS = 0.05
_NO_TIMEOUT = 99_999_999


def apply() -> None:
    execute_task = stepfunctions._execute_task
    invoke_with_callback = stepfunctions._invoke_with_callback
    running = threading.local()

    def remember_execution(state: Any, raw_input: Any, execution: Any, context: Any) -> Any:
        running.execution = execution
        return execute_task(state, raw_input, execution, context)

    def invoke(resource: str, arguments: Any, token: str, state: Any) -> Any:
        if "lambda:invoke" not in resource:
            return invoke_with_callback(resource, arguments, token, state)
        settled = threading.Event()
        info: dict[str, Any] = {
            "event": settled,
            "result": None,
            "error": None,
            "heartbeat": None,
        }
        stepfunctions._task_tokens[token] = info
        deadline = time.monotonic() + state.get("TimeoutSeconds", _NO_TIMEOUT)
        try:
            stepfunctions._invoke_resource(resource.removesuffix(".waitForTaskToken"), arguments)
            while not settled.wait(_LOOK_EVERY_SECONDS):
                if running.execution["status"] != "RUNNING":
                    raise stepfunctions._ExecutionError("States.TaskFailed", "the execution was stopped")
                if time.monotonic() > deadline:
                    raise stepfunctions._ExecutionError(
                        "States.Timeout", "nobody sent the task token in time"
                    )
        finally:
            stepfunctions._task_tokens.pop(token, None)
        if info["error"]:
            raise stepfunctions._ExecutionError(info["error"]["Error"], info["error"]["Cause"])
        return json.loads(info["result"])

    stepfunctions._execute_task = remember_execution
    stepfunctions._invoke_with_callback = invoke
    _keep_the_end()


def _keep_the_end() -> None:
    """A stopped execution stays stopped: its own thread, which notices later, must not report a failure."""
    fail = stepfunctions._fail_execution

    def fail_if_running(execution: Any, error: str, cause: str) -> None:
        if execution["status"] == "RUNNING":
            fail(execution, error, cause)

    stepfunctions._fail_execution = fail_if_running
