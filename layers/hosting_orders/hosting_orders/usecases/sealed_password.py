"""The password of what was delivered, at rest."""

from __future__ import annotations

import secrets
import string

from hosting_orders.domain.ids import order_uuid
from hosting_orders.domain.order import Order

# Letters and digits: they mean nothing to a shell, in a URL or to cloud-init. Without those that look alike.
_SIGNS = "".join(sign for sign in string.ascii_letters + string.digits if sign not in "0O1lI")
_LENGTH = 24  # 139 bits


def password_context(order: Order) -> dict[str, str]:
    """A sealed password opens only as this order's."""
    return password_context_of(order.account_id, order.number)


def password_context_of(account_id: str, number: int) -> dict[str, str]:
    """The same for an order that is being placed."""
    return {"account": account_id, "order": order_uuid(number), "field": "ssh_password"}


def new_password() -> str:
    """A password that no other machine has."""
    return "".join(secrets.choice(_SIGNS) for _ in range(_LENGTH))
