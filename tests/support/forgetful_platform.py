"""A platform of virtual machines that reports nothing and forgets what was taken down, as Amazon Lightsail does: who
asks for a machine after that gets another one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from hosting_orders.domain.catalogue import Image, Location, PlatformName, Term, VmPlan
from hosting_orders.domain.errors import ForgedWebhookError, ProviderUnavailableError, ProvisioningFailedError
from hosting_orders.domain.providers import Operation, OperationStatus, ProvisionedSite, ServiceRequest
from tests.support.mishaps import Mishaps
from tests.support.world import World

T = TypeVar("T")
_PREFIX = "forgetful/"

PLAN = VmPlan(
    "21",
    "cloud-1",
    "Cloud 1",
    "2 cores, 2 GB of memory, 60 GB of disk, 3 TB of transfer",
    {("standard", Term.MONTHLY, "EUR"): 1400, ("standard", Term.ANNUAL, "EUR"): 14000},
    memory_mb=2048,
    disk_gb=60,
    cores=2,
    transfer_gb=3000,
    platform=PlatformName.LIGHTSAIL,
    bundle="small_3_0",
)
BOTH = Image("debian-13", "Debian 13", {"http": "debian-13", "lightsail": "debian_13"})
ELSEWHERE = Image("amazon-linux", "Amazon Linux 2023", {"lightsail": "amazon_linux_2023"})
FRANKFURT = Location("9", "fra", "Frankfurt", {"lightsail": "eu-central-1a"})
CLOUD = {
    "hostname": "web-1.example.com",
    "plan": "cloud-1",
    "image": "debian-13",
    "location": "fra",
    "term": "monthly",
}
"""The `vm` of an item that this platform delivers."""


@dataclass
class Machine:
    """One that stands."""

    request: ServiceRequest
    runs: bool = False


class ForgetfulPlatform:
    """The port `HostingPlatform`. A machine runs once `start` was called, or at once if it is `quick`.

    `machines` are those that stand, by the order's UUID; `made` counts how often each was made; `asked` are all
    requests, the latest last. `refusal` is raised by every `provision`.
    """

    def __init__(self, mishaps: Mishaps, *, quick: bool = False) -> None:
        self.quick = quick
        self.machines: dict[str, Machine] = {}
        self.made: Counter[str] = Counter()
        self.asked: list[ServiceRequest] = []
        self.refusal: str | None = None
        self._mishaps = mishaps

    def provision(self, request: ServiceRequest) -> Operation:
        return self._around("provision", lambda: self._provision(request))

    def operation(self, operation_id: str) -> Operation | None:
        return self._around("operation", lambda: self._operation(operation_id))

    def deprovision(self, request: ServiceRequest) -> None:
        self._around("deprovision", lambda: self.machines.pop(request.item_id, None))

    def operation_of_webhook(self, raw_body: bytes, headers: Mapping[str, str]) -> str:
        raise ForgedWebhookError("this platform sends none")

    def start(self, item_id: str) -> None:
        self.machines[item_id].runs = True

    def _provision(self, request: ServiceRequest) -> Operation:
        self.asked.append(request)
        if self.refusal is not None:
            raise ProvisioningFailedError(self.refusal)
        machine = self.machines.get(request.item_id)
        if machine is None:
            machine = self.machines[request.item_id] = Machine(request, self.quick)
            self.made[request.item_id] += 1
        return self._state(machine)

    def _operation(self, operation_id: str) -> Operation | None:
        machine = self.machines.get(operation_id.removeprefix(_PREFIX))
        return self._state(machine) if machine else None

    def _state(self, machine: Machine) -> Operation:
        request = machine.request
        site = ProvisionedSite(f"ho-{request.item_id}", request.name, "198.51.100.7", "root", None, 22)
        return Operation(
            id=_PREFIX + request.item_id,
            item_id=request.item_id,
            reference=request.reference,
            status=OperationStatus.SUCCEEDED if machine.runs else OperationStatus.RUNNING,
            site=site if machine.runs else None,
        )

    def _around(self, name: str, act: Callable[[], T]) -> T:
        lost = "the platform's answer was lost"
        return self._mishaps.around(f"platform.{name}", act, lambda: ProviderUnavailableError(lost))


def sell_machines(world: World, *, quick: bool = False) -> ForgetfulPlatform:
    """Put what it sells into the world's catalogue, before anything was read of that, and let it deliver everything."""
    for image in (BOTH, ELSEWHERE):
        world.services.catalogue.put_image(image)
    world.services.catalogue.put_location(FRANKFURT)
    world.services.catalogue.put_plan(PLAN)
    platform = ForgetfulPlatform(world.mishaps, quick=quick)
    world.services.__dict__["platform"] = platform
    return platform


def let_money_be_real(world: World) -> None:
    """Everything that is made at Stripe from now on is live."""
    state = world.stripe.state
    draft = state.draft

    def live(name: str, **values: object) -> dict[str, object]:
        made = draft(name, **values)
        return {**made, "livemode": True} if "livemode" in made else made

    state.draft = live  # type: ignore[method-assign]
