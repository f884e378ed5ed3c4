"""The HTTP adapter of the hosting platform. The tests check its requests, and faulty or malicious responses.

In the names of these tests, a fault is a ProviderUnavailableError.
"""

from __future__ import annotations

import json
import logging
import socket
import time
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from hosting_orders.adapters import hosting_platform
from hosting_orders.adapters.hosting_platform import HttpHostingPlatform
from hosting_orders.domain.catalogue import MachineSize
from hosting_orders.domain.errors import (
    ForgedWebhookError,
    HostingOrdersError,
    ProviderUnavailableError,
    ProvisioningFailedError,
)
from hosting_orders.domain.providers import OperationStatus, ServiceRequest
from local.platform_standin import PlatformStandIn
from tests.support.raw_server import RawServer, Script, answering, ok

API_KEY = "platform-api-key-4f1d"
SECRET = "whsec_dGhlIHNlY3JldCBvZiB0aGUgcGxhdGZvcm0="
PASSWORD = "pa55word-of-the-site"


def request_for(name: str = "my-shop", item_id: str = "item-1") -> ServiceRequest:
    return ServiceRequest(item_id, "acc-1/4711", "site", name, "wordpress", "pdx", "basic")


def adapter(url: str) -> HttpHostingPlatform:
    return HttpHostingPlatform(url, API_KEY, (SECRET,))


def json_answer(document: Any, status: str = "200 OK") -> Script:
    return ok(json.dumps(document).encode(), b"Content-Type: application/json", status=status.encode())


def in_turn(*scripts: Script) -> Script:
    """Run the next script on each new connection."""
    left = list(scripts)

    def script(connection: socket.socket) -> None:
        left.pop(0)(connection)

    return script


def operation(**changes: Any) -> dict[str, Any]:
    resource = {
        "id": "site-1",
        "domain": "my-shop.sites.example",
        "ip_address": "203.0.113.7",
        "ssh": {"username": "u1", "password": PASSWORD, "port": 22},
    }
    document = {
        "id": "op-1",
        "item_id": "item-1",
        "reference": "acc-1/4711",
        "status": "succeeded",
        "error": None,
        "resource": resource,
    }
    return document | changes


