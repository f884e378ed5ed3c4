"""A side effect can fail in four ways (`Mishap`).

It is not done, its response is lost, or the process stops right before or right after it.

In a world (tests/support/world.py), these side effects pass through this module: writes to the table, requests to
Stripe and the platforms, and calls of the registrar, the DNS zones, the workflow service and the client's callback.
`choose` decides the failure. By default nothing fails. `Crash` is a BaseException, so that no `except Exception`
catches it.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlsplit

import stripe
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from hosting_orders.domain.errors import ProviderUnavailableError

T = TypeVar("T")

WRITES = ("put_item", "update_item", "delete_item", "transact_write_items")


class Mishap(StrEnum):
    NOT_DONE = "not done"
    ANSWER_LOST = "answer lost"
    CRASH_BEFORE = "crash before"
    CRASH_AFTER = "crash after"


class Crash(BaseException):
    """The function was killed here."""


class Mishaps:
    """`seen` has the names of all side effects since `watch` was called."""

    def __init__(self) -> None:
        self.choose: Callable[[str], Mishap | None] | None = None
        self.seen: list[str] = []

    def watch(self, choose: Callable[[str], Mishap | None] = lambda name: None) -> None:
        self.seen = []
        self.choose = choose

    def strike(self, position: int, mishap: Mishap) -> None:
        """Let exactly one side effect fail. `position` 0 means the next side effect."""
        self.watch(lambda name: mishap if len(self.seen) - 1 == position else None)

    def in_the_moment_of(self, side_effect: str, act: Callable[[], object], nth: int = 1) -> None:
        """Call `act` right before the `nth` side effect of this name from now on."""
        count = 0

        def choose(name: str) -> Mishap | None:
            nonlocal count
            if name == side_effect:
                count += 1
                if count == nth:
                    act()
            return None

        self.watch(choose)

    def none(self) -> None:
        self.choose = None

    def around(self, name: str, act: Callable[[], T], fault: Callable[[], Exception]) -> T:
        """Call `act`. The chosen mishap, if any, prevents the call or loses its result."""
        if self.choose is None:
            return act()
        self.seen.append(name)
        mishap = self.choose(name)
        if mishap is Mishap.NOT_DONE:
            raise fault()
        if mishap is Mishap.CRASH_BEFORE:
            raise Crash(name)
        result = act()
        if mishap is Mishap.ANSWER_LOST:
            raise fault()
        if mishap is Mishap.CRASH_AFTER:
            raise Crash(name)
        return result


class _Wrapped:
    def __init__(
        self,
        inner: Any,
        mishaps: Mishaps,
        kind: str,
        methods: tuple[str, ...],
        fault: Callable[[], Exception],
    ) -> None:
        self._inner, self._mishaps, self._kind = inner, mishaps, kind
        self._methods, self._fault = methods, fault

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in self._methods:
            return found
        return lambda *args, **kwargs: self._mishaps.around(
            f"{self._kind}.{name}", lambda: found(*args, **kwargs), self._fault
        )


def table(client: Any, mishaps: Mishaps) -> Any:
    """A DynamoDB client that fails with one of botocore's two errors for a lost connection."""

    def fault() -> Exception:
        if len(mishaps.seen) % 2:
            return EndpointConnectionError(endpoint_url="made up")
        return ReadTimeoutError(endpoint_url="made up")

    return _Wrapped(client, mishaps, "table", WRITES, fault)


def workflow(client: Any, mishaps: Mishaps) -> Any:
    names = ("start_execution", "send_task_success", "send_task_failure")
    return _Wrapped(client, mishaps, "workflow", names, lambda: ReadTimeoutError(endpoint_url="made up"))


def registrar(port: Any, mishaps: Mishaps) -> Any:
    """Calls for a stored order may fail. The checks before an order is stored change nothing and never fail here."""
    names = ("submit", "renew", "find", "operation", "domain")
    return _Wrapped(
        port, mishaps, "registrar", names, lambda: ProviderUnavailableError("the registrar's answer was lost")
    )


def zones(port: Any, mishaps: Mishaps) -> Any:
    names = ("ensure", "remove_empty")
    return _Wrapped(
        port, mishaps, "zones", names, lambda: ProviderUnavailableError("the zone's answer was lost")
    )


def callbacks(port: Any, mishaps: Mishaps) -> Any:
    """Sending a callback never raises an error, so the only possible failure is a crash before or after it."""
    return _Wrapped(port, mishaps, "callbacks", ("send",), lambda: Crash("callbacks.send"))  # type: ignore[arg-type,return-value]


def stripe_client(client: stripe.StripeClient, mishaps: Mishaps) -> None:
    http = client._requestor._get_http_client()
    send = http.request

    def request(method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        whole = urlsplit(url).path.removeprefix("/v1/").replace("checkout/sessions", "checkout.sessions")
        path = whole.split("/")
        name = f"stripe.{method} {path[0]}{'/' + path[-1] if len(path) > 2 else ''}"
        return mishaps.around(
            name,
            lambda: send(method, url, *args, **kwargs),
            lambda: stripe.APIConnectionError("made up by a test"),
        )

    http.request = request  # type: ignore[method-assign]
