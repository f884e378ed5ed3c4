"""Where the contract tests of Stripe run: at the stand-in, or with `make test-stripe` in a sandbox of Stripe.

A test marked `standin_only(reason)` may use the stand-in's controls, time and events. Every other test uses only
Stripe's API, so that it can also run in a sandbox.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import stripe

from local.stripe_standin import StripeStandIn
from local.test_stripe import AT_STRIPE, KEY, SUITES, refusal

MARK = "standin_only"
SANDBOX: str | None = os.environ.get(AT_STRIPE)
"""The address of Stripe's API. None if each test starts its own stand-in."""

_WAITS = (1, 2, 4, 8, 16, 32)  # seconds, after each response that says "too many requests"
_PATIENCE = 120.0  # seconds, for a test clock and for events
_REMOVED = ("test_helpers/test_clocks", "customers", "webhook_endpoints", "products")


class Place:
    """`key` and `url` are for requests to the API. `now` is the API's time, in Unix seconds.

    Both `server` and `standin` are the stand-in. Fixtures use `server`. Tests use `standin`, which fails in a test
    without the mark `standin_only`.
    """

    def __init__(self, standin: StripeStandIn | None, key: str, *, only_standin: bool) -> None:
        self.server = standin
        self._only_standin = only_standin
        self.key = key
        self.url = standin.url if standin else str(SANDBOX)
        self.made: list[tuple[str, str]] = []
        self._started = self.now()

    @property
    def standin(self) -> StripeStandIn:
        if self.server is None or not self._only_standin:
            pytest.fail(f"This test uses the stand-in itself. Mark it {MARK}, with the reason.")
        return self.server

    def now(self) -> int:
        return self.server.clock.now() if self.server else int(time.time())

    def saw(self, method: str, url: str, body: Any) -> None:
        """Remember the object that a POST created, for `remove_what_was_made`."""
        name = urlsplit(url).path.removeprefix("/v1/")
        if method.upper() == "POST" and isinstance(body, dict) and body.get("id"):
            self.made.append((name, str(body["id"])))

    def remove_what_was_made(self, client: stripe.StripeClient) -> None:
        """Deleting a test clock deletes its customers. A product with a price can only be archived."""
        api = client.v1
        for name in _REMOVED:
            for found in dict.fromkeys(one for kind, one in self.made if kind == name):
                with suppress(stripe.InvalidRequestError):  # deleted by the test, or with its clock
                    if name == "test_helpers/test_clocks":
                        ready(client, found)
                        api.test_helpers.test_clocks.delete(found)
                    elif name == "customers":
                        api.customers.delete(found)
                    elif name == "webhook_endpoints":
                        api.webhook_endpoints.delete(found)
                    else:
                        _remove_product(api, found)

    def expect_events(self, client: stripe.StripeClient, wanted: Iterable[str]) -> None:
        """Wait until Stripe lists events of all wanted types. Stripe may list an event a little late."""
        missing = set(wanted)
        ends = time.monotonic() + (_PATIENCE if SANDBOX else 0)
        while True:
            parameters: Any = {"types": sorted(missing), "created": {"gte": self._started - 1}, "limit": 100}
            missing -= {event.type for event in client.v1.events.list(parameters).data}
            if not missing or time.monotonic() > ends:
                break
            time.sleep(2)
        assert missing == set()


def _remove_product(api: Any, product: str) -> None:
    try:
        api.products.delete(product)
    except stripe.InvalidRequestError:
        api.products.update(product, {"active": False})


@contextmanager
def a_place(request: pytest.FixtureRequest, key: str, **how: Any) -> Iterator[Place]:
    """`key` and `how` are the API key and the arguments of a new stand-in. In a sandbox, both are ignored."""
    if SANDBOX:
        yield Place(None, os.environ[KEY], only_standin=False)
        return
    with StripeStandIn(webhook_url=None, **how) as standin:
        marked = request.node.get_closest_marker(MARK) is not None
        yield Place(standin, key, only_standin=marked)


def patient(send: Callable[..., Any], status: Callable[[Any], int]) -> Callable[..., Any]:
    """Repeats a request after a 429. A sandbox allows 25 requests a second, and other programs may use it too."""

    def sent(*arguments: Any, **how: Any) -> Any:
        answer = send(*arguments, **how)
        for seconds in _WAITS:
            if status(answer) != 429:
                break
            time.sleep(seconds)
            answer = send(*arguments, **how)
        return answer

    return sent if SANDBOX else send


def body_of(response: requests.Response) -> Any:
    try:
        return json.loads(response.content)
    except ValueError:
        return None


# -- time ----------------------------------------------------------------------------------------------------


class Clock:
    """A test clock, at the stand-in or at Stripe. A customer created with the clock's id has the clock's time."""

    def __init__(self, client: stripe.StripeClient, frozen_time: int) -> None:
        self._client = client
        self.id = client.v1.test_helpers.test_clocks.create({"frozen_time": frozen_time}).id
        self._now = frozen_time

    def now(self) -> int:
        return self._now

    def advance(self, seconds: float) -> None:
        """Advance the clock. In one call, Stripe allows at most two intervals of the clock's shortest subscription."""
        self.advance_to(self._now + int(seconds))

    def advance_to(self, moment: int) -> None:
        self._client.v1.test_helpers.test_clocks.advance(self.id, {"frozen_time": moment})
        ready(self._client, self.id)
        self._now = moment


def ready(client: stripe.StripeClient, clock_id: str) -> Any:
    """Wait until a test clock no longer advances."""
    ends = time.monotonic() + _PATIENCE
    while (clock := client.v1.test_helpers.test_clocks.retrieve(clock_id)).status == "advancing":
        assert time.monotonic() < ends, "the test clock still advances"
        time.sleep(1)
    assert clock.status == "ready"
    return clock


# -- which tests run -----------------------------------------------------------------------------------------


def select(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Check that every mark has a reason. In a sandbox, deselect the marked tests."""
    for item in items:
        for marker in item.iter_markers(MARK):
            if not (len(marker.args) == 1 and isinstance(marker.args[0], str) and marker.args[0].strip()):
                raise pytest.UsageError(f"{item.nodeid}: {MARK} needs a reason")
    if not SANDBOX:
        return
    problem = refusal(os.environ.get(KEY, ""))
    if problem is not None:
        raise pytest.UsageError(problem)
    kept = [item for item in items if _runs_at_stripe(item)]
    config.hook.pytest_deselected(items=[item for item in items if not _runs_at_stripe(item)])
    items[:] = kept


def _runs_at_stripe(item: pytest.Item) -> bool:
    return item.nodeid.startswith(SUITES) and item.get_closest_marker(MARK) is None
