"""The stand-ins' HTTP servers: they listen on 127.0.0.1 only, and read forms and JSON the same way."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs

from local import html

_FORM = "application/x-www-form-urlencoded"


class Server(ThreadingHTTPServer):
    """Listens on `port`, or on a free port if `port` is 0. Handlers find `served` as `self.server.served`."""

    daemon_threads = True
    request_queue_size = 128  # many connections at once must not be refused

    def __init__(self, handler: type[BaseHTTPRequestHandler], served: Any, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), handler)
        self.served = served
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)

    def server_bind(self) -> None:
        # HTTPServer's own method looks up the host's name, which can take seconds.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", self.server_address[1]))
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: nearly all of these errors are clients that disconnect."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body leave in one packet
    disable_nagle_algorithm = True
    timeout: ClassVar[float | None] = 60
    max_body_bytes = 64 * 1024
    server: Server

    def do_GET(self) -> None:
        self.get()

    def do_POST(self) -> None:
        self.post()

    def do_PUT(self) -> None:
        self.put()

    def do_DELETE(self) -> None:
        self.delete()

    def get(self) -> None:
        self.send_error(501)

    post = put = delete = get

    @property
    def is_form(self) -> bool:
        """Whether the body is form fields, as a browser sends them from a page."""
        return self.headers.get("content-type", "").startswith(_FORM)

    def problem(self, code: str, message: str) -> dict[str, Any]:
        return {"error": message}

    def read_body(self) -> bytes | None:
        """Return the body. If it is too large, answer 413 and return None."""
        length = self.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > self.max_body_bytes or "transfer-encoding" in self.headers:
            self.close_connection = True
            limit = self.max_body_bytes // 1024
            self.answer_json(
                413,
                self.problem("too_large", f"the body must have at most {limit} KB and no Transfer-Encoding"),
            )
            return None
        return self.rfile.read(int(length))

    def read_fields(self, body: bytes) -> dict[str, Any] | None:
        """Return the fields of a request to a control. If they are invalid, answer 400 and return None."""
        if self.is_form:
            return {name: values[-1] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        try:
            fields = json.loads(body or b"{}")
        except ValueError:
            fields = None
        if not isinstance(fields, dict):
            self.answer_json(400, self.problem("invalid_json", "the body must be a JSON object"))
            return None
        return fields

    def answer_control(self, status: int, document: Mapping[str, Any]) -> None:
        """Answer a JSON request with the document, and a form with a redirect to the start page or an error page."""
        if not self.is_form:
            self.answer_json(status, document)
        elif status == 200:
            self.answer(303, b"", "text/plain", {"Location": "/"})
        else:
            self.answer(
                status, refusal(str(document.get("message") or document.get("error"))), html.CONTENT_TYPE
            )

    def answer_json(self, status: int, document: Any) -> None:
        self.answer(status, json.dumps(document).encode(), "application/json")

    def answer(
        self, status: int, body: bytes, content_type: str, headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def break_connection(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: each stand-in has its own log."""


def refusal(message: str) -> bytes:
    reason = html.paragraph(html.markup(f'<span class="bad">{html.text(message)}</span>'))
    back = html.paragraph(html.link("/", "Back"))
    return html.page(
        "Not done", html.markup("<main><h1>Not done</h1>"), reason, back, html.markup("</main>")
    ).encode()
