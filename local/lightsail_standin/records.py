"""The stand-in's records: machines, addresses and operations, in the form that Lightsail returns."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.aws_json import moment

from .offers import BLUEPRINTS, BUNDLES

ACCOUNT = "123456789012"
PENDING, RUNNING, SHUTTING_DOWN = (0, "pending"), (16, "running"), (32, "shutting-down")


@dataclass
class Work:
    resource: str
    resource_type: str
    type: str
    region: str
    zone: str
    created_at: float
    status: str = "Started"
    error_code: str | None = None
    error_details: str | None = None
    changed_at: float = 0.0
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def end(self, at: float, status: str, code: str | None = None, details: str | None = None) -> None:
        self.status, self.error_code, self.error_details, self.changed_at = status, code, details, at

    def document(self) -> dict[str, Any]:
        shown = {
            "id": self.id,
            "resourceName": self.resource,
            "resourceType": self.resource_type,
            "createdAt": moment(self.created_at),
            "location": {"availabilityZone": self.zone, "regionName": self.region},
            "isTerminal": self.status in ("Failed", "Completed", "Succeeded"),
            "operationType": self.type,
            "status": self.status,
            "statusChangedAt": moment(self.changed_at or self.created_at),
        }
        if self.error_code is not None:
            shown |= {"errorCode": self.error_code, "errorDetails": self.error_details}
        return shown


@dataclass
class Machine:
    """The build or the deletion ends at `ends_at` (Unix seconds). None means that a test or the page ends it."""

    name: str
    region: str
    zone: str
    blueprint: str
    bundle: str
    script: str
    tags: list[dict[str, str]]
    created_at: float
    ends_at: float | None
    work: Work
    number: int
    state: tuple[int, str] = PENDING
    # Lightsail opens these ports on every Linux machine.
    ports: list[dict[str, Any]] = field(
        default_factory=lambda: [
            opened({"fromPort": number, "toPort": number, "protocol": "tcp"}) for number in (22, 80)
        ]
    )
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def tagged(self) -> dict[str, str]:
        return {tag["key"]: tag.get("value", "") for tag in self.tags}

    def document(self, address: Address | None) -> dict[str, Any]:
        name, username = BLUEPRINTS[self.blueprint]
        memory, cores, disk, transfer = BUNDLES[self.bundle]
        code, word = self.state
        shown: dict[str, Any] = {
            "name": self.name,
            "arn": f"arn:aws:lightsail:{self.region}:{ACCOUNT}:Instance/{self.id}",
            "supportCode": f"{ACCOUNT}/i-{self.id[:17].replace('-', '0')}",
            "createdAt": moment(self.created_at),
            "location": {"availabilityZone": self.zone, "regionName": self.region},
            "resourceType": "Instance",
            "tags": self.tags,
            "blueprintId": self.blueprint,
            "blueprintName": name,
            "bundleId": self.bundle,
            "isStaticIp": address is not None,
            "ipAddressType": "dualstack",
            "hardware": {
                "cpuCount": cores,
                "ramSizeInGb": memory,
                "disks": [{"sizeInGb": disk, "isSystemDisk": True, "path": "/dev/xvda", "iops": 100}],
            },
            "networking": {"monthlyTransfer": {"gbPerMonthAllocated": transfer}, "ports": self.ports},
            "state": {"code": code, "name": word},
            "username": username,
            "sshKeyName": "LightsailDefaultKeyPair",
        }
        if self.state == RUNNING:
            shown["privateIpAddress"] = f"172.26.{self.number // 250}.{self.number % 250 + 4}"
            shown["publicIpAddress"] = address.ip if address else f"198.51.100.{self.number % 250 + 1}"
        return shown


@dataclass
class Address:
    name: str
    region: str
    ip: str
    created_at: float
    attached_to: str | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def document(self) -> dict[str, Any]:
        shown = {
            "name": self.name,
            "arn": f"arn:aws:lightsail:{self.region}:{ACCOUNT}:StaticIp/{self.id}",
            "createdAt": moment(self.created_at),
            "location": {"availabilityZone": "all", "regionName": self.region},
            "resourceType": "StaticIp",
            "ipAddress": self.ip,
            "isAttached": self.attached_to is not None,
        }
        return shown | ({"attachedTo": self.attached_to} if self.attached_to else {})


def opened(info: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "accessFrom": "Anywhere",
        "accessType": "Public",
        "accessDirection": "inbound",
        "cidrListAliases": [],
        **info,
    }
