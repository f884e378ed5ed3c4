"""The platform's state and decisions. A response is (status, document)."""

from __future__ import annotations

import hashlib
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

FIELDS = ("reference", "kind", "name", "variant", "location", "plan")
SIZES = ("memory_mb", "disk_gb", "cores", "transfer_gb")
"""A virtual machine also has these fields, and optionally an `ssh_key`."""

Answer = tuple[int, dict[str, Any]]


@dataclass
class Operation:
    """`resource` contains the password, which only the contract's GET returns."""

    id: str
    item_id: str
    reference: str
    started_at: float
    status: str = "running"
    error: dict[str, Any] | None = None
    resource: dict[str, Any] | None = None

    def document(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "item_id": self.item_id,
            "reference": self.reference,
            "status": self.status,
            "error": self.error,
            "resource": self.resource,
        }


@dataclass
class Service:
    """`built` is the number of deliveries, and `puts` is the number of PUT requests."""

    item_id: str
    body: dict[str, Any]
    operations: list[Operation] = field(default_factory=list)
    puts: int = 0
    built: int = 0
    held: bool = False
    deleted: bool = False

    @property
    def name(self) -> str:
        return str(self.body["name"])

    @property
    def is_machine(self) -> bool:
        return bool(self.body["kind"] == "vm")

    @property
    def operation(self) -> Operation:
        return self.operations[-1]

    @property
    def noun(self) -> str:
        return "server" if self.body["kind"] == "vm" else "site"

    def is_called(self, prefix: str) -> bool:
        return self.name.lower().startswith(prefix)


def _failure(code: str, message: str, *, retryable: bool = False) -> dict[str, Any]:
    return {"code": code, "message": message, "retryable": retryable}


def error(status: int, code: str, message: str, *, retryable: bool = False) -> Answer:
    return status, _failure(code, message, retryable=retryable)


def _resource(service: Service) -> dict[str, Any]:
    """The IP address is from the documentation range (RFC 5737)."""
    digest = hashlib.sha256(service.item_id.encode()).hexdigest()
    slug = re.sub(r"[^a-z0-9]+", "-", service.name.lower()).strip("-")[:30].strip("-") or "site"
    kind, user = ("vm", "root") if service.is_machine else ("site", f"u{digest[:8]}")
    password = None if "ssh_key" in service.body else secrets.token_urlsafe(18)
    return {
        "id": f"{kind}-{digest[:12]}",
        "domain": f"{slug}-{digest[:8]}.{kind}s.example",
        "ip_address": f"203.0.113.{int(digest[-4:], 16) % 254 + 1}",
        "ssh": {"username": user, "password": password, "port": 22},
    }


