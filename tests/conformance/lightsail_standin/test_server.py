"""The Lightsail stand-in's server on loopback: boto3 over a socket, the page, and the controls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from local.lightsail_standin import LightsailStandIn
from local.lightsail_standin.server import LightsailServer

HOSTNAME = "hosting-orders:hostname"


@pytest.fixture
def server() -> Iterator[LightsailServer]:
    with LightsailServer(LightsailStandIn(delay=None)) as server:
        yield server


@pytest.fixture
def client(server: LightsailServer) -> Any:
    return boto3.client(
        "lightsail",
        region_name="eu-central-1",
        endpoint_url=server.url,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
    )


def create(client: Any, name: str, hostname: str = "web-1") -> None:
    client.create_instances(
        instanceNames=[name],
        availabilityZone="eu-central-1a",
        blueprintId="debian_12",
        bundleId="small_3_0",
        tags=[{"key": HOSTNAME, "value": hostname}],
    )


def told(server: LightsailServer, path: str, **fields: Any) -> requests.Response:
    return requests.post(f"{server.url}/_standin/{path}", json=fields, timeout=10)


def test_boto3_works_over_the_socket(server: LightsailServer, client: Any) -> None:
    create(client, "ho-1")

    assert client.get_instance(instanceName="ho-1")["instance"]["state"]["name"] == "pending"
    assert told(server, "machines/ho-1/finish").status_code == 200
    assert client.get_instance(instanceName="ho-1")["instance"]["state"]["name"] == "running"


def test_a_request_with_a_lost_response_still_takes_effect(server: LightsailServer, client: Any) -> None:
    told(server, "faults", answer="lose", operation="CreateInstances")

    with pytest.raises(ConnectionClosedError):
        create(client, "ho-1")

    assert len(server.standin.machines) == 1


@pytest.mark.parametrize(
    "answer, code",
    [
        ("quota", "InvalidInputException"),
        ("ThrottlingException", "ThrottlingException"),
        ("ServiceException", "ServiceException"),
    ],
)
def test_a_fault_can_be_set_and_cleared(server: LightsailServer, client: Any, answer: str, code: str) -> None:
    told(server, "faults", answer=answer, times=2)
    with pytest.raises(ClientError) as refusal:
        create(client, "ho-1")
    told(server, "faults")
    create(client, "ho-1")

    assert refusal.value.response["Error"]["Code"] == code


def test_a_control_makes_a_machine_fail(server: LightsailServer, client: Any) -> None:
    create(client, "ho-1")

    told(server, "machines/ho-1/fail", code="SomeCode", details="some details")

    (operation,) = client.get_operations_for_resource(resourceName="ho-1")["operations"]
    assert (operation["status"], operation["errorCode"]) == ("Failed", "SomeCode")


def test_a_reset_removes_the_machines_and_keeps_the_settings(server: LightsailServer, client: Any) -> None:
    assert told(server, "settings", delay=0, quota=1, address_quota=2).json()["quota"] == 1
    create(client, "ho-1")
    assert server.standin.machine("ho-1").state[1] == "running"

    state = told(server, "reset").json()

    assert (state["machines"], state["address_quota"], state["delay"]) == ([], 2, 0)


@pytest.mark.parametrize(
    "path, fields, status",
    [
        ("machines/unknown/finish", {}, 404),
        ("machines/unknown/dance", {}, 404),
        ("faults", {"operation": "LaunchRocket"}, 400),
        ("settings", {"delay": "soon"}, 400),
    ],
)
def test_an_impossible_request_to_the_controls_returns_an_error(
    server: LightsailServer, path: str, fields: dict[str, Any], status: int
) -> None:
    answer = told(server, path, **fields)

    assert answer.status_code == status
    assert answer.json()["error"]


def test_the_page_shows_machines_and_buttons_but_no_user_data(server: LightsailServer, client: Any) -> None:
    create(client, "ho-1", "web-1")
    client.allocate_static_ip(staticIpName="ho-1-ip")
    client.create_instances(
        instanceNames=["ho-2"],
        availabilityZone="eu-central-1a",
        blueprintId="debian_12",
        bundleId="small_3_0",
        userData="the-hash-of-a-password",
    )

    page = requests.get(server.url, timeout=10).text

    assert "web-1" in page
    assert "ho-1-ip" in page
    assert "/_standin/machines/ho-1/finish" in page
    assert "the-hash-of-a-password" not in page
    assert "the-hash-of-a-password" not in requests.get(f"{server.url}/_standin/state", timeout=10).text


def test_a_form_redirects_to_the_page(server: LightsailServer) -> None:
    answer = requests.post(
        f"{server.url}/_standin/settings", data={"delay": "", "quota": "7"}, allow_redirects=False, timeout=10
    )

    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert server.standin.state()["quota"] == 7
