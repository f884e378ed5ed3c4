"""The spend cap of an API key. The order store enforces it when it writes a cart."""

from __future__ import annotations

from collections.abc import Sequence

from hosting_orders.domain.account import Account, Credential, SpendCap
from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import AccessDeniedError
from hosting_orders.domain.money import Money, part_of, with_tax
from hosting_orders.domain.providers import Estimate
from hosting_orders.domain.spending import Remaining, Spend, utc_day

from .ports import Services


def remaining(services: Services, credential: Credential, account: Account) -> Remaining | None:
    """None means no limit."""
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


def spends_of(
    credential: Credential, account: Account, nets: Sequence[Money], total: Estimate | None, now: int
) -> list[Spend | None]:
    """What each order of a cart uses of the cap. None if the key has no cap or the order is free.

    `total` is for the whole cart, if the provider computes the tax.
    """
    if cap_of(credential) is None:
        return [None] * len(nets)
    expected = [with_tax(net.amount, account.tax_basis_points) for net in nets]
    if total is None:
        amounts = expected
    elif total.final:
        amounts = _parts(total.gross, nets)
    else:
        amounts = [max(pair) for pair in zip(expected, _parts(total.gross, nets), strict=True)]
    today = utc_day(now)
    return [Spend(credential.counter, today, amount) if amount else None for amount in amounts]


def _parts(gross: int, nets: Sequence[Money]) -> list[int]:
    total = sum(net.amount for net in nets)
    before = [sum(net.amount for net in nets[:place]) for place in range(len(nets))]
    return [
        part_of(gross, sum_before, net.amount, total, net.currency)
        for sum_before, net in zip(before, nets, strict=True)
    ]
