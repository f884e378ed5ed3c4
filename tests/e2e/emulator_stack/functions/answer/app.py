"""Returns the HTTP request as JSON. The query can request a delay, a status or a failure."""

from __future__ import annotations

import json
import os
import time
from typing import Any


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    query = event.get("queryStringParameters") or {}
    if "fail" in query:
        raise RuntimeError("the innermost secret")
    time.sleep(float(query.get("seconds", 0)))
    seen = {
        "route": event["routeKey"],
        "path": event["rawPath"],
        "query": event["rawQueryString"],
        "method": event["requestContext"]["http"]["method"],
        "headers": event["headers"],
        "body": event.get("body"),
        "greeting": os.environ["GREETING"],
        "milliseconds_left": context.get_remaining_time_in_millis(),
        "function": context.function_name,
    }
    return {
        "statusCode": int(query.get("status", 200)),
        "headers": {"Content-Type": "application/json", "X-Greeting": os.environ["GREETING"]},
        "body": json.dumps(seen),
    }
