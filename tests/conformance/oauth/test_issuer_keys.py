"""The keys of an OAuth issuer are read rarely, within limits, and only from the issuer (docs/oauth.md)."""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from joserfc.jwk import OctKey, RSAKey

from hosting_orders import bootstrap
from hosting_orders import settings as environment
from hosting_orders.adapters import issuer_keys
from hosting_orders.adapters.issuer_keys import FRESH_SECONDS, RETRY_SECONDS, USABLE_SECONDS, IssuerKeys
from hosting_orders.domain.errors import AccessTokenRefusedError
from local.issuer_standin import IssuerStandIn, signing_keys
from local.loopback import Handler, Server
from tests.conformance.contract_002.support import assert_error, send
from tests.conformance.oauth.support import ask
from tests.support.oauth import AUDIENCE, bearer, forged
from tests.support.world import FakeMetrics, World

OPENID = "/.well-known/openid-configuration"
RFC_8414 = "/.well-known/oauth-authorization-server"


# -- through the handlers -----------------------------------------------------------------------------


def test_the_keys_are_read_at_the_first_token_only(world: World, issuer: IssuerStandIn) -> None:
    assert send(world, "GET", "/api/orders").status == 200
    assert issuer.requests == []
    for _ in range(5):
        assert ask(world, issuer.token("usr_ready", "acc_ready")).status == 200
    assert issuer.requests == [OPENID, "/jwks"]


def test_unknown_key_ids_cause_one_read_a_minute(world: World, issuer: IssuerStandIn) -> None:
    for number in range(40):
        assert ask(world, forged(issuer, header={"kid": f"unknown-{number}"})).status == 401
    assert issuer.requests.count("/jwks") == 1
    world.clock.advance(RETRY_SECONDS - 1)
    assert ask(world, forged(issuer, header={"kid": "unknown"})).status == 401
    assert issuer.requests.count("/jwks") == 1
    world.clock.advance(1)
    for number in range(40):
        assert ask(world, forged(issuer, header={"kid": f"unknown-{number}"})).status == 401
        assert ask(world, forged(issuer)).status == 200
    assert issuer.requests.count("/jwks") == 2


def test_a_token_that_cannot_be_valid_causes_no_request(world: World, issuer: IssuerStandIn) -> None:
    for header in ({"alg": "RS512"}, {"typ": "logout+jwt"}):
        assert ask(world, forged(issuer, header=header)).status == 401
    assert ask(world, f"{forged(issuer)}{'x' * 9000}").status == 401
    assert issuer.requests == []


