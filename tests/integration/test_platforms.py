"""RoutedPlatform passes each call to one of two platforms. An adapter is created only when a call needs it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hosting_orders.adapters.platforms import RoutedPlatform
from hosting_orders.domain.catalogue import PlatformName
from tests.support.lightsail_shop import ITEM, REQUEST


class Recording:
    """A platform that records its calls."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __getattr__(self, method: str) -> Any:
        return lambda *given: self.asked.append(method)


def test_each_call_goes_to_its_own_platform() -> None:
    http, lightsail = Recording(), Recording()
    routed: Any = RoutedPlatform(lambda: http, lambda: lightsail)

    routed.provision(REQUEST)
    routed.operation(f"lightsail/eu-central-1a/{ITEM}/x")
    routed.deprovision(REQUEST)
    routed.operation("op-1")
    routed.provision(replace(REQUEST, platform=PlatformName.HTTP))
    routed.deprovision(replace(REQUEST, platform=PlatformName.HTTP))
    routed.operation_of_webhook(b"{}", {})

    assert lightsail.asked == ["provision", "operation", "deprovision"]
    assert http.asked == ["operation", "provision", "deprovision", "operation_of_webhook"]


def test_the_adapter_of_an_unused_platform_is_not_created() -> None:
    def not_built() -> Any:
        raise AssertionError("this adapter must not be created")

    lightsail = Recording()
    RoutedPlatform(not_built, lambda: lightsail).deprovision(REQUEST)

    assert lightsail.asked == ["deprovision"]
