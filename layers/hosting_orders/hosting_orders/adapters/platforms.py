"""Send each request to the platform of the order's plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from hosting_orders.adapters.lightsail.places import OPERATIONS as LIGHTSAIL_OPERATIONS
from hosting_orders.domain.catalogue import PlatformName
from hosting_orders.domain.providers import Operation, ServiceRequest


class Platform(Protocol):
    def provision(self, request: ServiceRequest) -> Operation: ...
    def operation(self, operation_id: str) -> Operation | None: ...
    def deprovision(self, request: ServiceRequest) -> None: ...


class PlatformWithWebhooks(Platform, Protocol):
    def operation_of_webhook(self, raw_body: bytes, headers: Mapping[str, str]) -> str: ...


class RoutedPlatform:
    def __init__(self, http: Callable[[], PlatformWithWebhooks], lightsail: Callable[[], Platform]) -> None:
        self._http = http
        self._platforms: Mapping[PlatformName, Callable[[], Platform]] = {
            PlatformName.HTTP: http,
            PlatformName.LIGHTSAIL: lightsail,
        }

    def provision(self, request: ServiceRequest) -> Operation:
        return self._platforms[request.platform]().provision(request)

    def operation(self, operation_id: str) -> Operation | None:
        is_lightsails = operation_id.startswith(LIGHTSAIL_OPERATIONS)
        platform = PlatformName.LIGHTSAIL if is_lightsails else PlatformName.HTTP
        return self._platforms[platform]().operation(operation_id)

    def deprovision(self, request: ServiceRequest) -> None:
        self._platforms[request.platform]().deprovision(request)

    def operation_of_webhook(self, raw_body: bytes, headers: Mapping[str, str]) -> str:
        return self._http().operation_of_webhook(raw_body, headers)
