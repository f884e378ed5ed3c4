"""The registrar stand-in's server: page, controls, zones, and the start command."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from hosting_orders.adapters.route53.registrar import Route53Registrar
from hosting_orders.adapters.route53.zones import Route53Zones
from hosting_orders.domain.errors import ProviderUnavailableError
from hosting_orders.domain.registration import (
    Contact,
    Contacts,
    DomainAction,
    RegistrarStatus,
    RegistrationRequest,
)
from local.registrar_standin import RegistrarStandIn
from local.registrar_standin.names import PREFIXES
from local.registrar_standin.server import RegistrarServer
from tests.conformance.registrar_contract.books import loopback_client
from tests.support.forms import Form, forms_of, send

ROOT = Path(__file__).parents[3]
ANN = Contact("Ann", "Vries", "Street 1", "1015 DV", "Amsterdam", "NL", "ann@post.example", "+31.201234567")


def registrar_at(url: str) -> Route53Registrar:
    client = loopback_client(url)
    return Route53Registrar(client, client)


def order(name: str, action: DomainAction = DomainAction.REGISTER) -> RegistrationRequest:
    return RegistrationRequest(name, action, 1, Contacts(ANN, ANN, ANN, ANN), auth_code="s3cret-code")


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode()


def post(url: str, **fields: Any) -> tuple[int, Any]:
    request = urllib.request.Request(url, json.dumps(fields).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, json.load(refusal)


@pytest.fixture
def server() -> Iterator[RegistrarServer]:
    with RegistrarServer(RegistrarStandIn(delay=None, transfer_delay=None)) as server:
        yield server


def test_the_page_shows_domains_and_possible_actions(server: RegistrarServer) -> None:
    registrar = registrar_at(server.url)
    registrar.submit(order("xn--bcher-kva.de"))
    registrar.submit(order("action-bakery.com", DomainAction.TRANSFER))
    for _ in range(2):
        server.standin.advance("action-bakery.com")

    page = fetch(server.url)

    assert "bücher.de" in page
    assert "PENDING_CUSTOMER_ACTION" in page
    buttons = re.findall(r'action="/_standin/names/([^"]+)"', page)
    assert {"action-bakery.com/approve", "action-bakery.com/reject", "xn--bcher-kva.de/finish"} <= set(
        buttons
    )
    assert "xn--bcher-kva.de/approve" not in buttons  # this registration does not wait for approval
    assert all(prefix in page for prefix in PREFIXES)


def test_the_server_shows_no_contact_and_no_auth_code(server: RegistrarServer) -> None:
    registrar_at(server.url).submit(order("badcontact-bakery.com", DomainAction.TRANSFER))
    server.standin.finish("badcontact-bakery.com")

    for text in (fetch(server.url), fetch(f"{server.url}/_standin/state")):
        assert "badcontact-bakery.com" in text
        for secret in ("ann@post.example", "201234567", "s3cret-code", "Vries"):
            assert secret not in text


@pytest.mark.parametrize(
    ("control", "status", "message"),
    [
        ("finish", RegistrarStatus.SUCCEEDED, None),
        ("fail", RegistrarStatus.FAILED, "told so"),
        ("reject", RegistrarStatus.FAILED, "told so"),
    ],
)
def test_three_of_the_controls_end_an_operation(
    server: RegistrarServer, control: str, status: RegistrarStatus, message: str | None
) -> None:
    registrar = registrar_at(server.url)
    operation_id = registrar.submit(order("bakery.com"))

    code, state = post(f"{server.url}/_standin/names/bakery.com/{control}", message="told so")

    operation = registrar.operation(operation_id)
    assert code == 200
    assert state["operations"][0]["running"] is False
    assert operation is not None
    assert (operation.status, operation.message) == (status, message)


def test_an_operation_continues_after_its_approval(server: RegistrarServer) -> None:
    registrar = registrar_at(server.url)
    operation_id = registrar.submit(order("action-bakery.com"))
    post(f"{server.url}/_standin/names/action-bakery.com/advance")

    assert post(f"{server.url}/_standin/names/action-bakery.com/approve")[0] == 200

    operation = registrar.operation(operation_id)
    assert operation is not None
    assert (operation.status, operation.flag) == (RegistrarStatus.RUNNING, None)
    assert post(f"{server.url}/_standin/names/action-bakery.com/approve")[0] == 400


def test_a_button_redirects_to_the_page(server: RegistrarServer) -> None:
    registrar_at(server.url).submit(order("bakery.com"))
    form = urllib.parse.urlencode({"message": "no"}).encode()

    with urllib.request.urlopen(f"{server.url}/_standin/names/bakery.com/fail", form, timeout=5) as answer:
        assert answer.url == f"{server.url}/"
        assert "FAILED" in answer.read().decode()


def test_every_control_has_a_working_form_on_the_page(server: RegistrarServer) -> None:
    address = f"{server.url}/"
    registrar = registrar_at(server.url)

    def action_of(form: Form) -> str:
        return re.sub(r"names/[^/]+", "names/ID", form.action.removeprefix("/_standin/"))

    def waits() -> None:
        """Start a transfer that waits for the owner's approval. The page then offers every control of a domain."""
        server.standin.clear_faults()
        name = f"action-{len(server.standin.operations)}.com"
        registrar.submit(order(name, DomainAction.TRANSFER))
        for _ in range(2):
            server.standin.advance(name)

    waits()
    actions = {action_of(form) for form in forms_of(address)}
    steps = ("approve", "reject", "advance", "finish", "fail")
    assert actions == {*(f"names/ID/{step}" for step in steps), "faults", "take", "settings", "reset"}
    for action in sorted(actions):
        waits()
        form = next(one for one in forms_of(address) if action_of(one) == action)
        assert send(address, form, **({"name": "bakery.com"} if action == "take" else {})) == address
    assert post(f"{address}_standin/take")[0] == 400


