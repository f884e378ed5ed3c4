"""The promises of the port HostingPlatform (docs/hosting-platform-contract.md), tested with two adapters.

The HTTP adapter calls its stand-in, over a socket and in process. The Lightsail adapter is called through the routing
adapter.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol

import pytest

from hosting_orders.adapters.hosting_platform import HttpHostingPlatform
from hosting_orders.adapters.platforms import RoutedPlatform
from hosting_orders.domain.catalogue import MachineSize, PlatformName
from hosting_orders.domain.errors import ForgedWebhookError, ProviderUnavailableError, ProvisioningFailedError
from hosting_orders.domain.providers import Operation, OperationStatus, ServiceRequest
from hosting_orders.usecases.ports import HostingPlatform
from local.platform_standin import PlatformStandIn
from tests.support.lightsail_in_process import LightsailInProcess
from tests.support.platform_in_process import in_process
from tests.support.world import FakeMetrics

NEW_KEY = b"the new key of the platform"
OLD_KEY = b"the old key of the platform"
NEW_SECRET = "whsec_" + base64.b64encode(NEW_KEY).decode()
OLD_SECRET = "whsec_" + base64.b64encode(OLD_KEY).decode()

NOW = 1_767_225_600  # Unix seconds: the time in all tests of this file

ITEM = "0195f2a4-7c00-8abc-9def-0123456789ab"
REQUEST = ServiceRequest(
    item_id=ITEM,
    reference="acc-1/4711",
    kind="site",
    name="my-shop",
    variant="wordpress",
    location="pdx",
    plan="basic",
)
MACHINE = ServiceRequest(
    item_id=ITEM,
    reference="acc-1/4711",
    kind="vm",
    name="web-1.example.com",
    variant="debian-13",
    location="pdx",
    plan="vps-1",
    size=MachineSize(memory_mb=2048, disk_gb=40, cores=1, transfer_gb=2000),
)
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGq2l5b1m0f0X7w9Q3m2kqv9mE3cJ0nZ2xkq0o3v1y5T"


# Values that differ from the first request. The location must be an availability zone: the Lightsail adapter checks the
# location before it compares the requests. The other fields may have any value.
OTHER = {"location": "eu-central-1b"}


class World(Protocol):
    """A platform behind the port, and functions that act as the platform itself.

    `asked` is the request that the tests send. The domain of a finished service ends with `domain`. `refusal` is
    the error code of a refused `provision`. `failure` is the code and text of an operation that fails permanently.
    The flags say whether the platform makes a password, whether it gives each attempt its own id, and whether it
    remembers the deletion of a service that never existed.
    """

    platform: HostingPlatform
    asked: ServiceRequest
    domain: str
    refusal: str
    failure: tuple[str, str]
    makes_passwords: bool
    numbers_attempts: bool
    remembers_everything: bool

    def finish(self, item_id: str) -> None: ...
    def fail(self, item_id: str, *, retryable: bool) -> None: ...
    def lose_answer(self) -> None: ...
    def be_unavailable(self) -> None: ...
    def refuse(self) -> None: ...
    def built(self, item_id: str) -> int: ...
    def webhook(self, item_id: str) -> tuple[bytes, dict[str, str]]: ...


class StandInWorld:
    """The HTTP adapter with the stand-in, over a socket or in process."""

    asked = REQUEST
    domain = ".sites.example"
    refusal = "name_refused"
    failure = ("disk_full", "the disk is full")
    makes_passwords = numbers_attempts = remembers_everything = True

    def __init__(self, standin: PlatformStandIn, platform: HttpHostingPlatform) -> None:
        self._standin = standin
        self.platform: HostingPlatform = platform

    def finish(self, item_id: str) -> None:
        self._standin.finish(item_id)

    def fail(self, item_id: str, *, retryable: bool) -> None:
        self._standin.fail(item_id, "disk_full", "the disk is full", retryable=retryable)

    def lose_answer(self) -> None:
        self._standin.lose_answers()

    def be_unavailable(self) -> None:
        self._standin.be_unavailable()

    def refuse(self) -> None:
        self._standin.refuse()

    def built(self, item_id: str) -> int:
        return self._standin.built(item_id)

    def webhook(self, item_id: str) -> tuple[bytes, dict[str, str]]:
        return self._standin.completion_webhook(item_id, NOW)


class OverHttp(StandInWorld):
    def lose_answer(self) -> None:
        # On a pooled connection the adapter retries once by itself. The answer to the retry must be lost too.
        self._standin.lose_answers(2 if self.platform._has_pooled else 1)  # type: ignore[attr-defined]


class OnLightsail:
    """The Lightsail adapter with its stand-in, in process.

    The tests call it through the routing adapter, which passes the ids of other operations to the HTTP platform.
    """

    asked = replace(
        REQUEST,
        kind="vm",
        name="web-1.example.com",
        variant="debian_12",
        location="eu-central-1a",
        plan="small_3_0",
        platform=PlatformName.LIGHTSAIL,
        ssh_key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZ1bm55IGtleSBvZiBub2JvZHkgYXQgYWxsISEh",
    )
    domain = "web-1.example.com"
    refusal = "not_offered"
    failure = ("build_failed", "The virtual machine could not be built.")
    makes_passwords = numbers_attempts = remembers_everything = False

    def __init__(self, lightsail: LightsailInProcess, platform: HostingPlatform) -> None:
        self._lightsail = lightsail
        self._standin = lightsail.standin
        self.platform = platform

    def finish(self, item_id: str) -> None:
        self._lightsail.finish(item_id)

    def fail(self, item_id: str, *, retryable: bool) -> None:
        code = "InsufficientInstanceCapacity" if retryable else "InstanceCreationFailed"
        self._standin.fail(f"ho-{item_id}", code, "in Lightsail's words")

    def lose_answer(self) -> None:
        self._standin.lose_next_answer("GetInstance" if self._standin.machines else "CreateInstances")

    def be_unavailable(self) -> None:
        self._standin.fail_next("*", "ServiceException", status=500)

    def refuse(self) -> None:
        self._standin.fail_next("CreateInstances", "InvalidInputException", "The bundle is not available.")

    def built(self, item_id: str) -> int:
        return self._lightsail.built(item_id)

    def webhook(self, item_id: str) -> tuple[bytes, dict[str, str]]:
        raise AssertionError("Lightsail sends no webhooks")


@contextmanager
def a_world(kind: str) -> Iterator[World]:
    standin = PlatformStandIn(delay=None, webhook_secrets=(NEW_SECRET, OLD_SECRET), now=lambda: NOW)
    if kind == "http":
        with standin:
            secrets = (NEW_SECRET, OLD_SECRET)
            yield OverHttp(
                standin, HttpHostingPlatform(standin.url, standin.api_key, secrets, now=lambda: NOW)
            )
        return
    http = in_process(standin, now=lambda: NOW)
    if kind == "in process":
        yield StandInWorld(standin, http)
        return
    lightsail = LightsailInProcess(now=lambda: NOW)
    adapter = lightsail.platform(FakeMetrics())
    yield OnLightsail(lightsail, RoutedPlatform(lambda: http, lambda: adapter))


@pytest.fixture(params=["http", "in process", "lightsail"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with a_world(request.param) as world:
        yield world


@pytest.fixture(params=["http", "in process"])
def reporting(request: pytest.FixtureRequest) -> Iterator[World]:
    """A platform that sends webhooks."""
    with a_world(request.param) as world:
        yield world


def found(world: World, operation_id: str) -> Operation:
    operation = world.platform.operation(operation_id)
    assert operation is not None
    return operation


def signed(
    key: bytes, body: bytes, *, message_id: str = "evt-1", age: int = 0, version: str = "v1"
) -> dict[str, str]:
    """Headers computed from the specification, without the code under test."""
    timestamp = NOW - age
    digest = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "Webhook-Id": message_id,
        "Webhook-Timestamp": str(timestamp),
        "Webhook-Signature": f"{version}," + base64.b64encode(digest).decode(),
    }


# -- provisioning --------------------------------------------------------------------------------------------


def test_a_new_operation_is_running_and_has_our_reference(world: World) -> None:
    operation = world.platform.provision(world.asked)

    assert operation.status is OperationStatus.RUNNING
    assert (operation.item_id, operation.reference) == (ITEM, "acc-1/4711")
    assert found(world, operation.id) == operation
    assert world.built(ITEM) == 0


def test_a_finished_service_comes_with_its_credentials(world: World) -> None:
    operation = world.platform.provision(world.asked)
    world.finish(ITEM)

    done = found(world, operation.id)

    assert done.status is OperationStatus.SUCCEEDED
    assert (done.id, done.item_id, done.reference) == (operation.id, ITEM, "acc-1/4711")
    assert done.site is not None
    assert done.site.id
    assert done.site.domain.endswith(world.domain)
    assert done.site.ip_address.startswith("203.0.113.")
    assert done.site.username
    assert done.site.port == 22
    assert bool(done.site.password) is world.makes_passwords
    assert not world.makes_passwords or done.site.password not in repr(done)


def test_a_machine_comes_with_the_root_login(reporting: World) -> None:
    operation = reporting.platform.provision(MACHINE)
    reporting.finish(ITEM)

    machine = found(reporting, operation.id).site

    assert machine is not None
    assert (bool(machine.username), bool(machine.password), machine.port) == (True, True, 22)


def test_a_machine_with_an_ssh_key_has_no_password(reporting: World) -> None:
    operation = reporting.platform.provision(replace(MACHINE, ssh_key=KEY))
    reporting.finish(ITEM)

    machine = found(reporting, operation.id).site

    assert machine is not None
    assert machine.username and machine.password is None


@pytest.mark.parametrize(
    "changed",
    [
        {"size": MachineSize(memory_mb=4096, disk_gb=40, cores=1, transfer_gb=2000)},
        {"ssh_key": KEY},
        {"variant": "ubuntu-26-04"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_another_machine_for_the_same_item_is_refused(reporting: World, changed: dict[str, Any]) -> None:
    operation = reporting.platform.provision(MACHINE)

    with pytest.raises(ProvisioningFailedError, match="service_differs"):
        reporting.platform.provision(replace(MACHINE, **changed))

    assert reporting.platform.provision(MACHINE) == operation


def test_a_deleted_machine_is_not_built_again(reporting: World) -> None:
    reporting.platform.provision(MACHINE)
    reporting.finish(ITEM)
    reporting.platform.deprovision(MACHINE)

    with pytest.raises(ProvisioningFailedError, match="service_deleted"):
        reporting.platform.provision(MACHINE)

    assert reporting.built(ITEM) == 1


def test_repeated_requests_start_one_operation_and_build_once(world: World) -> None:
    first = world.platform.provision(world.asked)
    second = world.platform.provision(world.asked)
    world.finish(ITEM)
    third = world.platform.provision(world.asked)

    assert first.id == second.id == third.id
    assert third == found(world, first.id)
    assert third.status is OperationStatus.SUCCEEDED
    assert world.built(ITEM) == 1


def test_concurrent_requests_start_one_operation(world: World) -> None:
    with ThreadPoolExecutor(8) as pool:
        operations = list(pool.map(lambda _: world.platform.provision(world.asked), range(16)))
    world.finish(ITEM)

    assert len({operation.id for operation in operations}) == 1
    assert world.built(ITEM) == 1


def test_a_retry_after_a_lost_response_finds_the_operation(world: World) -> None:
    world.lose_answer()
    with pytest.raises(ProviderUnavailableError):
        world.platform.provision(world.asked)
    world.finish(ITEM)  # the platform had received the request

    operation = world.platform.provision(world.asked)

    assert operation.status is OperationStatus.SUCCEEDED
    assert world.built(ITEM) == 1


def test_after_an_outage_the_next_attempt_is_accepted(world: World) -> None:
    world.be_unavailable()
    with pytest.raises(ProviderUnavailableError):
        world.platform.provision(world.asked)

    assert world.platform.provision(world.asked).status is OperationStatus.RUNNING


def test_a_refusal_is_final(world: World) -> None:
    world.refuse()

    with pytest.raises(ProvisioningFailedError, match=world.refusal):
        world.platform.provision(world.asked)

    assert world.built(ITEM) == 0


@pytest.mark.parametrize("changed", ["name", "variant", "location", "plan", "reference", "kind"])
def test_another_body_for_the_same_item_is_refused(world: World, changed: str) -> None:
    operation = world.platform.provision(world.asked)

    with pytest.raises(ProvisioningFailedError, match="service_differs"):
        world.platform.provision(replace(world.asked, **{changed: OTHER.get(changed, "other")}))

    assert world.platform.provision(world.asked) == operation


def test_a_permanent_failure_is_not_retried(world: World) -> None:
    operation = world.platform.provision(world.asked)
    world.fail(ITEM, retryable=False)

    failed = found(world, operation.id)

    assert failed.status is OperationStatus.FAILED
    assert (failed.error_code, failed.error_message) == world.failure
    assert failed.site is None
    assert world.platform.provision(world.asked) == failed


def test_a_retry_after_a_temporary_failure_succeeds(world: World) -> None:
    first = world.platform.provision(world.asked)
    world.fail(ITEM, retryable=True)

    with pytest.raises(ProviderUnavailableError):
        world.platform.operation(first.id)
    second = world.platform.provision(world.asked)
    world.finish(ITEM)

    assert (second.id != first.id) is world.numbers_attempts
    assert found(world, second.id).status is OperationStatus.SUCCEEDED
    assert world.built(ITEM) == 1


def test_no_operation_is_found_for_an_unknown_id(world: World) -> None:
    assert world.platform.operation("op-of-nobody") is None


def test_a_lost_response_to_a_read_raises_an_error(world: World) -> None:
    operation = world.platform.provision(world.asked)
    world.lose_answer()

    with pytest.raises(ProviderUnavailableError):
        world.platform.operation(operation.id)

    assert found(world, operation.id) == operation


# -- deprovisioning ------------------------------------------------------------------------------------------


def test_deprovisioning_an_unknown_service_succeeds(world: World) -> None:
    world.platform.deprovision(replace(world.asked, item_id="0195f2a4-7c00-8abc-9def-ffffffffffff"))


def test_a_service_can_be_deprovisioned_twice(world: World) -> None:
    world.platform.provision(world.asked)
    world.finish(ITEM)

    world.platform.deprovision(world.asked)
    world.platform.deprovision(world.asked)


def test_deprovisioning_ends_a_running_operation(world: World) -> None:
    operation = world.platform.provision(world.asked)

    world.platform.deprovision(world.asked)

    ended = found(world, operation.id)
    assert (ended.status, ended.error_code) == (OperationStatus.FAILED, "service_deleted")
    assert world.built(ITEM) == 0


def test_a_service_deleted_before_its_request_is_not_built(world: World) -> None:
    if not world.remembers_everything:
        pytest.skip("Lightsail does not remember a machine that never existed")
    world.platform.deprovision(world.asked)  # the DELETE arrives before the PUT

    with pytest.raises(ProvisioningFailedError, match="service_deleted"):
        world.platform.provision(world.asked)

    assert world.built(ITEM) == 0


def test_deprovisioning_is_repeatable_after_a_lost_response(world: World) -> None:
    operation = world.platform.provision(world.asked)
    world.lose_answer()
    with pytest.raises(ProviderUnavailableError):
        world.platform.deprovision(world.asked)

    world.platform.deprovision(world.asked)

    assert found(world, operation.id).error_code == "service_deleted"


# -- webhooks ------------------------------------------------------------------------------------------------


def test_the_platforms_webhook_names_its_operation(reporting: World) -> None:
    operation = reporting.platform.provision(reporting.asked)
    reporting.finish(ITEM)

    body, headers = reporting.webhook(ITEM)

    assert reporting.platform.operation_of_webhook(body, headers) == operation.id
    assert json.loads(body) == {
        "type": "operation.completed",
        "operation_id": operation.id,
        "item_id": ITEM,
        "reference": "acc-1/4711",
    }


def test_the_platform_signs_its_webhook_with_every_secret(reporting: World) -> None:
    reporting.platform.provision(reporting.asked)

    body, headers = reporting.webhook(ITEM)

    signed_part = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = [
        "v1," + base64.b64encode(hmac.digest(key, signed_part, "sha256")).decode()
        for key in (NEW_KEY, OLD_KEY)
    ]
    assert headers["webhook-signature"].split(" ") == expected


BODY = b'{"type": "operation.completed", "operation_id": "op-9", "item_id": "i", "reference": "r"}'


@pytest.mark.parametrize("key", [NEW_KEY, OLD_KEY], ids=["new", "old"])
def test_the_old_and_the_new_secret_are_valid_during_a_rotation(reporting: World, key: bytes) -> None:
    assert reporting.platform.operation_of_webhook(BODY, signed(key, BODY)) == "op-9"


def test_one_valid_signature_among_others_is_enough(reporting: World) -> None:
    headers = signed(NEW_KEY, BODY)
    headers["Webhook-Signature"] = f"v1a,abc= v1,AAAA nonsense {headers['Webhook-Signature']}"

    assert reporting.platform.operation_of_webhook(BODY, headers) == "op-9"


@pytest.mark.parametrize("age", [299, -299])
def test_clocks_may_differ_by_five_minutes(reporting: World, age: int) -> None:
    assert reporting.platform.operation_of_webhook(BODY, signed(NEW_KEY, BODY, age=age)) == "op-9"


OTHER_TYPE = BODY.replace(b"completed", b"started")

FORGERIES = {
    "another key": (BODY, signed(b"not ours", BODY)),
    "another body": (BODY.replace(b"op-9", b"op-8"), signed(NEW_KEY, BODY)),
    "another id": (BODY, signed(NEW_KEY, BODY) | {"Webhook-Id": "evt-2"}),
    "no headers": (BODY, {}),
    "no signature": (BODY, signed(NEW_KEY, BODY) | {"Webhook-Signature": ""}),
    "no id": (BODY, signed(NEW_KEY, BODY, message_id="")),
    "another version": (BODY, signed(NEW_KEY, BODY, version="v2")),
    "odd characters": (BODY, signed(NEW_KEY, BODY) | {"Webhook-Signature": "v1,žluťoučký v1 , v1,"}),
    "odd timestamp": (BODY, signed(NEW_KEY, BODY) | {"Webhook-Timestamp": "１２３"}),
    "no number": (BODY, signed(NEW_KEY, BODY) | {"Webhook-Timestamp": "nan"}),
    "not JSON": (b"\xff", signed(NEW_KEY, b"\xff")),
    "another type": (OTHER_TYPE, signed(NEW_KEY, OTHER_TYPE)),
}


@pytest.mark.parametrize("body, headers", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forged_webhook_is_refused(reporting: World, body: bytes, headers: dict[str, str]) -> None:
    with pytest.raises(ForgedWebhookError):
        reporting.platform.operation_of_webhook(body, headers)


@pytest.mark.parametrize("age", [310, -310, 86_400])
def test_a_webhook_with_an_old_or_future_timestamp_is_refused(reporting: World, age: int) -> None:
    with pytest.raises(ForgedWebhookError):
        reporting.platform.operation_of_webhook(BODY, signed(NEW_KEY, BODY, age=age))
