"""A loopback server for tests that control the bytes and the timing of each response."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

Script = Callable[[socket.socket], None]


def answering(data: bytes) -> Script:
    return lambda connection: connection.sendall(data)


def ok(body: bytes = b"{}", *headers: bytes, status: bytes = b"200 OK") -> Script:
    """A complete response with the header `Connection: close`."""
    lines = (b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), b"Connection: close", *headers)
    return answering(b"\r\n".join(lines) + b"\r\n\r\n" + body)


@dataclass
class RawRequest:
    line: bytes
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class RawServer:
    """A context manager that serves connections on a free port. It reads each request, then calls `script`.

    `requests` records the requests. `server_names` records the host names that TLS clients asked for (SNI).
    """

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._tls = tls
        if tls is not None:
            tls.sni_callback = self._note_server_name
        self.requests: list[RawRequest] = []
        self.server_names: list[str | None] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.leaving = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> RawServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.leaving.set()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            pass  # wakes `accept` in `_serve`
        self._thread.join(10)
        self._listener.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _note_server_name(self, _socket: object, name: str | None, _context: object) -> None:
        self.server_names.append(name)

    def _serve(self) -> None:
        while not self.leaving.is_set():
            connection, _ = self._listener.accept()
            connection.settimeout(10)
            with contextlib.suppress(OSError), connection:
                if self.leaving.is_set():
                    return
                self._talk(connection)

    def _talk(self, plain: socket.socket) -> None:
        connection = self._tls.wrap_socket(plain, server_side=True) if self._tls else plain
        with connection:
            with connection.makefile("rb") as stream:
                request = RawRequest(stream.readline().rstrip())
                while line := stream.readline().rstrip().decode("latin-1"):
                    name, _, value = line.partition(": ")
                    request.headers[name.lower()] = value
                request.body = stream.read(int(request.headers.get("content-length", "0")))
            self.requests.append(request)
            self._script(connection)
