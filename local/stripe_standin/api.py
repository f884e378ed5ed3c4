"""Serve a request: authentication, rate limits, faults, idempotency, the endpoint and its JSON response."""

from __future__ import annotations

import base64
import binascii
import hashlib
import itertools
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from . import keys, routes, test_clocks, wire
from .errors import (
    StripeError,
    bad_parameter,
    internal_error,
    locked,
    not_authorized,
    not_built,
    too_many_requests,
    unknown_address,
)
from .faults import Fault, Faults
from .idempotency import Answer, IdempotencyKeys
from .limits import RateLimits
from .routes import Route
from .sdk_types import Json, api_version, decode
from .state import Origin, State


class ConnectionDropped(Exception):  # noqa: N818 - an outcome for the client, not an error here
    """Close the connection without a response."""


@dataclass(frozen=True)
class Request:
    """A status of None means that the connection was dropped."""

    method: str
    path: str
    params: Mapping[str, Any]
    idempotency_key: str | None
    status: int | None
    replayed: bool


@dataclass(frozen=True)
class _Call:
    method: str
    path: str
    encoded: str
    """The form fields, from the body or the query."""
    key: str | None
    request_id: str

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(f"{self.method} {self.path}\n{self.encoded}".encode()).hexdigest()


class Api:
    def __init__(self, state: State, faults: Faults) -> None:
        self.state = state
        self.faults = faults
        self.keys = IdempotencyKeys(state.clock)
        self.limits = RateLimits(state.clock)
        self.requests: list[Request] = []
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)

    def serve(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        url = urlsplit(target)
        call = _Call(
            method=method,
            path=url.path,
            encoded=body.decode("utf-8", "replace") if method == "POST" or body else url.query,
            key=headers.get("Idempotency-Key") if method == "POST" else None,
            request_id=f"req_{next(self._numbers):014d}",
        )
        answer: Answer | None = None
        try:
            answer = self._answer(call, headers)
            extra = {"Request-Id": call.request_id, "Stripe-Version": api_version()}
            if call.key:
                extra["Idempotency-Key"] = call.key
            return Answer(answer.status, answer.body, {**extra, **answer.headers})
        finally:
            self._record(call, answer)

    def _record(self, call: _Call, answer: Answer | None) -> None:
        try:
            params = wire.form_tree(call.encoded)
        except StripeError:
            params = {}
        request = Request(
            call.method,
            call.path,
            params,
            call.key,
            status=answer.status if answer else None,
            replayed=answer is not None and "Idempotent-Replayed" in answer.headers,
        )
        with self._lock:
            self.requests.append(request)

    def _answer(self, call: _Call, headers: Mapping[str, str]) -> Answer:
        try:
            refusal = keys.refusal(self.state.rights, _authenticate(headers), call.method, call.path)
            if refusal is not None:
                raise refusal
            found = routes.find(call.method, call.path)
            if found is None:
                raise unknown_address(call.method, call.path)
            route, ids = found
            settings = self.state.settings
            reason = self.limits.exceeded(
                f"{route.method} {route.path}",
                settings.requests_per_second,
                settings.endpoint_requests_per_second,
            )
            if reason:
                raise too_many_requests(reason)
            fault = self.faults.take(call.method, call.path)
            if fault:
                _before(fault)
            params = _params(route, call.encoded)

            def execute() -> Answer:
                return self._execute(route, params, ids, fault, Origin(call.request_id, call.key))

            answer = execute() if call.key is None else self._once(call.key, call.fingerprint, execute)
        except StripeError as error:
            return _error_answer(error)
        if fault and fault.kind == "lost":
            raise ConnectionDropped
        return answer

    def _once(self, key: str, request: str, execute: Callable[[], Answer]) -> Answer:
        """Execute the request unless its key already has a response."""
        kept = self.keys.begin(key, request)
        if kept is not None:
            return Answer(kept.status, kept.body, {**kept.headers, "Idempotent-Replayed": "true"})
        answer: Answer | None = None
        try:
            answer = execute()
            return answer
        except StripeError as error:
            answer = _error_answer(error) if error.began else None
            raise
        finally:
            self.keys.finish(key, answer)

    def _execute(
        self, route: Route, params: Json, ids: tuple[str, ...], fault: Fault | None, origin: Origin
    ) -> Answer:
        if fault and fault.kind == "delay":
            time.sleep(fault.milliseconds / 1000)  # without the lock, so other requests continue
        state = self.state
        paths = params.pop("expand", [])
        for path in paths:
            wire.check_depth(path)
        with state.lock:
            state.run_due()
            state.origin = origin
            try:
                if route.method != "GET":
                    test_clocks.check_ready(state, params, ids)
                found = route.handler(state, params, *ids)
                url = "/v1" + route.path.removeprefix("/v1").replace("{id}", ids[0] if ids else "")
                if route.shape == "list":
                    found = wire.page(found, params, url)
                elif route.shape == "search":
                    found = wire.search_page(found, params, url)
                body = _json(wire.expanded(state, found, paths))
            finally:
                state.origin = None
        if fault and fault.kind == "error_after":
            raise internal_error(began=True)
        return Answer(200, body)


def _authenticate(headers: Mapping[str, str]) -> str:
    """Return the request's API key. Raises StripeError if there is no key, or if the API version is not supported."""
    scheme, _, given = headers.get("Authorization", "").partition(" ")
    key = given
    if scheme.lower() == "basic":
        try:
            key = base64.b64decode(given).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            key = ""
    if not key:
        raise not_authorized("You did not provide an API key.")
    version = headers.get("Stripe-Version", api_version())
    if version != api_version():
        raise bad_parameter(f"Invalid Stripe API version: {version}; the stand-in speaks {api_version()}.")
    return key


def _params(route: Route, encoded: str) -> Json:
    params = decode(route.params, wire.form_tree(encoded))
    ignored = params.keys() - route.understood
    if ignored:
        raise not_built(f"{route.method} {route.path} with {', '.join(sorted(ignored))}")
    return params


def _before(fault: Fault) -> None:
    if fault.kind == "error":
        raise internal_error(began=False)
    if fault.kind == "too_many":
        raise too_many_requests()
    if fault.kind == "locked":
        raise locked()
    if fault.kind == "dropped":
        raise ConnectionDropped
    if fault.kind == "refuse":
        error = {"type": "invalid_request_error", "message": "A fault refuses this request.", **fault.error}
        raise StripeError(fault.status, error, began=False)


def _error_answer(error: StripeError) -> Answer:
    return Answer(error.status, _json(error.body), error.headers)


def _json(document: Any) -> bytes:
    return json.dumps(document, indent=2, default=_plain).encode()


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{value!r} is not JSON")
