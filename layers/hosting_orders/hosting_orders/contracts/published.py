"""The list of all contracts."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from . import webhooks
from .billing_order import operations as billing_order
from .mcp import operations as mcp
from .operation import Contract
from .order_page import operations as order_page
from .order_status import operations as order_status
from .orders_v1 import operations as orders_v1
from .orders_v2 import operations as orders_v2

if TYPE_CHECKING:
    from hosting_orders.domain.order import Order

PUBLISHED: tuple[ModuleType, ...] = (
    orders_v2,
    orders_v1,
    order_status,
    billing_order,
    mcp,
    order_page,
    webhooks,
)
"""Each module has a CONTRACT and OPERATIONS. The first module's contract is the default."""


def contract_of_path(path: str) -> Contract:
    """The contract with the longest matching path prefix, or the first contract."""
    fitting = [
        (len(start), each)
        for each in _contracts()
        for start in each.paths
        if f"{path}/".startswith(f"{start}/")
    ]
    return max(fitting, key=lambda found: found[0])[1] if fitting else _contracts()[0]


def callback_body(order: Order, account_name: str) -> bytes:
    """The contract through which the order was placed decides the format."""
    known = (each for each in _contracts() if each.name == order.placed.contract)
    contract = next(known, _contracts()[0])
    assert contract.callback is not None, f"{contract.name} takes no orders"
    return contract.callback(order, account_name)


def _contracts() -> list[Contract]:
    return [module.CONTRACT for module in PUBLISHED]
