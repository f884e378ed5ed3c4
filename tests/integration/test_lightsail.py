"""The Lightsail adapter against the stand-in: what it asks for, what it makes of the answers, and what stays behind."""

from __future__ import annotations

import logging
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from hosting_orders.adapters.lightsail.launch import launch_script
from hosting_orders.adapters.lightsail.places import ORDER_TAG, place_of_operation
from hosting_orders.adapters.lightsail.platform import LightsailPlatform
from hosting_orders.adapters.lightsail.sha_crypt import hashed
from hosting_orders.adapters.platforms import RoutedPlatform
from hosting_orders.domain.catalogue import PlatformName
from hosting_orders.domain.errors import ProviderUnavailableError, ProvisioningFailedError
from hosting_orders.domain.providers import Operation, OperationStatus, ServiceRequest
from tests.support.lightsail_in_process import LightsailInProcess

ITEM = "0195f2a4-7c00-8abc-9def-0123456789ab"
MACHINE = f"ho-{ITEM}"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZ1bm55IGtleSBvZiBub2JvZHkgYXQgYWxsISEh"
PASSWORD = "kX7vQ2mWz9TbRfHs4NpYcJ3u"
REQUEST = ServiceRequest(
    item_id=ITEM,
    reference=f"acc_demo/{ITEM}",
    kind="vm",
    name="web-1.example.com",
    variant="debian_12",
    location="eu-central-1a",
    plan="small_3_0",
    platform=PlatformName.LIGHTSAIL,
    ssh_key=KEY,
    live=True,
)
QUOTA = "Sorry, you've reached the maximum number of instances for your account."
NEW_ACCOUNT = "Sorry, your account can not create an instance using this Lightsail plan size."


class Metrics:
    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def count(self, name: str) -> None:
        self.counts[name] += 1


class Shop:
    """The adapter, the stand-in and the operators' counts."""

    def __init__(self) -> None:
        self.lightsail = LightsailInProcess()
        self.standin = self.lightsail.standin
        self.metrics = Metrics()
        self.regions: list[str] = []
        self.platform = LightsailPlatform(self._client, self.metrics)

    def _client(self, region: str) -> Any:
        self.regions.append(region)
        return self.lightsail.client(region)

    def delivered(self, request: ServiceRequest = REQUEST) -> Operation:
        self.platform.provision(request)
        self.lightsail.finish(request.item_id)
        return self.platform.provision(request)

    @property
    def left(self) -> tuple[int, int]:
        """Machines and addresses: each costs money."""
        return len(self.standin.machines), len(self.standin.addresses)


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop
    shop.lightsail.close()


# -- the ordinary way -----------------------------------------------------------------------------------------------


def test_a_machine_is_asked_for_by_a_name_computed_from_the_order(shop: Shop) -> None:
    operation = shop.platform.provision(REQUEST)

    machine = shop.standin.machine(MACHINE)
    assert operation.status is OperationStatus.RUNNING
    assert (machine.zone, machine.blueprint, machine.bundle) == ("eu-central-1a", "debian_12", "small_3_0")
    assert machine.tagged[ORDER_TAG] == ITEM
    assert shop.regions == ["eu-central-1"]


def test_a_running_machine_gets_its_own_address_and_three_open_ports(shop: Shop) -> None:
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


def test_what_is_done_is_not_done_again(shop: Shop) -> None:
    first = shop.delivered()
    acted = ("CreateInstances", "AllocateStaticIp", "AttachStaticIp", "PutInstancePublicPorts")

    assert shop.platform.provision(REQUEST) == first
    assert shop.platform.operation(first.id) == first
    assert [shop.standin.asked(operation) for operation in acted] == [1, 1, 1, 1]


def test_the_operation_s_id_says_where_to_look_and_whose_it_is(shop: Shop) -> None:
    operation = shop.platform.provision(REQUEST)

    place = place_of_operation(operation.id)

    assert place is not None
    assert (place.zone, place.item_id, place.reference) == ("eu-central-1a", ITEM, REQUEST.reference)
    assert (operation.item_id, operation.reference) == (ITEM, REQUEST.reference)


