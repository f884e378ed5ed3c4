"""The hosting platform in memory, for tests of use cases. It passes the HTTP adapter's contract test."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hosting_orders.adapters import standard_webhooks
from hosting_orders.domain.errors import ForgedWebhookError, ProviderUnavailableError, ProvisioningFailedError
from hosting_orders.domain.providers import Operation, OperationStatus, ProvisionedSite, ServiceRequest

SECRET = "whsec_ZmFrZS1wbGF0Zm9ybS1zZWNyZXQ="


@dataclass
class FakeService:
    """What the platform keeps of one item. `built` counts how often it was really provisioned."""

    request: ServiceRequest
    operations: list[Operation] = field(default_factory=list)
    built: int = 0
    held: bool = False
    deleted: bool = False
    retryable: bool = False  # whether the last operation failed for now only

    @property
    def operation(self) -> Operation:
        return self.operations[-1]


class FakePlatform:
    """The port `HostingPlatform`. Operations run until `finish` or `fail`; `instant` ones succeed at once.

    Hooks for what comes next: `lose_answers` (the request is applied, its answer lost), `be_unavailable`
    (not applied), `refuse` (refused for good). `hold(item_id)` works for an instant platform too, even
    beforehand.
    """

    def __init__(
        self,
        *,
        instant: bool = False,
        webhook_secrets: Sequence[str] = (SECRET,),
        now: Callable[[], float] = time.time,
    ) -> None:
        self.instant = instant
        self.webhook_secrets = tuple(webhook_secrets)
        self.services: dict[str, FakeService] = {}
        self.deprovisioned: list[str] = []
        self._now = now
        self._held: set[str] = set()
        self._spent: set[str] = set()
        self._lost_answers = 0
        self._unavailable = 0
        self._refusal: str | None = None

    # -- the port --------------------------------------------------------------------------------------------

    def provision(self, request: ServiceRequest) -> Operation:
        self._maybe_unavailable()
        if self._refusal is not None:
            refusal, self._refusal = self._refusal, None
            raise ProvisioningFailedError(refusal)
        if request.item_id in self._spent:
            raise ProvisioningFailedError("this service was deleted (service_deleted)")
        service = self.services.setdefault(request.item_id, FakeService(request))
        if service.request != request:
            raise ProvisioningFailedError("this service was asked for with other values (service_differs)")
        if not service.operations or service.retryable:
            service.retryable = False
            service.operations.append(
                Operation(
                    id=f"op-{request.item_id}-{len(service.operations) + 1}",
                    item_id=request.item_id,
                    reference=request.reference,
                    status=OperationStatus.RUNNING,
                )
            )
            if self.instant and request.item_id not in self._held:
                self.finish(request.item_id)
        self._maybe_lose_answer()
        return service.operation

    def operation(self, operation_id: str) -> Operation | None:
        self._maybe_unavailable()
        self._maybe_lose_answer()
        for service in self.services.values():
            for operation in service.operations:
                if operation.id == operation_id:
                    if operation is service.operation and service.retryable:
                        raise ProviderUnavailableError("the operation failed for now")
                    return operation
        return None

    def deprovision(self, request: ServiceRequest) -> None:
        item_id = request.item_id
        self._maybe_unavailable()
        self._spent.add(item_id)
        service = self.services.get(item_id)
        if service is not None and not service.deleted:
            service.deleted = True
            self.deprovisioned.append(item_id)
            if service.operation.status is OperationStatus.RUNNING:
                self.fail(item_id, "service_deleted", "deleted meanwhile")
        self._maybe_lose_answer()

    def operation_of_webhook(self, raw_body: bytes, headers: Mapping[str, str]) -> str:
        standard_webhooks.verify(self.webhook_secrets, headers, raw_body, self._now())
        try:
            document = json.loads(raw_body)
        except ValueError:
            raise ForgedWebhookError("the webhook is not JSON") from None
        if document.get("type") != "operation.completed":
            raise ForgedWebhookError("the webhook is not a completed operation")
        return str(document["operation_id"])

    # -- hooks -----------------------------------------------------------------------------------------------

    def hold(self, item_id: str) -> None:
        """Keep an instant platform from finishing this item by itself."""
        self._held.add(item_id)

    def finish(self, item_id: str) -> None:
        """Complete the item's running operation."""
        service = self.services[item_id]
        if service.operation.status is OperationStatus.RUNNING:
            service.built += 1
            site = ProvisionedSite(
                id=f"site-{item_id}",
                domain=f"{item_id}.sites.example",
                ip_address="203.0.113.10",
                username="u1000",
                password=None if service.request.ssh_key else "correct horse battery staple",
                port=22,
            )
            done = replace(service.operation, status=OperationStatus.SUCCEEDED, site=site)
            service.operations[-1] = done

    def fail(
        self,
        item_id: str,
        code: str = "build_failed",
        message: str = "the site could not be built",
        *,
        retryable: bool = False,
    ) -> None:
        """Fail the item's running operation, for good unless `retryable`."""
        service = self.services[item_id]
        if service.operation.status is OperationStatus.RUNNING:
            failed = replace(
                service.operation, status=OperationStatus.FAILED, error_code=code, error_message=message
            )
            service.operations[-1] = failed
            service.retryable = retryable

    def lose_answers(self, times: int = 1) -> None:
        """Apply the next requests, but lose their answers."""
        self._lost_answers = times

    def be_unavailable(self, times: int = 1) -> None:
        """Do not even receive the next requests."""
        self._unavailable = times

    def refuse(
        self, code: str = "name_refused", message: str = "the platform does not take this name"
    ) -> None:
        """Refuse the next `provision` for good."""
        self._refusal = f"{message} ({code})"

    def built(self, item_id: str) -> int:
        """How many times this item was really provisioned."""
        service = self.services.get(item_id)
        return service.built if service else 0

    def completion_webhook(self, item_id: str, timestamp: int | None = None) -> tuple[bytes, dict[str, str]]:
        """Body and headers of the item's completion webhook; `timestamp` in Unix seconds."""
        operation = self.services[item_id].operation
        body = json.dumps(
            {
                "type": "operation.completed",
                "operation_id": operation.id,
                "item_id": item_id,
                "reference": operation.reference,
            }
        ).encode()
        at = int(self._now()) if timestamp is None else timestamp
        return body, standard_webhooks.signed_headers(self.webhook_secrets, f"evt-{operation.id}", at, body)

    def _maybe_unavailable(self) -> None:
        if self._unavailable > 0:
            self._unavailable -= 1
            raise ProviderUnavailableError("the fake platform is away")

    def _maybe_lose_answer(self) -> None:
        if self._lost_answers > 0:
            self._lost_answers -= 1
            raise ProviderUnavailableError("the fake platform's answer was lost")
