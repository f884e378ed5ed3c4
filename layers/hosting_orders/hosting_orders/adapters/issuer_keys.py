"""The public keys of an OAuth issuer, read from its metadata and cached."""

from __future__ import annotations

import http.client
import json
import logging
import queue
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from hosting_orders.domain.errors import AccessTokenRefusedError

from .loopback import is_loopback

FRESH_SECONDS = 600
# While the issuer does not answer, the keys read last are used for this long. An access token is rarely valid for more
# than an hour.
USABLE_SECONDS = 3600
RETRY_SECONDS = 60
READ_SECONDS = 5.0  # for metadata and keys together; a function may run for 15 seconds
FETCH_SECONDS = 2.0
MAX_DOCUMENT_BYTES = 256 * 1024
MIN_RSA_BITS = 2048

KeysById = Mapping[str, RSAKey | ECKey]

_log = logging.getLogger("hosting-orders")


class KeysUnreadableError(Exception):
    pass


class _UnfitAnswerError(Exception):
    pass


class Counts(Protocol):
    def count(self, name: str) -> None: ...


class IssuerKeys:
    """Shared by all threads of a process."""

    def __init__(
        self,
        issuer: str,
        metrics: Counts,
        *,
        allow_loopback: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._metrics = metrics
        self._allow_loopback = allow_loopback
        self._now = now
        self._lock = threading.Lock()
        self._keys: KeysById = {}
        self._read_at: float | None = None
        self._tried_at: float | None = None
        self._failures = 0  # since the last success
        self._fault = ""

    def key(self, kid: str) -> RSAKey | ECKey:
        """Raises AccessTokenRefusedError."""
        with self._lock:
            if kid not in self._keys or not _within(FRESH_SECONDS, self._read_at, self._now()):
                self._refresh()
            usable = _within(USABLE_SECONDS, self._read_at, self._now())
            found = self._keys.get(kid) if usable else None
            if found is None:
                fault = self._fault or f"the issuer has no usable key with the id {kid[:60]!a}"
                raise AccessTokenRefusedError(fault)
            return found

    def _refresh(self) -> None:
        if _within(self._pause(), self._tried_at, self._now()):
            return
        self._tried_at = self._now()
        try:
            self._keys = read_keys(self._issuer, allow_loopback=self._allow_loopback)
        except KeysUnreadableError as error:
            self._failures += 1
            self._fault = str(error)
            _log.warning(self._fault)
            self._metrics.count("OAuthIssuerSilent")
        else:
            self._failures = 0
            self._fault = ""
            self._read_at = self._now()

    def _pause(self) -> float:
        # A forged token may name an unknown key id. Such tokens must not make us read the keys more often than every
        # RETRY_SECONDS. A process that has not read any keys yet can verify no token, so it tries again sooner: after
        # 2, 4, 8 … seconds.
        if self._read_at is not None:
            return RETRY_SECONDS
        return float(min(RETRY_SECONDS, 2 ** min(self._failures, 10)))


def read_keys(issuer: str, *, allow_loopback: bool = False) -> KeysById:
    """Raises KeysUnreadableError."""
    outcome: queue.SimpleQueue[KeysById | Exception] = queue.SimpleQueue()

    def read() -> None:
        try:
            outcome.put(_Reader(issuer, allow_loopback).keys())
        except Exception as fault:  # passed to the waiting thread
            outcome.put(fault)

    # Read in a thread, so that the whole read has a time limit. A socket's timeout restarts with every packet, and the
    # system's resolver has no timeout.
    threading.Thread(target=read, name="read-issuer-keys", daemon=True).start()
    try:
        found = outcome.get(timeout=READ_SECONDS)
    except queue.Empty:
        found = TimeoutError(f"no complete answer within {READ_SECONDS} seconds")
    if isinstance(found, Exception):
        fault = f"the keys of the OAuth issuer cannot be read: {type(found).__name__} {found}"[:300]
        raise KeysUnreadableError(fault) from found
    return found


class _Reader:
    def __init__(self, issuer: str, allow_loopback: bool) -> None:
        self._issuer = issuer
        self._allow_loopback = allow_loopback

    def keys(self) -> KeysById:
        return _usable_keys(self._fetch(self._keys_address()))

    def _keys_address(self) -> str:
        metadata = self._metadata()
        if metadata.get("issuer") != self._issuer:
            raise _UnfitAnswerError("the metadata names another issuer; OAuthIssuer must be identical to it")
        address = metadata.get("jwks_uri")
        if not isinstance(address, str):
            raise _UnfitAnswerError("the metadata has no jwks_uri")
        return address

    def _metadata(self) -> Mapping[str, Any]:
        """Read the metadata at the path of OpenID Connect Discovery, or else of RFC 8414."""
        parts = urlsplit(self._issuer)
        path = parts.path.rstrip("/")
        origin = f"{parts.scheme}://{parts.netloc}"
        try:
            return self._fetch(f"{origin}{path}/.well-known/openid-configuration")
        except _UnfitAnswerError:
            return self._fetch(f"{origin}/.well-known/oauth-authorization-server{path}")

    def _fetch(self, url: str) -> Mapping[str, Any]:
        parts = urlsplit(url)
        here = parts.scheme == "http" and self._allow_loopback and is_loopback(url)
        if not parts.hostname or not (parts.scheme == "https" or here):
            raise _UnfitAnswerError(f"{url[:200]!a} is not an https address")
        connection = (
            http.client.HTTPConnection(parts.hostname, parts.port, timeout=FETCH_SECONDS)
            if here
            else http.client.HTTPSConnection(
                parts.hostname, parts.port, timeout=FETCH_SECONDS, context=ssl.create_default_context()
            )
        )
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request("GET", target or "/", headers={"Accept": "application/json"})
            answer = connection.getresponse()
            if answer.status != 200:  # redirects are not followed
                raise _UnfitAnswerError(f"{url[:200]!a} answered {answer.status}")
            body = self._body(answer)
        finally:
            connection.close()
        try:
            document = json.loads(body)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise _UnfitAnswerError(f"{url[:200]!a} is not a JSON object")
        return document

    def _body(self, answer: http.client.HTTPResponse) -> bytes:
        end = time.monotonic() + FETCH_SECONDS
        body = b""
        while chunk := answer.read1(64 * 1024):
            body += chunk
            if len(body) > MAX_DOCUMENT_BYTES:
                raise _UnfitAnswerError(f"the document has more than {MAX_DOCUMENT_BYTES} bytes")
            if time.monotonic() > end:
                raise TimeoutError("the document arrives too slowly")
        return body


def _within(seconds: float, since: float | None, now: float) -> bool:
    return since is not None and now - since < seconds


def _usable_keys(document: Mapping[str, Any]) -> KeysById:
    """If two keys have the same id, the first is used."""
    listed = document.get("keys")
    if not isinstance(listed, list):
        raise _UnfitAnswerError("the key set has no keys")
    keys: dict[str, RSAKey | ECKey] = {}
    for each in listed:
        # Keys for other purposes, such as encryption, are ignored.
        if isinstance(each, dict) and isinstance(each.get("kid"), str) and each.get("use", "sig") == "sig":
            key = _public_key(each)
            if key is not None:
                keys.setdefault(each["kid"], key)
    return keys


def _public_key(member: dict[str, Any]) -> RSAKey | ECKey | None:
    try:
        if member.get("kty") == "RSA":
            key = RSAKey.import_key(member)
            return key if key.public_key.key_size >= MIN_RSA_BITS else None
        return ECKey.import_key(member) if member.get("kty") == "EC" else None
    except (JoseError, ValueError, TypeError, KeyError):
        return None
