"""Limit an account's unpaid domain orders."""

from __future__ import annotations

from collections.abc import Sequence

from hosting_orders.domain.account import Account
from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import DomainRefusedError
from hosting_orders.domain.order import OrderStatus

from .drafts import Draft
from .ports import Services

MAX_UNPAID_DOMAINS = 25
"""Of one account. Without a limit, an account could reserve many domains with orders that it never pays."""


def check_unpaid_domains(services: Services, account: Account, drafts: Sequence[Draft]) -> None:
    """Raises DomainRefusedError."""
    newest = services.orders.newest(account.id, 4 * MAX_UNPAID_DOMAINS).orders
    unpaid = sum(order.status is OrderStatus.PENDING and order.domain_claim is not None for order in newest)
    if unpaid + len(drafts) > MAX_UNPAID_DOMAINS:
        raise DomainRefusedError(
            Code.TOO_MANY_UNPAID_DOMAINS,
            f"This account has {unpaid} unpaid domains on order, and this request adds {len(drafts)}. "
            f"The maximum is {MAX_UNPAID_DOMAINS}: pay or cancel some first.",
            f"{drafts[0].pointer}/name",
        )
