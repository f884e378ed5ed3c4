"""Webhooks (https://docs.stripe.com/webhooks). One thread delivers the signed events in order.

Stripe does not guarantee the order of events, and may deliver an event twice. So the stand-in has settings that
shuffle and duplicate deliveries. Failed deliveries are retried after `RETRY_SECONDS`.
"""

from __future__ import annotations

import hashlib
import heapq
import hmac
import http.client
import itertools
import json
import random
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from .sdk_types import Json

RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Stripe retries for three days, which is too long for a local run."""

Receiver = Callable[[bytes, str], int]
"""Takes the body and the value of `Stripe-Signature`, and returns an HTTP status."""


@dataclass
class WebhookSettings:
    on: bool = True
    """If False, new events are never delivered, but can be read through the API."""
    copies: int = 1
    shuffle: int | None = None
    """A seed. Waiting deliveries are shuffled after `gather_seconds`, in an order that the seed decides."""
    gather_seconds: float = 0.2
    delay_seconds: float = 0.0
    url: str | None = None


@dataclass(frozen=True)
class Delivery:
    """A status of None means no response."""

    event_id: str
    event_type: str
    attempt: int
    status: int | None


@dataclass(frozen=True)
class Target:
    """Where an event is sent, and the secrets that sign it. Without a `url`, the event goes to the settings' URL."""

    url: str | None
    secrets: Sequence[str]


Endpoints = Callable[[str], Sequence[Target]]
"""Takes a type of event, and returns the webhook endpoints that want it."""


@dataclass(order=True)
class _Waiting:
    due: float
    number: int
    event: Json = field(compare=False)
    attempt: int = field(compare=False)
    target: Target = field(compare=False)


