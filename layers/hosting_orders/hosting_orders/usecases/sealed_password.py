"""Generate passwords, and name the encryption context of a stored password."""

from __future__ import annotations

import secrets
import string

from hosting_orders.domain.ids import order_uuid
from hosting_orders.domain.order import Order

# Letters and digits are safe in a shell, in a URL and in cloud-init. Characters that look alike are left out.
_SIGNS = "".join(sign for sign in string.ascii_letters + string.digits if sign not in "0O1lI")
_LENGTH = 24  # 139 bits


def password_context(order: Order) -> dict[str, str]:
    return password_context_of(order.account_id, order.number)


def password_context_of(account_id: str, number: int) -> dict[str, str]:
    return {"account": account_id, "order": order_uuid(number), "field": "ssh_password"}


def new_password() -> str:
    return "".join(secrets.choice(_SIGNS) for _ in range(_LENGTH))