def resource(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = operation()["resource"]
    return operation(resource=whole | changes)


# -- the adapter -------------------------------------------------------------------------------------------


def test_the_request_follows_the_contract() -> None:
    with RawServer(json_answer({"operation_id": "op-1", "status": "running"}, "202 Accepted")) as server:
        adapter(server.url + "/panel/").provision(request_for(item_id="a/b?c"))

    [sent] = server.requests
    assert sent.line == b"PUT /panel/v1/services/a%2Fb%3Fc HTTP/1.1"
    assert sent.headers["authorization"] == f"Bearer {API_KEY}"
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["accept-encoding"] == "identity"
    assert json.loads(sent.body) == {
        "reference": "acc-1/4711",
        "kind": "site",
        "name": "my-shop",
        "variant": "wordpress",
        "location": "pdx",
        "plan": "basic",
    }


def test_a_machine_request_has_a_size_but_no_password() -> None:
    request = ServiceRequest(
        "item-1",
        "acc-1/4711",
        "vm",
        "web-1.example.com",
        "debian-13",
        "pdx",
        "vps-1",
        size=MachineSize(memory_mb=2048, disk_gb=40, cores=1, transfer_gb=2000),
        ssh_key="ssh-ed25519 AAAA",
        password="for a platform that creates no passwords",
        live=True,
    )
    with RawServer(json_answer({"operation_id": "op-1", "status": "running"}, "202 Accepted")) as server:
        adapter(server.url).provision(request)

    assert json.loads(server.requests[0].body) == {
        "reference": "acc-1/4711",
        "kind": "vm",
        "name": "web-1.example.com",
        "variant": "debian-13",
        "location": "pdx",
        "plan": "vps-1",
        "memory_mb": 2048,
        "disk_gb": 40,
        "cores": 1,
        "transfer_gb": 2000,
        "ssh_key": "ssh-ed25519 AAAA",
    }


def test_a_machine_with_an_ssh_key_has_no_password() -> None:
    document = resource(ssh={"username": "root", "password": None, "port": 22})
    with RawServer(json_answer(document)) as server:
        found = adapter(server.url).operation("op-1")

    assert found is not None and found.site is not None
    assert (found.site.username, found.site.password) == ("root", None)


def test_a_202_with_only_an_id_leads_to_a_second_request() -> None:
    script = in_turn(json_answer({"operation_id": "op-1"}, "202 Accepted"), json_answer(operation()))
    with RawServer(script) as server:
        found = adapter(server.url).provision(request_for())

    assert found.status is OperationStatus.SUCCEEDED
    assert found.site is not None
    assert found.site.password == PASSWORD


def kept_open(document: Any) -> Script:
    """Respond and keep the connection open. Close it without a response when the next request arrives."""

    def script(connection: socket.socket) -> None:
        body = json.dumps(document).encode()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        connection.recv(65_536)

    return script


def test_a_request_is_repeated_if_a_pooled_connection_closes() -> None:
    with RawServer(in_turn(kept_open(operation()), json_answer(operation()))) as server:
        platform = adapter(server.url)
        assert platform.operation("op-1") is not None
        assert platform.operation("op-1") is not None

    assert len(server.requests) == 2


def test_a_request_is_not_repeated_if_a_new_connection_closes() -> None:
    script = in_turn(kept_open(operation()), *[answering(b"")] * 2)
    with RawServer(script) as server:
        platform = adapter(server.url)
        platform.operation("op-1")
        for requests_seen in (2, 3):
            with pytest.raises(ProviderUnavailableError):
                platform.operation("op-1")
            assert len(server.requests) == requests_seen


def test_a_slow_request_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosting_platform, "READ_SECONDS", 0.05)
    with RawServer(lambda connection: time.sleep(0.2)) as server, pytest.raises(ProviderUnavailableError):
        adapter(server.url).operation("op-1")

    assert len(server.requests) == 1


def test_a_well_formed_operation_is_read_completely() -> None:
    document = resource(domain="My-Shop.Sites.EXAMPLE", ip_address="2001:DB8:0::7") | {"new_field": [1]}
    with RawServer(json_answer(document)) as server:
        found = adapter(server.url).operation("op-1")

    assert found is not None
    assert found.site is not None
    assert found.site.domain == "my-shop.sites.example"
    assert found.site.ip_address == "2001:db8::7"
    assert (found.site.username, found.site.port) == ("u1", 22)


MALFORMED: dict[str, Any] = {
    "a list": [],
    "null": None,
    "empty": {},
    "another operation": operation(id="op-2"),
    "unknown status": operation(status="queued"),
    "status of another type": operation(status=1),
    "status missing": {key: value for key, value in operation().items() if key != "status"},
    "item is null": operation(item_id=None),
    "item id of two dots": operation(item_id=".."),
    "succeeded without resource": operation(resource=None),
    "failed without error": operation(status="failed"),
    "error without code": operation(status="failed", error={"message": "m", "retryable": False}),
    "error without retryable": operation(status="failed", error={"code": "c", "message": "m"}),
    "retryable as text": operation(
        status="failed", error={"code": "c", "message": "m", "retryable": "false"}
    ),
    "error of another type": operation(status="failed", error="broken"),
    "resource of another type": operation(resource=[PASSWORD]),
    "ssh is null": resource(ssh=None),
    "port as text": resource(ssh={"username": "u", "password": PASSWORD, "port": "22"}),
    "port out of range": resource(ssh={"username": "u", "password": PASSWORD, "port": 70000}),
    "port as bool": resource(ssh={"username": "u", "password": PASSWORD, "port": True}),
    "password missing": resource(ssh={"username": "u", "port": 22}),
    "not an address": resource(ip_address="203.0.113.7.5"),
    "not a domain": resource(domain="https://my-shop.example/"),
    "line break in the domain": resource(domain="my-shop.example\n"),
}


