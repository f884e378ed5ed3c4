"""Callbacks are sent over real sockets. The tests check the content, forbidden addresses and the outcome."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hosting_orders.adapters.callbacks import HttpsCallbacks
from hosting_orders.domain.providers import CallbackAnswer, CallbackRequest
from local.callback_receiver import CallbackReceiver
from tests.support.certificates import CertificateAuthority
from tests.support.forms import forms_of, send
from tests.support.raw_server import RawServer, Script, answering, ok
from tests.unit.test_callback_url import NOT_PUBLIC

MASTER = "a master secret for tests"
PUBLIC_ADDRESS = "93.184.215.14"
BODY = '{"type":"order.completed","note":"žluťoučký"}'.encode()
NOW = 1_767_225_600


def message(url: str, **changes: Any) -> CallbackRequest:
    facts: dict[str, Any] = {
        "url": url,
        "message_id": "msg_0123456789abcdef",
        "timestamp": NOW,
        "body": BODY,
        "secrets": (HttpsCallbacks(MASTER).secret_for("acc-1"),),
        "authorization": "Bearer 12345",
    }
    return CallbackRequest(**(facts | changes))


class Network:
    """A network in which every connection leads to one server on loopback.

    `answers` has one list of addresses for each lookup of a name, in the order of the lookups. `asked` has the names
    that were looked up. `connected` has the addresses that the code under test connected to.
    """

    def __init__(self, answers: list[list[str]], port: int = 0) -> None:
        self._answers = iter(answers)
        self._port = port
        self.asked: list[str] = []
        self.connected: list[tuple[str, int]] = []

    def resolve(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return next(self._answers)

    def connect(self, address: tuple[str, int], timeout: float) -> socket.socket:
        self.connected.append(address)
        return socket.create_connection(("127.0.0.1", self._port), timeout)


@pytest.fixture(scope="module")
def authority() -> CertificateAuthority:
    return CertificateAuthority()


@pytest.fixture
def receiver() -> Iterator[CallbackReceiver]:
    with CallbackReceiver() as receiver:
        yield receiver


def local_callbacks(**settings: Any) -> HttpsCallbacks:
    return HttpsCallbacks(MASTER, allow_loopback=True, now=lambda: NOW, **settings)


def public_callbacks(network: Network, authority: CertificateAuthority, **settings: Any) -> HttpsCallbacks:
    return HttpsCallbacks(
        MASTER,
        resolver=network.resolve,
        connector=network.connect,
        tls=authority.client_context(),
        **settings,
    )


# -- content -----------------------------------------------------------------------------------------------


def test_the_receiver_gets_body_and_headers_unchanged(receiver: CallbackReceiver) -> None:
    answer = local_callbacks().send(message(f"{receiver.url}/hook?tenant=7"))

    assert answer == CallbackAnswer(200)
    assert answer.delivered
    [received] = receiver.received
    assert received.path == "/hook?tenant=7"
    assert received.raw_body == BODY
    assert received.headers["authorization"] == "Bearer 12345"
    assert received.headers["content-type"] == "application/json"
    assert received.headers["user-agent"] == "hosting-orders-callbacks/1"
    assert received.headers["webhook-id"] == "msg_0123456789abcdef"
    assert received.headers["webhook-timestamp"] == str(NOW)
    assert received.headers["host"] == receiver.url.removeprefix("http://")


def test_without_authorization_no_authorization_header_is_sent(receiver: CallbackReceiver) -> None:
    local_callbacks().send(message(receiver.url, authorization=None))

    assert "authorization" not in receiver.received[0].headers


def test_the_signature_follows_the_specification(receiver: CallbackReceiver) -> None:
    callbacks = local_callbacks()
    secret = callbacks.secret_for("acc-1")

    callbacks.send(message(receiver.url, secrets=(secret,)))

    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b"msg_0123456789abcdef." + str(NOW).encode() + b"." + BODY
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert receiver.received[0].headers["webhook-signature"] == f"v1,{expected}"


def test_each_account_has_its_own_stable_secret() -> None:
    callbacks = HttpsCallbacks(MASTER)
    expected = hmac.new(MASTER.encode(), b"acc-1", hashlib.sha256).digest()

    assert callbacks.secret_for("acc-1") == "whsec_" + base64.b64encode(expected).decode()
    assert callbacks.secret_for("acc-2") != callbacks.secret_for("acc-1")
    assert HttpsCallbacks("another").secret_for("acc-1") != callbacks.secret_for("acc-1")


# -- TLS and host names ------------------------------------------------------------------------------------


def test_the_connection_goes_to_the_checked_address(authority: CertificateAuthority, tmp_path: Path) -> None:
    with RawServer(ok(), authority.server_context(tmp_path, "hooks.example.com")) as server:
        network = Network([[PUBLIC_ADDRESS]], server.port)

        answer = public_callbacks(network, authority).send(message("https://Hooks.Example.com/x"))

    assert answer == CallbackAnswer(200)
    assert network.connected == [(PUBLIC_ADDRESS, 443)]
    assert server.server_names == ["hooks.example.com"]
    assert server.requests[0].line == b"POST /x HTTP/1.1"
    assert server.requests[0].headers["host"] == "hooks.example.com"
    assert server.requests[0].body == BODY


def test_a_host_is_resolved_only_once_per_attempt(authority: CertificateAuthority, tmp_path: Path) -> None:
    with RawServer(ok(), authority.server_context(tmp_path, "rebind.example")) as server:
        network = Network([[PUBLIC_ADDRESS], ["127.0.0.1"], ["127.0.0.1"]], server.port)

        answer = public_callbacks(network, authority).send(message("https://rebind.example:8443/"))

    assert answer.delivered
    assert network.asked == ["rebind.example"]
    assert network.connected == [(PUBLIC_ADDRESS, 8443)]
    assert server.requests[0].headers["host"] == "rebind.example:8443"


def test_each_attempt_checks_the_address_again(authority: CertificateAuthority) -> None:
    network = Network([["10.0.0.1"], ["169.254.169.254"]])
    callbacks = public_callbacks(network, authority)

    answers = [callbacks.send(message("https://rebind.example/")) for _ in range(2)]

    assert answers == [CallbackAnswer(None, "the address is not public")] * 2
    assert network.connected == []


def test_an_international_host_is_resolved_in_ascii(authority: CertificateAuthority, tmp_path: Path) -> None:
    with RawServer(ok(), authority.server_context(tmp_path, "xn--bcher-kva.example")) as server:
        network = Network([[PUBLIC_ADDRESS]], server.port)

        answer = public_callbacks(network, authority).send(message("https://BÜCHER.example/"))

    assert answer.delivered
    assert network.asked == ["xn--bcher-kva.example"]
    assert server.server_names == ["xn--bcher-kva.example"]
    assert server.requests[0].headers["host"] == "xn--bcher-kva.example"


@pytest.mark.parametrize(
    "host, error",
    [
        ("１２７.0.0.1", "the host must be a name or a plainly written address"),
        ("１２７.０.０.１", "the host must be a name or a plainly written address"),
        ("①⑥⑨.②⑤④.①⑥⑨.②⑤④", "the host must be a name or a plainly written address"),
        ("hooks.ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "the host must be a public name, such as hooks.example.com"),
        ("０x7f.１", "the host must be a name or a plainly written address"),
        ("-ü.example", "the host is not a valid name"),
        ("ü\u2100.example", "the URL is malformed"),
        ("ü\u2028.example", "the URL must not have spaces, control characters or backslashes"),
        ("ü\u2615.example", "the host is not a valid name"),
    ],
)
def test_a_host_is_normalised_before_it_is_checked(
    authority: CertificateAuthority, host: str, error: str
) -> None:
    network = Network([])

    answer = public_callbacks(network, authority).send(message(f"https://{host}/"))

    assert answer == CallbackAnswer(None, error)
    assert (network.asked, network.connected) == ([], [])


@pytest.mark.parametrize("expired, valid_for", [(False, "other.example"), (True, "hooks.example.com")])
def test_a_wrong_or_expired_certificate_is_refused(
    authority: CertificateAuthority, tmp_path: Path, expired: bool, valid_for: str
) -> None:
    with RawServer(ok(), authority.server_context(tmp_path, valid_for, expired=expired)) as server:
        network = Network([[PUBLIC_ADDRESS]], server.port)

        answer = public_callbacks(network, authority).send(message("https://hooks.example.com/"))

    assert answer == CallbackAnswer(None, "the certificate is not valid for this host")
    assert server.requests == []


def test_a_certificate_of_an_unknown_authority_is_refused(
    authority: CertificateAuthority, tmp_path: Path
) -> None:
    with RawServer(ok(), CertificateAuthority().server_context(tmp_path, "hooks.example.com")) as server:
        # With `tls=None`, the adapter trusts the public certificate authorities, as it does in production.
        for tls in (authority.client_context(), None):
            network = Network([[PUBLIC_ADDRESS]], server.port)
            callbacks = HttpsCallbacks(MASTER, resolver=network.resolve, connector=network.connect, tls=tls)

            answer = callbacks.send(message("https://hooks.example.com/"))

            assert answer == CallbackAnswer(None, "the certificate is not valid for this host")
    assert server.requests == []


def test_a_url_may_contain_an_ip_address_instead_of_a_name(
    authority: CertificateAuthority, tmp_path: Path
) -> None:
    with RawServer(ok(), authority.server_context(tmp_path, PUBLIC_ADDRESS)) as server:
        network = Network([], server.port)

        answer = public_callbacks(network, authority).send(message(f"https://{PUBLIC_ADDRESS}/"))

    assert answer.delivered
    assert network.connected == [(PUBLIC_ADDRESS, 443)]


def test_an_attempt_at_a_server_without_tls_fails(authority: CertificateAuthority) -> None:
    with RawServer(ok()) as server:
        network = Network([[PUBLIC_ADDRESS]], server.port)

        answer = public_callbacks(network, authority, total_seconds=0.5).send(message("https://h.example/"))

    assert answer.status_code is None


# -- forbidden addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_a_host_with_a_non_public_address_is_never_contacted(
    authority: CertificateAuthority, address: str
) -> None:
    for answers in ([address], [PUBLIC_ADDRESS, address], [address, PUBLIC_ADDRESS]):
        network = Network([answers])

        answer = public_callbacks(network, authority).send(message("https://hooks.example.com/"))

        assert answer == CallbackAnswer(None, "the address is not public")
        assert network.connected == []


@pytest.mark.parametrize("allow_loopback", [False, True])
@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "https://10.0.0.1/",
        "https://[::ffff:169.254.169.254]/",
        "https://hooks.example.com:22/",
        "https://user@hooks.example.com/",
        "https://hooks.example.com/\r\nX-Evil: 1",
        "https://hooks.example.com#@127.0.0.1/",
        "gopher://127.0.0.1/",
        "nonsense",
    ],
)
def test_the_host_of_a_forbidden_url_is_not_resolved(url: str, allow_loopback: bool) -> None:
    network = Network([])
    callbacks = HttpsCallbacks(MASTER, allow_loopback, resolver=network.resolve, connector=network.connect)

    answer = callbacks.send(message(url))

    assert answer.status_code is None
    assert answer.error
    assert (network.asked, network.connected) == ([], [])


def test_loopback_is_not_contacted_by_default(receiver: CallbackReceiver) -> None:
    answer = HttpsCallbacks(MASTER).send(message(receiver.url))

    assert answer == CallbackAnswer(None, "the URL must be https")
    assert receiver.received == []


def test_a_public_name_may_not_resolve_to_loopback(
    authority: CertificateAuthority,
) -> None:
    network = Network([["127.0.0.1"]])
    callbacks = HttpsCallbacks(MASTER, True, resolver=network.resolve, connector=network.connect)

    assert callbacks.send(message("https://hooks.example.com/")).error == "the address is not public"
    assert network.connected == []


def test_localhost_may_resolve_only_to_loopback() -> None:
    network = Network([["127.0.0.1", "10.0.0.1"]])
    callbacks = HttpsCallbacks(MASTER, True, resolver=network.resolve, connector=network.connect)

    assert callbacks.send(message("http://localhost:9009/")).error == "the address is not public"
    assert network.connected == []


@pytest.mark.parametrize("authorization", ["Bearer 1\r\nX-Evil: 1", "Bearer 1\n", "Bearer \x00", "Bearer ž"])
def test_an_invalid_authorization_is_not_sent(receiver: CallbackReceiver, authorization: str) -> None:
    answer = local_callbacks().send(message(receiver.url, authorization=authorization))

    assert answer.status_code is None
    assert answer.error is not None
    assert authorization not in answer.error
    assert receiver.received == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver: CallbackReceiver, status: int) -> None:
    script = ok(b"", b"Location: " + receiver.url.encode(), status=b"%d Elsewhere" % status)
    with RawServer(script) as server:
        answer = local_callbacks().send(message(server.url))

    assert answer == CallbackAnswer(status, "redirects are not followed")
    assert not answer.delivered
    assert len(server.requests) == 1
    assert receiver.received == []


def test_proxies_in_environment_variables_are_not_used(
    receiver: CallbackReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # no server listens on this port
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)

    assert local_callbacks().send(message(receiver.url)).delivered


# -- the outcomes of an attempt ----------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 202, 204, 400, 404, 410, 429, 500, 503])
def test_the_status_of_the_response_is_returned_unchanged(receiver: CallbackReceiver, status: int) -> None:
    receiver.answer_next(status)

    answer = local_callbacks().send(message(receiver.url))

    assert answer == CallbackAnswer(status)
    assert answer.delivered == (status < 300)


@pytest.mark.parametrize(
    "value, seconds",
    [
        ("120", 120),
        (" 7 ", 7),
        ("0", 0),
        ("Thu, 01 Jan 2026 00:01:30 GMT", 90),
        ("Thursday, 01-Jan-26 00:01:30 GMT", 90),
        ("Thu Jan  1 00:01:30 2026", 90),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0),
        ("-5", None),
        ("1.5", None),
        ("9" * 5000, None),
        ("soon", None),
        ("Thu, 99 Jan 99999999999 00:00:00 GMT", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_seconds_and_as_a_date(value: str, seconds: int | None) -> None:
    script = ok(b"", b"Retry-After: " + value.encode(), status=b"503 Busy")
    with RawServer(script) as server:
        assert local_callbacks().send(message(server.url)) == CallbackAnswer(503, None, seconds)


def dripping(server: list[RawServer], start: bytes, drop: bytes, end: bytes) -> Script:
    """Return a script that sends small pieces for much longer than the deadline, and then ends the response validly."""

    def script(connection: socket.socket) -> None:
        connection.sendall(start)
        for _ in range(300):
            connection.sendall(drop)
            if server[0].leaving.wait(0.01):
                return
        connection.sendall(end)

    return script


def test_reading_a_slow_header_ends_at_the_deadline() -> None:
    it: list[RawServer] = []
    with RawServer(
        dripping(it, b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x", b"\r\nContent-Length: 0\r\n\r\n")
    ) as server:
        it.append(server)
        answer = local_callbacks(total_seconds=0.3).send(message(server.url))

    assert answer == CallbackAnswer(None, "no answer in time")


def test_interim_responses_do_not_extend_the_deadline() -> None:
    it: list[RawServer] = []
    end = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    with RawServer(dripping(it, b"", b"HTTP/1.1 100 Continue\r\n\r\n", end)) as server:
        it.append(server)
        answer = local_callbacks(total_seconds=0.3).send(message(server.url))

    assert answer == CallbackAnswer(None, "no answer in time")


def wait_for(event: threading.Event) -> None:
    event.wait(10)


@pytest.mark.parametrize("silence", ["before the answer", "before TLS"])
def test_an_attempt_at_a_silent_server_ends_at_the_deadline(
    authority: CertificateAuthority, silence: str
) -> None:
    until_left = threading.Event()
    with RawServer(lambda _: wait_for(until_left)) as server:
        if silence == "before TLS":
            network = Network([[PUBLIC_ADDRESS]], server.port)
            callbacks = public_callbacks(network, authority, total_seconds=0.3)
            answer = callbacks.send(message("https://hooks.example.com/"))
        else:
            answer = local_callbacks(total_seconds=0.3).send(message(server.url))
        until_left.set()

    assert answer == CallbackAnswer(None, "no answer in time")


def reading_stops(start: bytes, drop: bytes, pause: float) -> tuple[Script, Callable[[], bool]]:
    """Return a script that sends a very long body, and a function that says whether the caller disconnected."""
    hung_up = threading.Event()

    def script(connection: socket.socket) -> None:
        connection.sendall(start)
        try:
            for _ in range(2000):
                connection.sendall(drop)
                time.sleep(pause)
        except OSError:
            hung_up.set()

    return script, lambda: hung_up.wait(10)


@pytest.mark.parametrize("drop, pause", [(b"x", 0.005), (b"x" * 65536, 0.0)], ids=["slow body", "fast body"])
@pytest.mark.parametrize("status", [200, 500])
def test_an_endless_body_does_not_change_the_outcome(status: int, drop: bytes, pause: float) -> None:
    script, hung_up = reading_stops(b"HTTP/1.1 %d Well\r\n\r\n" % status, drop, pause)
    with RawServer(script) as server:
        answer = local_callbacks(total_seconds=1.5).send(message(server.url))

        assert answer == CallbackAnswer(status)
        assert hung_up()


def test_a_too_long_response_header_is_a_failure() -> None:
    script = answering(b"HTTP/1.1 200 OK\r\n" + b"X-Filler: " + b"x" * 30_000 + b"\r\n" + b"A: b\r\n" * 9_000)
    with RawServer(script) as server:
        answer = local_callbacks().send(message(server.url))

    assert answer.status_code is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 99999 OK\r\n\r\n",
        b"\xff" * 100,
    ],
)
def test_a_non_http_response_is_a_failure(data: bytes) -> None:
    with RawServer(answering(data)) as server:
        answer = local_callbacks().send(message(server.url))

    assert answer.status_code is None
    assert answer.error == "the connection broke or the answer was not HTTP"


def test_a_refused_connection_is_reported_as_no_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    answer = local_callbacks().send(message(f"http://127.0.0.1:{port}/"))

    assert answer == CallbackAnswer(None, "no connection")


def test_if_an_address_is_unreachable_the_next_one_is_tried(
    authority: CertificateAuthority, tmp_path: Path
) -> None:
    with RawServer(ok(), authority.server_context(tmp_path, "hooks.example.com")) as server:
        network = Network([["2606:4700:4700::1111", PUBLIC_ADDRESS]], server.port)

        def connect(address: tuple[str, int], timeout: float) -> socket.socket:
            connection = network.connect(address, timeout)
            if ":" in address[0]:
                connection.close()
                raise OSError("network is unreachable")
            return connection

        callbacks = HttpsCallbacks(
            MASTER, resolver=network.resolve, connector=connect, tls=authority.client_context()
        )

        assert callbacks.send(message("https://hooks.example.com/")).delivered
        assert [address for address, _ in network.connected] == ["2606:4700:4700::1111", PUBLIC_ADDRESS]


@pytest.mark.parametrize("fault", [socket.gaierror(-2, "Name or service not known"), UnicodeError("label")])
def test_an_unknown_host_is_a_failure(fault: Exception) -> None:
    def resolver(host: str, port: int) -> list[str]:
        raise fault

    answer = HttpsCallbacks(MASTER, resolver=resolver).send(message("https://hooks.example.com/"))

    assert answer == CallbackAnswer(None, "the host name has no address")


def test_waiting_for_a_silent_name_server_ends_at_the_deadline() -> None:
    release, answered = threading.Event(), threading.Event()

    def resolver(host: str, port: int) -> list[str]:
        release.wait(5)
        answered.set()
        return [PUBLIC_ADDRESS]

    callbacks = HttpsCallbacks(MASTER, total_seconds=0.1, resolver=resolver)
    try:
        answer = callbacks.send(message("https://hooks.example.com/"))

        assert answer == CallbackAnswer(None, "no answer in time")
        assert not answered.is_set()
    finally:
        release.set()


def test_no_stored_error_contains_an_address_or_a_secret(authority: CertificateAuthority) -> None:
    errors = []
    for answers in (["10.1.2.3"], ["fd00:ec2::254"], []):
        network = Network([answers])
        callbacks = public_callbacks(network, authority)
        errors.append(
            callbacks.send(message("https://hooks.example.com/", authorization="Bearer topsecret")).error
        )

    for error in errors:
        assert error is not None
        assert "10.1.2.3" not in error
        assert "ec2" not in error
        assert "topsecret" not in error


# -- the receiver for local use ----------------------------------------------------------------------------


def get(url: str) -> Any:
    with urllib.request.urlopen(url) as response:
        return json.loads(response.read())


def post(url: str, fields: dict[str, Any]) -> int:
    request = urllib.request.Request(url, json.dumps(fields).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request) as response:
            return int(response.status)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code


def about(order: str) -> bytes:
    return json.dumps({"task": {"orders": [{"id": order, "status": "completed"}]}}).encode()


def test_the_receiver_finds_callbacks_by_order(tmp_path: Path) -> None:
    record = tmp_path / "callbacks.jsonl"
    with CallbackReceiver(record=record) as receiver:
        for order in ("one", "two", "one"):
            local_callbacks().send(message(receiver.url, body=about(order)))
        local_callbacks().send(message(receiver.url, body=b"not JSON"))

        of_one = get(f"{receiver.url}/received?order=one")["received"]
        everything = get(f"{receiver.url}/received")["received"]

    assert [entry["body"]["task"]["orders"][0]["id"] for entry in of_one] == ["one", "one"]
    assert len(everything) == 4
    assert [json.loads(line) for line in record.read_text().splitlines()] == everything
    assert everything[0]["headers"]["authorization"] == "Bearer 12345"


def test_the_receivers_next_responses_can_be_chosen(receiver: CallbackReceiver) -> None:
    assert post(f"{receiver.url}/_receiver/next", {"status": 429, "times": 2, "retry_after": "30"}) == 200
    assert post(f"{receiver.url}/_receiver/next", {"status": 410}) == 200
    assert post(f"{receiver.url}/_receiver/next", {"status": "odd"}) == 400

    answers = [local_callbacks().send(message(receiver.url)) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [429, 429, 410, 200]
    assert [answer.retry_after for answer in answers] == [30, 30, None, None]


def test_the_receivers_page_escapes_markup(receiver: CallbackReceiver) -> None:
    local_callbacks().send(message(receiver.url, body=b'{"note": "<script>alert(1)</script>"}'))

    with urllib.request.urlopen(f"{receiver.url}/") as response:
        page = response.read().decode()

    assert "&lt;script&gt;" in page
    assert "<script>" not in page


def test_the_page_has_a_form_for_each_control_endpoint(receiver: CallbackReceiver) -> None:
    address = f"{receiver.url}/"
    forms = forms_of(address)
    assert {form.action for form in forms} == {"/_receiver/next", "/_receiver/reset"}
    assert send(address, forms[0], status="410", times="2", retry_after="60", slow="0.5") == address
    with urllib.request.urlopen(address) as response:
        assert "The next 2: status 410, Retry-After: 60, after 0.5 s" in response.read().decode()
    assert send(address, forms[-1]) == address
    assert receiver.take("/", {}, b"{}").status == 200