@pytest.mark.parametrize(
    "other", ["op-1", "lightsail/", "lightsail/nowhere/x/y", "lightsail/eu-central-1a/../y"]
)
def test_an_id_that_is_not_ours_is_no_operation_and_nothing_is_asked(shop: Shop, other: str) -> None:
    assert shop.platform.operation(other) is None
    assert shop.standin.requests == []


def test_each_region_is_asked_through_a_client_of_its_own(shop: Shop) -> None:
    shop.platform.provision(REQUEST)
    other = replace(REQUEST, item_id="0195f2a4-7c00-8abc-9def-000000000002", location="us-east-1b")
    shop.platform.provision(other)
    shop.platform.provision(REQUEST)

    assert shop.regions == ["eu-central-1", "us-east-1"]
    assert {machine.region for machine in shop.standin.machines} == {"eu-central-1", "us-east-1"}


def test_many_at_once_build_one_machine_with_one_address(shop: Shop) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: shop.platform.provision(REQUEST), range(16)))

    assert shop.left == (1, 1)


@pytest.mark.parametrize(
    "operation",
    ["GetInstance", "AllocateStaticIp", "CreateInstances", "GetOperationsForResource", "GetStaticIp"],
)
def test_a_lost_answer_while_it_is_asked_for_leads_to_one_machine(shop: Shop, operation: str) -> None:
    shop.standin.lose_next_answer(operation)

    with pytest.raises(ProviderUnavailableError):
        shop.platform.provision(REQUEST)
    assert shop.delivered().status is OperationStatus.SUCCEEDED

    assert shop.left == (1, 1)
    assert shop.standin.built(MACHINE) == 1


@pytest.mark.parametrize("operation", ["AttachStaticIp", "PutInstancePublicPorts"])
def test_a_lost_answer_while_it_is_handed_over_is_made_good(shop: Shop, operation: str) -> None:
    shop.platform.provision(REQUEST)
    shop.standin.finish(MACHINE)
    shop.standin.lose_next_answer(operation)

    with pytest.raises(ProviderUnavailableError):
        shop.platform.provision(REQUEST)

    assert shop.platform.provision(REQUEST).status is OperationStatus.SUCCEEDED
    assert shop.left == (1, 1)


def test_a_machine_that_stays_pending_is_under_way_however_often_it_is_asked_about(shop: Shop) -> None:
    operation = shop.platform.provision(REQUEST)

    assert [shop.platform.provision(REQUEST) for _ in range(3)] == [operation] * 3
    assert shop.platform.operation(operation.id) == operation


# -- whose it is ----------------------------------------------------------------------------------------------------


def foreign(shop: Shop, **tags: str) -> None:
    """A machine that has the order's name, and that somebody else made."""
    shop.lightsail.client().create_instances(
        instanceNames=[MACHINE],
        availabilityZone="eu-central-1a",
        blueprintId="debian_12",
        bundleId="nano_3_0",
        tags=[{"key": key, "value": value} for key, value in tags.items()],
    )


def test_a_machine_of_another_is_not_adopted_and_never_deleted(shop: Shop) -> None:
    foreign(shop, owner="somebody")

    with pytest.raises(ProvisioningFailedError, match="name_taken"):
        shop.platform.provision(REQUEST)
    assert shop.platform.operation(f"lightsail/eu-central-1a/{ITEM}/x") is None
    shop.platform.deprovision(REQUEST)

    assert shop.left == (1, 0)


def test_an_address_that_another_machine_uses_is_neither_taken_nor_released(shop: Shop) -> None:
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
def test_the_same_item_with_other_values_is_refused_and_changes_nothing(shop: Shop, field: str) -> None:
    operation = shop.platform.provision(REQUEST)

    with pytest.raises(ProvisioningFailedError, match="service_differs"):
        shop.platform.provision(replace(REQUEST, **{field: "other"}))

    assert shop.platform.provision(REQUEST) == operation


