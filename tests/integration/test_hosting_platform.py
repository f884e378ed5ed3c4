"""The HTTP adapter against a platform that misbehaves, and the stand-in's own conduct."""

from __future__ import annotations

import json
import logging
import re
import socket
import time
import traceback
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
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
from local.callback_receiver import CallbackReceiver
from local.platform_standin import PlatformStandIn
from local.platform_standin.server import FAULTS
from tests.support.forms import Form, forms_of, send
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
    """The first connection gets the first script, and so on."""
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


def test_the_request_is_as_the_contract_writes_it() -> None:
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


def test_a_machine_is_asked_for_with_its_size_and_key_and_without_what_is_not_the_platform_s() -> None:
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
        password="not for a platform that makes its own",
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


def test_a_machine_that_a_key_opens_has_no_password() -> None:
    document = resource(ssh={"username": "root", "password": None, "port": 22})
    with RawServer(json_answer(document)) as server:
        found = adapter(server.url).operation("op-1")

    assert found is not None and found.site is not None
    assert (found.site.username, found.site.password) == ("root", None)


def test_a_platform_that_names_only_the_operation_is_asked_how_it_goes() -> None:
    script = in_turn(json_answer({"operation_id": "op-1"}, "202 Accepted"), json_answer(operation()))
    with RawServer(script) as server:
        found = adapter(server.url).provision(request_for())

    assert found.status is OperationStatus.SUCCEEDED
    assert found.site is not None
    assert found.site.password == PASSWORD


def kept_open(document: Any) -> Script:
    """Answer, promise to keep the connection open, and drop it when the next request comes."""

    def script(connection: socket.socket) -> None:
        body = json.dumps(document).encode()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        connection.recv(65_536)

    return script


def test_a_pooled_connection_that_has_died_is_replaced_by_a_fresh_one() -> None:
    with RawServer(in_turn(kept_open(operation()), json_answer(operation()))) as server:
        platform = adapter(server.url)
        assert platform.operation("op-1") is not None
        assert platform.operation("op-1") is not None

    assert len(server.requests) == 2


def test_a_fresh_connection_that_is_dropped_is_not_replaced() -> None:
    script = in_turn(kept_open(operation()), *[answering(b"")] * 2)
    with RawServer(script) as server:
        platform = adapter(server.url)
        platform.operation("op-1")
        for requests_seen in (2, 3):
            with pytest.raises(ProviderUnavailableError):
                platform.operation("op-1")
            assert len(server.requests) == requests_seen


def test_a_platform_that_is_too_slow_is_not_asked_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosting_platform, "READ_SECONDS", 0.05)
    with RawServer(lambda connection: time.sleep(0.2)) as server, pytest.raises(ProviderUnavailableError):
        adapter(server.url).operation("op-1")

    assert len(server.requests) == 1


def test_a_well_formed_operation_is_read_whole() -> None:
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
    "no status": {key: value for key, value in operation().items() if key != "status"},
    "no item": operation(item_id=None),
    "an id that climbs": operation(item_id=".."),
    "succeeded without resource": operation(resource=None),
    "failed without error": operation(status="failed"),
    "error without code": operation(status="failed", error={"message": "m", "retryable": False}),
    "error without retryable": operation(status="failed", error={"code": "c", "message": "m"}),
    "retryable as text": operation(
        status="failed", error={"code": "c", "message": "m", "retryable": "false"}
    ),
    "error of another type": operation(status="failed", error="broken"),
    "resource of another type": operation(resource=[PASSWORD]),
    "no ssh": resource(ssh=None),
    "port as text": resource(ssh={"username": "u", "password": PASSWORD, "port": "22"}),
    "port out of range": resource(ssh={"username": "u", "password": PASSWORD, "port": 70000}),
    "port as bool": resource(ssh={"username": "u", "password": PASSWORD, "port": True}),
    "no password": resource(ssh={"username": "u", "port": 22}),
    "not an address": resource(ip_address="203.0.113.7.5"),
    "not a domain": resource(domain="https://my-shop.example/"),
    "line break in the domain": resource(domain="my-shop.example\n"),
}


