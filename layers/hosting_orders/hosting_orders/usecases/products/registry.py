"""Which product is fulfilled how. A product is loaded when it is first asked for: a function that sells sites alone
never loads the rules of registries."""

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
    """How orders of this kind are fulfilled."""
    return FULFILMENTS[kind]()
