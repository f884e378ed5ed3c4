"""The shared server of the stand-ins: how it reads requests, and in which format it responds (local/loopback.py)."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator

import pytest

from local.callback_receiver import CallbackReceiver
from local.platform_standin import PlatformStandIn
from local.registrar_standin import RegistrarStandIn
from local.registrar_standin.server import RegistrarServer
from local.stripe_standin import StripeStandIn

FORM = "application/x-www-form-urlencoded"

# For each stand-in, a control endpoint and invalid fields for it.
CONTROLS = {
    "stripe": ("/_standin/clock", {"seconds": "soon"}),
    "platform": ("/_standin/webhooks", {"mode": "perhaps"}),
    "registrar": ("/_standin/faults", {"operation": "Nonsense"}),
    "callbacks": ("/_receiver/next", {"status": "99"}),
}


@pytest.fixture(scope="module")
def addresses() -> Iterator[dict[str, str]]:
    with (
        StripeStandIn() as stripe,
        PlatformStandIn() as platform,
        RegistrarServer(RegistrarStandIn()) as registrar,
        CallbackReceiver() as callbacks,
    ):
        yield {
            "stripe": stripe.url,
            "platform": platform.url,
            "registrar": registrar.url,
            "callbacks": callbacks.url,
        }


def post(url: str, body: bytes, content_type: str) -> tuple[int, str, str]:
    """Status, content type and text of the response."""
    request = urllib.request.Request(url, body, {"Content-Type": content_type})
    try:
        answer = urllib.request.urlopen(request, timeout=5)
    except urllib.error.HTTPError as refusal:
        answer = refusal
    with answer:
        return answer.status, answer.headers["Content-Type"], answer.read().decode()


@pytest.mark.parametrize("name", CONTROLS)
def test_a_refusal_is_json_for_programs_and_html_for_people(addresses: dict[str, str], name: str) -> None:
    path, wrong = CONTROLS[name]

    status, kind, text = post(addresses[name] + path, json.dumps(wrong).encode(), "application/json")
    assert (status, kind) == (400, "application/json")
    assert json.loads(text)

    status, kind, page = post(addresses[name] + path, urllib.parse.urlencode(wrong).encode(), FORM)
    assert (status, kind) == (400, "text/html; charset=utf-8")
    assert "Not done" in page
    assert '<a href="/">' in page


@pytest.mark.parametrize("name", CONTROLS)
@pytest.mark.parametrize("body", [b"[1]", b"{"])
def test_a_control_endpoint_refuses_json_without_an_object(
    addresses: dict[str, str], name: str, body: bytes
) -> None:
    assert post(addresses[name] + CONTROLS[name][0], body, "application/json")[0] == 400


@pytest.mark.parametrize("name", CONTROLS)
@pytest.mark.parametrize("length", [b"99999999", b"-1", b"many"])
def test_a_body_with_an_invalid_length_is_not_read(
    addresses: dict[str, str], name: str, length: bytes
) -> None:
    host, _, port = addresses[name].removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + length + b"\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 413 ")
        # The server must close the connection. Otherwise it would read the rest of the body as another request.
        while connection.recv(65_536):
            pass


@pytest.mark.parametrize("name", CONTROLS)
def test_each_stand_in_has_a_page_for_this_machine_only(addresses: dict[str, str], name: str) -> None:
    assert addresses[name].startswith("http://127.0.0.1:")
    with urllib.request.urlopen(f"{addresses[name]}/", timeout=5) as answer:
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
