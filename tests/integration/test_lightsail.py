"""The Lightsail adapter with its stand-in: building, ownership, failures and deletion of machines."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import boto3
import pytest

from hosting_orders.adapters.lightsail.places import ORDER_TAG, place_of_operation
from hosting_orders.adapters.lightsail.platform import LightsailPlatform
from hosting_orders.domain.errors import ProviderUnavailableError, ProvisioningFailedError
from hosting_orders.domain.providers import OperationStatus
from tests.support.lightsail_shop import ITEM, MACHINE, REQUEST, Metrics, Shop

QUOTA = "Sorry, you've reached the maximum number of instances for your account."
# Lightsail's own text. The space is written as an escape, because test_prose.py refuses the two words.
NEW_ACCOUNT = "Sorry, your account can\u0020not create an instance using this Lightsail plan size."


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop


# -- the normal path ------------------------------------------------------------------------------------------------


def test_a_machine_is_created_as_ordered(shop: Shop) -> None:
    operation = shop.platform.provision(REQUEST)

    machine = shop.standin.machine(MACHINE)
    assert operation.status is OperationStatus.RUNNING
    assert (machine.zone, machine.blueprint, machine.bundle) == ("eu-central-1a", "debian_12", "small_3_0")
    assert machine.tagged[ORDER_TAG] == ITEM
    assert shop.regions == ["eu-central-1"]


def test_a_running_machine_gets_an_address_and_open_ports(shop: Shop) -> None:
    operation = shop.delivered()

    assert operation.status is OperationStatus.SUCCEEDED
    assert operation.site is not None
    (address,) = shop.standin.addresses
    assert (address.name, address.attached_to) == (f"{MACHINE}-ip", MACHINE)
    assert (operation.site.id, operation.site.domain) == (MACHINE, "web-1.example.com")
    assert (operation.site.ip_address, operation.site.port) == (address.ip, 22)
    assert (operation.site.username, operation.site.password) == ("root", "")
    ports = shop.standin.machine(MACHINE).ports
    assert sorted(port["fromPort"] for port in ports) == [22, 80, 443]


def test_finished_steps_are_not_repeated(shop: Shop) -> None:
    first = shop.delivered()
    acted = ("CreateInstances", "AllocateStaticIp", "AttachStaticIp", "PutInstancePublicPorts")

    assert shop.platform.provision(REQUEST) == first
    assert shop.platform.operation(first.id) == first
    assert [shop.standin.asked(operation) for operation in acted] == [1, 1, 1, 1]


def test_an_operation_id_contains_zone_item_and_reference(shop: Shop) -> None:
    operation = shop.platform.provision(REQUEST)

    place = place_of_operation(operation.id)

    assert place is not None
    assert (place.zone, place.item_id, place.reference) == ("eu-central-1a", ITEM, REQUEST.reference)
    assert (operation.item_id, operation.reference) == (ITEM, REQUEST.reference)


@pytest.mark.parametrize(
    "other", ["op-1", "lightsail/", "lightsail/nowhere/x/y", "lightsail/eu-central-1a/../y"]
)
def test_an_invalid_operation_id_finds_nothing(shop: Shop, other: str) -> None:
    assert shop.platform.operation(other) is None
    assert shop.standin.requests == []


def test_each_region_has_its_own_client(shop: Shop) -> None:
    shop.platform.provision(REQUEST)
    other = replace(REQUEST, item_id="0195f2a4-7c00-8abc-9def-000000000002", location="us-east-1b")
    shop.platform.provision(other)
    shop.platform.provision(REQUEST)

    assert shop.regions == ["eu-central-1", "us-east-1"]
    assert {machine.region for machine in shop.standin.machines} == {"eu-central-1", "us-east-1"}


def test_a_foreign_machine_is_not_adopted_during_the_build(
    shop: Shop,
) -> None:
    answer = shop.standin.answer

    def meanwhile(headers: Mapping[str, str], body: bytes | str) -> Any:
        if headers["x-amz-target"].endswith("AllocateStaticIp"):
            shop.standin.answer = answer  # type: ignore[method-assign]
            shop.lightsail.client("eu-central-1").create_instances(
                instanceNames=[MACHINE],
                availabilityZone="eu-central-1a",
                blueprintId="debian_12",
                bundleId="small_3_0",
            )
        return answer(headers, body)

    shop.standin.answer = meanwhile  # type: ignore[method-assign]
    with pytest.raises(ProvisioningFailedError, match="name_taken"):
        shop.platform.provision(REQUEST)
    shop.platform.deprovision(REQUEST)

    assert shop.left == (1, 0)


def test_the_address_of_a_missing_machine_is_released(shop: Shop) -> None:
    shop.platform.provision(REQUEST)
    shop.standin.cloud.machines.clear()  # the machine never appears, and its operation stays `Started`
    shop.platform.provision(REQUEST)
    with pytest.raises(ProviderUnavailableError):
        shop.platform.deprovision(REQUEST)

    shop.platform._now = lambda: time.time() + 3601
    shop.platform.deprovision(REQUEST)

    assert shop.left == (0, 0)


def test_concurrent_requests_build_one_machine(shop: Shop) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: shop.platform.provision(REQUEST), range(16)))

    assert shop.left == (1, 1)


@pytest.mark.parametrize(
    "operation",
    ["GetInstance", "AllocateStaticIp", "CreateInstances", "GetOperationsForResource", "GetStaticIp"],
)
def test_a_retry_after_a_lost_response_leaves_one_machine(shop: Shop, operation: str) -> None:
    shop.standin.lose_next_answer(operation)

    with pytest.raises(ProviderUnavailableError):
        shop.platform.provision(REQUEST)
    assert shop.delivered().status is OperationStatus.SUCCEEDED

    assert shop.left == (1, 1)
    assert shop.standin.built(MACHINE) == 1


@pytest.mark.parametrize("operation", ["AttachStaticIp", "PutInstancePublicPorts"])
def test_a_retry_finishes_a_machine_after_a_lost_response(shop: Shop, operation: str) -> None:
    shop.platform.provision(REQUEST)
    shop.standin.finish(MACHINE)
    shop.standin.lose_next_answer(operation)

    with pytest.raises(ProviderUnavailableError):
        shop.platform.provision(REQUEST)

    assert shop.platform.provision(REQUEST).status is OperationStatus.SUCCEEDED
    assert shop.left == (1, 1)


def test_repeated_requests_for_a_pending_machine_change_nothing(shop: Shop) -> None:
    operation = shop.platform.provision(REQUEST)

    assert [shop.platform.provision(REQUEST) for _ in range(3)] == [operation] * 3
    assert shop.platform.operation(operation.id) == operation


# -- ownership ------------------------------------------------------------------------------------------------------


def foreign(shop: Shop, **tags: str) -> None:
    """Create a stranger's machine with the name that the order's machine would have."""
    shop.lightsail.client().create_instances(
        instanceNames=[MACHINE],
        availabilityZone="eu-central-1a",
        blueprintId="debian_12",
        bundleId="nano_3_0",
        tags=[{"key": key, "value": value} for key, value in tags.items()],
    )


def test_a_foreign_machine_is_not_adopted_and_never_deleted(shop: Shop) -> None:
    foreign(shop, owner="stranger")

    with pytest.raises(ProvisioningFailedError, match="name_taken"):
        shop.platform.provision(REQUEST)
    assert shop.platform.operation(f"lightsail/eu-central-1a/{ITEM}/x") is None
    shop.platform.deprovision(REQUEST)

    assert shop.left == (1, 0)


def test_the_address_of_another_machine_stays_untouched(shop: Shop) -> None:
    foreign(shop)
    other = MACHINE
    shop.standin.finish(other)
    request = replace(REQUEST, item_id="0195f2a4-7c00-8abc-9def-000000000002")
    client = shop.lightsail.client()
    client.allocate_static_ip(staticIpName=f"ho-{request.item_id}-ip")
    client.attach_static_ip(staticIpName=f"ho-{request.item_id}-ip", instanceName=other)

    with pytest.raises(ProvisioningFailedError, match="name_taken"):
        shop.platform.provision(request)
    shop.platform.deprovision(request)

    (address,) = shop.standin.addresses
    assert address.attached_to == other


@pytest.mark.parametrize("field", ["name", "variant", "plan", "reference", "kind"])
def test_the_same_item_with_other_values_is_refused(shop: Shop, field: str) -> None:
    operation = shop.platform.provision(REQUEST)

    with pytest.raises(ProvisioningFailedError, match="service_differs"):
        shop.platform.provision(replace(REQUEST, **{field: "other"}))

    assert shop.platform.provision(REQUEST) == operation


def test_a_used_name_without_a_machine_is_a_temporary_error(shop: Shop) -> None:
    shop.standin.fail_next(
        "CreateInstances", "InvalidInputException", f"Some names are already in use: {MACHINE}"
    )

    with pytest.raises(ProviderUnavailableError):
        shop.platform.provision(REQUEST)

    assert shop.delivered().status is OperationStatus.SUCCEEDED


# -- final failures -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [{"plan": "colossal_9_0"}, {"variant": "beos_5"}, {"location": "eu-central-1x"}, {"location": "moon"}],
)
def test_an_unavailable_product_is_refused(shop: Shop, change: dict[str, str]) -> None:
    with pytest.raises(ProvisioningFailedError, match="not_offered"):
        shop.platform.provision(replace(REQUEST, **change))

    assert shop.left == (0, 0)


@pytest.mark.parametrize(
    "leaves", [True, False], ids=["half-made machine stays", "half-made machine is deleted"]
)
@pytest.mark.parametrize("ask", ["provision", "operation"])
def test_a_failed_build_is_reported_and_can_be_deleted(shop: Shop, leaves: bool, ask: str) -> None:
    begun = shop.platform.provision(REQUEST)
    shop.standin.fail(MACHINE, leaves=leaves)

    failed = shop.platform.provision(REQUEST) if ask == "provision" else shop.platform.operation(begun.id)

    assert failed is not None
    assert (failed.status, failed.error_code) == (OperationStatus.FAILED, "build_failed")
    assert failed.error_message == "The virtual machine could not be built."
    assert failed.reference == REQUEST.reference
    assert shop.platform.provision(REQUEST) == failed
    shop.platform.deprovision(REQUEST)
    assert shop.left == (0, 0)


def test_a_machine_is_built_again_if_its_failure_is_forgotten(shop: Shop) -> None:
    shop.standin.cloud.remembers = False
    shop.platform.provision(REQUEST)
    shop.standin.fail(MACHINE)
    assert shop.platform.provision(REQUEST).status is OperationStatus.FAILED

    assert shop.platform.provision(REQUEST).status is OperationStatus.RUNNING

    assert shop.left == (1, 1)


def test_a_test_order_never_reaches_amazon() -> None:
    def real(region: str) -> Any:
        client = boto3.client("lightsail", region, aws_access_key_id="x", aws_secret_access_key="x")
        client.meta.events.register_first("before-send.lightsail", no_request)
        return client

    def no_request(**_: Any) -> None:
        raise AssertionError("a request left for Amazon")

    platform = LightsailPlatform(real, Metrics())

    with pytest.raises(ProvisioningFailedError, match="test_order"):
        platform.provision(replace(REQUEST, live=False))


def test_a_stand_in_delivers_and_deletes_a_test_order(shop: Shop) -> None:
    request = replace(REQUEST, live=False)
    assert shop.delivered(request).status is OperationStatus.SUCCEEDED

    shop.platform.deprovision(request)

    assert shop.left == (0, 0)


# -- temporary failures ---------------------------------------------------------------------------------------------

PASSING: dict[str, tuple[str, int, str]] = {
    "throttled": ("ThrottlingException", 400, "Rate exceeded"),
    "account being set up": ("AccountSetupInProgressException", 400, "in progress"),
    "region being set up": ("RegionSetupInProgressException", 400, "in progress"),
    "no rights": ("AccessDeniedException", 400, "User is not authorized to perform this"),
    "no credentials": ("UnauthenticatedException", 400, "not authenticated"),
    "expired credentials": ("ExpiredTokenException", 400, "The security token is expired"),
    "an operation that failed": ("OperationFailureException", 400, "The operation failed"),
    "a fault of the service": ("ServiceException", 500, "An error occurred"),
    "a quota": ("InvalidInputException", 400, QUOTA),
    "a new account's plan sizes": ("InvalidInputException", 400, NEW_ACCOUNT),
}


@pytest.mark.parametrize("code, status, text", PASSING.values(), ids=PASSING.keys())
def test_a_build_can_be_repeated_after_a_temporary_error(
    shop: Shop, code: str, status: int, text: str
) -> None:
    shop.standin.fail_next("CreateInstances", code, text, status=status)

    with pytest.raises(ProviderUnavailableError) as fault:
        shop.platform.provision(REQUEST)

    assert text not in str(fault.value)
    assert shop.delivered().status is OperationStatus.SUCCEEDED
    assert shop.left == (1, 1)


def test_an_exhausted_quota_does_not_fail_the_order(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    shop.standin.configure(quota=0)

    with caplog.at_level(logging.WARNING), pytest.raises(ProviderUnavailableError):
        shop.platform.provision(REQUEST)

    assert shop.metrics.counts["MachineQuotaReached"] == 1
    assert QUOTA in str([record.__dict__ for record in caplog.records])
    shop.standin.configure(quota=20)
    assert shop.delivered().status is OperationStatus.SUCCEEDED


def test_no_machine_is_created_if_no_address_is_free(shop: Shop) -> None:
    shop.standin.configure(address_quota=0)

    with pytest.raises(ProviderUnavailableError):
        shop.platform.provision(REQUEST)

    assert shop.metrics.counts["MachineQuotaReached"] == 1
    assert shop.left == (0, 0)


@pytest.mark.parametrize(
    "leaves", [True, False], ids=["half-made machine stays", "half-made machine is deleted"]
)
def test_a_machine_is_built_again_after_a_lack_of_capacity(shop: Shop, leaves: bool) -> None:
    begun = shop.platform.provision(REQUEST)
    shop.standin.fail(MACHINE, "InsufficientInstanceCapacity", "no capacity", leaves=leaves)

    with pytest.raises(ProviderUnavailableError):
        shop.platform.operation(begun.id)

    assert shop.delivered().status is OperationStatus.SUCCEEDED
    assert shop.left == (1, 1)


# -- deletion -------------------------------------------------------------------------------------------------------


def begun(shop: Shop) -> None:
    shop.platform.provision(REQUEST)


def delivered(shop: Shop) -> None:
    shop.delivered()


def never_asked_for(shop: Shop) -> None:
    pass


@pytest.mark.parametrize("life", [never_asked_for, begun, delivered])
def test_after_a_deletion_no_machine_and_no_address_is_left(shop: Shop, life: Callable[[Shop], None]) -> None:
    life(shop)

    shop.platform.deprovision(REQUEST)
    shop.platform.deprovision(REQUEST)

    assert shop.left == (0, 0)


TO_TAKE_DOWN = ["GetInstance", "GetStaticIp", "DetachStaticIp", "ReleaseStaticIp", "DeleteInstance"]


@pytest.mark.parametrize("operation", TO_TAKE_DOWN)
def test_a_deletion_with_a_lost_response_can_be_repeated(shop: Shop, operation: str) -> None:
    shop.delivered()
    shop.standin.lose_next_answer(operation)

    with pytest.raises(ProviderUnavailableError):
        shop.platform.deprovision(REQUEST)
    shop.platform.deprovision(REQUEST)

    assert shop.left == (0, 0)


@pytest.mark.parametrize("operation", TO_TAKE_DOWN)
def test_a_refused_deletion_can_be_repeated(shop: Shop, operation: str) -> None:
    shop.delivered()
    shop.standin.fail_next(
        operation, "InvalidInputException", "The instance is not in a state that allows this."
    )

    with pytest.raises(ProviderUnavailableError):
        shop.platform.deprovision(REQUEST)
    shop.platform.deprovision(REQUEST)

    assert shop.left == (0, 0)


def test_a_deletion_can_be_repeated_after_a_late_failure(shop: Shop) -> None:
    shop.delivered()
    shop.standin.cloud.failing_deletions = 1

    with pytest.raises(ProviderUnavailableError):
        shop.platform.deprovision(REQUEST)
    shop.platform.deprovision(REQUEST)

    assert shop.left == (0, 0)


def test_a_machine_counts_as_deleted_during_its_deletion(shop: Shop) -> None:
    operation = shop.delivered()
    shop.standin.cloud.deletion_delay = None
    shop.platform.deprovision(REQUEST)

    for ended in (shop.platform.operation(operation.id), shop.platform.provision(REQUEST)):
        assert ended is not None
        assert (ended.status, ended.error_code) == (OperationStatus.FAILED, "service_deleted")


def test_a_deletion_before_the_machine_appears_is_an_error(shop: Shop) -> None:
    shop.platform.provision(REQUEST)
    shop.standin.fail_next("GetInstance", "NotFoundException", "does not exist", status=404)

    with pytest.raises(ProviderUnavailableError):
        shop.platform.deprovision(REQUEST)

    shop.platform.deprovision(REQUEST)
    assert shop.left == (0, 0)


def test_a_late_request_does_not_rebuild_a_deleted_machine(shop: Shop) -> None:
    shop.platform.provision(REQUEST)
    shop.platform.deprovision(REQUEST)

    assert shop.platform.provision(REQUEST).error_code == "service_deleted"
    assert shop.left == (0, 0)


# -- malformed responses --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"<html>", b'{"instance": null}', b'{"instance": {"name": "other"}}']
)
def test_a_malformed_response_raises_provider_unavailable(shop: Shop, body: bytes) -> None:
    shop.platform.provision(REQUEST)
    answer = shop.standin.answer

    def garbled(headers: Any, sent: Any) -> Any:
        reply = answer(headers, sent)
        return replace(reply, body=body) if headers["x-amz-target"].endswith(".GetInstance") else reply

    shop.standin.answer = garbled  # type: ignore[method-assign]
    with pytest.raises(ProviderUnavailableError):
        shop.platform.provision(REQUEST)
    with pytest.raises(ProviderUnavailableError):
        shop.platform.deprovision(REQUEST)

    assert shop.left == (1, 1)