def test_a_name_in_use_that_no_machine_has_is_waited_for(shop: Shop) -> None:
    shop.standin.fail_next(
        "CreateInstances", "InvalidInputException", f"Some names are already in use: {MACHINE}"
    )

    with pytest.raises(ProviderUnavailableError):
        shop.platform.provision(REQUEST)

    assert shop.delivered().status is OperationStatus.SUCCEEDED


# -- what does not pay to wait for ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [{"plan": "colossal_9_0"}, {"variant": "beos_5"}, {"location": "eu-central-1x"}, {"location": "moon"}],
)
def test_what_lightsail_does_not_offer_is_refused_and_leaves_nothing(
    shop: Shop, change: dict[str, str]
) -> None:
    with pytest.raises(ProvisioningFailedError, match="not_offered"):
        shop.platform.provision(replace(REQUEST, **change))

    assert shop.left == (0, 0)


@pytest.mark.parametrize(
    "leaves", [True, False], ids=["half-made machine stays", "half-made machine is gone"]
)
@pytest.mark.parametrize("ask", ["provision", "operation"])
def test_a_failure_after_it_began_is_told_without_lightsail_s_words_and_leaves_nothing(
    shop: Shop, leaves: bool, ask: str
) -> None:
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


def test_a_failure_that_lightsail_has_forgotten_leads_to_one_machine_at_most(shop: Shop) -> None:
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


def test_a_test_order_is_delivered_by_a_stand_in_and_taken_down(shop: Shop) -> None:
    request = replace(REQUEST, live=False)
    assert shop.delivered(request).status is OperationStatus.SUCCEEDED

    shop.platform.deprovision(request)

    assert shop.left == (0, 0)


# -- what pays to wait for ------------------------------------------------------------------------------------------

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
def test_what_time_or_an_operator_mends_is_waited_for(shop: Shop, code: str, status: int, text: str) -> None:
    shop.standin.fail_next("CreateInstances", code, text, status=status)

    with pytest.raises(ProviderUnavailableError) as fault:
        shop.platform.provision(REQUEST)

    assert text not in str(fault.value)
    assert shop.delivered().status is OperationStatus.SUCCEEDED
    assert shop.left == (1, 1)


