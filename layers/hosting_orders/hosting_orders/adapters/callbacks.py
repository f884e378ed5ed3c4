"""Callbacks to clients: one signed HTTPS request to an address that a stranger chose.

The name is resolved once. If every address of it is public, the connection goes to one of exactly these
addresses, while certificate, SNI and Host are the name's: a name server that answers differently the second
time is never asked a second time. No redirect is followed, no proxy used, and one deadline stands over all
of it.

Written on http.client and ssl, not on `requests`: there resolving and connecting are one step, and its
time-outs start anew with every packet.
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

from hosting_orders.adapters import standard_webhooks
from hosting_orders.domain import callback_url
from hosting_orders.domain.callback_url import CallbackUrl
from hosting_orders.domain.providers import CallbackAnswer, CallbackRequest

CONNECT_SECONDS = 3.0
TOTAL_SECONDS = 10.0
MAX_ANSWER_BYTES = 64 * 1024  # header and body together
MAX_ADDRESSES = 4  # tried in turn until one takes the connection

Resolver = Callable[[str, int], Sequence[str]]
Connector = Callable[[tuple[str, int], float], socket.socket]

_SECONDS = re.compile(r"[0-9]{1,9}")


class _UndeliverableError(Exception):
    """Why there is no answer. The text goes on record and the customer sees it, so it names no address."""


def resolve(host: str, port: int) -> list[str]:
    """The name's addresses as the system knows them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class HttpsCallbacks:
    """The port `Callbacks`.

    `master_secret` is what all accounts' signing secrets derive from. `allow_loopback` is for local use: it
    opens http and any port, on this machine alone. `resolver`, `connector` and `tls` are the system's unless
    given.
    """

    def __init__(
        self,
        master_secret: str,
        allow_loopback: bool = False,
        *,
        connect_seconds: float = CONNECT_SECONDS,
        total_seconds: float = TOTAL_SECONDS,
        resolver: Resolver = resolve,
        connector: Connector = socket.create_connection,
        tls: ssl.SSLContext | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        if not master_secret:
            raise ValueError("callbacks need a master secret")
        self._master = master_secret.encode()
        self._allow_loopback = allow_loopback
        self._connect_seconds = connect_seconds
        self._total_seconds = total_seconds
        self._resolver = resolver
        self._connector = connector
        self._tls = tls
        self._now = now

    def secret_for(self, account_id: str) -> str:
        """The account's signing secret `whsec_…`, derived, so that there is nothing to store or to lose."""
        return standard_webhooks.secret_of(hmac.digest(self._master, account_id.encode(), hashlib.sha256))

    def send(self, request: CallbackRequest) -> CallbackAnswer:
        """One attempt. Whatever the receiver or the network does comes back as an answer."""
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
        """The URL with its host in ASCII. The rules are applied again, as they may be stricter by now."""
        try:
            url = callback_url.parse(request.url, allow_loopback=self._allow_loopback)
            if not url.host.isascii():
                host = _ascii_host(url.host)
                port = f":{url.port}" if url.port != 443 else ""
                # What a name becomes may be quite another one: "１２７.1" is an address.
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
                (request.secret,), request.message_id, request.timestamp, request.body
            ),
        }
        if request.authorization:
            headers["Authorization"] = request.authorization
        return headers

    def _connected(self, url: CallbackUrl, deadline: _Deadline) -> socket.socket:
        """A connection to one of the checked addresses, with TLS unless it is plain http to this machine."""
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
        """The host's addresses, looked up this once. One that is not public condemns them all."""
        found = [url.host] if url.address is not None else self._resolved(url, deadline)
        for text in found:
            address = ipaddress.ip_address(text)
            on_this_machine = self._allow_loopback and url.is_loopback and address.is_loopback
            if not callback_url.is_public(address) and not on_this_machine:
                raise _UndeliverableError("the address is not public")
        return found

    def _resolved(self, url: CallbackUrl, deadline: _Deadline) -> list[str]:
        """Ask the resolver in a thread beside us: it knows no time-out, and the name server may be slow."""
        outcome: queue.SimpleQueue[Sequence[str] | Exception] = queue.SimpleQueue()

        def ask() -> None:
            try:
                outcome.put(self._resolver(url.host, url.port))
            except Exception as fault:  # handed over to whoever waits
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
        """Seconds to wait, from `Retry-After` in either of its spellings (RFC 9110, 10.2.3)."""
        if _SECONDS.fullmatch(value.strip()):
            return int(value)
        try:
            moment = email.utils.parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=datetime.UTC)
        return max(0, round(moment.timestamp() - self._now()))


class _Deadline:
    """When patience ends, for everything together."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds that are left; raises TimeoutError when there are none."""
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds


class _BoundedReader(io.RawIOBase):
    """Reads from a socket until the deadline or the limit, however small the bites are."""

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
    """As much of a socket as http.client uses, under the deadline."""

    def __init__(self, connection: socket.socket, deadline: _Deadline) -> None:
        self._connection = connection
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        self._connection.settimeout(self._deadline.left())
        self._connection.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_BoundedReader(self._connection, self._deadline))

    def close(self) -> None:
        """Whoever opened the connection closes it."""


def _drain(answer: http.client.HTTPResponse) -> None:
    """Read the body and throw it away, so that the receiver sees its answer taken. The status has decided."""
    try:
        while answer.read(8192):
            pass
    except (OSError, http.client.HTTPException, _UndeliverableError):
        return


def _ascii_host(host: str) -> str:
    """The name in ASCII, as browsers spell it (UTS 46). Raises ValueError when it is none."""
    import idna

    try:
        return idna.encode(host, uts46=True, std3_rules=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise ValueError("the host is not a valid name") from None