@pytest.mark.parametrize("document", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_operation_is_a_fault_that_gives_nothing_away(document: Any) -> None:
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
def test_a_malformed_acceptance_is_a_fault(document: Any) -> None:
    with (
        RawServer(json_answer(document, "202 Accepted")) as server,
        pytest.raises(ProviderUnavailableError),
    ):
        adapter(server.url).provision(request_for())


@pytest.mark.parametrize("changed", [{"item_id": "item-2"}, {"reference": "acc-2/1"}])
def test_another_services_operation_is_never_taken_for_ours(changed: dict[str, str]) -> None:
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
def test_what_is_not_a_final_refusal_is_a_fault(
    act: Callable[[HttpHostingPlatform], object], script: Script
) -> None:
    with RawServer(script) as server, pytest.raises(ProviderUnavailableError) as caught:
        act(adapter(server.url))

    assert_tells_no_secret(caught.value)


def test_a_redirect_is_not_followed_with_the_api_key() -> None:
    with RawServer(json_answer(operation())) as elsewhere:
        moved = ok(b"", b"Location: " + elsewhere.url.encode() + b"/v1/operations/op-1", status=b"307 Moved")
        with RawServer(moved) as server, pytest.raises(ProviderUnavailableError):
            adapter(server.url).operation("op-1")

    assert elsewhere.requests == []


def test_an_answer_larger_than_any_could_be_is_not_read_to_its_end() -> None:
    endless = answering(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 10_000_000 + json.dumps(operation()).encode())
    with RawServer(endless) as server, pytest.raises(ProviderUnavailableError, match="too large"):
        adapter(server.url).operation("op-1")


@pytest.mark.parametrize(
    "limit, value", [("READ_SECONDS", 0.1), ("TOTAL_SECONDS", 0.1)], ids=["silence", "dripping"]
)
def test_a_slow_answer_is_a_fault(monkeypatch: pytest.MonkeyPatch, limit: str, value: float) -> None:
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


def test_nobody_at_home_is_a_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    with pytest.raises(ProviderUnavailableError) as caught:
        adapter(f"http://127.0.0.1:{port}").provision(request_for())

    assert_tells_no_secret(caught.value)


def assert_tells_no_secret(error: HostingOrdersError) -> None:
    told = "".join(traceback.format_exception(error))
    for secret in (API_KEY, PASSWORD, SECRET):
        assert secret not in told


def test_neither_log_nor_repr_tells_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with RawServer(json_answer(operation())) as server:
        platform = adapter(server.url)
        found = platform.operation("op-1")

    for text in (caplog.text, repr(platform), repr(found)):
        for secret in (API_KEY, PASSWORD, SECRET):
            assert secret not in text


def test_a_netrc_does_not_replace_the_api_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    with RawServer(json_answer(operation())) as server:
        adapter(server.url).operation("op-1")

    assert server.requests[0].headers["authorization"] == f"Bearer {API_KEY}"


@pytest.mark.parametrize(
    "url",
    ["http://panel.example", "ftp://panel.example", "panel.example", "https://", "https://u:p@panel.example"],
)
def test_an_address_that_would_give_the_key_away_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="the hosting platform's address must be"):
        adapter(url)


@pytest.mark.parametrize("key", ["", "key\n", "a key", "kľúč"])
def test_an_api_key_that_no_header_can_carry_is_refused_at_once(key: str) -> None:
    with pytest.raises(ValueError, match="API key") as caught:
        HttpHostingPlatform("https://panel.example", key, (SECRET,))

    assert not key.strip() or key not in str(caught.value)


