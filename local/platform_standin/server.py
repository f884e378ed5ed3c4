"""The platform stand-in's HTTP server: the contract under /v1, the controls under /_standin, the page at /."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from local import html
from local.loopback import Handler, Server

from .agenda import Agenda
from .api import Api, ConnectionDropped, Reply, Request
from .faults import Faults
from .page import render
from .platform import Answer, Operation, Platform, Service, error
from .webhooks import MODES, Delivery, Webhooks


def _domain(service: Service) -> str | None:
    resource = service.operation.resource if service.operations else None
    return resource["domain"] if resource else None


class PlatformStandIn:
    """The platform in this process. `answer` handles a request without a socket.

    As a context manager it also serves HTTP on 127.0.0.1, on `port` or on a free port. Each webhook has one signature
    for each of `webhook_secrets`. See `Platform` for `delay` and `now`.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        api_key: str = "local-platform-key",
        webhook_secrets: Sequence[str] = ("whsec_bG9jYWwtcGxhdGZvcm0td2ViaG9va3M=",),
        webhook_url: str | None = None,
        delay: float | None = 2.0,
        webhook_retry_seconds: Sequence[float] = (1, 2, 5, 10, 30),
        log: Callable[[str], None] = lambda line: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.api_key = api_key
        self.log = log
        self._port = port
        self._agenda = Agenda()
        self._webhooks = Webhooks(
            self._agenda, webhook_secrets, webhook_url, webhook_retry_seconds, log=log, now=now
        )
        self._platform = Platform(self._agenda.after, self._completed, delay, now)
        self._faults = Faults()
        self._api = Api(self._platform, self._faults, api_key, log)

    def answer(self, method: str, path: str, authorization: str, body: bytes) -> Reply:
        return self._api.answer(method, path, authorization, body)

    # -- lifecycle -------------------------------------------------------------------------------------------

    @cached_property
    def _server(self) -> Server:
        return Server(_Handler, self, self._port)

    @property
    def url(self) -> str:
        return self._server.url

    def __enter__(self) -> PlatformStandIn:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()
        self._agenda.close()

    def serve_forever(self) -> None:
        try:
            self._server.serve_forever()
        finally:
            self._server.server_close()
            self._agenda.close()

    # -- for assertions --------------------------------------------------------------------------------------

    @property
    def services(self) -> Mapping[str, Service]:
        return self._platform.services

    @property
    def running(self) -> Sequence[Service]:
        return self._platform.running()

    @property
    def deprovisioned(self) -> Sequence[str]:
        return self._platform.deprovisioned

    def standing(self) -> dict[str, dict[str, int]]:
        """The number of existing services of each kind, by item."""
        services = list(self._platform.services.values())
        return {one.item_id: {one.body["kind"]: 1} for one in services if one.built and not one.deleted}

    @property
    def requests(self) -> list[Request]:
        return self._api.requests

    @property
    def webhook_secrets(self) -> Sequence[str]:
        return self._webhooks.secrets

    @property
    def deliveries(self) -> Sequence[Delivery]:
        return self._webhooks.deliveries

    def built(self, item_id: str) -> int:
        service = self._platform.services.get(item_id)
        return service.built if service else 0

    def password(self, item_id: str) -> str | None:
        """None if the item was ordered with an SSH key. Raises KeyError before delivery."""
        operation = self._platform.service(item_id).operation
        if operation.resource is None:
            raise KeyError(item_id)
        password: str | None = operation.resource["ssh"]["password"]
        return password

    def completion_webhook(self, item_id: str, timestamp: int | None = None) -> tuple[bytes, dict[str, str]]:
        """Body and headers of the completion webhook, signed at `timestamp` (Unix seconds) or now."""
        return self._webhooks.message(self._platform.service(item_id).operation, timestamp)

    def state(self) -> dict[str, Any]:
        """Everything except passwords, for JSON."""
        return {
            "services": [
                {
                    "item_id": service.item_id,
                    **service.body,
                    "operations": [
                        {"id": operation.id, "status": operation.status, "error": operation.error}
                        for operation in list(service.operations)
                    ],
                    "domain": _domain(service),
                    "puts": service.puts,
                    "built": service.built,
                    "held": service.held,
                    "deleted": service.deleted,
                }
                for service in list(self._platform.services.values())
            ],
            "webhooks": {
                "url": self._webhooks.url,
                "mode": self._webhooks.mode,
                "deliveries": [asdict(delivery) for delivery in list(self._webhooks.deliveries)[-100:]],
            },
            "faults": [asdict(fault) for fault in self._faults],
            "delay": self._platform.delay,
            "requests": [asdict(request) for request in self.requests[-100:]],
        }

    # -- controls --------------------------------------------------------------------------------------------

    def finish(self, item_id: str) -> None:
        self._platform.finish(item_id)

    def fail(
        self,
        item_id: str,
        code: str = "build_failed",
        message: str = "the site could not be built",
        *,
        retryable: bool = False,
    ) -> None:
        self._platform.fail(item_id, code, message, retryable=retryable)

    def hold(self, item_id: str) -> None:
        """Keep the operation running until `release`, `finish` or `fail`. Works before the item's first PUT too."""
        self._platform.hold(item_id)

    def release(self, item_id: str) -> None:
        """Continue the operation. Its delay starts again."""
        self._platform.release(item_id)

    def set_webhooks(self, mode: str) -> None:
        """Set the mode for operations that complete from now on: `on`, `off` or `duplicate`."""
        if mode not in MODES:
            raise ValueError(f"mode is one of {', '.join(MODES)}")
        self._webhooks.mode = mode

    def send_webhook(self, item_id: str, times: int = 1) -> None:
        """Send the completion webhook. The mode is ignored, and the operation may still be running."""
        self._webhooks.send(self._platform.service(item_id).operation, times)

    def fault(self, answer: str, *, method: str = "*", times: int = 1) -> None:
        """`answer` is one of FAULTS. With `lose` and `garbage`, the platform carries out the request first."""
        self._faults.add(answer, method, times)

    def lose_answers(self, times: int = 1) -> None:
        self.fault("lose", times=times)

    def be_unavailable(self, times: int = 1) -> None:
        self.fault("503", times=times)

    def refuse(self) -> None:
        self.fault("422", method="PUT")

    def clear_faults(self) -> None:
        self._faults.clear()

    def configure(self, *, webhook_url: str | None = None, delay: str | float | None = None) -> None:
        """`delay` is in seconds, or "never"."""
        if delay is not None:
            self._platform.delay = None if delay == "never" else max(0.0, float(delay))
        if webhook_url is not None:
            self._webhooks.url = webhook_url or None

    def reset(self) -> None:
        """Delete all data and faults, and turn the webhooks on. The other settings stay."""
        self.clear_faults()
        self._platform.reset()
        self.requests.clear()
        self._webhooks.deliveries.clear()
        self._webhooks.mode = "on"

    # -- for the handler -------------------------------------------------------------------------------------

    def _completed(self, operation: Operation) -> None:
        self.log(f"{operation.item_id} {operation.status}")
        self._webhooks.announce(operation)

    def control(self, path: str, fields: Mapping[str, Any]) -> Answer:
        steps = path.removeprefix("/_standin/").split("/")
        try:
            match steps:
                case ["services", item_id, "fail"]:
                    retryable = str(fields.get("retryable", "")).lower() in {"true", "1", "on"}
                    code = str(fields.get("code") or "build_failed")
                    message = str(fields.get("message") or "made to fail")
                    self.fail(item_id, code, message, retryable=retryable)
                case ["services", item_id, "finish"]:
                    self.finish(item_id)
                case ["services", item_id, "hold"] if self._platform.service(item_id):
                    self.hold(item_id)
                case ["services", item_id, "release"]:
                    self.release(item_id)
                case ["services", item_id, "webhook"]:
                    self.send_webhook(item_id, int(fields.get("times") or 1))
                case ["webhooks"]:
                    self.set_webhooks(str(fields.get("mode") or ""))
                case ["faults"]:
                    if fields:
                        method = str(fields.get("method") or "*").upper()
                        times = int(fields.get("times") or 1)
                        self.fault(str(fields.get("answer")), method=method, times=times)
                    else:
                        self.clear_faults()
                case ["settings"]:
                    self.configure(webhook_url=fields.get("webhook_url"), delay=fields.get("delay"))
                case ["reset"]:
                    self.reset()
                case _:
                    return error(404, "not_found", "there is no such control")
        except (KeyError, IndexError):
            return error(404, "service_not_found", "there is no such service, or it has no operation yet")
        except (TypeError, ValueError) as problem:
            return error(400, "invalid_request", str(problem))
        return 200, self.state()


