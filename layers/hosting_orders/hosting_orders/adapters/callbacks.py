"""Send callbacks and webhooks, each as one signed HTTPS request to a client's URL (docs/design.md).

The connection uses the IP address that was checked, because a second lookup could return another address.
"""

from __future__ import annotations

import datetime
import email.utils
import hashlib
import hmac
import http.client
import io
import ipaddress
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from hosting_orders.adapters import standard_webhooks
from hosting_orders.domain import callback_url
from hosting_orders.domain.callback_url import CallbackUrl
from hosting_orders.domain.providers import CallbackAnswer, CallbackRequest

# The library `requests` is not used, because it restarts its timeout with every packet.
CONNECT_SECONDS = 3.0
TOTAL_SECONDS = 10.0
MAX_ANSWER_BYTES = 64 * 1024  # header and body together
MAX_ADDRESSES = 4  # tried in turn until one accepts the connection

Resolver = Callable[[str, int], Sequence[str]]
Connector = Callable[[tuple[str, int], float], socket.socket]

_SECONDS = re.compile(r"[0-9]{1,9}")


class _UndeliverableError(Exception):
    """The customer sees the text, so the text contains no IP address."""


def resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class HttpsSender:
    """For local use, `allow_loopback` also permits http and any port on this machine."""

    def __init__(
        self,
        allow_loopback: bool = False,
        *,
        connect_seconds: float = CONNECT_SECONDS,
        total_seconds: float = TOTAL_SECONDS,
        resolver: Resolver = resolve,
        connector: Connector = socket.create_connection,
        tls: ssl.SSLContext | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._allow_loopback = allow_loopback
        self._connect_seconds = connect_seconds
        self._total_seconds = total_seconds
        self._resolver = resolver
        self._connector = connector
        self._tls = tls
        self._now = now

    def send(self, request: CallbackRequest) -> CallbackAnswer:
        deadline = _Deadline(self._total_seconds)
        try:
            return self._send(request, deadline)
        except _UndeliverableError as reason:
            return CallbackAnswer(None, str(reason))
        except TimeoutError:
            return CallbackAnswer(None, "no answer in time")
        except ssl.SSLCertVerificationError:
            return CallbackAnswer(None, "the certificate is not valid for this host")
        except ssl.SSLError:
            return CallbackAnswer(None, "no TLS connection")
        except (OSError, http.client.HTTPException):
            return CallbackAnswer(None, "the connection broke or the answer was not HTTP")

    def _send(self, request: CallbackRequest, deadline: _Deadline) -> CallbackAnswer:
        url = self._checked(request)
        headers = self._headers(request, url)
        with self._connected(url, deadline) as connection:
            exchange = http.client.HTTPConnection(url.host, url.port)
            exchange.sock = _BoundedSocket(connection, deadline)
            exchange.request("POST", url.target, request.body, headers)
            answer = exchange.getresponse()
            _drain(answer)
        error = "redirects are not followed" if 300 <= answer.status < 400 else None
        return CallbackAnswer(answer.status, error, self._retry_after(answer.headers.get("retry-after", "")))

    def _checked(self, request: CallbackRequest) -> CallbackUrl:
        """Check the URL again, because the rules may have become stricter since it was stored."""
        try:
            url = callback_url.parse(request.url, allow_loopback=self._allow_loopback)
            if not url.host.isascii():
                host = _ascii_host(url.host)
                port = f":{url.port}" if url.port != 443 else ""
                # Check the ASCII form too: "１２７.1" becomes an IP address.
                url = callback_url.parse(f"{url.scheme}://{host}{port}{url.target}")
        except ValueError as refusal:
            raise _UndeliverableError(str(refusal)) from None
        if problem := callback_url.authorization_problem(request.authorization or ""):
            raise _UndeliverableError(problem)
        return url

    def _headers(self, request: CallbackRequest, url: CallbackUrl) -> dict[str, str]:
        host = f"[{url.host}]" if ":" in url.host else url.host
        usual_port = url.port == (443 if url.scheme == "https" else 80)
        headers = {
            "Host": host if usual_port else f"{host}:{url.port}",
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": "hosting-orders-callbacks/1",
            "Connection": "close",
            **standard_webhooks.signed_headers(
                request.secrets, request.message_id, request.timestamp, request.body
            ),
        }
        if request.authorization:
            headers["Authorization"] = request.authorization
        return headers

    def _connected(self, url: CallbackUrl, deadline: _Deadline) -> socket.socket:
        last: OSError = OSError()
        for address in self._addresses(url, deadline)[:MAX_ADDRESSES]:
            try:
                plain = self._connector((address, url.port), min(self._connect_seconds, deadline.left()))
            except OSError as fault:
                last = fault
                continue
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return plain if url.scheme == "http" else self._secured(plain, url.host, deadline)
        if isinstance(last, TimeoutError):
            raise last
        raise _UndeliverableError("no connection")

    def _secured(self, plain: socket.socket, host: str, deadline: _Deadline) -> socket.socket:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        try:
            plain.settimeout(deadline.left())
            return self._tls.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise

    def _addresses(self, url: CallbackUrl, deadline: _Deadline) -> list[str]:
        """Refuse all addresses if one is not public."""
        found = [url.host] if url.address is not None else self._resolved(url, deadline)
        for text in found:
            address = ipaddress.ip_address(text)
            on_this_machine = self._allow_loopback and url.is_loopback and address.is_loopback
            if not callback_url.is_public(address) and not on_this_machine:
                raise _UndeliverableError("the address is not public")
        return found

    def _resolved(self, url: CallbackUrl, deadline: _Deadline) -> list[str]:
        """Resolve in a thread, because the system's resolver has no timeout."""
        outcome: queue.SimpleQueue[Sequence[str] | Exception] = queue.SimpleQueue()

        def ask() -> None:
            try:
                outcome.put(self._resolver(url.host, url.port))
            except Exception as fault:  # passed to the waiting thread
                outcome.put(fault)

        threading.Thread(target=ask, name="resolve-callback-host", daemon=True).start()
        try:
            found = outcome.get(timeout=deadline.left())
        except queue.Empty:
            raise TimeoutError from None
        if isinstance(found, Exception) or not found:
            raise _UndeliverableError("the host name has no address")
        return list(found)

    def _retry_after(self, value: str) -> int | None:
        """Seconds, from either form of the header (RFC 9110, 10.2.3)."""
        if _SECONDS.fullmatch(value.strip()):
            return int(value)
        try:
            moment = email.utils.parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=datetime.UTC)
        return max(0, round(moment.timestamp() - self._now()))


