"""Serve the pages of a `World` over HTTP on this machine, so a browser can open them. The real handlers respond."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.world import World


@dataclass
class ServedWorld:
    """Hold `lock` while you change the world, because a browser may send requests at any time."""

    world: World
    origin: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)
    asked: list[str] = field(default_factory=list)


@contextmanager
def served(world: World) -> Iterator[ServedWorld]:
    site = ServedWorld(world)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append(self.path)
            with site.lock:
                reply = world.request("GET", self.path, account=None, headers=dict(self.headers.items()))
            body = reply.body.encode() if isinstance(reply.body, str) else b""
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        site.origin = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield site
        finally:
            server.shutdown()
