"""Virtual machines on Amazon Lightsail (docs/lightsail.md).

Each call reads the current state and takes the next step, so calls may repeat and overlap. Only `provision`
builds a machine. Another order's machine is never changed.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from hosting_orders.domain.errors import ProviderUnavailableError, ProvisioningFailedError
from hosting_orders.domain.providers import Operation, OperationStatus, ProvisionedSite, ServiceRequest

from .client import Document, NotThereError, QuotaReachedError, RefusedError, Region, says_quota
from .launch import USERNAME, launch_script
from .places import (
    HOSTNAME_TAG,
    ORDER_TAG,
    REQUEST_TAG,
    Place,
    fingerprint,
    place_of,
    place_of_operation,
    tags,
)

SSH_PORT = 22
OPEN_PORTS = (SSH_PORT, 80, 443)
_BUILDING_AT_MOST = 3600  # seconds; building takes about one minute

# These failures are temporary: the machine is built again. All other failures are final, except a reached quota.
_PASSING = re.compile(r"capacity|internal|throttl|timeout|timed out|unavailable|try again", re.I)
_TAKEN_DOWN = ("service_deleted", "The virtual machine was taken down.")
_NOT_BUILT = ("build_failed", "The virtual machine could not be built.")

_log = logging.getLogger("hosting-orders")


class Counts(Protocol):
    def count(self, name: str) -> None: ...


class LightsailPlatform:
    """`client_of` creates a region's boto3 client. `now` returns Unix seconds."""

    def __init__(
        self, client_of: Callable[[str], Any], metrics: Counts, now: Callable[[], float] = time.time
    ) -> None:
        self._client_of = client_of
        self._metrics = metrics
        self._now = now
        self._regions: dict[str, Region] = {}

    def provision(self, request: ServiceRequest) -> Operation:
        """While the operation is RUNNING, call `provision` or `operation` again.

        Raises ProvisioningFailedError (`test_order`) if the payment is not live, unless Lightsail is a stand-in.
        """
        place = place_of(request)
        if place is None:
            raise ProvisioningFailedError("The platform has no such location (not_offered).")
        region = self._region(place.region)
        if not request.live and not region.is_local:
            raise ProvisioningFailedError(
                "The order was paid in test mode, so no real product is delivered (test_order)."
            )
        try:
            machine = region.machine(place.machine)
            if machine is None:
                return self._build(region, place, request)
            _check_request(machine, request)
            return self._carry_on(region, place, machine)
        except QuotaReachedError:
            self._metrics.count("MachineQuotaReached")
            raise

    def operation(self, operation_id: str) -> Operation | None:
        """Read the operation and take its next step.

        Raises ProviderUnavailableError after a temporary failure. Then call `provision`, which builds again.
        """
        place = place_of_operation(operation_id)
        if place is None:
            return None
        region = self._region(place.region)
        machine = region.machine(place.machine)
        if machine is None:
            return _ended(place, region.history(place.machine))
        return self._carry_on(region, place, machine) if _is_of(machine, place) else None

    def deprovision(self, request: ServiceRequest) -> None:
        """Raises ProviderUnavailableError until the address is released and the machine is being deleted."""
        place = place_of(request)
        if place is not None:
            self._remove(self._region(place.region), place)

    # -- building -------------------------------------------------------------------------------------------------

    def _build(self, region: Region, place: Place, request: ServiceRequest) -> Operation:
        history = region.history(place.machine)
        if self._is_under_way(history):
            return _running(place)
        try:
            ended = _ended(place, history)
        except ProviderUnavailableError:
            ended = None  # a temporary failure that left no machine: build again
        if ended is not None:
            return ended
        script = launch_script(request)
        # Allocate the address before the machine. Addresses have the smaller quota, and a machine that can get no
        # address costs money for nothing.
        self._own_address(region, place)
        try:
            region.create_machine(
                place.machine,
                zone=place.zone,
                blueprint=request.variant,
                bundle=request.plan,
                script=script,
                tags=tags(request),
            )
        except RefusedError as refusal:
            return self._after_refusal(region, place, request, refusal)
        return _running(place)

    def _after_refusal(
        self, region: Region, place: Place, request: ServiceRequest, refusal: RefusedError
    ) -> Operation:
        # A concurrent or an earlier request may have created the machine.
        machine = region.machine(place.machine)
        if machine is not None:
            _check_request(machine, request)
            return _running(place)
        if refusal.name_in_use:
            raise ProviderUnavailableError(
                "lightsail: the machine's name is in use, but no machine has this name"
            )
        self._release(region, place)
        raise ProvisioningFailedError(
            "The platform does not offer this plan, image or location now (not_offered)."
        )

    def _own_address(self, region: Region, place: Place) -> Document:
        address = region.address(place.address)
        if address is None:
            try:
                region.allocate_address(place.address)
            except RefusedError as refusal:
                if not refusal.name_in_use:
                    # The request contains only a name, and the name is not in use. So a quota must be the reason.
                    raise QuotaReachedError("lightsail: no address was allocated") from None
            address = region.address(place.address)
        if address is None:
            raise ProviderUnavailableError("lightsail: the address is not there yet")
        if not _is_free(address, place):
            raise ProvisioningFailedError("The address belongs to another machine (name_taken).")
        return address

    # -- current state --------------------------------------------------------------------------------------------

    def _carry_on(self, region: Region, place: Place, machine: Document) -> Operation:
        match _state(machine):
            case "running":
                return self._handed_over(region, place, machine)
            case "shutting-down" | "terminated":
                return _failed(place, *_TAKEN_DOWN)
        creation, _ = _last_creation(region.history(place.machine))
        if creation is not None and creation.get("status") == "Failed":
            self._remove(region, place)
            return _failure(place, creation)
        return _running(place)

    def _handed_over(self, region: Region, place: Place, machine: Document) -> Operation:
        address = self._own_address(region, place)
        if address.get("attachedTo") != place.machine:
            try:
                region.attach_address(place.address, place.machine)
            except (NotThereError, RefusedError):
                raise ProviderUnavailableError("lightsail: the address cannot be attached now") from None
            address = self._own_address(region, place)
        if address.get("attachedTo") != place.machine:
            return _running(place)
        if _ports(machine) != {("tcp", port, port) for port in OPEN_PORTS}:
            try:
                region.open_ports(place.machine, [_open_to_all(port) for port in OPEN_PORTS])
            except (NotThereError, RefusedError):
                raise ProviderUnavailableError("lightsail: the ports cannot be opened now") from None
        site = ProvisionedSite(
            id=place.machine,
            domain=_tags(machine).get(HOSTNAME_TAG, place.machine),
            ip_address=str(address["ipAddress"]),
            username=USERNAME,
            password="",  # Lightsail sets no password
            port=SSH_PORT,
        )
        return Operation(
            place.operation_id, place.item_id, place.reference, OperationStatus.SUCCEEDED, site=site
        )

    # -- taking down ----------------------------------------------------------------------------------------------

    def _remove(self, region: Region, place: Place) -> None:
        machine = region.machine(place.machine)
        if machine is not None and not _is_of(machine, place):
            _log.error("a machine has this order's name but not its tag", extra={"order_id": place.item_id})
            self._release_unused(region, place)
            return
        self._release(region, place)
        if machine is None:
            if self._is_under_way(region.history(place.machine)):
                raise ProviderUnavailableError("lightsail: the machine is being built and does not show yet")
            return
        try:
            region.delete_machine(place.machine)
        except NotThereError:
            return
        except RefusedError:
            raise ProviderUnavailableError("lightsail: the machine cannot be deleted now") from None
        left = region.machine(place.machine)
        if left is not None and _state(left) not in ("shutting-down", "terminated"):
            raise ProviderUnavailableError("lightsail: the machine is still there")

    def _release(self, region: Region, place: Place) -> None:
        address = region.address(place.address)
        if address is None or not _is_free(address, place):
            return
        try:
            # AWS does not document whether deleting a machine detaches its address, so detach the address first.
            if address.get("isAttached"):
                region.detach_address(place.address)
            region.release_address(place.address)
        except NotThereError:
            return
        except RefusedError:
            raise ProviderUnavailableError("lightsail: the address cannot be released now") from None

    def _release_unused(self, region: Region, place: Place) -> None:
        # The machine belongs to another order. An address that is attached to it also belongs to that order.
        address = region.address(place.address)
        if address is not None and not address.get("isAttached"):
            self._release(region, place)

    def _is_under_way(self, history: Sequence[Document]) -> bool:
        # A creation counts as under way for at most an hour, because a refund must not wait forever.
        creation, deleted = _last_creation(history)
        if creation is None or deleted or creation.get("status") not in ("NotStarted", "Started"):
            return False
        began = creation.get("createdAt")
        return began is None or self._now() - began.timestamp() < _BUILDING_AT_MOST

    def _region(self, name: str) -> Region:
        if name not in self._regions:
            self._regions[name] = Region(self._client_of(name))
        return self._regions[name]


