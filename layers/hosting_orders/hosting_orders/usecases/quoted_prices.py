"""Quotes and the maximum price of an order."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace

from hosting_orders.domain import deadlines
from hosting_orders.domain.account import Account
from hosting_orders.domain.codes import Code
from hosting_orders.domain.errors import NotReadyToChargeError, PriceChangedError, QuoteRefusedError
from hosting_orders.domain.money import Money, decimal_text, with_tax
from hosting_orders.domain.providers import ChargeLine, Estimate
from hosting_orders.domain.quote import Quote, QuotedPrice, fingerprint_of

from .drafts import Draft
from .ports import Services

_FORGED = "This account has no such `quote`. Send the `quote` of a preview without changes."
_EXPIRED = "The quote has expired. A quote is valid for five minutes. Ask for a new one."
_USED = "Another order has used this quote. Each quote can be used for one order only. Ask for a new one."
_OTHER = "The quote was issued for other products. Send the same products as in the preview, or ask for a new quote."


def read_quote(services: Services, account: Account, token: str) -> Quote:
    """Raises QuoteRefusedError `invalid_quote` if the quote is changed or belongs to another account."""
    quote = services.quotes.read(token)
    if quote is None or quote.account_id != account.id:
        raise QuoteRefusedError(Code.INVALID_QUOTE, _FORGED)
    return quote


def usable_quote(services: Services, account: Account, token: str) -> Quote:
    """Raises QuoteRefusedError `invalid_quote`, `quote_expired` or `quote_used`."""
    quote = read_quote(services, account, token)
    if services.clock.now() >= quote.expires_at:
        raise QuoteRefusedError(Code.QUOTE_EXPIRED, _EXPIRED)
    if services.orders.quote_used(account.id, quote.id):
        raise quote_used()
    return quote


def quote_used() -> QuoteRefusedError:
    return QuoteRefusedError(Code.QUOTE_USED, _USED)


def check_quoted(quote: Quote, account: Account, drafts: Sequence[Draft]) -> None:
    """Raises QuoteRefusedError `quote_mismatch`."""
    same_things = quote.fingerprint == fingerprint_of(draft.item for draft in drafts)
    if not same_things or quote.currency != account.currency:
        raise QuoteRefusedError(Code.QUOTE_MISMATCH, _OTHER)


def at_quoted_prices(quote: Quote, drafts: Sequence[Draft]) -> tuple[Draft, ...]:
    """The customer pays what was quoted, even if the catalogue's prices have fallen."""
    return tuple(
        replace(draft, item=draft.item.renewing_at(price.renewal), price=Money(price.first, quote.currency))
        for draft, price in zip(drafts, quote.prices, strict=True)
    )


def new_quote(services: Services, account: Account, drafts: Sequence[Draft], gross: int) -> Quote:
    return Quote(
        id=secrets.token_hex(16),
        account_id=account.id,
        fingerprint=fingerprint_of(draft.item for draft in drafts),
        currency=account.currency,
        prices=tuple(
            QuotedPrice(draft.price.amount, draft.item.renewal_price(draft.price).amount) for draft in drafts
        ),
        gross=gross,
        expires_at=services.clock.now() + deadlines.QUOTE,
    )


def estimate(services: Services, account: Account, drafts: Sequence[Draft], *, on_page: bool) -> Estimate:
    """Raises NotReadyToChargeError (400), PaymentNotStartedError (422) or ProviderUnavailableError."""
    lines = [
        ChargeLine(str(place), draft.item.line_text(), draft.price.amount)
        for place, draft in enumerate(drafts)
    ]
    found = services.payments.estimate(account, lines, on_page=on_page)
    if found is not None:
        return found
    if not on_page:
        text = (
            "The billing account is not ready to charge: its address at the payment provider has no country."
        )
        raise NotReadyToChargeError("billing_contact", text)
    net = sum(line.amount for line in lines)
    return Estimate(net, with_tax(net, account.tax_basis_points), balance=0, final=False)


def maximum(quote: Quote | None, max_gross: int | None) -> tuple[int, str] | None:
    """Return the maximum price of the order with tax, and the field that sets it."""
    # The quote is first in the list, so `min` names it when both limits are equal. If it named `max_cost_cents`, a
    # client would raise that field and still be refused because of the quote.
    limits = [(quote.gross, "/quote")] if quote is not None else []
    limits += [(max_gross, "/max_cost_cents")] if max_gross is not None else []
    return min(limits, key=lambda limit: limit[0], default=None)


def check_maximum(account: Account, current: int, limit: tuple[int, str] | None) -> None:
    """Raises PriceChangedError (409)."""
    if limit is None or current <= limit[0]:
        return
    agreed, pointer = limit
    prices = [f"{decimal_text(amount, account.currency)} {account.currency}" for amount in (current, agreed)]
    text = "The order costs {} with tax, more than the agreed {}. Nothing was ordered.".format(*prices)
    raise PriceChangedError(text, pointer, agreed=agreed, current=current, currency=account.currency)