def test_a_quota_calls_an_operator_and_is_no_reason_to_give_up(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.standin.configure(quota=0)

    with caplog.at_level(logging.WARNING), pytest.raises(ProviderUnavailableError):
        shop.platform.provision(REQUEST)

    assert shop.metrics.counts["MachineQuotaReached"] == 1
    assert QUOTA in str([record.__dict__ for record in caplog.records])
    shop.standin.configure(quota=20)
    assert shop.delivered().status is OperationStatus.SUCCEEDED


def test_without_an_address_no_machine_is_begun(shop: Shop) -> None:
    shop.standin.configure(address_quota=0)

    with pytest.raises(ProviderUnavailableError):
        shop.platform.provision(REQUEST)

    assert shop.metrics.counts["MachineQuotaReached"] == 1
    assert shop.left == (0, 0)


@pytest.mark.parametrize(
    "leaves", [True, False], ids=["half-made machine stays", "half-made machine is gone"]
)
def test_want_of_capacity_passes_and_it_is_built_anew(shop: Shop, leaves: bool) -> None:
    begun = shop.platform.provision(REQUEST)
    shop.standin.fail(MACHINE, "InsufficientInstanceCapacity", "no capacity", leaves=leaves)

    with pytest.raises(ProviderUnavailableError):
        shop.platform.operation(begun.id)

    assert shop.delivered().status is OperationStatus.SUCCEEDED
    assert shop.left == (1, 1)


# -- taking down ----------------------------------------------------------------------------------------------------


def begun(shop: Shop) -> None:
    shop.platform.provision(REQUEST)


def delivered(shop: Shop) -> None:
    shop.delivered()


def never_asked_for(shop: Shop) -> None:
    pass


@pytest.mark.parametrize("life", [never_asked_for, begun, delivered])
def test_nothing_is_left_of_what_was_taken_down(shop: Shop, life: Callable[[Shop], None]) -> None:
    life(shop)

    shop.platform.deprovision(REQUEST)
    shop.platform.deprovision(REQUEST)

    assert shop.left == (0, 0)


TO_TAKE_DOWN = ["GetInstance", "GetStaticIp", "DetachStaticIp", "ReleaseStaticIp", "DeleteInstance"]


@pytest.mark.parametrize("operation", TO_TAKE_DOWN)
def test_a_lost_answer_to_taking_down_is_a_fault_until_nothing_is_left(shop: Shop, operation: str) -> None:
    shop.delivered()
    shop.standin.lose_next_answer(operation)

    with pytest.raises(ProviderUnavailableError):
        shop.platform.deprovision(REQUEST)
    shop.platform.deprovision(REQUEST)

    assert shop.left == (0, 0)


@pytest.mark.parametrize("operation", TO_TAKE_DOWN)
def test_a_refusal_to_take_down_is_never_final(shop: Shop, operation: str) -> None:
    shop.delivered()
    shop.standin.fail_next(
        operation, "InvalidInputException", "The instance is not in a state that allows this."
    )

    with pytest.raises(ProviderUnavailableError):
        shop.platform.deprovision(REQUEST)
    shop.platform.deprovision(REQUEST)

    assert shop.left == (0, 0)


def test_a_machine_that_is_being_deleted_is_not_taken_for_one_that_stands(shop: Shop) -> None:
    operation = shop.delivered()
    shop.standin.cloud.deletion_delay = None
    shop.platform.deprovision(REQUEST)

    for ended in (shop.platform.operation(operation.id), shop.platform.provision(REQUEST)):
        assert ended is not None
        assert (ended.status, ended.error_code) == (OperationStatus.FAILED, "service_deleted")


def test_a_machine_that_does_not_show_yet_is_not_taken_for_one_that_never_was(shop: Shop) -> None:
    shop.platform.provision(REQUEST)
    shop.standin.fail_next("GetInstance", "NotFoundException", "does not exist", status=404)

    with pytest.raises(ProviderUnavailableError):
        shop.platform.deprovision(REQUEST)

    shop.platform.deprovision(REQUEST)
    assert shop.left == (0, 0)


def test_a_late_request_does_not_bring_back_what_was_taken_down(shop: Shop) -> None:
    shop.platform.provision(REQUEST)
    shop.platform.deprovision(REQUEST)

    assert shop.platform.provision(REQUEST).error_code == "service_deleted"
    assert shop.left == (0, 0)


# -- the login ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "password, salt, expected",
    [
        # From the specification of SHA-crypt, and from `openssl passwd -6`.
        (
            "Hello world!",
            "saltstring",
            "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
        ),
        (
            "é€ü",
            "toto",
            "$6$toto$632M0hUvXPZ77xrSUcrKEqHhZPvz6MJw1p2zt5WDprVtykSsacmelHRNWCxa0EpkizJJglAdQmPJKMxN5Dxfe.",
        ),
    ],
)
def test_a_password_is_hashed_as_linux_verifies_it(password: str, salt: str, expected: str) -> None:
    assert hashed(password, salt) == expected


def test_no_password_travels_in_clear_text(shop: Shop) -> None:
    shop.platform.provision(replace(REQUEST, ssh_key=None, password=PASSWORD))

    script = shop.standin.machine(MACHINE).script
    assert PASSWORD not in script
    (hashed_line,) = [line for line in script.splitlines() if "chpasswd" in line]
    salt = hashed_line.partition("$6$")[2].partition("$")[0]
    assert hashed(PASSWORD, salt) in hashed_line


@pytest.mark.parametrize(
    "request_, code",
    [
        (replace(REQUEST, ssh_key=None), "no_login"),
        (replace(REQUEST, ssh_key=f"{KEY}\n{KEY}"), "invalid_ssh_key"),
    ],
)
def test_a_machine_that_the_customer_alone_could_not_enter_is_not_built(
    shop: Shop, request_: ServiceRequest, code: str
) -> None:
    with pytest.raises(ProvisioningFailedError, match=code):
        shop.platform.provision(request_)

    assert shop.left == (0, 0)


