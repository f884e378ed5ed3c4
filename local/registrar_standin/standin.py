"""The registrar stand-in answers requests, applies faults and records every request."""

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
    """`outcome` is `ok`, an error code, or `lost` if a fault lost the response."""

    operation: str
    name: str
    outcome: str


class RegistrarStandIn:
    """Route 53 Domains in this process. `clients()` returns boto3 clients connected to it.

    `now` returns Unix seconds. It may be a virtual clock, so no timer runs. Instead, each request first does the work
    that has become due. A registration or a renewal takes `delay` seconds, and a transfer takes `transfer_delay`
    seconds. If the delay is None, the operation runs until a method such as `finish` ends it. `create_zone` is called
    with each registered domain and may return the zone's name servers.
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
        self._rate: int | None = None
        self._counted = (0, 0)  # (second, number of requests in it)
        # The lambda reads `self.answer` at each request, because a test may replace it.
        self._before_send = in_process(lambda headers, body: self.answer(headers, body))  # noqa: PLW0108

    # -- service -------------------------------------------------------------------------------------------------

    def clients(self) -> tuple[Any, Any]:
        """The two clients that Route53Registrar takes. They do not retry, so a test sees every fault."""
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
        client.meta.events.register_first("before-send.route-53-domains", self._before_send)

    def detach(self, client: Any) -> None:
        """Detach a client, so another stand-in can use it: clients are slow to create."""
        client.meta.events.unregister("before-send.route-53-domains", self._before_send)

    def answer(self, headers: Mapping[str, str], body: bytes | str) -> Reply:
        """Handle one request. The names in `headers` are in lower case.

        Raises AnswerLostError when a fault loses the response.
        """
        raw = body.encode() if isinstance(body, str) else body
        operation = headers.get("x-amz-target", "").rpartition(".")[2] or "?"
        name = ""
        fault = None
        try:
            operation = wire.operation_of(headers)
            self._check_rate()
            fault = self._faults.take(operation)
            if fault is not None and fault.refusal is not None:
                raise fault.refusal
            given = wire.read(operation, raw)
            name = str(given.get("DomainName") or given.get("domainName") or "")
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

    def _check_rate(self) -> None:
        """Refuse requests above the rate that `configure` has set. AWS throttles this API, but publishes no rate."""
        if self._rate is None:
            return
        second = int(self._registry.now())
        with self._registry.lock:
            self._counted = (second, self._counted[1] + 1 if self._counted[0] == second else 1)
            if self._counted[1] > self._rate:
                raise wire.RefusalError("ThrottlingException", "Rate exceeded")

    # -- for assertions ------------------------------------------------------------------------------------------

    def submissions(self, name: str) -> int:
        """The number of accepted registrations and transfers of this domain. Each would cost money."""
        return self._registry.submitted[name.lower()]

    def registrations(self, name: str) -> int:
        self._registry.settle()
        return self._registry.registered[name.lower()]

    def renewals(self, name: str) -> int:
        self._registry.settle()
        return self._registry.renewed[name.lower()]

    def asked(self, operation: str, name: str | None = None) -> int:
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
        """Everything except contacts and auth codes, for JSON."""
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
        """Do the work that is due, without waiting for the next request."""
        self._registry.settle()

    def finish(self, name: str) -> None:
        """End the domain's running operation with its usual result. Raises KeyError if none is running."""
        self._registry.finish(name.lower())

    def fail(
        self, name: str, message: str = "The registry refused the request.", status: str = "FAILED"
    ) -> None:
        """Fail the domain's running operation. `status` is FAILED or ERROR. Raises KeyError if none is running."""
        self._registry.fail(name.lower(), message, status)

    def advance(self, name: str) -> None:
        """End the current step of the domain's running operation. Raises KeyError if none is running."""
        self._registry.advance(name.lower())

    def approve(self, name: str) -> None:
        """End the current step as if a person had approved it. Raises ValueError if it does not wait for a person."""
        self._registry.approve(name.lower())

    def reject(self, name: str, message: str = "The transfer was rejected.") -> None:
        """Fail the domain's running operation as if a person had refused it."""
        self._registry.fail(name.lower(), message)

    def expires_before_transfer(self, name: str, at: float) -> None:
        """Set the time (Unix seconds) at which the domain expires at its former registrar."""
        self._registry.former_expiry[name.lower()] = at

    def nameservers_before_transfer(self, name: str, nameservers: Sequence[str]) -> None:
        """Set the domain's nameservers at its former registrar. A transfer keeps them."""
        self._registry.former_nameservers[name.lower()] = tuple(nameservers)

    def take(self, name: str) -> None:
        """Another owner registers the domain."""
        self._registry.taken.add(name.lower())

    def verify(self, name: str) -> None:
        """The registrant confirms the e-mail address. Raises KeyError when the domain is not in the account."""
        self._registry.domains[name.lower()].verify_until = None

    def mails(self, name: str) -> int:
        """How often the verification mail was sent again."""
        return self._registry.mails[name.lower()]

    def leave(self, name: str) -> None:
        """The domain moves to another registrar. Raises KeyError when the domain is not in the account."""
        del self._registry.domains[name.lower()]
        self.take(name)

    def lapse(self, name: str) -> None:
        """The registry deletes the domain, so it can be registered again.

        Raises KeyError when the domain is not in the account.
        """
        del self._registry.domains[name.lower()]

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
        self._add_fault(Fault(operation, wire.RefusalError(code, message, status), times))

    def clear_faults(self) -> None:
        self._faults.clear()

    def configure(
        self,
        *,
        delay: float | None = None,
        transfer_delay: float | None = None,
        hides_completed: bool | None = None,
        rate: int | None = None,
        expiry_lags: float | None = None,
    ) -> None:
        """Change settings; None keeps a setting. Delays (seconds) apply to operations that are submitted from now on.

        If `hides_completed` is true, GetOperationDetail refuses completed operations. `rate` is the maximum number of
        requests per second; 0 means no limit. A transferred domain shows its former expiry date for `expiry_lags`
        seconds.
        """
        if expiry_lags is not None:
            self._registry.expiry_lags = expiry_lags
        if rate is not None:
            self._rate = rate or None
        if hides_completed is not None:
            self._registry.hides_completed = hides_completed
        if delay is not None:
            self._registry.delay = delay
        if transfer_delay is not None:
            self._registry.transfer_delay = transfer_delay

    def reset(self) -> None:
        """Delete all data and faults. The settings stay."""
        self.clear_faults()
        self._registry.reset()
        self.requests.clear()

    # -- internals -----------------------------------------------------------------------------------------------

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