@pytest.mark.parametrize("secret", ["", "whsec_", "c2VjcmV0", "whsec_c2Vj cmV0", "whsec_žž"])
def test_a_webhook_secret_that_is_none_is_refused_at_once(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_<base64>") as caught:
        HttpHostingPlatform("https://panel.example", API_KEY, (SECRET, secret))

    assert "c2Vj" not in str(caught.value)


def test_without_a_webhook_secret_no_webhook_is_believed() -> None:
    platform = HttpHostingPlatform("https://panel.example", API_KEY, ())
    with PlatformStandIn(delay=None, webhook_secrets=()) as standin:
        adapter_of(standin).provision(request_for())
        body, headers = standin.completion_webhook("item-1")

    with pytest.raises(ForgedWebhookError):
        platform.operation_of_webhook(body, headers)


# -- the stand-in ------------------------------------------------------------------------------------------


def adapter_of(standin: PlatformStandIn) -> HttpHostingPlatform:
    return HttpHostingPlatform(standin.url, standin.api_key, (SECRET,))


@pytest.fixture
def receiver() -> Iterator[CallbackReceiver]:
    with CallbackReceiver() as receiver:
        yield receiver


@pytest.fixture
def standin(receiver: CallbackReceiver) -> Iterator[PlatformStandIn]:
    with PlatformStandIn(
        delay=0.01,
        webhook_secrets=(SECRET,),
        webhook_url=f"{receiver.url}/webhooks/platform",
        webhook_retry_seconds=(0.01,),
    ) as standin:
        yield standin


def until(condition: Callable[[], bool]) -> None:
    """Wait until it holds; fail when it does not within ten seconds."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.002)


def call(standin: PlatformStandIn, method: str, path: str, fields: Any = None, key: str | None = None) -> Any:
    """Status and document of a plain request to the stand-in."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    body = None if fields is None else json.dumps(fields).encode()
    request = urllib.request.Request(standin.url + path, body, headers, method=method)
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, json.loads(refusal.read())


def control(standin: PlatformStandIn, path: str, **fields: Any) -> int:
    status: int = call(standin, "POST", f"/_standin/{path}", fields)[0]
    return status


def test_a_completed_service_is_told_of_by_a_webhook_that_holds(
    standin: PlatformStandIn, receiver: CallbackReceiver
) -> None:
    platform = adapter_of(standin)
    started = platform.provision(request_for())
    until(lambda: bool(receiver.received))

    [webhook] = receiver.received
    assert webhook.path == "/webhooks/platform"
    assert platform.operation_of_webhook(webhook.raw_body, webhook.headers) == started.id
    done = platform.operation(started.id)
    assert done is not None
    assert done.status is OperationStatus.SUCCEEDED


def test_a_webhook_is_repeated_under_its_id_until_it_is_taken(
    standin: PlatformStandIn, receiver: CallbackReceiver
) -> None:
    receiver.answer_next(500, times=2)
    adapter_of(standin).provision(request_for())

    until(lambda: len(standin.deliveries) == 3)

    assert [delivery.status for delivery in standin.deliveries] == [500, 500, 200]
    assert len({delivery.webhook_id for delivery in standin.deliveries}) == 1


def test_webhooks_can_be_switched_off_doubled_and_sent_again(
    standin: PlatformStandIn, receiver: CallbackReceiver
) -> None:
    platform = adapter_of(standin)
    assert control(standin, "webhooks", mode="off") == 200
    platform.provision(request_for(item_id="quiet"))
    until(lambda: standin.built("quiet") == 1)
    assert control(standin, "webhooks", mode="duplicate") == 200
    platform.provision(request_for(item_id="loud"))
    until(lambda: len(receiver.received) == 2)
    assert control(standin, "services/quiet/webhook", times=3) == 200
    until(lambda: len(receiver.received) == 5)

    items = [entry.body["item_id"] for entry in receiver.received]
    assert items == ["loud"] * 2 + ["quiet"] * 3


@pytest.mark.parametrize(
    "name, code", [("fail-shop", "build_failed"), ("FAIL-shop", "build_failed"), ("shop-fail-", None)]
)
def test_a_name_that_begins_with_fail_fails_for_good(
    standin: PlatformStandIn, name: str, code: str | None
) -> None:
    platform = adapter_of(standin)
    started = platform.provision(request_for(name))
    until(lambda: len(standin.deliveries) == 1)

    ended = platform.operation(started.id)

    assert ended is not None
    assert ended.error_code == code
    assert standin.built("item-1") == (1 if code is None else 0)


def test_a_name_that_begins_with_refuse_is_refused(standin: PlatformStandIn) -> None:
    with pytest.raises(ProvisioningFailedError, match="name_refused"):
        adapter_of(standin).provision(request_for("refuse-shop"))


def test_a_name_that_begins_with_retry_is_taken_the_third_time(standin: PlatformStandIn) -> None:
    platform = adapter_of(standin)
    for _ in range(2):
        with pytest.raises(ProviderUnavailableError):
            platform.provision(request_for("retry-shop"))

    assert platform.provision(request_for("retry-shop")).item_id == "item-1"
    until(lambda: standin.built("item-1") == 1)


def test_a_name_that_begins_with_lost_is_applied_and_its_first_answer_lost(standin: PlatformStandIn) -> None:
    platform = adapter_of(standin)
    with pytest.raises(ProviderUnavailableError):
        platform.provision(request_for("lost-shop"))
    until(lambda: standin.built("item-1") == 1)

    assert platform.provision(request_for("lost-shop")).status is OperationStatus.SUCCEEDED
    assert standin.built("item-1") == 1
    assert [request.status for request in standin.requests][:2] == [None, 202]


def test_a_name_that_begins_with_flaky_succeeds_when_asked_again(standin: PlatformStandIn) -> None:
    platform = adapter_of(standin)
    first = platform.provision(request_for("flaky-shop"))
    until(lambda: len(standin.deliveries) == 1)
    with pytest.raises(ProviderUnavailableError):
        platform.operation(first.id)

    second = platform.provision(request_for("flaky-shop"))
    until(lambda: standin.built("item-1") == 1)

    assert second.id != first.id


def test_a_name_that_begins_with_stuck_completes_when_told(standin: PlatformStandIn) -> None:
    platform = adapter_of(standin)
    started = platform.provision(request_for("stuck-shop"))
    platform.provision(request_for(item_id="another"))
    until(lambda: standin.built("another") == 1)  # which was asked for later
    assert platform.operation(started.id) == started

    assert control(standin, "services/item-1/finish") == 200

    assert standin.built("item-1") == 1


def test_an_item_can_be_held_and_released_failed_or_finished_from_outside(standin: PlatformStandIn) -> None:
    platform = adapter_of(standin)
    assert control(standin, "settings", delay="never") == 200
    for item_id in ("a", "b", "c"):
        platform.provision(request_for(item_id=item_id))
    assert control(standin, "settings", delay="0.01") == 200
    assert control(standin, "services/c/hold") == 200

    assert control(standin, "services/a/finish") == 200
    assert control(standin, "services/b/fail", code="no_disk", message="no disk", retryable="false") == 200
    assert control(standin, "services/c/release") == 200

    until(lambda: standin.built("c") == 1)
    assert standin.built("a") == 1
    failed = platform.operation(standin.services["b"].operation.id)
    assert failed is not None
    assert (failed.error_code, failed.error_message) == ("no_disk", "no disk")


@pytest.mark.parametrize(
    "path, fields, status",
    [
        ("services/nobody/finish", {}, 404),
        ("nonsense", {}, 404),
        ("webhooks", {"mode": "loud"}, 400),
        ("faults", {"answer": "teapot"}, 400),
        ("settings", {"delay": "soon"}, 400),
    ],
)
def test_a_control_that_is_none_is_refused(
    standin: PlatformStandIn, path: str, fields: dict[str, str], status: int
) -> None:
    assert control(standin, path, **fields) == status


def test_faults_wait_for_their_method_and_can_be_called_off(standin: PlatformStandIn) -> None:
    platform = adapter_of(standin)
    assert control(standin, "faults", answer="503", method="GET", times=2) == 200

    started = platform.provision(request_for())
    with pytest.raises(ProviderUnavailableError):
        platform.operation(started.id)
    assert control(standin, "faults") == 200

    assert platform.operation(started.id) is not None


@pytest.mark.parametrize("key", [None, "wrong", API_KEY])
def test_the_stand_in_demands_its_api_key(standin: PlatformStandIn, key: str | None) -> None:
    status, document = call(standin, "GET", "/v1/operations/op-1", key=key)

    assert (status, document["code"]) == (401, "unauthorized")


@pytest.mark.parametrize(
    "fields, status",
    [
        ([], 400),
        ({}, 422),
        ({"reference": "r", "kind": "site", "name": 7, "variant": "v", "location": "l", "plan": "p"}, 422),
    ],
)
def test_the_stand_in_refuses_a_malformed_request(standin: PlatformStandIn, fields: Any, status: int) -> None:
    answer, document = call(standin, "PUT", "/v1/services/item-1", fields, standin.api_key)

    assert answer == status
    assert document["retryable"] is False
    assert standin.services == {}


def test_the_page_and_the_state_show_services_without_passwords(standin: PlatformStandIn) -> None:
    platform = adapter_of(standin)
    started = platform.provision(request_for("<b>shop</b>"))
    until(lambda: len(standin.deliveries) == 1)
    done = platform.operation(started.id)
    assert done is not None
    assert done.site is not None

    with urllib.request.urlopen(standin.url + "/") as response:
        page = response.read().decode()
    state = json.dumps(call(standin, "GET", "/_standin/state")[1])

    assert "&lt;b&gt;shop&lt;/b&gt;" in page
    assert "<b>shop" not in page
    assert done.site.domain in page
    assert done.site.domain in state
    assert done.site.password not in page + state


def test_a_button_of_the_page_leads_back_to_it(standin: PlatformStandIn) -> None:
    adapter_of(standin).provision(request_for("stuck-shop"))
    form = urllib.request.Request(
        f"{standin.url}/_standin/services/item-1/finish",
        b"",
        {"Content-Type": "application/x-www-form-urlencoded"},
        method="POST",
    )

    with urllib.request.urlopen(form) as response:
        assert response.url == f"{standin.url}/"

    assert standin.built("item-1") == 1


def test_every_control_has_a_form_on_the_page_that_works_as_it_stands(standin: PlatformStandIn) -> None:
    address = f"{standin.url}/"
    platform = adapter_of(standin)

    def action_of(form: Form) -> str:
        return re.sub(r"services/[^/]+", "services/ID", form.action.removeprefix("/_standin/"))

    platform.provision(request_for("stuck-held", "held"))
    standin.hold("held")
    platform.provision(request_for("stuck-0", "stuck-0"))
    forms = forms_of(address)
    actions = {action_of(form) for form in forms}
    steps = ("finish", "fail", "hold", "release", "webhook")
    assert actions == {*(f"services/ID/{step}" for step in steps), "faults", "webhooks", "settings", "reset"}
    (choices,) = (form.choices["answer"] for form in forms if "answer" in form.choices)
    assert set(choices) == set(FAULTS)
    for place, action in enumerate(sorted(actions - {"faults", "services/ID/release"}), 1):
        platform.provision(request_for(f"stuck-{place}", f"stuck-{place}"))
        form = next(one for one in forms_of(address) if action_of(one) == action)
        assert send(address, form) == address
    send(address, next(form for form in forms if action_of(form) == "faults"), answer="503", times="2")
    with urllib.request.urlopen(address) as response:
        assert "Any request, 2 times: be busy (503)" in response.read().decode()


def test_reset_forgets_everything(standin: PlatformStandIn) -> None:
    platform = adapter_of(standin)
    platform.provision(request_for("stuck-shop"))
    platform.deprovision(request_for())

    assert control(standin, "reset") == 200

    assert standin.services == {}
    assert platform.provision(request_for("my-shop")).item_id == "item-1"
