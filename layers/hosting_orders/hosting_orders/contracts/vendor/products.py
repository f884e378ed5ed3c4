"""What this vendor's contracts say of each product: one class a product, and one table that finds it by its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from typing_extensions import TypedDict

from hosting_orders.contracts.shown import FOR_CUSTOMERS
from hosting_orders.domain.ids import registration_id
from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.domain.products import DomainItem, ProductKind, SiteItem, SiteResource

from .accounts import NamedId


class DomainInTask(TypedDict):
    """A delivered domain. `id` is its registration's."""

    id: int
    name: str


class Shown(Protocol):
    """A product's part of orders, tasks and callbacks."""

    def task_name(self, order: Order) -> str:
        """The task's word for programs."""
        ...

    def task_title(self, order: Order) -> str:
        """The task's text for people."""
        ...

    def task_data(self, order: Order) -> dict[str, Any]:
        """What was ordered, without secrets and without people's data."""
        ...

    def location(self, order: Order) -> str | None:
        """The short name of the place it is delivered to, if it has one."""
        ...

    def sites(self, order: Order) -> list[NamedId]:
        """The delivered sites."""
        ...

    def domains(self, order: Order) -> list[DomainInTask]:
        """The delivered domains."""
        ...

    def waits_for_others(self, order: Order) -> bool:
        """Whether delivery is under way and neither we nor the provider can act now: the task pauses (C03)."""
        ...


class _Site:
    def task_name(self, order: Order) -> str:
        return "site.create"

    def task_title(self, order: Order) -> str:
        return f"Create site {order.item.name}"

    def task_data(self, order: Order) -> dict[str, Any]:
        item = order.item_as(SiteItem)
        return {
            "name": item.name,
            "variant": item.variant,
            "location": item.location,
            "plan": item.plan,
            "term": item.term.value,
        }

    def location(self, order: Order) -> str | None:
        return order.item_as(SiteItem).location

    def sites(self, order: Order) -> list[NamedId]:
        site = order.resource_as(SiteResource)
        return [{"id": site.id, "name": order.item.name}] if site else []

    def domains(self, order: Order) -> list[DomainInTask]:
        return []

    def waits_for_others(self, order: Order) -> bool:
        return False


class _Domain:
    def task_name(self, order: Order) -> str:
        return f"domain.{order.item_as(DomainItem).action}"

    def task_title(self, order: Order) -> str:
        return f"{order.item_as(DomainItem).action.value.title()} domain {order.item.name}"

    def task_data(self, order: Order) -> dict[str, Any]:
        item = order.item_as(DomainItem)
        return {"name": item.name, "ascii_name": item.ascii_name, "action": item.action.value}

    def location(self, order: Order) -> str | None:
        return None

    def sites(self, order: Order) -> list[NamedId]:
        return []

    def domains(self, order: Order) -> list[DomainInTask]:
        return [{"id": registration_id(order.number), "name": order.item.name}] if order.resource else []

    def waits_for_others(self, order: Order) -> bool:
        """The losing registrar has to act, or the registrant."""
        if order.status is not OrderStatus.PROCESSING:
            return False
        if order.domain_record.flag in FOR_CUSTOMERS:
            return True
        return order.item_as(DomainItem).is_transfer and order.operation_id is not None


_SHOWN: Mapping[ProductKind, Shown] = {ProductKind.SITE: _Site(), ProductKind.DOMAIN: _Domain()}


def shown(order: Order) -> Shown:
    """How this order's product is shown."""
    return _SHOWN[order.item.KIND]
