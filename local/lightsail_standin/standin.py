"""The stand-in: it answers requests, applies faults and records every request."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from local.aws_json import RefusalError
from local.aws_standin import AnswerLostError, Fault, Faults, Reply, in_process, reply_of

from . import wire
from .cloud import Cloud
from .records import SHUTTING_DOWN, Address, Machine

MACHINE_SECONDS = 60.0
BROKEN = ("InstanceCreationFailed", "The instance i-0a1b2c3d4e5f could not be created.")


@dataclass(frozen=True)
class Request:
    """`outcome` is `ok`, an error code, or `lost`."""

    region: str
    operation: str
    name: str
    outcome: str


class LightsailStandIn:
    """Amazon Lightsail in this process, in all regions. `client()` returns a boto3 client connected to it.

    `now` returns Unix seconds. It may be a virtual clock, so no timer runs. Instead, each request first does the work
    that has become due. A build takes `delay` seconds. If `delay` is None, the build runs until `finish` or `fail` is
    called.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float] = time.time,
        delay: float | None = MACHINE_SECONDS,
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.requests: list[Request] = []
        self.log = log
        self.cloud = Cloud(now, delay)
        self._faults = Faults()
        # The lambda reads `self.answer` at each request, because a test may replace it.
        self._before_send = in_process(lambda headers, body: self.answer(headers, body))  # noqa: PLW0108

    # -- service ----------------------------------------------------------------------------------------------------

    def client(self, region: str) -> Any:
        """A boto3 client connected to the stand-in. It neither opens a connection nor retries."""
        import boto3
        from botocore.config import Config

        client = boto3.client(
            wire.SERVICE,
            region_name=region,
            endpoint_url="http://127.0.0.1:9",
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106  # never leaves this process
            config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
        )
        self.attach(client)
        return client

    def attach(self, client: Any) -> None:
        client.meta.events.register_first("before-send.lightsail", self._before_send)

    def detach(self, client: Any) -> None:
        """Detach a client, so another stand-in can use it: clients are slow to create."""
        client.meta.events.unregister("before-send.lightsail", self._before_send)

    def answer(self, headers: Mapping[str, str], body: bytes | str) -> Reply:
        """Handle one request. The names in `headers` are in lower case.

        Raises AnswerLostError when a fault loses the response.
        """
        raw = body.encode() if isinstance(body, str) else body
        region, operation, name = "?", headers.get("x-amz-target", "").rpartition(".")[2] or "?", ""
        fault = None
        try:
            region, operation = wire.asked(headers)
            fault = self._faults.take(operation)
            if fault is not None and fault.refusal is not None:
                raise fault.refusal
            given = wire.read(operation, raw)
            name = _name_in(given)
            reply = reply_of(200, wire.written(operation, self.cloud.call(region, operation, given)))
            outcome = "ok"
        except RefusalError as refusal:
            reply = reply_of(refusal.status, wire.written_refusal(refusal))
            outcome = refusal.code
        if fault is not None and fault.refusal is None:
            self._record(Request(region, operation, name, "lost"))
            raise AnswerLostError(operation)
        self._record(Request(region, operation, name, outcome))
        return reply

    # -- for assertions ---------------------------------------------------------------------------------------------

    @property
    def machines(self) -> list[Machine]:
        """All machines except those being deleted."""
        self.settle()
        return [machine for machine in self.cloud.machines.values() if machine.state != SHUTTING_DOWN]

    @property
    def addresses(self) -> list[Address]:
        self.settle()
        return list(self.cloud.addresses.values())

    def machine(self, name: str) -> Machine:
        """The machine of this name, in any region. Raises KeyError."""
        self.settle()
        found = [machine for (_, named), machine in self.cloud.machines.items() if named == name]
        if not found:
            raise KeyError(name)
        return found[0]

    def built(self, name: str) -> int:
        """How many machines of this name were built; each costs money."""
        self.settle()
        return self.cloud.built[name]

    def asked(self, operation: str) -> int:
        return sum(request.operation == operation for request in self.requests)

    def state(self) -> dict[str, Any]:
        """A summary for JSON, with the last 100 requests and without launch scripts."""
        with self.cloud.lock:
            self.settle()
            return {
                "delay": self.cloud.delay,
                "quota": self.cloud.quota,
                "address_quota": self.cloud.address_quota,
                "machines": [_shown(machine) for machine in self.cloud.machines.values()],
                "addresses": [
                    {"name": each.name, "region": each.region, "ip": each.ip, "attached_to": each.attached_to}
                    for each in self.cloud.addresses.values()
                ],
                "faults": self._faults.state(),
                "requests": [asdict(request) for request in self.requests[-100:]],
            }

    # -- controls ---------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Do due work now instead of at the next request."""
        self.cloud.settle()

    def finish(self, name: str) -> None:
        self.cloud.end(self.machine(name))

    def fail(
        self,
        name: str,
        code: str = BROKEN[0],
        details: str = BROKEN[1],
        *,
        leaves: bool = True,
    ) -> None:
        """Fail the build. If `leaves` is False, the unfinished machine is deleted."""
        self.cloud.fail(self.machine(name), code, details, leaves=leaves)

    def lose_next_answer(self, operation: str = "*", times: int = 1) -> None:
        """Carry out the next `times` requests, but break the connection before each response."""
        self._add_fault(Fault(operation, None, times))

    def fail_next(
        self,
        operation: str = "*",
        code: str = "ThrottlingException",
        message: str = "Rate exceeded",
        *,
        status: int = 400,
        times: int = 1,
    ) -> None:
        self._add_fault(Fault(operation, RefusalError(code, message, status), times))

    def clear_faults(self) -> None:
        self._faults.clear()

    def configure(
        self, *, delay: float | None = None, quota: int | None = None, address_quota: int | None = None
    ) -> None:
        self.cloud.delay = self.cloud.delay if delay is None else delay
        self.cloud.quota = self.cloud.quota if quota is None else quota
        self.cloud.address_quota = self.cloud.address_quota if address_quota is None else address_quota

    def reset(self) -> None:
        """Delete all data and faults. The settings stay."""
        self.clear_faults()
        self.cloud.reset()
        self.requests.clear()

    # -- internals --------------------------------------------------------------------------------------------------

    def _add_fault(self, fault: Fault) -> None:
        if fault.operation != "*" and fault.operation not in wire.service_model().operation_names:
            raise ValueError(f"{fault.operation} is no operation of Lightsail")
        self._faults.add(fault)

    def _record(self, request: Request) -> None:
        self.requests.append(request)
        self.log(f"{request.region} {request.operation} {request.name} -> {request.outcome}")


def _name_in(given: Mapping[str, Any]) -> str:
    names = given.get("instanceNames") or [
        given.get("staticIpName") or given.get("instanceName") or given.get("resourceName") or ""
    ]
    return ", ".join(map(str, names))


def _shown(machine: Machine) -> dict[str, Any]:
    return {
        "name": machine.name,
        "zone": machine.zone,
        "blueprint": machine.blueprint,
        "bundle": machine.bundle,
        "tags": machine.tagged,
        "state": machine.state[1],
        "work": machine.work.status,
        "error": machine.work.error_details,
        "ports": sorted(port["fromPort"] for port in machine.ports),
    }
