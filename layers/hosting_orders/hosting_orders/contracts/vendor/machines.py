"""A delivered virtual machine."""

from __future__ import annotations

from typing_extensions import TypedDict

from hosting_orders.domain.order import Order
from hosting_orders.domain.products import VmItem, VmResource


class MachineFacts(TypedDict):
    """Sizes at the time of the order. Null in orders placed before these fields existed."""

    id: str
    hostname: str
    plan: str
    image: str
    location: str
    memory_mb: int | None
    disk_gb: int | None
    cores: int | None
    transfer_gb: int | None
    ip_address: str
    has_ssh_key: bool


def machine_facts(order: Order, machine: VmResource) -> MachineFacts:
    item = order.item_as(VmItem)
    size = item.size
    return {
        "id": machine.id,
        "hostname": item.hostname,
        "plan": item.plan,
        "image": item.image,
        "location": item.location,
        "memory_mb": size.memory_mb if size else None,
        "disk_gb": size.disk_gb if size else None,
        "cores": size.cores if size else None,
        "transfer_gb": size.transfer_gb if size else None,
        "ip_address": machine.ip_address,
        "has_ssh_key": item.ssh_key is not None,
    }
