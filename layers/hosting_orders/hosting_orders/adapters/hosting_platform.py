"""The hosting platform over HTTP (docs/hosting-platform-contract.md).

A refusal is final only if its body is a well-formed error document. A load balancer's bare 404 must not cause a refund.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from urllib.parse import quote, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from hosting_orders.adapters import standard_webhooks
from hosting_orders.adapters.loopback import is_loopback
from hosting_orders.domain.errors import ForgedWebhookError, ProviderUnavailableError, ProvisioningFailedError
from hosting_orders.domain.providers import Operation, OperationStatus, ProvisionedSite, ServiceRequest

if TYPE_CHECKING:
    import requests

CONNECT_SECONDS = 3.0
READ_SECONDS = 8.0
TOTAL_SECONDS = 12.0  # for the whole response, because READ_SECONDS starts again with each packet
MAX_ANSWER_BYTES = 64 * 1024

# These statuses say nothing about the ordered service. Their cause passes with time, or an operator corrects it (for
# example a wrong key).
_NOT_FINAL = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)


def _ip_address(text: str) -> str:
    return str(ipaddress.ip_address(text))


# An id is put into a path, so it must not be "..".
_Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:~-]{0,199}$")]
_Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]
_Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$")]
_IpAddress = Annotated[str, AfterValidator(_ip_address)]


class _Document(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", hide_input_in_errors=True)


class _Error(_Document):
    code: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,99}$")]
    message: _Text
    retryable: bool


class _Ssh(_Document):
    username: _Text
    password: _Text | None  # null for a virtual machine with an SSH key
    port: Annotated[int, Field(ge=1, le=65535)]


class _Resource(_Document):
    id: _Id
    domain: _Host
    ip_address: _IpAddress
    ssh: _Ssh


class _Accepted(_Document):
    operation_id: _Id
    status: OperationStatus | None = None


class _Operation(_Document):
    id: _Id
    item_id: _Id
    reference: _Text
    status: OperationStatus
    error: _Error | None = None
    resource: _Resource | None = None

    @model_validator(mode="after")
    def _ends_with_its_result(self) -> _Operation:
        if self.status is OperationStatus.FAILED and self.error is None:
            raise ValueError("a failed operation has an error")
        if self.status is OperationStatus.SUCCEEDED and self.resource is None:
            raise ValueError("a succeeded operation has a resource")
        return self


class _Completed(_Document):
    type: Annotated[str, StringConstraints(pattern=r"^operation\.completed$")]
    operation_id: _Id


_Shape = TypeVar("_Shape", bound=_Document)


def _checked_base_url(base_url: str) -> str:
    """Require https, or http on loopback, because the API key is sent to this address."""
    parts = urlsplit(base_url)
    local = parts.scheme == "http" and is_loopback(base_url)
    if not parts.hostname or not (local or parts.scheme == "https"):
        raise ValueError("the hosting platform's address must be an https URL (http only on loopback)")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("the hosting platform's address must be without credentials, query and fragment")
    return base_url.rstrip("/")


class HttpHostingPlatform:
    """Any of `webhook_secrets` (`whsec_…`) may sign a webhook, so secrets can be rotated. `now` returns Unix seconds.

    Raises ValueError for a malformed address, key or secret.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        webhook_secrets: Sequence[str],
        *,
        session: requests.Session | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        import requests

        if not api_key or not api_key.isascii() or not api_key.isprintable() or " " in api_key:
            raise ValueError("the hosting platform's API key has characters that a header cannot carry")
        self._base_url = _checked_base_url(base_url)
        self._secrets = tuple(webhook_secrets)
        for secret in self._secrets:
            standard_webhooks.key_of(secret)
        self._now = now
        self._session = session or requests.Session()
        self._has_pooled = False  # whether the session may hold a connection from an earlier exchange
        # Ignore proxies and .netrc: a .netrc would silently replace the Authorization header below.
        self._session.trust_env = False
        self._session.headers.update(
            {
                "Authorization": f"Bearer {api_key}",
                "Accept": "application/json",
                "Accept-Encoding": "identity",  # a small compressed response could expand beyond every limit
                "User-Agent": "hosting-orders/1",
            }
        )

    def provision(self, request: ServiceRequest) -> Operation:
        path = f"/v1/services/{quote(request.item_id, safe='')}"
        status, answer = self._ask("PUT", path, _asked(request))
        if not 200 <= status < 300:
            raise _refusal("PUT", status, answer)
        accepted = _read(_Accepted, answer)
        if accepted.status is OperationStatus.RUNNING:
            return Operation(
                id=accepted.operation_id,
                item_id=request.item_id,
                reference=request.reference,
                status=OperationStatus.RUNNING,
            )
        operation = self.operation(accepted.operation_id)
        asked = (request.item_id, request.reference)
        if operation is None or (operation.item_id, operation.reference) != asked:
            raise ProviderUnavailableError(
                "hosting platform: its answer names an operation that is unknown or of another service"
            )
        return operation

    def operation(self, operation_id: str) -> Operation | None:
        """Raises ProviderUnavailableError after a `retryable` failure. Then `provision` starts the work again."""
        status, answer = self._ask("GET", f"/v1/operations/{quote(operation_id, safe='')}")
        if status == HTTPStatus.NOT_FOUND and _final_refusal(status, answer) is not None:
            return None
        if status != HTTPStatus.OK:
            # A refused read says nothing about the service, so it is never final.
            raise _unavailable("GET", status, answer)
        document = _read(_Operation, answer)
        if document.id != operation_id:
            raise ProviderUnavailableError("hosting platform: it answered with another operation")
        return _translated(document)

    def deprovision(self, request: ServiceRequest) -> None:
        status, answer = self._ask("DELETE", f"/v1/services/{quote(request.item_id, safe='')}")
        if 200 <= status < 300:
            return
        not_there = status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
        if not_there and _final_refusal(status, answer) is not None:
            return
        raise _refusal("DELETE", status, answer)

    def operation_of_webhook(self, raw_body: bytes, headers: Mapping[str, str]) -> str:
        """Accepts a signature for five minutes. A webhook proves nothing: the caller reads the operation."""
        standard_webhooks.verify(self._secrets, headers, raw_body, self._now())
        try:
            return _Completed.model_validate_json(raw_body).operation_id
        except ValidationError:
            raise ForgedWebhookError("the webhook is not a completed operation") from None

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, bytes]:
        import requests
        import urllib3

        deadline = time.monotonic() + TOTAL_SECONDS
        try:
            with self._response(method, path, body) as response:
                answer = b""
                while chunk := response.raw.read1(MAX_ANSWER_BYTES + 1, decode_content=False):
                    answer += chunk
                    if len(answer) > MAX_ANSWER_BYTES:
                        raise ProviderUnavailableError(f"hosting platform: {method} answer too large")
                    if time.monotonic() > deadline:
                        raise ProviderUnavailableError(f"hosting platform: {method} answer too slow")
                return response.status_code, answer
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as fault:
            # Name only the error's type: the exception holds the request with its Authorization header.
            raise ProviderUnavailableError(f"hosting platform: {method} {type(fault).__name__}") from None

    def _response(self, method: str, path: str, body: Mapping[str, Any] | None) -> requests.Response:
        # A pooled connection may already be closed, so retry once on a new connection.
        import requests

        def send() -> requests.Response:
            return self._session.request(
                method,
                self._base_url + path,
                json=body,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,  # a redirect would forward the API key
                stream=True,
            )

        try:
            response = send()
        except requests.ConnectionError as fault:
            if isinstance(fault, requests.Timeout) or not self._has_pooled:
                raise
            self._has_pooled = False
            response = send()
        self._has_pooled = True
        return response