@pytest.mark.parametrize("document", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_operation_is_a_fault_that_shows_no_secret(document: Any) -> None:
    with (
        RawServer(json_answer(document)) as server,
        pytest.raises(ProviderUnavailableError) as caught,
    ):
        adapter(server.url).operation("op-1")

    assert_tells_no_secret(caught.value)


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        {"operation_id": 7},
        {"operation_id": ""},
        {"operation_id": "../admin"},
        {"operation_id": "op-1", "status": "done"},
    ],
)
def test_a_malformed_202_is_a_fault(document: Any) -> None:
    with (
        RawServer(json_answer(document, "202 Accepted")) as server,
        pytest.raises(ProviderUnavailableError),
    ):
        adapter(server.url).provision(request_for())


@pytest.mark.parametrize("changed", [{"item_id": "item-2"}, {"reference": "acc-2/1"}])
def test_an_operation_of_another_service_is_a_fault(changed: dict[str, str]) -> None:
    script = in_turn(
        json_answer({"operation_id": "op-1", "status": "succeeded"}, "202 Accepted"),
        json_answer(operation(**changed)),
    )
    with (
        RawServer(script) as server,
        pytest.raises(ProviderUnavailableError),
    ):
        adapter(server.url).provision(request_for())


def refusal(*, retryable: bool) -> dict[str, Any]:
    return {"code": "no_room", "message": "There is no room.", "retryable": retryable}


PROVISION: Callable[[HttpHostingPlatform], object] = lambda platform: platform.provision(request_for())  # noqa: E731
DEPROVISION: Callable[[HttpHostingPlatform], object] = lambda platform: platform.deprovision(request_for())  # noqa: E731
LOOK: Callable[[HttpHostingPlatform], object] = lambda platform: platform.operation("op-1")  # noqa: E731


@pytest.mark.parametrize("act", [PROVISION, DEPROVISION], ids=["PUT", "DELETE"])
@pytest.mark.parametrize("status", ["400 Bad", "409 Conflict", "422 Unprocessable"])
def test_a_refusal_with_the_error_document_is_final(
    act: Callable[[HttpHostingPlatform], object], status: str
) -> None:
    with (
        RawServer(json_answer(refusal(retryable=False), status)) as server,
        pytest.raises(ProvisioningFailedError, match=r"There is no room\. \(no_room\)"),
    ):
        act(adapter(server.url))


@pytest.mark.parametrize("act", [PROVISION, DEPROVISION, LOOK], ids=["PUT", "DELETE", "GET"])
@pytest.mark.parametrize(
    "script",
    [
        json_answer(refusal(retryable=True), "409 Conflict"),
        json_answer(refusal(retryable=True), "404 Not Found"),
        *(json_answer(refusal(retryable=False), f"{status} X") for status in (401, 403, 405, 408, 425, 429)),
        *(json_answer(refusal(retryable=False), f"{status} X") for status in (500, 501, 502, 503, 504)),
        ok(b"<html>no healthy upstream</html>", status=b"404 Not Found"),
        ok(b"", status=b"404 Not Found"),
        ok(b'{"message": "no Route matched"}', status=b"404 Not Found"),
        ok(b"{}", status=b"400 Bad Request"),
        ok(b"", b"Location: https://elsewhere.example/", status=b"307 Moved"),
        answering(b""),
        answering(b"nonsense\r\n\r\n"),
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"),
        ok(b"x" * (hosting_platform.MAX_ANSWER_BYTES + 1), status=b"404 Not Found"),
    ],
)
def test_an_error_is_a_fault_unless_it_is_a_final_refusal(
    act: Callable[[HttpHostingPlatform], object], script: Script
) -> None:
    with RawServer(script) as server, pytest.raises(ProviderUnavailableError) as caught:
        act(adapter(server.url))

    assert_tells_no_secret(caught.value)