def test_a_domain_taken_by_another_owner_is_unavailable(server: RegistrarServer) -> None:
    registrar = registrar_at(server.url)
    before = registrar.availability("bakery.com")
    assert post(f"{server.url}/_standin/take", name="bakery.com")[0] == 200
    assert registrar.availability("bakery.com") != before


def test_the_page_shows_a_renewal(server: RegistrarServer) -> None:
    registrar = registrar_at(server.url)
    registrar.submit(order("bakery.com"))
    server.standin.finish("bakery.com")
    expires = server.standin.domains["bakery.com"].expires_at
    registrar.renew("bakery.com", datetime.fromtimestamp(expires, UTC).year, live=True)
    assert "renew for a year" in fetch(server.url)


def test_faults_can_be_set_and_cleared(server: RegistrarServer) -> None:
    registrar = registrar_at(server.url)
    post(f"{server.url}/_standin/faults", answer="lose", operation="RegisterDomain")
    with pytest.raises(ProviderUnavailableError):
        registrar.submit(order("bakery.com"))
    assert server.standin.submissions("bakery.com") == 1

    post(f"{server.url}/_standin/faults", answer="ThrottlingException", times=9)
    with pytest.raises(ProviderUnavailableError):
        registrar.availability("other.com")
    post(f"{server.url}/_standin/faults")
    assert registrar.availability("other.com").cost is not None


def test_a_reset_makes_a_taken_domain_available_again(server: RegistrarServer) -> None:
    registrar = registrar_at(server.url)
    post(f"{server.url}/_standin/names/bakery.com/take")
    assert registrar.availability("bakery.com").availability == "unavailable"

    post(f"{server.url}/_standin/reset")
    assert registrar.availability("bakery.com").availability == "available"


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("/_standin/names/nobody.com/finish", {}, 404),
        ("/_standin/names/nobody.com/dance", {}, 400),
        ("/_standin/nothing", {}, 404),
        ("/_standin/faults", {"operation": "NoSuchOperation"}, 400),
        ("/_standin/settings", {"delay": "soon"}, 400),
        ("/elsewhere", {}, 404),
    ],
)
def test_an_impossible_request_to_a_control_is_refused(
    server: RegistrarServer, path: str, fields: dict[str, str], status: int
) -> None:
    code, document = post(server.url + path, **fields)

    assert code == status
    assert document["error"]


# -- zones --------------------------------------------------------------------------------------------------


def test_only_a_registration_creates_a_zone() -> None:
    made: list[str] = []
    standin = RegistrarStandIn(delay=0, transfer_delay=0, create_zone=made.append)
    registrar = Route53Registrar(*standin.clients())

    registrar.submit(order("bakery.com"))
    registrar.submit(order("fail-bakery.com"))
    registrar.submit(order("baker.com", DomainAction.TRANSFER))
    standin.settle()

    assert made == ["bakery.com"]


def test_the_zone_of_a_registration_is_not_created_twice() -> None:
    with mock_aws():
        route53 = boto3.client("route53", region_name="us-east-1")

        def create_zone(name: str) -> list[str]:
            answer = route53.create_hosted_zone(Name=name, CallerReference="made by the registrar")
            servers: list[str] = answer["DelegationSet"]["NameServers"]
            return servers

        standin = RegistrarStandIn(delay=0, create_zone=create_zone)
        registrar = Route53Registrar(*standin.clients())
        registrar.submit(order("bakery.com"))
        domain = registrar.domain("bakery.com")

        assert domain is not None
        zone = Route53Zones(route53).ensure("bakery.com", "order-1", domain.nameservers)

        assert domain.nameservers == zone.nameservers
        assert len(route53.list_hosted_zones()["HostedZones"]) == 1


def test_a_registration_succeeds_only_after_its_zone_exists() -> None:
    attempts: list[str] = []

    def create_zone(name: str) -> None:
        attempts.append(name)
        if len(attempts) == 1:
            raise OSError("Route 53 is unreachable")

    standin = RegistrarStandIn(delay=0, create_zone=create_zone)
    registrar = Route53Registrar(*standin.clients())
    operation_id = registrar.submit(order("bakery.com"))

    with pytest.raises(ProviderUnavailableError):
        registrar.operation(operation_id)
    operation = registrar.operation(operation_id)

    assert operation is not None
    assert operation.status is RegistrarStatus.SUCCEEDED
    assert attempts == ["bakery.com"] * 2
    assert standin.registrations("bakery.com") == 1


# -- the command --------------------------------------------------------------------------------------------


def test_the_command_serves_and_completes_a_transfer() -> None:
    command = [sys.executable, "-m", "local.registrar_standin", "--port", "0", "--delay", "0.05"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            said = child.stdout.readline()
            url = said.removeprefix("registrar stand-in: ").strip()
            assert url.startswith("http://127.0.0.1:")
            registrar = registrar_at(url)
            operation_id = registrar.submit(order("bakery.com", DomainAction.TRANSFER))
            deadline = time.monotonic() + 30
            while True:
                operation = registrar.operation(operation_id)
                assert operation is not None
                if operation.status is RegistrarStatus.SUCCEEDED:
                    break
                assert time.monotonic() < deadline
                time.sleep(0.005)
        finally:
            child.terminate()
