"""Two patches of ministack, the AWS emulator. Invocations wait for their turn, and errors get the response of AWS.

Ministack refuses an invocation above the concurrency limit. With this patch the invocation waits, because the local
limit is much lower than AWS's 1,000. When a handler raises, ministack answers 502 with the stack trace. AWS answers 500
without a stack trace, and so does this patch.
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import json
import threading
from typing import Any

from ministack.services import lambda_svc

_TURN_SECONDS = 120.0


def apply() -> None:
    _wait_for_a_turn()
    _hide_stack_traces()


def _wait_for_a_turn() -> None:
    acquire, release = lambda_svc._acquire_execution_slot, lambda_svc._release_execution_slot
    changed = threading.Condition()

    def acquire_or_wait(function: Any, config: Any) -> Any:
        slot = acquire(function, config)
        if slot[1] != "account":  # a slot was free, or the function has reached its own limit
            return slot
        with changed:
            # A function may have ended after our first try and before we waited, so we missed its notification.
            # Therefore `wait_for` tries once more before it waits.
            def got_slot() -> bool:
                nonlocal slot
                slot = acquire(function, config)
                return bool(slot[1] != "account")

            changed.wait_for(got_slot, _TURN_SECONDS)
        return slot

    def release_and_tell(key: Any) -> None:
        release(key)
        with changed:
            changed.notify()

    lambda_svc._acquire_execution_slot = acquire_or_wait
    lambda_svc._release_execution_slot = release_and_tell


def _hide_stack_traces() -> None:
    shape = lambda_svc.lambda_execute_result_to_api_proxy_response

    def shape_as_aws(result: dict[str, Any]) -> Any:
        if result.get("error") and not result.get("throttle"):
            body = json.dumps({"message": "Internal Server Error"})
            return {"statusCode": 500, "headers": {"Content-Type": "application/json"}, "body": body}, None
        return shape(result)

    lambda_svc.lambda_execute_result_to_api_proxy_response = shape_as_aws
