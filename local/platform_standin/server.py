"""The stand-in's HTTP server: the contract under /v1, the controls under /_standin, the page at /."""

from __future__ import annotations

import hmac
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from local import html
from local.loopback import Handler, Server

from .agenda import Agenda
from .page import render
from .platform import Answer, Operation, Platform, Service, error
from .webhooks import MODES, Delivery, Webhooks

FAULTS = ("422", "429", "500", "503", "drop", "lose", "garbage", "html")


@dataclass(frozen=True)
class Request:
    """A request under /v1 and how it was answered; None when the connection was dropped instead."""

    method: str
    path: str
    status: int | None


@dataclass
class Fault:
    """What goes wrong with the next `times` requests of a method (`*` for any)."""

    method: str
    answer: str
    times: int


def _domain(service: Service) -> str | None:
    resource = service.operation.resource if service.operations else None
    return resource["domain"] if resource else None


class PlatformStandIn:
    """The platform in this process, on a free port of 127.0.0.1 unless `port` says which. A context manager.

    `delay` is in seconds; None holds every service until `finish` or `fail`. `webhook_secrets` all sign.
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
    ) -> None:
        self.api_key = api_key
        self.log = log
        self.requests: list[Request] = []
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._agenda = Agenda()
        self._webhooks = Webhooks(self._agenda, webhook_secrets, webhook_url, webhook_retry_seconds, log)
        self._platform = Platform(self._agenda.after, self._completed, delay)
        self._server = Server(_Handler, self, port)

    # -- life ------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """The base address, without a slash at its end."""
        return self._server.url

    def __enter__(self) -> PlatformStandIn:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()
        self._agenda.close()

    def serve_forever(self) -> None:
        """Serve in this thread until interrupted."""
        try:
            self._server.serve_forever()
        finally:
            self._server.server_close()
            self._agenda.close()

    # -- what it did, for assertions -------------------------------------------------------------------------

    @property
    def services(self) -> Mapping[str, Service]:
        return self._platform.services

    @property
    def deliveries(self) -> Sequence[Delivery]:
        """Every attempt to deliver a webhook."""
        return self._webhooks.deliveries

    def built(self, item_id: str) -> int:
        """How many times this item was really provisioned."""
        service = self._platform.services.get(item_id)
        return service.built if service else 0

    def completion_webhook(self, item_id: str, timestamp: int | None = None) -> tuple[bytes, dict[str, str]]:
        """Body and headers of an item's completion webhook, signed at `timestamp` (Unix seconds) or now."""
        return self._webhooks.message(self._platform.service(item_id).operation, timestamp)

    def state(self) -> dict[str, Any]:
        """Everything but passwords, fit for JSON."""
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
        """Complete an item's operation now."""
        self._platform.finish(item_id)

    def fail(
        self,
        item_id: str,
        code: str = "build_failed",
        message: str = "made to fail",
        *,
        retryable: bool = False,
    ) -> None:
        """Fail an item's operation now."""
        self._platform.fail(item_id, code, message, retryable=retryable)

    def hold(self, item_id: str) -> None:
        """Let an item's operation run on until told otherwise."""
        self._platform.hold(item_id)

    def release(self, item_id: str) -> None:
        """Undo `hold`: the operation completes after the usual delay."""
        self._platform.release(item_id)

    def set_webhooks(self, mode: str) -> None:
        """`on`, `off` or `duplicate`, for operations that complete from now on."""
        if mode not in MODES:
            raise ValueError(f"mode is one of {', '.join(MODES)}")
        self._webhooks.mode = mode

    def send_webhook(self, item_id: str, times: int = 1) -> None:
        """Send an item's completion webhook again, whatever the mode and even if it is not complete."""
        self._webhooks.send(self._platform.service(item_id).operation, times)

    def fault(self, answer: str, *, method: str = "*", times: int = 1) -> None:
        """Let the next requests go wrong; see FAULTS. `lose` and `garbage` apply the request first."""
        if answer not in FAULTS:
            raise ValueError(f"answer is one of {', '.join(FAULTS)}")
        with self._lock:
            self._faults.append(Fault(method, answer, times))

    def clear_faults(self) -> None:
        with self._lock:
            self._faults.clear()

    def configure(self, *, webhook_url: str | None = None, delay: str | float | None = None) -> None:
        """Change what is given. `delay` in seconds, or "never"."""
        if delay is not None:
            self._platform.delay = None if delay == "never" else max(0.0, float(delay))
        if webhook_url is not None:
            self._webhooks.url = webhook_url or None

    def reset(self) -> None:
        """Forget services, requests, deliveries and faults; settings stay."""
        self.clear_faults()
        self._platform.reset()
        self.requests.clear()
        self._webhooks.deliveries.clear()
        self._webhooks.mode = "on"

    # -- for the handler -------------------------------------------------------------------------------------

    def _completed(self, operation: Operation) -> None:
        self.log(f"{operation.item_id} {operation.status}")
        self._webhooks.announce(operation)

    def take_fault(self, method: str) -> str | None:
        with self._lock:
            for fault in self._faults:
                if fault.method in {"*", method}:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._faults.remove(fault)
                    return fault.answer
        return None

    def contract(self, method: str, path: str, authorization: str, body: bytes) -> Answer:
        """Answer a request under /v1."""
        if not hmac.compare_digest(authorization.encode(), f"Bearer {self.api_key}".encode()):
            return error(401, "unauthorized", "the API key is not valid")
        kind, _, name = path.removeprefix("/v1/").partition("/")
        name = unquote(name)
        if not name or "/" in name:
            return error(404, "not_found", "there is nothing here")
        if (method, kind) == ("PUT", "services"):
            try:
                asked = json.loads(body)
            except ValueError:
                asked = None
            if not isinstance(asked, dict):
                return error(400, "invalid_json", "the body must be a JSON object")
            return self._platform.put(name, asked)
        if (method, kind) == ("GET", "operations"):
            return self._platform.get_operation(name)
        if (method, kind) == ("DELETE", "services"):
            return self._platform.delete(name)
        return error(404, "not_found", "there is nothing here")

    def wants_answer_lost(self, method: str, path: str) -> bool:
        """True for the first PUT of a service called `lost-…`."""
        service = self._platform.services.get(unquote(path.removeprefix("/v1/services/")))
        return method == "PUT" and service is not None and service.is_called("lost-") and service.puts == 1

    def control(self, path: str, fields: Mapping[str, Any]) -> Answer:
        """Answer a POST under /_standin."""
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
                case ["services", item_id, "hold"]:
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
        fault = self.standin.take_fault(self.command) if path.startswith("/v1/") else None
        if fault == "drop":
            self._drop(path)
            return
        if fault == "html":
            self._record(path, 404)
            self.answer(404, b"<html><body>no healthy upstream</body></html>", "text/html")
            return
        if fault == "422":
            answer = error(422, "name_refused", "a refusal was asked for")
        elif fault in {"429", "500", "503"}:
            answer = error(int(fault), "made_to_fail", "a fault was asked for", retryable=True)
        else:
            answer = self.standin.contract(self.command, path, self.headers.get("authorization", ""), body)
            if fault == "lose" or self.standin.wants_answer_lost(self.command, path):
                self._drop(path)
                return
        self._record(path, answer[0])
        if fault == "garbage":
            self.answer(answer[0], b'{"operation_id": 7, "status"', "application/json")
        else:
            self.answer_json(*answer)

    def _drop(self, path: str) -> None:
        self._record(path, None)
        self.break_connection()

    def _record(self, path: str, status: int | None) -> None:
        if path.startswith("/v1/"):
            self.standin.requests.append(Request(self.command, path, status))
            self.standin.log(f"{self.command} {path} -> {status or 'connection dropped'}")
