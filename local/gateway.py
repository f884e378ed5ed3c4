"""A gateway with a simple address for the HTTP API: `http://127.0.0.1:8080`.

The host name of the emulator's URL, `http://ID.execute-api.localhost:PORT`, does not resolve on every machine. The
gateway listens on its own port and forwards each request to the emulator, with this host name in the header `Host`.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PREFERRED_PORT = 8080
MAX_BODY_BYTES = 10 * 1024 * 1024
"""API Gateway's limit: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"""

_TIMEOUT_SECONDS = 30.0
_OF_THE_CONNECTION = frozenset(
    ("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "host")
)


@dataclass(slots=True)
class Gateway:
    """Answers 503 until `open_to` is called."""

    port: int
    _upstream: tuple[str, int] | None = field(default=None)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def open_to(self, api_id: str, emulator_port: int) -> None:
        self._upstream = (f"{api_id}.execute-api.localhost:{emulator_port}", emulator_port)

    def upstream(self) -> tuple[str, int] | None:
        """The API's host name and the emulator's port."""
        return self._upstream


@contextmanager
def running_gateway() -> Iterator[Gateway]:
    """A gateway on port 8080, or on a free port if 8080 is taken."""
    gateway = Gateway(0)
    server = _listen(gateway)
    gateway.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, name="gateway", daemon=True).start()
    try:
        yield gateway
    finally:
        server.shutdown()
        server.server_close()


def _listen(gateway: Gateway) -> ThreadingHTTPServer:
    class Handler(_Forwarder):
        door = gateway

    try:
        return _Server(("127.0.0.1", PREFERRED_PORT), Handler)
    except OSError:  # taken
        return _Server(("127.0.0.1", 0), Handler)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class _Forwarder(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    door: Gateway

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the functions log their requests."""

    def _forward(self) -> None:
        upstream = self.door.upstream()
        body = self._body()
        if body is None:
            self.close_connection = True
            self._answer(413, [("Content-Type", "application/json")], b'{"message":"Request Too Long"}')
            return
        if upstream is None:
            self._refuse(503, "Service Unavailable")
            return
        host, port = upstream
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_SECONDS)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", host)
            for name, value in self.headers.items():
                if name.lower() not in _OF_THE_CONNECTION and name.lower() != "content-length":
                    connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            headers = [pair for pair in response.getheaders() if pair[0].lower() not in _OF_THE_CONNECTION]
            self._answer(response.status, headers, response.read())
        except TimeoutError:
            self._refuse(503, "Service Unavailable")
        except OSError:
            self._refuse(502, "Bad Gateway")
        finally:
            connection.close()

    def _body(self) -> bytes | None:
        """The request's body, or None when it exceeds API Gateway's limit."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunked_body()
        length = int(self.headers.get("Content-Length") or 0)
        return None if length > MAX_BODY_BYTES else self.rfile.read(length)

    def _chunked_body(self) -> bytes | None:
        body = bytearray()
        while size := int(self.rfile.readline().split(b";")[0], 16):
            if len(body) + size > MAX_BODY_BYTES:
                return None
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers
        return bytes(body)

    def _refuse(self, status: int, message: str) -> None:
        self._answer(
            status, [("Content-Type", "application/json")], json.dumps({"message": message}).encode()
        )

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() != "content-length":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _forward  # noqa: N815