FAKED = """
hostnamectl() { echo "$2" > "$ROOT/hostname"; }
chpasswd() { cat > "$ROOT/passwords"; }
getent() { case $2 in
    0) echo "root:x:0:0:root:$ROOT/admin:/bin/sh" ;;
    1000) echo "debian:x:1000:1000::$ROOT/user:/bin/sh" ;;
esac; }
systemctl() { echo "$@" >> "$ROOT/restarts"; }
chown() { :; }
"""


@pytest.mark.parametrize("login", ["key", "password"])
def test_the_launch_script_lets_the_customer_in(tmp_path: Path, login: str) -> None:
    """The script itself, run by sh on a made-up root: what it writes there is what sshd would read."""
    for folder in ("etc/ssh", "etc/cloud", "admin/.ssh", "user"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (tmp_path / "etc/ssh/sshd_config").write_text(
        "PermitRootLogin forced-commands-only\nPasswordAuthentication no\n"
    )
    (tmp_path / "admin/.ssh/authorized_keys").write_text(
        'command="echo Please login as admin" ssh-rsa AAAA\n'
    )
    given = {"ssh_key": KEY} if login == "key" else {"ssh_key": None, "password": PASSWORD}
    script = launch_script(replace(REQUEST, **given))
    script = script.replace("/etc/", f"{tmp_path}/etc/")

    subprocess.run(["sh", "-eu"], input=f"ROOT={tmp_path}\n{FAKED}\n{script}", text=True, check=True)

    first: dict[str, str] = {}
    for line in (tmp_path / "etc/ssh/sshd_config").read_text().splitlines():
        first.setdefault(*line.split())
    assert (tmp_path / "hostname").read_text() == "web-1.example.com\n"
    assert "127.0.1.1 web-1.example.com" in (tmp_path / "etc/hosts").read_text()
    assert (tmp_path / "restarts").read_text() == "restart sshd\n"
    if login == "key":
        assert (tmp_path / "admin/.ssh/authorized_keys").read_text() == f"{KEY}\n"
        assert KEY in (tmp_path / "user/.ssh/authorized_keys").read_text()
        assert first == {"PermitRootLogin": "prohibit-password", "PasswordAuthentication": "no"}
    else:
        assert (tmp_path / "passwords").read_text().startswith("root:$6$")
        assert first == {"PermitRootLogin": "yes", "PasswordAuthentication": "yes"}


# -- garbled answers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"<html>", b'{"instance": null}', b'{"instance": {"name": "other"}}']
)
def test_a_garbled_answer_is_a_fault_and_not_a_machine_that_is_not_there(shop: Shop, body: bytes) -> None:
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


# -- two platforms --------------------------------------------------------------------------------------------------


class Recording:
    """A platform that notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __getattr__(self, method: str) -> Any:
        return lambda *given: self.asked.append(method)


def test_requests_operations_and_webhooks_go_to_their_own_platform() -> None:
    http, lightsail = Recording(), Recording()
    routed: Any = RoutedPlatform(lambda: http, lambda: lightsail)

    routed.provision(REQUEST)
    routed.operation(f"lightsail/eu-central-1a/{ITEM}/x")
    routed.deprovision(REQUEST)
    routed.operation("op-1")
    routed.provision(replace(REQUEST, platform=PlatformName.HTTP))
    routed.deprovision(replace(REQUEST, platform=PlatformName.HTTP))
    routed.operation_of_webhook(b"{}", {})

    assert lightsail.asked == ["provision", "operation", "deprovision"]
    assert http.asked == ["operation", "provision", "deprovision", "operation_of_webhook"]


def test_a_platform_that_is_not_asked_is_not_built() -> None:
    def not_built() -> Any:
        raise AssertionError("built without need")

    lightsail = Recording()
    RoutedPlatform(not_built, lambda: lightsail).deprovision(REQUEST)

    assert lightsail.asked == ["deprovision"]
