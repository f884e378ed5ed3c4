"""The password of what was delivered, at rest."""

from __future__ import annotations

from hosting_orders.domain.order import Order


def password_context(order: Order) -> dict[str, str]:
    """A sealed password opens only as this order's."""
    return {"account": order.account_id, "order": order.uuid, "field": "ssh_password"}
