"""Requests to one Lightsail region, and what its errors mean (docs/lightsail.md).

Temporary errors, and errors that an operator can correct, raise ProviderUnavailableError.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from hosting_orders.adapters.loopback import is_loopback
from hosting_orders.domain.errors import ProviderUnavailableError

from .places import item_of

# Lightsail has no error code for a quota, only these texts.
_QUOTA = re.compile(
    r"reached (the|your) (max|limit)|(limit|quota) (was |has been )?(exceeded|reached)|plan size", re.I
)
_NAME_IN_USE = re.compile(r"already in use|already exists|NameExists", re.I)
_NEVER = datetime.min.replace(tzinfo=UTC)

Document = Mapping[str, Any]

_NAMES = ("instanceName", "staticIpName", "resourceName")
_log = logging.getLogger("hosting-orders")


class NotThereError(Exception):
    pass


class RefusedError(Exception):
    """A permanent refusal."""

    def __init__(self, text: str) -> None:
        super().__init__("Lightsail refused")
        self.name_in_use = bool(_NAME_IN_USE.search(text))


class QuotaReachedError(ProviderUnavailableError):
    pass


def says_quota(text: str) -> bool:
    return bool(_QUOTA.search(text))


class Region:
    """Names are unique in a region, so every request is safe to repeat."""

    def __init__(self, client: Any) -> None:
        self._client = client

    @property
    def is_local(self) -> bool:
        """Whether this is a stand-in, where nothing costs money."""
        return is_loopback(self._client.meta.endpoint_url)

    # -- reading --------------------------------------------------------------------------------------------------

    def machine(self, name: str) -> Document | None:
        return self._found("get_instance", "instance", instanceName=name)

    def address(self, name: str) -> Document | None:
        return self._found("get_static_ip", "staticIp", staticIpName=name)

    def history(self, name: str) -> list[Document]:
        """Latest first. Only the first page is read."""
        try:
            answer = self._look("get_operations_for_resource", resourceName=name)
        except NotThereError:
            return []
        # boto3 reads an empty or garbled response as a response without fields. `_member` raises an error then. An
        # empty list would be wrong, because it means that nothing was ever built.
        operations = _member(answer, "operations", list, "GetOperationsForResource")
        return sorted(operations, key=lambda operation: operation.get("createdAt", _NEVER), reverse=True)

    def _found(self, method: str, member: str, **arguments: str) -> Document | None:
        try:
            answer = self._look(method, **arguments)
        except NotThereError:
            return None
        found: Document = _member(answer, member, Mapping, method)
        if found.get("name") not in arguments.values():
            raise ProviderUnavailableError(f"lightsail: {method} answered with something else")
        return found

    def _look(self, method: str, **arguments: str) -> Document:
        """A refused read says nothing about the resource."""
        try:
            return self._ask(method, **arguments)
        except RefusedError:
            raise ProviderUnavailableError(f"lightsail: {method} was refused") from None

    # -- changing -------------------------------------------------------------------------------------------------

    def create_machine(
        self, name: str, *, zone: str, blueprint: str, bundle: str, script: str, tags: list[dict[str, str]]
    ) -> None:
        self._ask(
            "create_instances",
            instanceNames=[name],
            availabilityZone=zone,
            blueprintId=blueprint,
            bundleId=bundle,
            userData=script,
            tags=tags,
        )

    def delete_machine(self, name: str) -> None:
        """Delete add-ons too, because automatic snapshots would block the deletion."""
        self._ask("delete_instance", instanceName=name, forceDeleteAddOns=True)

    def allocate_address(self, name: str) -> None:
        self._ask("allocate_static_ip", staticIpName=name)

    def attach_address(self, name: str, machine: str) -> None:
        self._ask("attach_static_ip", staticIpName=name, instanceName=machine)

    def detach_address(self, name: str) -> None:
        self._ask("detach_static_ip", staticIpName=name)

    def release_address(self, name: str) -> None:
        self._ask("release_static_ip", staticIpName=name)

    def open_ports(self, machine: str, ports: list[dict[str, Any]]) -> None:
        """Open these ports and close all others."""
        self._ask("put_instance_public_ports", instanceName=machine, portInfos=ports)

    def _ask(self, method: str, **arguments: Any) -> Document:
        """Errors must not contain the request, which holds the launch script."""
        try:
            answer = getattr(self._client, method)(**arguments)
        except ParamValidationError:
            # boto3 rejected the request and did not send it.
            raise RefusedError("not a request") from None
        except ClientError as error:
            raise _meaning(method, error.response, item_of(_named(arguments))) from None
        except BotoCoreError as fault:
            raise ProviderUnavailableError(f"lightsail: {method} {type(fault).__name__}") from None
        except Exception as fault:
            # If a response is garbled, botocore's parser can raise any exception.
            raise ProviderUnavailableError(f"lightsail: {method} {type(fault).__name__}") from None
        if not isinstance(answer, Mapping):
            raise ProviderUnavailableError(f"lightsail: {method} gave no document")
        return answer


def _named(arguments: Mapping[str, Any]) -> str:
    names = (arguments.get("instanceNames") or [None])[0], *(arguments.get(key) for key in _NAMES)
    return str(next(filter(None, names), ""))


def _meaning(method: str, response: Document, order_id: str) -> Exception:
    code = str(response.get("Error", {}).get("Code"))
    text = str(response.get("Error", {}).get("Message"))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code == "NotFoundException":
        return NotThereError()
    # Lightsail's own text is for operators only, because it names accounts and ids.
    _log.warning(
        "Lightsail answered with an error",
        extra={"order_id": order_id, "request": method, "code": code, "text": text[:300]},
    )
    if says_quota(text):
        return QuotaReachedError(f"lightsail: {method} a quota is reached")
    if code == "InvalidInputException" and 400 <= status < 500:
        return RefusedError(text)
    return ProviderUnavailableError(f"lightsail: {method} {status} {code}")


def _member(answer: Document, name: str, kind: type, method: str) -> Any:
    if not isinstance(answer.get(name), kind):
        raise ProviderUnavailableError(f"lightsail: {method} gave no {name}")
    return answer[name]