def test_many_tokens_cause_one_request_to_a_failing_issuer(
    world: World, issuer: IssuerStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.mode = "down"
    counted = world.metrics.counts["OAuthIssuerSilent"]
    with caplog.at_level(logging.INFO):
        for _ in range(20):
            reply = send(world, "GET", "/api/orders", headers=bearer(world, forged(issuer)), account=None)
            assert_error(reply, 401, "unauthorized")
    assert issuer.requests == [OPENID, RFC_8414]
    assert world.metrics.counts["OAuthIssuerSilent"] == counted + 1
    assert not [record for record in caplog.records if record.exc_info]
    reasons = [str(record.__dict__.get("reason", "")) for record in caplog.records]
    assert sum("answered 503" in reason for reason in reasons) == 20
    # API keys do not need the issuer.
    assert send(world, "GET", "/api/orders").status == 200

    issuer.mode = "ok"
    assert ask(world, forged(issuer)).status == 401
    world.clock.advance(2)
    assert ask(world, forged(issuer)).status == 200


def test_a_process_without_keys_retries_with_growing_waits(world: World, issuer: IssuerStandIn) -> None:
    issuer.mode = "down"
    asked = []
    for second in range(4 * RETRY_SECONDS):
        before = len(issuer.requests)
        for _ in range(3):
            assert ask(world, forged(issuer)).status == 401
        if len(issuer.requests) > before:
            asked.append(second)
        world.clock.advance(1)
    assert asked == [0, 2, 6, 14, 30, 62, 122, 182]


def test_a_process_with_keys_retries_once_a_minute(world: World, issuer: IssuerStandIn) -> None:
    assert ask(world, forged(issuer)).status == 200
    issuer.mode = "down"
    issuer.requests.clear()
    world.clock.advance(RETRY_SECONDS)
    for _ in range(RETRY_SECONDS):
        assert ask(world, forged(issuer, header={"kid": "unknown"})).status == 401
        assert ask(world, forged(issuer)).status == 200
        world.clock.advance(1)
    assert issuer.requests == [OPENID, RFC_8414]


def test_an_issuer_without_keys_is_asked_once_a_minute(
    world: World, issuer: IssuerStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer, "jwks", lambda: {"keys": []})
    for _ in range(RETRY_SECONDS):
        assert ask(world, forged(issuer)).status == 401
        world.clock.advance(1)
    assert issuer.requests == [OPENID, "/jwks"]


def test_known_keys_work_for_an_hour_without_the_issuer(world: World, issuer: IssuerStandIn) -> None:
    assert ask(world, forged(issuer)).status == 200
    issuer.mode = "down"
    world.clock.advance(USABLE_SECONDS - 1)
    assert ask(world, forged(issuer)).status == 200
    world.clock.advance(1)
    assert ask(world, forged(issuer)).status == 401
    issuer.mode = "ok"
    world.clock.advance(RETRY_SECONDS)
    assert ask(world, forged(issuer)).status == 200


def test_a_new_key_is_accepted_and_a_withdrawn_key_is_refused(
    world: World, issuer: IssuerStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(world, forged(issuer)).status == 200
    new = RSAKey.generate_key(2048, {"kid": "new"})
    token = forged(issuer, header={"kid": "new"}, key=new)
    monkeypatch.setattr(issuer, "jwks", lambda: {"keys": [new.as_dict(private=False)]})
    assert ask(world, token).status == 401  # the keys are read at most once a minute
    assert ask(world, forged(issuer)).status == 200
    world.clock.advance(RETRY_SECONDS)
    assert ask(world, token).status == 200
    assert ask(world, forged(issuer)).status == 401


def test_a_withdrawn_key_is_refused_after_ten_minutes(
    world: World, issuer: IssuerStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(world, forged(issuer)).status == 200
    ec = signing_keys()["ec"].as_dict(private=False)
    monkeypatch.setattr(issuer, "jwks", lambda: {"keys": [ec]})
    world.clock.advance(FRESH_SECONDS - 1)
    assert ask(world, forged(issuer)).status == 200
    world.clock.advance(1)
    assert ask(world, forged(issuer)).status == 401


def test_concurrent_requests_read_the_keys_once(world: World, issuer: IssuerStandIn) -> None:
    tokens = world.access_tokens
    now = world.clock.now()
    known, unknown = forged(issuer), forged(issuer, header={"kid": "unknown"})
    start = threading.Barrier(16)

    def verify(number: int) -> bool:
        start.wait()
        try:
            return bool(tokens.verify(unknown if number % 2 else known, now))
        except AccessTokenRefusedError:
            return False

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(verify, range(16))) == [True, False] * 8
    assert issuer.requests == [OPENID, "/jwks"]


def test_rebuilt_services_keep_the_keys(world: World, issuer: IssuerStandIn) -> None:
    """The services are built again every ten minutes, to pick up rotated secrets."""
    given = {
        "OAUTH_ISSUER": issuer.url,
        "OAUTH_AUDIENCE": f"other, {AUDIENCE}",
        "STACK_NAME": "test",
        "ALLOW_LOOPBACK_CALLBACKS": "true",
    }
    for _ in range(3):
        tokens = bootstrap.AwsServices(environment.Settings(given)).access_tokens
        assert tokens is not None
        found = tokens.verify(forged(issuer), world.clock.now())
        assert (found.user_id, found.account_id) == ("usr_ready", "acc_ready")
    assert issuer.requests == [OPENID, "/jwks"]
    assert bootstrap.AwsServices(environment.Settings({**given, "OAUTH_ISSUER": ""})).access_tokens is None


# -- hostile and broken documents ---------------------------------------------------------------------


@dataclass
class Answers:
    """What the test's server answers to each path: (status, body, headers)."""

    answers: dict[str, tuple[int, bytes, dict[str, str]]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    slow: float = 0.0
    url: str = ""

    def give(self, path: str, document: Any, status: int = 200, **headers: str) -> None:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.answers[path] = (status, body, headers)


class _Handler(Handler):
    def get(self) -> None:
        answers: Answers = self.server.served
        answers.seen.append(self.path)
        status, body, headers = answers.answers.get(self.path, (404, b"{}", {}))
        if answers.slow:
            self.send_response(200)
            self.end_headers()
            for byte in body:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(answers.slow)
            return
        self.answer(status, body, "application/json", headers)


@pytest.fixture
def server() -> Iterator[Answers]:
    answers = Answers()
    serving = Server(_Handler, answers)
    answers.url = serving.url
    serving.start()
    yield answers
    serving.stop()


def keys_of(issuer: str, **changes: Any) -> IssuerKeys:
    return IssuerKeys(issuer, FakeMetrics(), **{"allow_loopback": True, **changes})


def good(server: Answers, path: str = "") -> None:
    server.give(f"{path}{OPENID}", {"issuer": f"{server.url}{path}", "jwks_uri": f"{server.url}/keys"})
    server.give("/keys", {"keys": [key.as_dict(private=False) for key in signing_keys().values()]})


def refusal(keys: IssuerKeys, kid: str = "rsa") -> str:
    with pytest.raises(AccessTokenRefusedError) as refused:
        keys.key(kid)
    return str(refused.value)


@pytest.mark.parametrize("path", ["", "/realms/shop", "/pool_1/"])
def test_the_metadata_is_found_below_the_issuers_address(server: Answers, path: str) -> None:
    server.give(
        f"{path.rstrip('/')}{OPENID}", {"issuer": f"{server.url}{path}", "jwks_uri": f"{server.url}/keys?v=1"}
    )
    server.give("/keys?v=1", {"keys": [signing_keys()["rsa"].as_dict(private=False)]})
    assert keys_of(f"{server.url}{path}").key("rsa").kid == "rsa"


@pytest.mark.parametrize("path", ["", "/shop"])
def test_the_metadata_of_RFC_8414_is_enough(server: Answers, path: str) -> None:
    good(server)
    del server.answers[OPENID]
    metadata = {"issuer": f"{server.url}{path}", "jwks_uri": f"{server.url}/keys"}
    server.give(f"{RFC_8414}{path}", metadata)
    assert keys_of(f"{server.url}{path}").key("ec").kid == "ec"


def test_a_web_page_at_the_openid_address_is_ignored(server: Answers) -> None:
    """Some issuers answer every unknown path with a web page. Then the metadata of RFC 8414 is read."""
    good(server)
    server.give(RFC_8414, {"issuer": server.url, "jwks_uri": f"{server.url}/keys"})
    server.give(OPENID, b"<html>")
    assert keys_of(server.url).key("ec").kid == "ec"


BROKEN: dict[str, Callable[[Answers], None]] = {
    "metadata of another issuer": lambda server: server.give(
        OPENID, {"issuer": "https://evil.example", "jwks_uri": f"{server.url}/keys"}
    ),
    "no address of keys": lambda server: server.give(OPENID, {"issuer": server.url}),
    "an address that is no text": lambda server: server.give(OPENID, {"issuer": server.url, "jwks_uri": 5}),
    "an http address elsewhere": lambda server: server.give(
        OPENID, {"issuer": server.url, "jwks_uri": "http://192.0.2.1/keys"}
    ),
    "a file": lambda server: server.give(OPENID, {"issuer": server.url, "jwks_uri": "file:///etc/passwd"}),
    "a bad port": lambda server: server.give(OPENID, {"issuer": server.url, "jwks_uri": "https://a:b/"}),
    "a line break": lambda server: server.give(
        OPENID, {"issuer": server.url, "jwks_uri": f"{server.url}/keys\r\nX: 1"}
    ),
    "a character outside ASCII": lambda server: server.give(
        OPENID, {"issuer": server.url, "jwks_uri": f"{server.url}/kéys"}
    ),
    "a list as metadata": lambda server: server.give(OPENID, []),
    "no JSON": lambda server: server.give("/keys", b"<html>"),
    "not UTF-8": lambda server: server.give("/keys", b"\xff\xfe\xfd"),
    "too deep": lambda server: server.give("/keys", b"[" * 100_000),
    "a list of keys": lambda server: server.give("/keys", []),
    "keys that are no list": lambda server: server.give("/keys", {"keys": "rsa"}),
    "a redirect": lambda server: server.give("/keys", b"", 302, Location=f"{server.url}/elsewhere"),
    "an error": lambda server: server.give("/keys", b"{}", 500),
    "a huge document": lambda server: server.give("/keys", b" " * (issuer_keys.MAX_DOCUMENT_BYTES + 1)),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_document_is_refused_with_a_reason(server: Answers, case: str) -> None:
    good(server)
    server.give("/elsewhere", {"keys": [signing_keys()["rsa"].as_dict(private=False)]})
    BROKEN[case](server)
    metrics = FakeMetrics()
    keys = IssuerKeys(server.url, metrics, allow_loopback=True)
    assert "cannot be read" in refusal(keys)
    assert metrics.counts["OAuthIssuerSilent"] == 1
    assert "/elsewhere" not in server.seen


@pytest.mark.parametrize("listed", [{}, 5, "rsa", None, {"kty": "RSA"}, {"kid": ["rsa"], "kty": "RSA"}])
def test_a_broken_key_does_not_make_the_others_unusable(server: Answers, listed: Any) -> None:
    good(server)
    server.give("/keys", {"keys": [listed, signing_keys()["rsa"].as_dict(private=False)]})
    assert keys_of(server.url).key("rsa").kid == "rsa"


UNUSABLE: dict[str, Callable[[], Any]] = {
    "1024 bits": lambda: RSAKey.generate_key(1024, {"kid": "rsa"}).as_dict(private=False),
    "a secret": lambda: OctKey.generate_key(256, {"kid": "rsa"}).as_dict(private=True),
    "for encryption": lambda: {**signing_keys()["rsa"].as_dict(private=False), "use": "enc"},
    "bad Base64": lambda: {**signing_keys()["rsa"].as_dict(private=False), "e": "!!"},
    "unknown curve": lambda: {**signing_keys()["ec"].as_dict(private=False), "kid": "rsa", "crv": "P-999"},
    "not on the curve": lambda: {**signing_keys()["ec"].as_dict(private=False), "kid": "rsa", "x": "AAAA"},
}


@pytest.mark.filterwarnings("ignore:Key size should be")
@pytest.mark.parametrize("case", UNUSABLE)
def test_a_key_that_must_not_verify_tokens_is_ignored(server: Answers, case: str) -> None:
    good(server)
    server.give("/keys", {"keys": [UNUSABLE[case](), signing_keys()["ec"].as_dict(private=False)]})
    keys = keys_of(server.url)
    assert "no usable key" in refusal(keys)
    assert keys.key("ec").kid == "ec"


def test_the_first_of_two_keys_with_the_same_id_is_used(server: Answers) -> None:
    good(server)
    first, second = (RSAKey.generate_key(2048, {"kid": "rsa"}).as_dict(private=False) for _ in range(2))
    server.give("/keys", {"keys": [first, second]})
    assert keys_of(server.url).key("rsa").as_dict(private=False)["n"] == first["n"]


@pytest.mark.parametrize(
    "issuer", ["http://127.0.0.1:{port}", "http://issuer.example", "ftp://127.0.0.1/", "x"]
)
def test_an_issuer_without_https_is_refused_outside_local_use(server: Answers, issuer: str) -> None:
    good(server)
    keys = keys_of(issuer.format(port=server.url.rpartition(":")[2]), allow_loopback=False)
    assert "is not an https address" in refusal(keys)
    assert server.seen == []


def test_reading_from_a_slow_issuer_stops_at_the_deadline(
    server: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    good(server)
    server.slow = 0.1
    monkeypatch.setattr(issuer_keys, "FETCH_SECONDS", 0.3)
    began = time.monotonic()
    assert "cannot be read" in refusal(keys_of(server.url))
    assert time.monotonic() - began < 3


def test_reading_from_a_silent_issuer_stops_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuer_keys, "FETCH_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        keys = keys_of(f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert "TimeoutError" in refusal(keys)
    assert "ConnectionRefusedError" in refusal(keys_of("http://127.0.0.1:9"))


def test_reading_slow_headers_stops_at_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every single read is fast enough. Only a limit for the whole request stops the reading."""
    monkeypatch.setattr(issuer_keys, "READ_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as dripping:

        def drip() -> None:
            connection, _ = dripping.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                for number in range(100):
                    connection.sendall(f"X-{number}: y\r\n".encode())
                    time.sleep(0.1)

        threading.Thread(target=drip, daemon=True).start()
        began = time.monotonic()
        assert "TimeoutError" in refusal(keys_of(f"http://127.0.0.1:{dripping.getsockname()[1]}"))
        assert time.monotonic() - began < 3


def test_the_resolution_of_a_host_name_stops_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's resolver has no timeout."""
    monkeypatch.setattr(issuer_keys, "READ_SECONDS", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(2))
    began = time.monotonic()
    assert "TimeoutError" in refusal(keys_of("https://issuer.example", allow_loopback=False))
    assert time.monotonic() - began < 1


def test_https_checks_the_certificate(server: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    contexts = []

    def https(*_: Any, context: Any, **__: Any) -> http.client.HTTPConnection:
        contexts.append(context)
        raise OSError("not in a test")

    monkeypatch.setattr(http.client, "HTTPSConnection", https)
    assert "cannot be read" in refusal(keys_of("https://issuer.example", allow_loopback=False))
    assert contexts[0].check_hostname
    assert contexts[0].verify_mode.name == "CERT_REQUIRED"
