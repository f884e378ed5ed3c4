"""Answers the requests of the hosting platform contract, which are under /v1.

It turns request bytes into response bytes, so it needs no HTTP server.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from .faults import Faults
from .platform import Answer, Platform, error

JSON = "application/json"
_HALF = b'{"operation_id": 7, "status"'
_PROXY = b"<html><body>no healthy upstream</body></html>"


class ConnectionDropped(Exception):  # noqa: N818 - an outcome for the client, not an error here
    """Close the connection without a response."""


@dataclass(frozen=True)
class Request:
    """A status of None means that the connection was dropped."""

    method: str
    path: str
    status: int | None


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    content_type: str = JSON


class Api:
    def __init__(self, platform: Platform, faults: Faults, api_key: str, log: Callable[[str], None]) -> None:
        self._platform = platform
        self._faults = faults
        self._authorization = f"Bearer {api_key}".encode()
        self._log = log
        self.requests: list[Request] = []

    def answer(self, method: str, path: str, authorization: str, body: bytes) -> Reply:
        try:
            reply = self._reply(method, path, authorization, body)
        except ConnectionDropped:
            self._record(method, path, None)
            raise
        self._record(method, path, reply.status)
        return reply

    def _reply(self, method: str, path: str, authorization: str, body: bytes) -> Reply:
        fault = self._faults.take(method) if path.startswith("/v1/") else None
        if fault == "drop":
            raise ConnectionDropped
        if fault == "html":
            return Reply(404, _PROXY, "text/html")
        if fault == "422":
            answer = error(422, "name_refused", "the platform does not take this name")
        elif fault in {"429", "500", "503"}:
            answer = error(int(fault), "made_to_fail", "a fault was set for this request", retryable=True)
        else:
            answer = self._contract(method, path, authorization, body)
            if fault == "lose" or self._wants_answer_lost(method, path):
                raise ConnectionDropped
        status, document = answer
        return Reply(status, _HALF if fault == "garbage" else json.dumps(document).encode())

    def _contract(self, method: str, path: str, authorization: str, body: bytes) -> Answer:
        if not hmac.compare_digest(authorization.encode(), self._authorization):
            return error(401, "unauthorized", "the API key is not valid")
        kind, _, name = path.removeprefix("/v1/").partition("/")
        name = unquote(name)
        if not name or "/" in name:
            return error(404, "not_found", "there is nothing here")
        if (method, kind) == ("PUT", "services"):
            asked = _object(body)
            if asked is None:
                return error(400, "invalid_json", "the body must be a JSON object")
            return self._platform.put(name, asked)
        if (method, kind) == ("GET", "operations"):
            return self._platform.get_operation(name)
        if (method, kind) == ("DELETE", "services"):
            return self._platform.delete(name)
        return error(404, "not_found", "there is nothing here")

    def _wants_answer_lost(self, method: str, path: str) -> bool:
        service = self._platform.services.get(unquote(path.removeprefix("/v1/services/")))
        return method == "PUT" and service is not None and service.is_called("lost-") and service.puts == 1

    def _record(self, method: str, path: str, status: int | None) -> None:
        if path.startswith("/v1/"):
            self.requests.append(Request(method, path, status))
            self._log(f"{method} {path} -> {status or 'connection dropped'}")


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(body)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
