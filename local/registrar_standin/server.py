"""The stand-in on loopback: the wire protocol by POST at `/`, the page by GET there, the controls under /_standin."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from .page import render
from .standin import AnswerLostError, RegistrarStandIn, Reply

MAX_BODY_BYTES = 256 * 1024
TICK_SECONDS = 0.2

Answer = tuple[int, dict[str, Any]]


class RegistrarServer:
    """Serves a stand-in on 127.0.0.1, on a free port unless `port` says which. A context manager."""

    def __init__(self, standin: RegistrarStandIn, *, port: int = 0) -> None:
        self.standin = standin
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.standin = standin
        self._ended = threading.Event()
        self._serving = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._ticking = threading.Thread(target=self._tick, daemon=True)

    @property
    def url(self) -> str:
        """The base address, without a slash at its end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> RegistrarServer:
        self._serving.start()
        self._ticking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._serving.join()
        self._ticking.join()

    def serve_forever(self) -> None:
        """Serve in this thread until interrupted."""
        self._ticking.start()
        try:
            self._server.serve_forever()
        finally:
            self._ended.set()
            self._server.server_close()

    def _tick(self) -> None:
        """Operations end, and zones are made, also while nobody asks."""
        while not self._ended.wait(TICK_SECONDS):
            try:
                self.standin.settle()
            except Exception as problem:  # the zone could not be made: the operation goes on, and so do we
                self.standin.log(f"settling: {type(problem).__name__}: {problem}")


def control(standin: RegistrarStandIn, path: str, fields: Mapping[str, Any]) -> Answer:
    """Answer a POST under /_standin."""
    try:
        match path.removeprefix("/_standin/").split("/"):
            case ["names", name, action]:
                _control_name(standin, unquote(name), action, fields)
            case ["faults"]:
                _control_faults(standin, fields)
            case ["settings"]:
                delay, transfer_delay = fields.get("delay"), fields.get("transfer_delay")
                standin.configure(
                    delay=None if delay is None else max(0.0, float(delay)),
                    transfer_delay=None if transfer_delay is None else max(0.0, float(transfer_delay)),
                )
            case ["take"]:
                if not fields.get("name"):
                    raise ValueError("name is missing: the domain that another owner registers")
                standin.take(str(fields["name"]))
            case ["reset"]:
                standin.reset()
            case _:
                return 404, {"error": "there is no such control"}
    except KeyError:
        return 404, {"error": "nothing is running for this name"}
    except (TypeError, ValueError) as problem:
        return 400, {"error": str(problem)}
    return 200, standin.state()


def _control_name(standin: RegistrarStandIn, name: str, action: str, fields: Mapping[str, Any]) -> None:
    told = {"message": str(fields["message"])} if fields.get("message") else {}
    match action:
        case "finish":
            standin.finish(name)
        case "fail":
            standin.fail(name, **told)
        case "approve":
            standin.approve(name)
        case "reject":
            standin.reject(name, **told)
        case "advance":
            standin.advance(name)
        case "take":
            standin.take(name)
        case _:
            raise ValueError(f"{action} is not one of finish, fail, approve, reject, advance, take")


def _control_faults(standin: RegistrarStandIn, fields: Mapping[str, Any]) -> None:
    if not fields:
        standin.clear_faults()
        return
    answer = str(fields.get("answer") or "lose")
    operation = str(fields.get("operation") or "*")
    times = int(fields.get("times") or 1)
    if answer == "lose":
        standin.lose_next_answer(operation, times)
    else:
        standin.fail_next(operation, answer, str(fields.get("message") or "made to fail"), times=times)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # many orders at once must not be refused at the door
    standin: RegistrarStandIn


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "registrar-standin"
    wbufsize = -1  # headers and body leave in one packet
    timeout = 60
    server: _Server

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/":
            self._answer(200, render(self.server.standin.state()).encode(), "text/html; charset=utf-8")
        elif path == "/_standin/state":
            self._answer_json((200, self.server.standin.state()))
        elif path == "/healthz":
            self._answer_json((200, {"status": "ok"}))
        else:
            self._answer_json((404, {"error": "there is nothing here"}))

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES or "transfer-encoding" in self.headers:
            self.close_connection = True
            self._answer_json((413, {"error": "the body must be plain and at most 256 KB"}))
            return
        body = self.rfile.read(int(length))
        path = urlsplit(self.path).path
        if path.startswith("/_standin/"):
            self._control(path, body)
        elif path == "/":
            self._protocol(body)
        else:
            self._answer_json((404, {"error": "there is nothing here"}))

    def _protocol(self, body: bytes) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            reply: Reply = self.server.standin.answer(headers, body)
        except AnswerLostError:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        except Exception as problem:
            self.server.standin.log(f"{type(problem).__name__}: {problem}")
            self._answer_json(
                (500, {"__type": "InternalFailure", "message": "The stand-in failed; see its log."})
            )
            return
        extra = {name: value for name, value in reply.headers.items() if name != "Content-Type"}
        self._answer(reply.status, reply.body, reply.headers["Content-Type"], extra)

    def _control(self, path: str, body: bytes) -> None:
        is_form = self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        fields: Any
        if is_form:
            fields = {name: values[-1] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        else:
            try:
                fields = json.loads(body or b"{}")
            except ValueError:
                fields = None
        if not isinstance(fields, dict):
            self._answer_json((400, {"error": "the body must be a JSON object"}))
            return
        status, document = control(self.server.standin, path, fields)
        if is_form and status == 200:
            self._answer(303, b"", "text/plain", {"Location": "/"})
        else:
            self._answer_json((status, document))

    def _answer_json(self, answer: Answer) -> None:
        status, document = answer
        self._answer(status, json.dumps(document).encode(), "application/json")

    def _answer(
        self, status: int, body: bytes, content_type: str, headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Said in words of its own by the stand-in."""
