"""A machine's zone, names and tags, computed from the order."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from hosting_orders.domain.providers import ServiceRequest

OPERATIONS = "lightsail/"
"""The prefix of Lightsail operation ids. Ids of the HTTP platform cannot contain a slash."""

ORDER_TAG = "hosting-orders:order"
REQUEST_TAG = "hosting-orders:request"
HOSTNAME_TAG = "hosting-orders:hostname"

_ZONE = re.compile(r"([a-z]{2}(?:-[a-z]+)+-[0-9]{1,2})[a-z]")
_ITEM = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,99}")


@dataclass(frozen=True, slots=True)
class Place:
    """The operation's id contains the reference, so the reference is known even if no machine exists."""

    zone: str
    item_id: str
    reference: str

    @property
    def region(self) -> str:
        match = _ZONE.fullmatch(self.zone)
        assert match is not None
        return match[1]

    @property
    def machine(self) -> str:
        return f"ho-{self.item_id}"

    @property
    def address(self) -> str:
        return f"{self.machine}-ip"

    @property
    def operation_id(self) -> str:
        return f"{OPERATIONS}{self.zone}/{self.item_id}/{self.reference}"


def item_of(name: str) -> str:
    return name.removeprefix("ho-").removesuffix("-ip")


def place_of(request: ServiceRequest) -> Place | None:
    """None if the location is not an availability zone."""
    return _place(request.location, request.item_id, request.reference)


def place_of_operation(operation_id: str) -> Place | None:
    """None for another platform's id."""
    parts = operation_id.removeprefix(OPERATIONS).split("/", 2)
    if not operation_id.startswith(OPERATIONS) or len(parts) != 3:
        return None
    return _place(*parts)


def _place(zone: str, item_id: str, reference: str) -> Place | None:
    if not _ZONE.fullmatch(zone) or not _ITEM.fullmatch(item_id):
        return None
    return Place(zone, item_id, reference)


def tags(request: ServiceRequest) -> list[dict[str, str]]:
    """The only customer data in the tags is the public host name."""
    given = {
        ORDER_TAG: request.item_id,
        REQUEST_TAG: fingerprint(request),
        HOSTNAME_TAG: request.name,
    }
    return [{"key": key, "value": value} for key, value in given.items()]


def fingerprint(request: ServiceRequest) -> str:
    """A hash of the request, without the values that only building needs, such as secrets."""
    asked = (
        request.kind,
        request.name,
        request.variant,
        request.location,
        request.plan,
        request.reference,
    )
    return hashlib.sha256("\n".join(asked).encode()).hexdigest()
