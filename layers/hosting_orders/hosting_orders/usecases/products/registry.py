"""The fulfilment of each product, loaded on first use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hosting_orders.domain.products import ProductKind

from .fulfilment import Fulfilment


def _site() -> Fulfilment[Any, Any]:
    from .site import SiteFulfilment

    return SiteFulfilment()


def _domain() -> Fulfilment[Any, Any]:
    from .domain import DomainFulfilment

    return DomainFulfilment()


def _vm() -> Fulfilment[Any, Any]:
    from .vm import VmFulfilment

    return VmFulfilment()


FULFILMENTS: dict[ProductKind, Callable[[], Fulfilment[Any, Any]]] = {
    ProductKind.SITE: _site,
    ProductKind.DOMAIN: _domain,
    ProductKind.VM: _vm,
}


def fulfilment(kind: ProductKind) -> Fulfilment[Any, Any]:
    return FULFILMENTS[kind]()