def _asked(request: ServiceRequest) -> dict[str, Any]:
    # The body never changes for an order: the platform refuses a second request with another body.
    body: dict[str, Any] = {
        "reference": request.reference,
        "kind": request.kind,
        "name": request.name,
        "variant": request.variant,
        "location": request.location,
        "plan": request.plan,
    }
    if request.size is not None:
        body |= asdict(request.size)
    if request.ssh_key is not None:
        body["ssh_key"] = request.ssh_key
    return body


def _read(shape: type[_Shape], answer: bytes) -> _Shape:
    try:
        return shape.model_validate_json(answer)
    except ValidationError as problem:
        first = problem.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(step) for step in first["loc"]) or "document"
        reason = f"{where}: {first['type']}"
        raise ProviderUnavailableError(f"hosting platform: malformed answer ({reason})") from None


def _error(answer: bytes) -> _Error | None:
    try:
        return _Error.model_validate_json(answer)
    except ValidationError:
        return None


def _unavailable(method: str, status: int, answer: bytes) -> ProviderUnavailableError:
    error = _error(answer)
    code = error.code if error else "without a reason"
    return ProviderUnavailableError(f"hosting platform: {method} {status} {code}")


def _final_refusal(status: int, answer: bytes) -> _Error | None:
    error = _error(answer)
    final = 400 <= status < 500 and status not in _NOT_FINAL
    return error if final and error is not None and not error.retryable else None


def _refusal(method: str, status: int, answer: bytes) -> ProviderUnavailableError | ProvisioningFailedError:
    final = _final_refusal(status, answer)
    if final is not None:
        return ProvisioningFailedError(f"{final.message} ({final.code})")
    return _unavailable(method, status, answer)


def _translated(document: _Operation) -> Operation:
    error = document.error if document.status is OperationStatus.FAILED else None
    if error is not None and error.retryable:
        raise ProviderUnavailableError(f"hosting platform: operation failed for now ({error.code})")
    site = None
    if document.status is OperationStatus.SUCCEEDED and document.resource is not None:
        site = ProvisionedSite(
            id=document.resource.id,
            domain=document.resource.domain.lower(),
            ip_address=document.resource.ip_address,
            username=document.resource.ssh.username,
            password=document.resource.ssh.password,
            port=document.resource.ssh.port,
        )
    return Operation(
        id=document.id,
        item_id=document.item_id,
        reference=document.reference,
        status=document.status,
        error_code=error.code if error else None,
        error_message=error.message if error else None,
        site=site,
    )
