"""A Lightsail that forgets deleted machines, so a later request for the same order builds another machine.

AWS does not document whether Lightsail remembers deleted machines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from hosting_orders.adapters.lightsail.places import item_of
from hosting_orders.domain.catalogue import Image, Location, PlatformName, Term, VmPlan
from hosting_orders.domain.errors import ForgedWebhookError, ProviderUnavailableError
from hosting_orders.domain.providers import Operation, ServiceRequest
from tests.support.lightsail_in_process import LightsailInProcess
from tests.support.world import World

T = TypeVar("T")

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
BOTH = Image("debian-13", "Debian 13", {"http": "debian-13", "lightsail": "debian_12"})
ELSEWHERE = Image("amazon-linux", "Amazon Linux 2023", {"lightsail": "amazon_linux_2023"})
FRANKFURT = Location("9", "fra", "Frankfurt", {"lightsail": "eu-central-1a"})
CLOUD = {
    "hostname": "web-1.example.com",
    "plan": "cloud-1",
    "image": "debian-13",
    "location": "fra",
    "term": "monthly",
}
"""The block `vm` of a request for a machine at Lightsail."""


@dataclass(frozen=True)
class Machine:
    request: ServiceRequest


class ForgetfulLightsail:
    """The Lightsail adapter with a stand-in that forgets deleted machines.

    A machine runs after a call of `start`, or immediately with `quick`. `asked` has all build requests, oldest first.
    A mishap is a simulated failure (tests/support/mishaps.py). Here it affects a whole call of an adapter's method.
    In tests/support/simulation.py it affects a single request to Lightsail.
    """

    def __init__(self, world: World, *, quick: bool = False) -> None:
        self.asked: list[ServiceRequest] = []
        self._mishaps = world.mishaps
        self._lightsail = LightsailInProcess(now=lambda: world.clock.now() / 1000)
        self._cloud = self._lightsail.standin.cloud
        self._cloud.remembers = False
        self._adapter = self._lightsail.platform(world.metrics)
        self.quick = quick

    @property
    def quick(self) -> bool:
        return self._cloud.delay == 0

    @quick.setter
    def quick(self, quick: bool) -> None:
        self._cloud.delay = 0 if quick else None

    @property
    def machines(self) -> dict[str, Machine]:
        latest = {request.item_id: request for request in self.asked}
        return {item_id: Machine(latest[item_id]) for item_id, left in self.standing().items() if left["vm"]}

    def standing(self) -> Mapping[str, Mapping[str, int]]:
        """The numbers of machines and addresses by order id."""
        return self._lightsail.standing()

    @property
    def made(self) -> Counter[str]:
        return Counter(item_of(work.resource) for work in self._cloud.work if work.type == "CreateInstance")

    def refuse(self, refused: bool = True) -> None:
        """Refuse every new machine permanently. With `refused=False`, accept new machines again."""
        self._lightsail.standin.clear_faults()
        if refused:
            self._lightsail.standin.fail_next(
                "CreateInstances", "InvalidInputException", "The bundle is not available.", times=1000
            )

    def start(self, item_id: str) -> None:
        self._lightsail.finish(item_id)

    # -- the port -----------------------------------------------------------------------------------------------------

    def provision(self, request: ServiceRequest) -> Operation:
        return self._around("provision", lambda: self._provision(request))

    def operation(self, operation_id: str) -> Operation | None:
        return self._around("operation", lambda: self._adapter.operation(operation_id))

    def deprovision(self, request: ServiceRequest) -> None:
        self._around("deprovision", lambda: self._adapter.deprovision(request))

    def operation_of_webhook(self, raw_body: bytes, headers: Mapping[str, str]) -> str:
        raise ForgedWebhookError("this platform sends none")

    def _provision(self, request: ServiceRequest) -> Operation:
        self.asked.append(request)
        return self._adapter.provision(request)

    def _around(self, name: str, act: Callable[[], T]) -> T:
        lost = "the platform's answer was lost"
        return self._mishaps.around(f"platform.{name}", act, lambda: ProviderUnavailableError(lost))


def sell_machines(world: World, *, quick: bool = False) -> ForgetfulLightsail:
    """Add PLAN to the catalogue, and let a ForgetfulLightsail deliver every order.

    Call this function before the catalogue is read.
    """
    for image in (BOTH, ELSEWHERE):
        world.services.catalogue.put_image(image)
    world.services.catalogue.put_location(FRANKFURT)
    world.services.catalogue.put_plan(PLAN)
    platform = ForgetfulLightsail(world, quick=quick)
    world.services.__dict__["platform"] = platform
    return platform


def let_money_be_real(world: World) -> None:
    """Mark every later Stripe object as live."""
    state = world.stripe.state
    draft = state.draft

    def live(name: str, **values: object) -> dict[str, object]:
        made = draft(name, **values)
        return {**made, "livemode": True} if "livemode" in made else made

    state.draft = live  # type: ignore[method-assign]