class Platform:
    """All services. Thread-safe. `now` returns Unix seconds.

    A build takes `delay` seconds. With 0, the build ends before its PUT is answered. With None, only a control ends
    the build. `later` runs an action after a delay. `completed` is called with each operation that ends. The lock is
    released before this call.
    """

    def __init__(
        self,
        later: Callable[[float, Callable[[], None]], None],
        completed: Callable[[Operation], None],
        delay: float | None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._later = later
        self._completed = completed
        self._now = now
        self.delay = delay
        self.services: dict[str, Service] = {}
        self._operations: dict[str, Operation] = {}
        self._deleted: set[str] = set()
        self.deprovisioned: list[str] = []
        self._to_hold: set[str] = set()
        self._lock = threading.RLock()

    # -- contract --------------------------------------------------------------------------------------------

    def put(self, item_id: str, body: Mapping[str, Any]) -> Answer:
        """Handle a PUT for a new or an existing service."""
        wrong = [name for name in FIELDS if not isinstance(body.get(name), str) or not body[name]]
        if wrong:
            return error(422, "invalid_request", f"{wrong[0]} must be a text")
        sizes = SIZES if body["kind"] == "vm" else ()
        wrong = [name for name in sizes if type(body.get(name)) is not int or body[name] < 1]
        if wrong:
            return error(422, "invalid_request", f"{wrong[0]} must be a whole number")
        asked = {name: body[name] for name in (*FIELDS, *sizes, "ssh_key") if name in body}
        with self._lock:
            if item_id in self._deleted:
                return error(410, "service_deleted", "this service was deleted; its id is not used again")
            service = self.services.setdefault(
                item_id, Service(item_id, asked, held=item_id in self._to_hold)
            )
            if service.body != asked:
                return error(409, "service_differs", "this service was requested with other values")
            service.puts += 1
            if service.is_called("refuse-"):
                return error(422, "name_refused", f"the platform does not take the name {service.name}")
            if service.is_called("retry-") and service.puts <= 2:
                return error(503, "busy", "the platform is busy", retryable=True)
            begins = not service.operations or bool((service.operation.error or {}).get("retryable"))
            if begins:
                self._begin(service)
            operation = service.operation
        if begins and not service.is_called("stuck-"):
            self._work_on(service)
        return 202, {"operation_id": operation.id, "item_id": item_id, "status": operation.status}

    def get_operation(self, operation_id: str) -> Answer:
        with self._lock:
            operation = self._operations.get(operation_id)
            if operation is None:
                return error(404, "operation_not_found", "there is no such operation")
            return 200, operation.document()

    def delete(self, item_id: str) -> Answer:
        """The id cannot be used again, even if no service has it, because an earlier PUT may still arrive."""
        with self._lock:
            self._deleted.add(item_id)
            service = self.services.get(item_id)
            if service is None or service.deleted:
                return error(404, "service_not_found", "there is no such service")
            service.deleted = True
            self.deprovisioned.append(item_id)
        if service.operations:
            self._end(service, service.operation, _failure("service_deleted", "deleted meanwhile"))
        return 202, {}

    # -- work ------------------------------------------------------------------------------------------------

    def _begin(self, service: Service) -> None:
        operation = Operation(
            id=f"op-{secrets.token_hex(8)}",
            item_id=service.item_id,
            reference=service.body["reference"],
            started_at=self._now(),
        )
        service.operations.append(operation)
        self._operations[operation.id] = operation

    def _work_on(self, service: Service) -> None:
        if self.delay is not None and not service.held:
            operation = service.operation
            delay = self.delay * (10 if service.is_called("slow-") else 1)
            if delay == 0:
                self._work_done(service, operation)
            else:
                self._later(delay, lambda: self._work_done(service, operation))

    def _work_done(self, service: Service, operation: Operation) -> None:
        if service.held:
            return
        if service.is_called("fail-"):
            self._end(service, operation, _failure("build_failed", f"the {service.noun} could not be built"))
        elif service.is_called("flaky-") and operation is service.operations[0]:
            self._end(service, operation, _failure("node_lost", "the node went away", retryable=True))
        else:
            self._end(service, operation, None)

    def _end(self, service: Service, operation: Operation, failure: dict[str, Any] | None) -> None:
        """Without `failure` the service is built. A second call does nothing."""
        with self._lock:
            if operation.status != "running":
                return
            service.held = False
            if failure is None:
                service.built += 1
                operation.status, operation.resource = "succeeded", _resource(service)
            else:
                operation.status, operation.error = "failed", failure
        self._completed(operation)

    # -- controls --------------------------------------------------------------------------------------------

    def service(self, item_id: str) -> Service:
        """Raises KeyError."""
        return self.services[item_id]

    def running(self) -> list[Service]:
        with self._lock:
            asked = list(self.services.values())
        return [one for one in asked if one.operations and one.operation.status == "running"]

    def finish(self, item_id: str) -> None:
        service = self.service(item_id)
        self._end(service, service.operation, None)

    def fail(self, item_id: str, code: str, message: str, *, retryable: bool) -> None:
        service = self.service(item_id)
        self._end(service, service.operation, _failure(code, message, retryable=retryable))

    def hold(self, item_id: str) -> None:
        """Keep the operation running until `release`, `finish` or `fail`. May be called before the PUT."""
        with self._lock:
            self._to_hold.add(item_id)
            if item_id in self.services:
                self.services[item_id].held = True

    def release(self, item_id: str) -> None:
        """Continue the operation. Its delay starts again."""
        self._to_hold.discard(item_id)
        service = self.service(item_id)
        service.held = False
        self._work_on(service)

    def reset(self) -> None:
        with self._lock:
            self.services.clear()
            self._operations.clear()
            self._deleted.clear()
            self.deprovisioned.clear()
            self._to_hold.clear()