# -- ownership --------------------------------------------------------------------------------------------------------


def _is_of(machine: Document, place: Place) -> bool:
    return _tags(machine).get(ORDER_TAG) == place.item_id


def _check_request(machine: Document, request: ServiceRequest) -> None:
    given = _tags(machine)
    if given.get(ORDER_TAG) != request.item_id:
        raise ProvisioningFailedError("Another machine already has this machine's name (name_taken).")
    if given.get(REQUEST_TAG) != fingerprint(request):
        raise ProvisioningFailedError("The machine was requested with other values (service_differs).")


def _is_free(address: Document, place: Place) -> bool:
    """Addresses have no tags, so only an attached machine shows whose address it is."""
    return not address.get("isAttached") or address.get("attachedTo") == place.machine


# -- outcomes ---------------------------------------------------------------------------------------------------------


def _last_creation(history: Sequence[Document]) -> tuple[Document | None, bool]:
    """The last creation, and whether a deletion followed. `history` is latest first."""
    deleted = False
    for operation in history:
        if operation.get("operationType") == "CreateInstance":
            return operation, deleted
        deleted = deleted or operation.get("operationType") == "DeleteInstance"
    return None, deleted


def _ended(place: Place, history: Sequence[Document]) -> Operation | None:
    creation, deleted = _last_creation(history)
    if creation is not None and creation.get("status") == "Failed":
        return _failure(place, creation)
    return _failed(place, *_TAKEN_DOWN) if creation is not None and deleted else None


