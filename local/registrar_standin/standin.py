"""The stand-in itself: answers requests, lets them go wrong when told to, and keeps account of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from local.aws_standin import AnswerLostError, Fault, Faults, Reply, in_process, reply_of

from . import wire
from .records import Domain, Operation
from .registry import Registry, ZoneMaker

REGISTRATION_SECONDS = 300.0
TRANSFER_SECONDS = 5 * 86_400.0


@dataclass(frozen=True)
class Request:
    """A request and how it ended: `ok`, an error's code, or `lost`."""

    operation: str
    name: str
    outcome: str


class RegistrarStandIn:
    """Route 53 Domains in this process. `clients()` are boto3 clients whose requests end here, without a network.

    `now` returns Unix seconds, so time may be virtual: what is due happens when the stand-in is next asked.
    `delay` (a registration) and `transfer_delay` are in seconds; None lets nothing end until told.
    `create_zone` is called with each registered name, as the real one makes its Route 53 zone; it may return the
    zone's name servers.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float] = time.time,
        delay: float | None = REGISTRATION_SECONDS,
        transfer_delay: float | None = TRANSFER_SECONDS,
        create_zone: ZoneMaker | None = None,
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.requests: list[Request] = []
        self.log = log
        self._registry = Registry(now, delay, transfer_delay, create_zone)
        self._faults = Faults()
        # `answer` is looked up at each request: a test may replace it.
        self._before_send = in_process(lambda headers, body: self.answer(headers, body))  # noqa: PLW0108

    # -- as a service --------------------------------------------------------------------------------------------

    def clients(self) -> tuple[Any, Any]:
        """(asking, submitting): boto3 clients as Route53Registrar takes them, in this process.

        Neither repeats a request, so that a fault that is asked for is seen at once.
        """
        return self._client(), self._client()

    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        client = boto3.client(
            wire.SERVICE,
            region_name=wire.REGION,
            endpoint_url="http://127.0.0.1:9",  # never called: requests end in this process
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106  # never leaves this process
            config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
        )
        self.attach(client)
        return client

    def attach(self, client: Any) -> None:
        """Let this boto3 `route53domains` client's requests end here instead of going out."""
        client.meta.events.register_first("before-send.route-53-domains", self._before_send)

    def detach(self, client: Any) -> None:
        """Undo `attach`: another stand-in may have the client, which is slow to build."""
        client.meta.events.unregister("before-send.route-53-domains", self._before_send)

    def answer(self, headers: Mapping[str, str], body: bytes | str) -> Reply:
        """Answer a request of the wire protocol; header names in lower case. Raises AnswerLostError."""
        raw = body.encode() if isinstance(body, str) else body
        operation = headers.get("x-amz-target", "").rpartition(".")[2] or "?"
        name = ""
        fault = None
        try:
            operation = wire.operation_of(headers)
            fault = self._faults.take(operation)
            if fault is not None and fault.refusal is not None:
                raise fault.refusal
            given = wire.read(operation, raw)
            name = str(given.get("DomainName", ""))
            reply = reply_of(200, wire.written(operation, self._registry.call(operation, given)))
            outcome = "ok"
        except wire.RefusalError as refusal:
            reply = reply_of(refusal.status, wire.written_refusal(refusal))
            outcome = refusal.code
        if fault is not None and fault.refusal is None:
            self._record(operation, name, "lost")
            raise AnswerLostError(operation)
        self._record(operation, name, outcome)
        return reply

    # -- what it did, for assertions -----------------------------------------------------------------------------

    def submissions(self, name: str) -> int:
        """How many registrations and transfers of this name were taken: each would cost money."""
        return self._registry.submitted[name.lower()]

    def registrations(self, name: str) -> int:
        """How often this name came into the account."""
        self._registry.settle()
        return self._registry.registered[name.lower()]

    def renewals(self, name: str) -> int:
        """How often this name was renewed for a year: each costs money."""
        self._registry.settle()
        return self._registry.renewed[name.lower()]

    def asked(self, operation: str, name: str | None = None) -> int:
        """How many requests of this operation came (for this name), however they ended."""
        return sum(
            request.operation == operation and name in (None, request.name) for request in self.requests
        )

    @property
    def operations(self) -> Sequence[Operation]:
        self._registry.settle()
        return self._registry.operations

    @property
    def domains(self) -> Mapping[str, Domain]:
        self._registry.settle()
        return self._registry.domains

    def state(self) -> dict[str, Any]:
        """Everything but contacts and auth codes, fit for JSON."""
        with self._registry.lock:
            self._registry.settle()
            return {
                "delay": self._registry.delay,
                "transfer_delay": self._registry.transfer_delay,
                "operations": [_shown(operation) for operation in self._registry.operations],
                "domains": [
                    {
                        "name": domain.name,
                        "nameservers": list(domain.nameservers),
                        "created_at": domain.created_at,
                        "expires_at": domain.expires_at,
                    }
                    for domain in self._registry.domains.values()
                ],
                "faults": self._faults.state(),
                "requests": [asdict(request) for request in self.requests[-100:]],
            }

    # -- controls ------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Let everything happen that is due by now; otherwise it happens with the next request."""
        self._registry.settle()

    def finish(self, name: str) -> None:
        """End the name's running operation now, as it would have ended. Raises KeyError when none runs."""
        self._registry.finish(name.lower())

    def fail(
        self, name: str, message: str = "The registry refused the request.", status: str = "FAILED"
    ) -> None:
        """Let the name's running operation fail now; `status` FAILED or ERROR. Raises KeyError when none runs."""
        self._registry.fail(name.lower(), message, status)

    def advance(self, name: str) -> None:
        """End the step that the name's operation is in. Raises KeyError when none runs."""
        self._registry.advance(name.lower())

    def approve(self, name: str) -> None:
        """Do what the operation's flag says it waits for; raises ValueError when it waits for nobody."""
        self._registry.approve(name.lower())

    def reject(self, name: str, message: str = "The transfer was rejected.") -> None:
        """Somebody who was asked says no."""
        self._registry.fail(name.lower(), message)

    def take(self, name: str) -> None:
        """Somebody else registers the name, now."""
        self._registry.taken.add(name.lower())

    def lose_next_answer(self, operation: str = "*", times: int = 1) -> None:
        """Do what the next requests ask, but break the connection instead of answering."""
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
        """Refuse the next requests with this error, doing nothing."""
        self._add_fault(Fault(operation, wire.RefusalError(code, message, status), times))

    def clear_faults(self) -> None:
        self._faults.clear()

    def configure(self, *, delay: float | None = None, transfer_delay: float | None = None) -> None:
        """Change delays (seconds) for orders from now on; what is None stays."""
        if delay is not None:
            self._registry.delay = delay
        if transfer_delay is not None:
            self._registry.transfer_delay = transfer_delay

    def reset(self) -> None:
        """Forget names, operations, requests and faults; settings stay."""
        self.clear_faults()
        self._registry.reset()
        self.requests.clear()

    # -- inside --------------------------------------------------------------------------------------------------

    def _add_fault(self, fault: Fault) -> None:
        known = wire.service_model().operation_names
        if fault.operation != "*" and fault.operation not in known:
            raise ValueError(f"{fault.operation} is no operation of Route 53 Domains")
        self._faults.add(fault)

    def _record(self, operation: str, name: str, outcome: str) -> None:
        self.requests.append(Request(operation, name, outcome))
        self.log(f"{operation} {name} -> {outcome}")


def _shown(operation: Operation) -> dict[str, Any]:
    document = operation.document()
    return {
        "id": operation.id,
        "name": operation.name,
        "type": operation.type,
        "status": document["Status"],
        "flag": document.get("StatusFlag"),
        "message": None if operation.failure and "contact" in operation.failure else document.get("Message"),
        "submitted_at": operation.submitted_at,
        "updated_at": operation.updated_at,
        "running": operation.is_running,
    }
