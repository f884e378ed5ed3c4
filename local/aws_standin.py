"""Shared parts of the AWS stand-ins: in-process requests and faults."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from local.aws_json import CONTENT_TYPE, RefusalError


class AnswerLostError(Exception):
    """The connection to the client must break before the response."""


@dataclass
class Fault:
    """Applies to the next `times` requests of `operation` (`*` for any).

    Without a `refusal`, the request is carried out, but its response is lost.
    """

    operation: str
    refusal: RefusalError | None
    times: int


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Faults:
    """Pending faults. Thread-safe."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def take(self, operation: str) -> Fault | None:
        """Return the first fault for this operation, if any. The request uses up one of the fault's `times`."""
        with self._lock:
            for fault in self._faults:
                if fault.operation in ("*", operation):
                    fault.times -= 1
                    if fault.times <= 0:
                        self._faults.remove(fault)
                    return fault
        return None

    def state(self) -> list[dict[str, Any]]:
        with self._lock:
            return [
                {
                    "operation": fault.operation,
                    "answer": fault.refusal.code if fault.refusal else "lost",
                    "times": fault.times,
                }
                for fault in self._faults
            ]


def in_process(answer: Callable[[Mapping[str, str], bytes], Reply]) -> Callable[..., Any]:
    """Return a handler for boto3's `before-send` event. The handler answers each request in this process."""

    def before_send(request: Any, **_: Any) -> Any:
        from botocore.awsrequest import AWSResponse
        from botocore.exceptions import ConnectionClosedError

        headers = {
            name.lower(): value.decode() if isinstance(value, bytes) else value
            for name, value in request.headers.items()
        }
        try:
            reply = answer(headers, request.body or b"")
        except AnswerLostError:
            raise ConnectionClosedError(endpoint_url=request.url) from None
        return AWSResponse(request.url, reply.status, dict(reply.headers), Body(reply.body))

    return before_send


def reply_of(status: int, body: bytes) -> Reply:
    return Reply(status, {"Content-Type": CONTENT_TYPE, "x-amzn-RequestId": str(uuid.uuid4())}, body)


class Body(BytesIO):
    def stream(self, amount: int = 65_536) -> Any:
        while chunk := self.read(amount):
            yield chunk