class HttpsCallbacks(HttpsSender):
    def __init__(self, master_secret: str, allow_loopback: bool = False, **options: Any) -> None:
        if not master_secret:
            raise ValueError("callbacks need a master secret")
        super().__init__(allow_loopback, **options)
        self._master = master_secret.encode()

    def secret_for(self, account_id: str) -> str:
        return standard_webhooks.secret_of(hmac.digest(self._master, account_id.encode(), hashlib.sha256))


class _Deadline:
    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds


class _BoundedReader(io.RawIOBase):
    def __init__(self, connection: socket.socket, deadline: _Deadline) -> None:
        self._connection = connection
        self._deadline = deadline
        self._left = MAX_ANSWER_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._left <= 0:
            raise _UndeliverableError("the answer is too large")
        self._connection.settimeout(self._deadline.left())
        count = self._connection.recv_into(buffer[: self._left])
        self._left -= count
        return count


class _BoundedSocket:
    def __init__(self, connection: socket.socket, deadline: _Deadline) -> None:
        self._connection = connection
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        self._connection.settimeout(self._deadline.left())
        self._connection.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_BoundedReader(self._connection, self._deadline))

    def close(self) -> None:
        """`_send` closes the connection."""


def _drain(answer: http.client.HTTPResponse) -> None:
    """Ignore errors, because the status is already known."""
    try:
        while answer.read(8192):
            pass
    except (OSError, http.client.HTTPException, _UndeliverableError):
        return


def _ascii_host(host: str) -> str:
    """Convert the host as browsers do (UTS 46). Raises ValueError."""
    import idna

    try:
        return idna.encode(host, uts46=True, std3_rules=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise ValueError("the host is not a valid name") from None
