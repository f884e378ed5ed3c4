"""The HTTP server, and `StripeStandIn`: the complete stand-in for tests and the command line."""

from __future__ import annotations

import json
import socket
import threading
import traceback
from collections.abc import Callable, Sequence
from email.message import Message
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from local.loopback import Handler, Server

from . import dunning, endpoints
from .api import Api, ConnectionDropped, Request
from .clock import Clock
from .console import Console
from .controls import Controls
from .faults import Faults
from .idempotency import Answer
from .sdk_types import Json, copied
from .state import SEPA_SETTLES_AFTER, Settings, State
from .webhooks import Delivery, Receiver, Target, Webhooks, WebhookSettings

LOCAL_WEBHOOK_SECRET = "whsec_local_stripe_standin"  # noqa: S105 - signs only local play money


class StripeStandIn:
    """A context manager that runs the stand-in in this process, on 127.0.0.1. With `port` 0, a free port is chosen.

    If `webhook_secret` has several values, each webhook has a signature for each of them. If `deliver` is given, it
    gets the webhooks in place of an HTTP endpoint (see `Receiver`). `deliver` is called in a separate thread. With
    `manual_delivery`, it is called only while `deliver_webhooks` runs. `sepa_settles_after` is in seconds of `clock`.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        webhook_url: str | None = None,
        webhook_secret: str | Sequence[str] = LOCAL_WEBHOOK_SECRET,
        deliver: Receiver | None = None,
        manual_delivery: bool = False,
        sepa_settles_after: float = SEPA_SETTLES_AFTER,
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        secrets = [webhook_secret] if isinstance(webhook_secret, str) else list(webhook_secret)
        self.log = log
        self.clock = Clock()
        self.state = State(self.clock, Settings(sepa_settles_after=sepa_settles_after))
        self.faults = Faults()
        self.webhooks = Webhooks(
            WebhookSettings(url=webhook_url), secrets, deliver, log, manual=manual_delivery,
            endpoints=self._endpoints,
        )  # fmt: skip
        self.state.announce = self.webhooks.announce
        self.state.was_refused = self.webhooks.was_refused
        self.state.period_unpaid = partial(dunning.period_unpaid, self.state)
        self.controls = Controls(self.state, self.faults, self.webhooks)
        self._api = Api(self.state, self.faults)
        self._console = Console(self.state, self.controls, self._api, self.webhooks)
        self._server = _Server(_Handler, self, port)
        self.state.base_url = self.url

    # -- lifecycle -------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return self._server.url

    def __enter__(self) -> StripeStandIn:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()
        self._close()

    def serve_forever(self) -> None:
        try:
            self._server.serve_forever(0.25)
        finally:
            self._server.server_close()
            self._close()

    def _close(self) -> None:
        self._server.close_connections()
        self.webhooks.close()

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> Answer:
        path = urlsplit(target).path
        if path.startswith(("/v1/", "/v2/")):
            answer = self._api.serve(method, target, _Headers(headers), body)
            self.log(f"{method} {path} → {answer.status}")
            return answer
        return self._console.serve(method, target, _Headers(headers), body)

    def _endpoints(self, event_type: str) -> list[Target]:
        with self.state.lock:
            return [
                Target(endpoint["url"], (self.state.endpoint_secrets[endpoint["id"]],))
                for endpoint in self.state.all("webhook_endpoint")
                if endpoints.wants(endpoint, event_type)
            ]

    # -- for assertions --------------------------------------------------------------------------------------

    def objects(self, object_name: str, **wanted: Any) -> list[Json]:
        """Return the matching objects, oldest first. Example: `objects("invoice", status="paid")`.

        A condition of None matches every value.
        """
        with self.state.lock:
            self.state.run_due()
            conditions = {name: value for name, value in wanted.items() if value is not None}
            return copied(self.state.all(object_name, **conditions))

    def get(self, object_id: str) -> Json:
        """Raises KeyError if there is no such object."""
        with self.state.lock:
            self.state.run_due()
            found = self.state.find(object_id)
            if found is None:
                raise KeyError(object_id)
            return copied(found)

    def charges(self, customer: str | None = None, status: str | None = "succeeded") -> list[Json]:
        return self.objects("charge", customer=customer, status=status)

    def invoices(self, customer: str | None = None, status: str | None = None) -> list[Json]:
        return self.objects("invoice", customer=customer, status=status)

    def checkout_sessions(self, customer: str | None = None, status: str | None = None) -> list[Json]:
        return self.objects("checkout.session", customer=customer, status=status)

    def open_invoices(self, customer: str | None = None) -> list[Json]:
        return self.invoices(customer, "open")

    def refunds(self, customer: str | None = None) -> list[Json]:
        charges = {charge["id"] for charge in self.charges(customer, None)}
        return [refund for refund in self.objects("refund") if refund["charge"] in charges]

    def credit_notes(self, customer: str | None = None) -> list[Json]:
        return self.objects("credit_note", customer=customer)

    def subscriptions(self, customer: str | None = None, status: str | None = None) -> list[Json]:
        return self.objects("subscription", customer=customer, status=status)

    def disputes(self) -> list[Json]:
        return self.objects("dispute")

    @property
    def events(self) -> list[Json]:
        """The events are not copied, because only their `pending_webhooks` changes."""
        with self.state.lock:
            self.state.run_due()
            return self.state.all("event")

    def balance(self, customer: str) -> int:
        """In minor units. Credit is negative."""
        amount: int = self.get(customer)["balance"]
        return amount

    def net_paid(self, customer: str | None = None) -> int:
        """Charges minus refunds, in minor units. Amounts in different currencies are added."""
        taken: int = sum(charge["amount"] for charge in self.charges(customer))
        returned: int = sum(
            refund["amount"]
            for refund in self.refunds(customer)
            if refund["status"] in ("succeeded", "pending")
        )
        return taken - returned

    @property
    def requests(self) -> list[Request]:
        return list(self._api.requests)

    def deliver_webhooks(self) -> int:
        """See `Webhooks.deliver_now`."""
        return self.webhooks.deliver_now()

    @property
    def deliveries(self) -> list[Delivery]:
        return list(self.webhooks.deliveries)


class _Headers(dict[str, str]):
    """`get` ignores the case of a name."""

    def __init__(self, message: Message) -> None:
        super().__init__((name.lower(), str(value)) for name, value in message.items())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)


class _Server(Server):
    """Runs the stand-in's due work between requests, and can close the kept-alive connections."""

    def __init__(self, handler: type[Handler], served: StripeStandIn, port: int) -> None:
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(handler, served, port)

    def service_actions(self) -> None:
        self.served.state.run_due()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """Close the kept-alive connections, so no further request arrives on them."""
        with self._open_lock:
            connections = list(self._open)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # already closed


class _Handler(Handler):
    server_version = "StripeStandIn"
    timeout = None
    max_body_bytes = 1024 * 1024

    def get(self) -> None:
        body = self.read_body()
        if body is None:
            return
        try:
            answer = self.server.served.answer(self.command, self.path, self.headers, body)
        except ConnectionDropped:
            self.close_connection = True
            return
        except Exception as problem:  # a bug of the stand-in: the response says so
            self.server.served.log(traceback.format_exc())
            error = {"type": "api_error", "message": f"The stand-in has a bug: {problem!r}"}
            answer = Answer(500, json.dumps({"error": error}).encode(), {"Stripe-Should-Retry": "false"})
        headers = {"Content-Type": "application/json", **answer.headers}
        self.answer(answer.status, answer.body, headers.pop("Content-Type"), headers)

    post = delete = get
