"""A client of AWS's Lambda runtime API, in plain Python.

AWS's own client is a C extension in the package `awslambdaric`. It builds on Linux only.
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import http.client
import os
from typing import Any

_PREFIX = "/2018-06-01/runtime/invocation"
_DEADLINE = "Lambda-Runtime-Deadline-Ms"


class _RuntimeApi:
    """Keeps its connection open between events."""

    def __init__(self) -> None:
        self._connection: http.client.HTTPConnection | None = None

    def exchange(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
        self._connection.request(method, _PREFIX + path, body, headers)
        return self._connection.getresponse()


_api = _RuntimeApi()


def initialize_client(user_agent: str) -> None:
    """Do nothing: the local runtime API needs no user agent."""


def next() -> tuple[bytes, dict[str, Any]]:
    """Wait for the next event. Returns its body and headers, with the deadline as a number."""
    response = _api.exchange("GET", "/next", b"", {})
    body = response.read()
    if response.status != 200:
        raise RuntimeError(f"the runtime API answered the request for an event with status {response.status}")
    headers: dict[str, Any] = dict(response.headers)
    headers[_DEADLINE] = int(headers[_DEADLINE])
    return body, headers


def post_invocation_result(
    invoke_id: str, result: bytes, content_type: str, invocation_id: str | None = None
) -> None:
    _post(f"/{invoke_id}/response", result, {"Content-Type": content_type}, invocation_id)


def post_error(invoke_id: str, error: str, xray_fault: str, invocation_id: str | None = None) -> None:
    """`error` is JSON with errorType, errorMessage and stackTrace. `xray_fault` is ignored."""
    _post(f"/{invoke_id}/error", error.encode(), {"Content-Type": "application/json"}, invocation_id)


def _post(path: str, body: bytes, headers: dict[str, str], invocation_id: str | None) -> None:
    if invocation_id is not None:
        headers["Lambda-Runtime-Invocation-Id"] = invocation_id
    response = _api.exchange("POST", path, body, headers)
    answer = response.read()
    if response.status >= 300:
        raise RuntimeError(f"the runtime API refused the result: {response.status} {answer[:200]!r}")