def test_a_redirect_is_not_followed() -> None:
    with RawServer(json_answer(operation())) as elsewhere:
        moved = ok(b"", b"Location: " + elsewhere.url.encode() + b"/v1/operations/op-1", status=b"307 Moved")
        with RawServer(moved) as server, pytest.raises(ProviderUnavailableError):
            adapter(server.url).operation("op-1")

    assert elsewhere.requests == []


def test_an_oversized_response_is_not_read_to_its_end() -> None:
    endless = answering(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 10_000_000 + json.dumps(operation()).encode())
    with RawServer(endless) as server, pytest.raises(ProviderUnavailableError, match="too large"):
        adapter(server.url).operation("op-1")


@pytest.mark.parametrize(
    "limit, value", [("READ_SECONDS", 0.1), ("TOTAL_SECONDS", 0.1)], ids=["silent server", "slow server"]
)
def test_a_slow_response_is_a_fault(monkeypatch: pytest.MonkeyPatch, limit: str, value: float) -> None:
    monkeypatch.setattr(hosting_platform, limit, value)

    def script(connection: socket.socket) -> None:
        if limit == "READ_SECONDS":
            server.leaving.wait(5)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n")
        for _ in range(100):
            connection.sendall(b" ")
            time.sleep(0.005)
        connection.sendall(json.dumps(operation()).encode().rjust(1900))

    with RawServer(script) as server, pytest.raises(ProviderUnavailableError):
        adapter(server.url).operation("op-1")


def test_a_refused_connection_is_a_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    with pytest.raises(ProviderUnavailableError) as caught:
        adapter(f"http://127.0.0.1:{port}").provision(request_for())

    assert_tells_no_secret(caught.value)


def assert_tells_no_secret(error: HostingOrdersError) -> None:
    told = "".join(traceback.format_exception(error))
    for secret in (API_KEY, PASSWORD, SECRET):
        assert secret not in told


def test_neither_log_nor_repr_shows_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with RawServer(json_answer(operation())) as server:
        platform = adapter(server.url)
        found = platform.operation("op-1")

    for text in (caplog.text, repr(platform), repr(found)):
        for secret in (API_KEY, PASSWORD, SECRET):
            assert secret not in text


def test_netrc_and_proxy_settings_are_ignored(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("machine 127.0.0.1 login stranger password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    with RawServer(json_answer(operation())) as server:
        adapter(server.url).operation("op-1")

    assert server.requests[0].headers["authorization"] == f"Bearer {API_KEY}"


@pytest.mark.parametrize(
    "url",
    ["http://panel.example", "ftp://panel.example", "panel.example", "https://", "https://u:p@panel.example"],
)
def test_an_invalid_or_unsafe_url_is_refused_immediately(url: str) -> None:
    with pytest.raises(ValueError, match="the hosting platform's address must be"):
        adapter(url)


@pytest.mark.parametrize("key", ["", "key\n", "a key", "kľúč"])
def test_an_invalid_api_key_is_refused_immediately(key: str) -> None:
    with pytest.raises(ValueError, match="API key") as caught:
        HttpHostingPlatform("https://panel.example", key, (SECRET,))

    assert not key.strip() or key not in str(caught.value)


@pytest.mark.parametrize("secret", ["", "whsec_", "c2VjcmV0", "whsec_c2Vj cmV0", "whsec_žž"])
def test_an_invalid_webhook_secret_is_refused_immediately(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_<base64>") as caught:
        HttpHostingPlatform("https://panel.example", API_KEY, (SECRET, secret))

    assert "c2Vj" not in str(caught.value)


def test_without_a_webhook_secret_no_webhook_is_accepted() -> None:
    platform = HttpHostingPlatform("https://panel.example", API_KEY, ())
    with PlatformStandIn(delay=None, webhook_secrets=()) as standin:
        HttpHostingPlatform(standin.url, standin.api_key, ()).provision(request_for())
        body, headers = standin.completion_webhook("item-1")

    with pytest.raises(ForgedWebhookError):
        platform.operation_of_webhook(body, headers)