def signature(secrets: Sequence[str], timestamp: int, body: bytes) -> str:
    """One `v1` signature for each secret, as Stripe sends while a secret is rotated."""
    message = f"{timestamp}.".encode() + body
    signed = [hmac.new(secret.encode(), message, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={timestamp}", *(f"v1={one}" for one in signed)])


class Webhooks:
    def __init__(
        self, settings: WebhookSettings, secrets: Sequence[str], receiver: Receiver | None,
        log: Callable[[str], None], *, manual: bool = False, endpoints: Endpoints = lambda event_type: (),
    ) -> None:  # fmt: skip
        self.settings = settings
        self.secrets = list(secrets)
        self.deliveries: list[Delivery] = []
        self._receiver = receiver
        self._endpoints = endpoints
        self._log = log
        self._manual = manual
        self._changed = threading.Condition()
        self._waiting: list[_Waiting] = []
        self._refused: set[tuple[str, str | None]] = set()
        self._busy = False
        self._closed = False
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None

    # -- incoming events -------------------------------------------------------------------------------------

    def announce(self, event: Json) -> None:
        if self.settings.on:
            event["pending_webhooks"] = len(self._targets(event["type"]))
            self.send(event, self.settings.copies)

    def _targets(self, event_type: str) -> list[Target]:
        everything = [Target(None, self.secrets)] if self.settings.url or self._receiver else []
        return [*everything, *self._endpoints(event_type)]

    def was_refused(self, event_id: str) -> bool:
        """Whether an endpoint has refused this event, and not accepted it since."""
        return any(refused == event_id for refused, _ in tuple(self._refused))

    def send(self, event: Json, times: int = 1) -> None:
        """Send the event `times` times. The settings `on` and `copies` do not matter here."""
        gather = self.settings.gather_seconds if self.settings.shuffle is not None else 0.0
        due = time.monotonic() + self.settings.delay_seconds + gather
        targets = self._targets(event["type"])
        with self._changed:
            for target in targets * times:
                heapq.heappush(self._waiting, _Waiting(due, next(self._numbers), event, 1, target))
            if self._thread is None and not self._manual:
                self._thread = threading.Thread(target=self._run, name="stripe-webhooks", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def message(
        self, event: Json, timestamp: int | None = None, secrets: Sequence[str] | None = None
    ) -> tuple[bytes, dict[str, str]]:
        """Body and headers, signed at `timestamp` (Unix seconds) or now."""
        body = json.dumps({**event, "pending_webhooks": 1}, indent=2).encode()
        timestamp = int(time.time()) if timestamp is None else timestamp
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": signature(secrets or self.secrets, timestamp, body),
        }
        return body, headers

    def drain(self, timeout: float = 10.0) -> bool:
        """Wait until no delivery is left. Returns False after `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._busy, timeout)

    def deliver_now(self) -> int:
        """Try each waiting delivery once in this thread, even if it is not due. Returns how many were accepted."""
        delivered = 0
        failed: list[_Waiting] = []
        while True:
            with self._changed:
                if not self._waiting:
                    break
                waiting = self._take(float("inf"))
            if self._attempt(waiting):
                delivered += 1
            elif waiting.attempt <= len(RETRY_SECONDS):
                failed.append(replace(waiting, attempt=waiting.attempt + 1))
        with self._changed:
            for again in failed:
                heapq.heappush(self._waiting, again)
        return delivered

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=2)

    # -- deliveries ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while (waiting := self._next()) is not None:
            delivered = self._attempt(waiting)
            with self._changed:
                self._busy = False
                if not delivered and waiting.attempt <= len(RETRY_SECONDS):
                    due = time.monotonic() + RETRY_SECONDS[waiting.attempt - 1]
                    number, attempt = next(self._numbers), waiting.attempt + 1
                    again = replace(waiting, due=due, number=number, attempt=attempt)
                    heapq.heappush(self._waiting, again)
                self._changed.notify_all()

    def _next(self) -> _Waiting | None:
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                if self._waiting and self._waiting[0].due <= now:
                    self._busy = True
                    return self._take(now)
                self._changed.wait(self._waiting[0].due - now if self._waiting else None)
        return None

    def _take(self, now: float) -> _Waiting:
        seed = self.settings.shuffle
        if seed is None:
            return heapq.heappop(self._waiting)
        due = [waiting for waiting in self._waiting if waiting.due <= now]
        # The order depends only on the seed and the deliveries' numbers, not on the timing of this thread.
        taken = min(due, key=lambda one: random.Random(f"{seed} {one.number}").random())  # noqa: S311
        self._waiting.remove(taken)
        heapq.heapify(self._waiting)
        return taken

    def _attempt(self, waiting: _Waiting) -> bool:
        body, headers = self.message(waiting.event, secrets=waiting.target.secrets)
        status: int | None
        try:
            receiver = self._receiver
            url = waiting.target.url or self.settings.url
            status = (
                receiver(body, headers["Stripe-Signature"]) if receiver else self._post(url, body, headers)
            )
        except Exception as problem:
            status = None
            self._log(f"webhook {waiting.event['type']}: {problem!r}")
        event = waiting.event
        self.deliveries.append(Delivery(event["id"], event["type"], waiting.attempt, status))
        self._log(f"webhook {event['type']} {event['id']} → {status or 'no answer'}")
        taken = status is not None and 200 <= status < 300
        refusal = (event["id"], waiting.target.url)
        if taken:
            self._refused.discard(refusal)
        else:
            self._refused.add(refusal)
        if taken and event["pending_webhooks"]:
            event["pending_webhooks"] -= 1
        return taken

    @cached_property
    def _opener(self) -> urllib.request.OpenerDirector:
        """An opener without a proxy. Created on first use, because loading the computer's certificates is slow."""
        return urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def _post(self, url: str | None, body: bytes, headers: Mapping[str, str]) -> int | None:
        assert url is not None
        request = urllib.request.Request(url, body, dict(headers), method="POST")
        try:
            with self._opener.open(request, timeout=30) as response:
                response.read()
                return int(response.status)
        except urllib.error.HTTPError as refusal:
            refusal.close()
            return refusal.code
        except (OSError, http.client.HTTPException, ValueError):
            return None