def _failure(place: Place, creation: Document) -> Operation:
    why = f"{creation.get('errorCode')} {creation.get('errorDetails')}"
    _log.error("Lightsail could not build a machine", extra={"order_id": place.item_id, "reason": why[:300]})
    if says_quota(why):
        raise QuotaReachedError("lightsail: a quota is reached")
    if _PASSING.search(why):
        raise ProviderUnavailableError("lightsail: building failed for now")
    return _failed(place, *_NOT_BUILT)


def _running(place: Place) -> Operation:
    return Operation(place.operation_id, place.item_id, place.reference, OperationStatus.RUNNING)


def _failed(place: Place, code: str, message: str) -> Operation:
    failed = OperationStatus.FAILED
    return Operation(place.operation_id, place.item_id, place.reference, failed, code, message)


# -- reading ----------------------------------------------------------------------------------------------------------


def _state(machine: Document) -> str:
    return str((machine.get("state") or {}).get("name", "")).lower()


def _tags(machine: Document) -> dict[str, str]:
    return {str(tag.get("key")): str(tag.get("value")) for tag in machine.get("tags") or ()}


def _ports(machine: Document) -> set[tuple[Any, Any, Any]]:
    opened = (machine.get("networking") or {}).get("ports") or ()
    return {(port.get("protocol"), port.get("fromPort"), port.get("toPort")) for port in opened}


def _open_to_all(port: int) -> dict[str, Any]:
    return {
        "fromPort": port,
        "toPort": port,
        "protocol": "tcp",
        "cidrs": ["0.0.0.0/0"],
        "ipv6Cidrs": ["::/0"],
    }
