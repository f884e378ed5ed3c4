"""Tasks that wait for a token: `arn:aws:states:::lambda:invoke.waitForTaskToken`.

ministack ignores an error of the invoked function and keeps waiting. AWS fails the task with that error, so Retry and
Catch apply. With this patch, ministack does the same.
https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token
"""

from __future__ import annotations

import json
import threading
from typing import Any

from ministack.services import stepfunctions


def apply() -> None:
    invoke_with_callback = stepfunctions._invoke_with_callback

    def invoke_and_wait(resource: str, arguments: Any, token: str, state: Any) -> Any:
        if "lambda:invoke" not in resource:
            return invoke_with_callback(resource, arguments, token, state)
        settled = threading.Event()
        info: dict[str, Any] = {"event": settled, "result": None, "error": None, "heartbeat": None}
        stepfunctions._task_tokens[token] = info
        try:
            stepfunctions._invoke_resource(resource.removesuffix(".waitForTaskToken"), arguments)
            if not settled.wait(state.get("TimeoutSeconds")):
                raise stepfunctions._ExecutionError(
                    "States.Timeout", "no answer with the task token came within TimeoutSeconds"
                )
        finally:
            stepfunctions._task_tokens.pop(token, None)
        if info["error"]:
            raise stepfunctions._ExecutionError(info["error"]["Error"], info["error"]["Cause"])
        return json.loads(info["result"])

    stepfunctions._invoke_with_callback = invoke_and_wait