class _Handler(Handler):
    server_version = "platform-standin"

    @property
    def standin(self) -> PlatformStandIn:
        found: PlatformStandIn = self.server.served
        return found

    def problem(self, code: str, message: str) -> dict[str, Any]:
        return error(400, code, message)[1]

    def get(self) -> None:
        path = urlsplit(self.path).path
        if path == "/":
            self.answer(200, render(self.standin.state()).encode(), html.CONTENT_TYPE)
        elif path == "/_standin/state":
            self.answer_json(200, self.standin.state())
        elif path == "/healthz":
            self.answer_json(200, {"status": "ok"})
        else:
            self._contract(path)

    def put(self) -> None:
        self._contract(urlsplit(self.path).path)

    def delete(self) -> None:
        self._contract(urlsplit(self.path).path)

    def post(self) -> None:
        body = self.read_body()
        fields = None if body is None else self.read_fields(body)
        if fields is not None:
            self.answer_control(*self.standin.control(urlsplit(self.path).path, fields))

    def _contract(self, path: str) -> None:
        body = self.read_body()
        if body is None:
            return
        try:
            reply = self.standin.answer(self.command, path, self.headers.get("authorization", ""), body)
        except ConnectionDropped:
            self.break_connection()
        else:
            self.answer(reply.status, reply.body, reply.content_type)
