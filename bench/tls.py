"""A TLS server in front of the local AWS emulator, which has no TLS.

On Lambda every AWS call uses TLS, and loading the trusted root certificates is costly. So the bench uses TLS too.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from tests.support.certificates import CertificateAuthority


def certified(folder: Path) -> ssl.SSLContext:
    """Write authority.pem to `folder` and return a server's context for 127.0.0.1. Clients must trust authority.pem."""
    authority = CertificateAuthority()
    (folder / "authority.pem").write_text(authority.pem())
    return authority.server_context(folder, "127.0.0.1")


@contextmanager
def tls_in_front_of(address: str, context: ssl.SSLContext) -> Iterator[str]:
    """Yield the URL of a TLS port that forwards to `address`, which has no TLS."""
    target = urlsplit(address)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return  # closed: the bench has ended
            threading.Thread(target=_pass_on, args=(client, context, target), daemon=True).start()

    threading.Thread(target=serve, name="TLS", daemon=True).start()
    try:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()


def _pass_on(client: socket.socket, context: ssl.SSLContext, target: SplitResult) -> None:
    place = (target.hostname, target.port)
    with context.wrap_socket(client, server_side=True) as near, socket.create_connection(place) as far:
        threading.Thread(target=_copy, args=(far, near), daemon=True).start()
        _copy(near, far)


def _copy(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the other side has hung up
