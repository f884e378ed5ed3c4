"""The Lightsail stand-in speaks Lightsail's protocol. These tests check the stand-in against botocore's model.

The checker in this file is independent of the stand-in's own checker.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from local.aws_json import ModelMismatchError
from local.lightsail_standin import LightsailStandIn
from local.lightsail_standin.wire import written

MODEL = botocore.session.Session().get_service_model("lightsail")
TYPES: dict[str, Any] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "float": (int, float),
    "timestamp": (int, float),  # epoch seconds in AWS JSON 1.1
    "list": list,
    "structure": dict,
}
REGION = "eu-central-1"
MACHINE = {
    "instanceNames": ["ho-1"],
    "availabilityZone": "eu-central-1a",
    "blueprintId": "debian_12",
    "bundleId": "small_3_0",
    "userData": "#!/bin/sh",
    "tags": [{"key": "hosting-orders:order", "value": "1"}],
}
PORT = {"fromPort": 22, "toPort": 22, "protocol": "tcp"}


def unfit(shape: Any, value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, TYPES[shape.type_name]):
        yield f"{where} is {type(value).__name__}, not {shape.type_name}"
    elif shape.type_name == "structure":
        yield from (f"{where}.{name} is missing" for name in shape.required_members if name not in value)
        for name, member in value.items():
            if name in shape.members:
                yield from unfit(shape.members[name], member, f"{where}.{name}")
            else:
                yield f"{where}.{name} is unknown"
    elif shape.type_name == "list":
        for position, member in enumerate(value):
            yield from unfit(shape.member, member, f"{where}[{position}]")
    elif shape.type_name == "string" and shape.enum and value not in shape.enum:
        yield f"{where} is {value!r}"


@pytest.fixture(scope="module")
def shared() -> Any:
    """One client for all tests, because building a client is slow. Each test attaches its own stand-in."""
    maker = LightsailStandIn()
    client = maker.client(REGION)
    maker.detach(client)
    return client


@pytest.fixture
def standin(shared: Any) -> Iterator[LightsailStandIn]:
    standin = LightsailStandIn(delay=None)
    standin.attach(shared)
    yield standin
    standin.detach(shared)


@pytest.fixture
def client(shared: Any, standin: LightsailStandIn) -> Any:
    return shared


def asked(standin: LightsailStandIn, operation: str, body: Any, region: str = REGION) -> tuple[int, Any]:
    scope = f"AWS4-HMAC-SHA256 Credential=AKID/20260101/{region}/lightsail/aws4_request, Signature=x"
    headers = {"authorization": scope, "x-amz-target": f"Lightsail_20161128.{operation}"}
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = standin.answer(headers, sent)
    return reply.status, json.loads(reply.body)


def test_every_response_about_a_machine_fits_the_model(standin: LightsailStandIn) -> None:
    ip, attach = {"staticIpName": "ho-1-ip"}, {"staticIpName": "ho-1-ip", "instanceName": "ho-1"}
    story: list[tuple[str, dict[str, Any]]] = [
        ("AllocateStaticIp", ip),
        ("CreateInstances", MACHINE),
        ("GetInstance", {"instanceName": "ho-1"}),
        ("GetOperationsForResource", {"resourceName": "ho-1"}),
        ("AttachStaticIp", attach),
        ("PutInstancePublicPorts", {"instanceName": "ho-1", "portInfos": [PORT]}),
        ("GetInstance", {"instanceName": "ho-1"}),
        ("GetStaticIp", ip),
        ("DetachStaticIp", ip),
        ("ReleaseStaticIp", ip),
        ("DeleteInstance", {"instanceName": "ho-1"}),
        ("GetOperationsForResource", {"resourceName": "ho-1"}),
    ]
    for operation, given in story:
        if operation == "AttachStaticIp":
            standin.finish("ho-1")
        status, answer = asked(standin, operation, given)
        model = MODEL.operation_model(operation)
        assert (operation, status) == (operation, 200)
        assert list(unfit(model.input_shape, given, operation)) == []
        assert list(unfit(model.output_shape, answer, operation)) == []


def test_a_failed_operation_fits_the_model(standin: LightsailStandIn) -> None:
    asked(standin, "CreateInstances", MACHINE)
    standin.fail("ho-1", "SomeCode", "some details")

    _, answer = asked(standin, "GetOperationsForResource", {"resourceName": "ho-1"})

    (operation,) = answer["operations"]
    assert list(unfit(MODEL.shape_for("Operation"), operation, "operation")) == []
    assert (operation["status"], operation["isTerminal"]) == ("Failed", True)
    assert (operation["errorCode"], operation["errorDetails"]) == ("SomeCode", "some details")


BAD = {
    "a member is missing": ("CreateInstances", {key: MACHINE[key] for key in MACHINE if key != "bundleId"}),
    "a member is unknown": ("CreateInstances", MACHINE | {"color": "red"}),
    "a type is wrong": ("CreateInstances", MACHINE | {"instanceNames": "ho-1"}),
    "a pattern is broken": ("GetInstance", {"instanceName": "ho 1"}),
    "a value is not in the list": (
        "PutInstancePublicPorts",
        {"instanceName": "ho-1", "portInfos": [PORT | {"protocol": "sctp"}]},
    ),
    "a port is too large": (
        "PutInstancePublicPorts",
        {"instanceName": "ho-1", "portInfos": [PORT | {"toPort": 70000}]},
    ),
    "a tag's value is too long": ("CreateInstances", MACHINE | {"tags": [{"key": "k", "value": "v" * 257}]}),
    "a tag has odd characters": ("CreateInstances", MACHINE | {"tags": [{"key": "k", "value": "a%b"}]}),
    "a tag is Amazon's": ("CreateInstances", MACHINE | {"tags": [{"key": "aws:k", "value": "v"}]}),
}


@pytest.mark.parametrize("operation, body", BAD.values(), ids=BAD.keys())
def test_a_request_outside_the_model_is_refused(standin: LightsailStandIn, operation: str, body: Any) -> None:
    status, answer = asked(standin, operation, body)

    assert (status, answer["__type"]) == (400, "InvalidInputException")
    assert standin.machines == []


def test_invalid_requests_get_the_errors_of_aws(standin: LightsailStandIn) -> None:
    assert asked(standin, "GetInstance", b"{")[1]["__type"] == "SerializationException"
    assert asked(standin, "GetInstance", b"[]")[1]["__type"] == "SerializationException"
    assert asked(standin, "LaunchRocket", {})[1]["__type"] == "UnknownOperationException"
    assert asked(standin, "GetInstance", {"instanceName": "ab"}, "mars-1")[0] == 403
    assert standin.answer({}, b"{}").status == 403


def test_the_stand_in_cannot_send_a_response_outside_the_model() -> None:
    with pytest.raises(ModelMismatchError):
        written("GetInstance", {"instance": {"name": "ho-1", "mood": "good"}})


def test_machines_and_addresses_of_a_region_cannot_share_a_name(
    standin: LightsailStandIn, client: Any
) -> None:
    client.create_instances(**MACHINE)

    with pytest.raises(ClientError, match="already in use"):
        client.allocate_static_ip(staticIpName="ho-1")
    with pytest.raises(ClientError, match="already in use"):
        client.create_instances(**MACHINE)
    elsewhere = MACHINE | {"availabilityZone": "us-east-1a"}
    assert asked(standin, "CreateInstances", elsewhere, "us-east-1")[0] == 200


def test_boto3_recognises_errors_by_their_code(client: Any) -> None:
    with pytest.raises(client.exceptions.NotFoundException):
        client.get_instance(instanceName="unknown")
    with pytest.raises(client.exceptions.InvalidInputException):
        client.create_instances(**MACHINE | {"bundleId": "colossal_9_0"})


def test_an_attached_address_cannot_be_moved_or_released(standin: LightsailStandIn, client: Any) -> None:
    client.create_instances(**MACHINE | {"instanceNames": ["ho-1", "ho-2"]})
    client.allocate_static_ip(staticIpName="ip-1")
    with pytest.raises(ClientError, match="not in a state"):
        client.attach_static_ip(staticIpName="ip-1", instanceName="ho-1")  # the machine is still pending
    standin.finish("ho-1")
    standin.finish("ho-2")
    client.attach_static_ip(staticIpName="ip-1", instanceName="ho-1")

    with pytest.raises(ClientError, match="another instance"):
        client.attach_static_ip(staticIpName="ip-1", instanceName="ho-2")
    with pytest.raises(ClientError, match="Detach it first"):
        client.release_static_ip(staticIpName="ip-1")
    client.delete_instance(instanceName="ho-1")

    assert [address.attached_to for address in standin.addresses] == [None]


def test_quotas_are_enforced(standin: LightsailStandIn, client: Any) -> None:
    standin.configure(quota=1, address_quota=1)
    client.create_instances(**MACHINE)
    client.allocate_static_ip(staticIpName="ip-1")

    with pytest.raises(ClientError, match="maximum number of instances"):
        client.create_instances(**MACHINE | {"instanceNames": ["ho-2"]})
    with pytest.raises(ClientError, match="maximum limit"):
        client.allocate_static_ip(staticIpName="ip-2")


def test_the_prefix_of_the_host_name_decides_when_a_machine_runs() -> None:
    now = [0.0]
    standin = LightsailStandIn(now=lambda: now[0], delay=60)
    for hostname in ("web-1", "slow-1", "stuck-1", "fail-1"):
        tags = [{"key": "hosting-orders:hostname", "value": hostname}]
        asked(standin, "CreateInstances", MACHINE | {"instanceNames": [hostname], "tags": tags})

    def states() -> list[str]:
        return [standin.machine(name).state[1] for name in ("web-1", "slow-1", "stuck-1", "fail-1")]

    now[0] = 59
    assert states() == ["pending"] * 4
    now[0] = 60
    assert states() == ["running", "pending", "pending", "pending"]
    assert standin.machine("fail-1").work.status == "Failed"
    now[0] = 600
    assert states() == ["running", "running", "pending", "pending"]


def test_a_fault_hits_its_operation_the_given_number_of_times(standin: LightsailStandIn, client: Any) -> None:
    standin.fail_next("CreateInstances", "ThrottlingException", times=2)
    client.allocate_static_ip(staticIpName="ip-1")

    for _ in range(2):
        with pytest.raises(ClientError, match="ThrottlingException"):
            client.create_instances(**MACHINE)
    client.create_instances(**MACHINE)

    assert len(standin.machines) == 1


def test_a_fault_needs_an_operation_known_to_lightsail(standin: LightsailStandIn) -> None:
    with pytest.raises(ValueError, match="no operation"):
        standin.fail_next("LaunchRocket")
