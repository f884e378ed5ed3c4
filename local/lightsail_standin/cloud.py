"""Lightsail's resources and operations, in every region. The wire protocol is in wire.py."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from local.aws_json import RefusalError

from .offers import BLUEPRINTS, BUNDLES, ZONES
from .records import RUNNING, SHUTTING_DOWN, Address, Machine, Work, opened

HOSTNAME_TAG = "hosting-orders:hostname"
SLOW = 10
_CAPACITY = ("InsufficientInstanceCapacity", "We currently do not have sufficient capacity in this zone.")
_BROKEN = ("InstanceCreationFailed", "The instance i-0a1b2c3d4e5f could not be created from its blueprint.")


class Cloud:
    """All resources. Thread-safe. See `LightsailStandIn` for the parameters.

    `deletion_delay` is in seconds. If it is None, a deletion takes until `LightsailStandIn.finish` is called.
    `failing_deletions` is the number of deletions that will start and then fail. If `remembers` is true, the operations
    of a deleted resource can still be read. AWS does not document whether its own service allows this.
    """

    def __init__(self, now: Callable[[], float], delay: float | None) -> None:
        self.now = now
        self.delay = delay
        self.deletion_delay: float | None = 0.0
        self.remembers = True
        self.failing_deletions = 0
        self.quota = 20
        self.address_quota = 5
        self.lock = threading.RLock()
        self.machines: dict[tuple[str, str], Machine] = {}
        self.addresses: dict[tuple[str, str], Address] = {}
        self.work: list[Work] = []
        self.built: Counter[str] = Counter()
        self._numbers = 0

    def reset(self) -> None:
        with self.lock:
            for kept in (self.machines, self.addresses, self.work, self.built):
                kept.clear()

    # -- API operations ---------------------------------------------------------------------------------------------

    def call(self, region: str, operation: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Raises RefusalError."""
        methods: dict[str, Callable[[str, Mapping[str, Any]], dict[str, Any]]] = {
            "CreateInstances": self._create,
            "GetInstance": self._instance,
            "DeleteInstance": self._delete,
            "AllocateStaticIp": self._allocate,
            "GetStaticIp": self._static_ip,
            "AttachStaticIp": self._attach,
            "DetachStaticIp": self._detach,
            "ReleaseStaticIp": self._release,
            "PutInstancePublicPorts": self._put_ports,
            "GetOperationsForResource": self._operations,
        }
        if operation not in methods:
            raise RefusalError("UnknownOperationException", f"The stand-in does not implement {operation}.")
        with self.lock:
            self.settle()
            return methods[operation](region, given)

    def _create(self, region: str, given: Mapping[str, Any]) -> dict[str, Any]:
        zone = given["availabilityZone"]
        if zone not in {region + letter for letter in ZONES}:
            raise _invalid(f"The availability zone {zone} is not valid in {region}.")
        if given["bundleId"] not in BUNDLES:
            raise _invalid(f"The bundle {given['bundleId']} is not available in {region}.")
        if given["blueprintId"] not in BLUEPRINTS:
            raise _invalid(f"The blueprint {given['blueprintId']} is not available in {region}.")
        _check_tags(given.get("tags", []))
        for name in given["instanceNames"]:
            self._check_name(region, name)
        in_region = sum(where == region for where, _ in self.machines)
        if in_region + len(given["instanceNames"]) > self.quota:
            raise _invalid("Sorry, you've reached the maximum number of instances for your account.")
        return {
            "operations": [self._begin(region, name, given).document() for name in given["instanceNames"]]
        }

    def _begin(self, region: str, name: str, given: Mapping[str, Any]) -> Work:
        work = self._note(region, name, "Instance", "CreateInstance", given["availabilityZone"])
        self._numbers += 1
        machine = Machine(
            name=name,
            region=region,
            zone=given["availabilityZone"],
            blueprint=given["blueprintId"],
            bundle=given["bundleId"],
            script=given.get("userData", ""),
            tags=[dict(tag) for tag in given.get("tags", [])],
            created_at=self.now(),
            ends_at=None,
            work=work,
            number=self._numbers,
        )
        hostname = machine.tagged.get(HOSTNAME_TAG, "")
        if self.delay is not None and not hostname.startswith("stuck-"):
            machine.ends_at = self.now() + self.delay * (SLOW if hostname.startswith("slow-") else 1)
        self.machines[region, name] = machine
        return work

    def _instance(self, region: str, given: Mapping[str, Any]) -> dict[str, Any]:
        machine = self._machine(region, given["instanceName"])
        address = next((a for a in self.addresses.values() if self._is_at(a, machine)), None)
        return {"instance": machine.document(address)}

    def _delete(self, region: str, given: Mapping[str, Any]) -> dict[str, Any]:
        machine = self._machine(region, given["instanceName"])
        work = self._note(region, machine.name, "Instance", "DeleteInstance", machine.zone)
        if self.failing_deletions > 0:
            self.failing_deletions -= 1
            begun = work.document()
            work.end(self.now(), "Failed", "InternalError", "The instance could not be deleted.")
            return {"operations": [begun]}
        if machine.state != SHUTTING_DOWN:
            machine.state = SHUTTING_DOWN
            machine.ends_at = None if self.deletion_delay is None else self.now() + self.deletion_delay
            if machine.work.status == "Started":
                machine.work.end(self.now(), "Succeeded")
        machine.work = work
        self.settle()
        return {"operations": [work.document()]}

    def _allocate(self, region: str, given: Mapping[str, Any]) -> dict[str, Any]:
        name = given["staticIpName"]
        self._check_name(region, name)
        if sum(where == region for where, _ in self.addresses) >= self.address_quota:
            raise _invalid("Sorry, you've reached your maximum limit of Lightsail Static IPs.")
        self._numbers += 1
        ip = f"203.0.113.{self._numbers % 250 + 1}"
        self.addresses[region, name] = Address(name, region, ip, self.now())
        return {"operations": [self._done(region, name, "StaticIp", "AllocateStaticIp").document()]}

    def _static_ip(self, region: str, given: Mapping[str, Any]) -> dict[str, Any]:
        return {"staticIp": self._address(region, given["staticIpName"]).document()}

    def _attach(self, region: str, given: Mapping[str, Any]) -> dict[str, Any]:
        address = self._address(region, given["staticIpName"])
        machine = self._machine(region, given["instanceName"])
        if machine.state != RUNNING:
            raise _invalid(f"The instance {machine.name} is not in a state that allows this.")
        if address.attached_to not in (None, machine.name):
            raise _invalid(f"{address.name} is attached to another instance.")
        address.attached_to = machine.name
        return {"operations": [self._done(region, address.name, "StaticIp", "AttachStaticIp").document()]}

    def _detach(self, region: str, given: Mapping[str, Any]) -> dict[str, Any]:
        address = self._address(region, given["staticIpName"])
        if address.attached_to is None:
            raise _invalid(f"{address.name} is not attached.")
        address.attached_to = None
        return {"operations": [self._done(region, address.name, "StaticIp", "DetachStaticIp").document()]}

    def _release(self, region: str, given: Mapping[str, Any]) -> dict[str, Any]:
        address = self._address(region, given["staticIpName"])
        if address.attached_to is not None:
            raise _invalid(f"{address.name} is attached to {address.attached_to}. Detach it first.")
        del self.addresses[region, address.name]
        return {"operations": [self._done(region, address.name, "StaticIp", "ReleaseStaticIp").document()]}

    def _put_ports(self, region: str, given: Mapping[str, Any]) -> dict[str, Any]:
        machine = self._machine(region, given["instanceName"])
        if machine.state != RUNNING:
            raise _invalid(f"The instance {machine.name} is not in a state that allows this.")
        machine.ports = [opened(info) for info in given["portInfos"]]
        work = self._done(region, machine.name, "Instance", "PutInstancePublicPorts", machine.zone)
        return {"operation": work.document()}

    def _operations(self, region: str, given: Mapping[str, Any]) -> dict[str, Any]:
        name = given["resourceName"]
        known = (region, name) in self.machines or (region, name) in self.addresses
        found = [work for work in self.work if (work.region, work.resource) == (region, name)]
        if not found or not (known or self.remembers):
            raise _not_found(name)
        return {"operations": [work.document() for work in reversed(found)]}

    # -- time ---------------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        with self.lock:
            for machine in list(self.machines.values()):
                if machine.ends_at is not None and machine.ends_at <= self.now():
                    self.end(machine)

    def end(self, machine: Machine) -> None:
        hostname = machine.tagged.get(HOSTNAME_TAG, "")
        if machine.state == SHUTTING_DOWN:
            self._vanish(machine)
        elif hostname.startswith("fail-"):
            self.fail(machine, *_BROKEN)
        elif hostname.startswith("flaky-") and self._attempts(machine) == 1:
            self.fail(machine, *_CAPACITY)
        elif machine.state != RUNNING:
            machine.state, machine.ends_at = RUNNING, None
            machine.work.end(self.now(), "Succeeded")
            self.built[machine.name] += 1

    def fail(self, machine: Machine, code: str, details: str, *, leaves: bool = True) -> None:
        """If `leaves` is true, the unfinished machine continues to exist. AWS does not document what happens to it."""
        machine.work.end(self.now(), "Failed", code, details)
        machine.ends_at = None
        if not leaves:
            del self.machines[machine.region, machine.name]

    def _vanish(self, machine: Machine) -> None:
        del self.machines[machine.region, machine.name]
        machine.work.end(self.now(), "Succeeded")
        for address in self.addresses.values():
            if self._is_at(address, machine):
                address.attached_to = None

    def _attempts(self, machine: Machine) -> int:
        where = (machine.region, machine.name, "CreateInstance")
        return sum((work.region, work.resource, work.type) == where for work in self.work)

    # -- look-ups -----------------------------------------------------------------------------------------------------

    def _machine(self, region: str, name: str) -> Machine:
        if (region, name) not in self.machines:
            raise _not_found(name)
        return self.machines[region, name]

    def _address(self, region: str, name: str) -> Address:
        if (region, name) not in self.addresses:
            raise _not_found(name)
        return self.addresses[region, name]

    def _is_at(self, address: Address, machine: Machine) -> bool:
        return (address.region, address.attached_to) == (machine.region, machine.name)

    def _check_name(self, region: str, name: str) -> None:
        if (region, name) in self.machines or (region, name) in self.addresses:
            raise _invalid(f"Some names are already in use: {name}")

    def _note(self, region: str, name: str, kind: str, type_: str, zone: str = "all") -> Work:
        work = Work(name, kind, type_, region, zone, self.now())
        self.work.append(work)
        return work

    def _done(self, region: str, name: str, kind: str, type_: str, zone: str = "all") -> Work:
        work = self._note(region, name, kind, type_, zone)
        work.end(self.now(), "Succeeded")
        return work


def _check_tags(tags: list[dict[str, str]]) -> None:
    """Check the tags against limits that Lightsail enforces. Its service model does not contain these limits."""
    if len(tags) > 50:
        raise _invalid("A resource can have at most 50 tags.")
    for tag in tags:
        key, value = tag.get("key", ""), tag.get("value", "")
        if not 1 <= len(key) <= 128 or key.lower().startswith("aws:") or len(value) > 256:
            raise _invalid("A tag's key or value is not valid.")
        if not all(sign.isalnum() or sign in " _.:/=+-@" for sign in key + value):
            raise _invalid("A tag has characters that are not allowed.")


def _invalid(text: str) -> RefusalError:
    return RefusalError("InvalidInputException", text)


def _not_found(name: str) -> RefusalError:
    return RefusalError("NotFoundException", f"The resource {name} does not exist.", 404)
