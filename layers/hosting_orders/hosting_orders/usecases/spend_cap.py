"""The spend cap of an API key. The order store enforces it when it writes a cart."""

from __future__ import annotations

from hosting_orders.domain.account import Account, Credential, SpendCap
from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import AccessDeniedError
from hosting_orders.domain.money import Money, with_tax
from hosting_orders.domain.spending import Remaining, Spend, utc_day

from .ports import Services


def remaining(services: Services, credential: Credential, account: Account) -> Remaining | None:
    """Return what the key may still spend for this account. None means no limit."""
    cap = cap_of(credential)
    if cap is None:
        return None
    today = utc_day(services.clock.now())
    return Remaining.of(cap, services.orders.spent(account.id, credential.counter, today))


def cap_of(credential: Credential) -> SpendCap | None:
    cap = credential.spend_cap
    return None if cap is None or (cap.day is None and cap.month is None) else cap


def check_currency(credential: Credential, account: Account) -> None:
    """Raises AccessDeniedError `spend_cap_currency`."""
    cap = cap_of(credential)
    if cap is not None and cap.currency != account.currency:
        raise AccessDeniedError(
            Code.SPEND_CAP_CURRENCY,
            f"The API key's spend cap is in {cap.currency}, but this account pays in {account.currency}. "
            f"Order with a key whose spend cap is in {account.currency}.",
        )


def spend_of(credential: Credential, account: Account, net: Money, now: int) -> Spend | None:
    """None if the key has no cap or the order is free."""
    if cap_of(credential) is None or net.amount == 0:
        return None
    return Spend(credential.counter, utc_day(now), with_tax(net.amount, account.tax_basis_points))
