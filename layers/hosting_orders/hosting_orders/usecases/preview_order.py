"""Preview an order with the checks and prices of `place_cart`. Nothing is written or created at a provider."""

from __future__ import annotations

from dataclasses import dataclass

from hosting_orders.domain.money import Money
from hosting_orders.domain.months import months_later
from hosting_orders.domain.products import Item
from hosting_orders.domain.providers import PaymentMethod

from .authenticate import Caller
from .key_mode import check_ordering
from .place_cart import CartRequest, check_order
from .ports import Services
from .quoted_prices import check_maximum, estimate, maximum, new_quote


@dataclass(frozen=True, slots=True)
class PreviewedItem:
    item: Item
    price: Money  # net
    renewal_price: Money  # net
    renews_at: int  # epoch ms: when the next term is charged, if the order is placed now


@dataclass(frozen=True, slots=True)
class OrderPreview:
    """Amounts are minor units of `currency`."""

    items: tuple[PreviewedItem, ...]
    currency: str
    net: int  # after discounts
    gross: int
    tax_is_final: bool  # False: the payment page computes the tax from the address entered there
    credit: int  # what the account's balance pays
    due: int  # the rest, which the customer pays with `method` or on a payment page
    method: PaymentMethod | None  # None: the customer pays on a payment page
    quote: str
    quote_expires_at: int  # epoch ms

    @property
    def tax(self) -> int:
        return self.gross - self.net


def preview_order(
    services: Services, caller: Caller, request: CartRequest, *, allow_loopback_callbacks: bool
) -> OrderPreview:
    """Return what the order would cost, with a quote. Raises the errors of `place_cart`."""
    account = caller.scope
    check_ordering(services, caller)
    checked = check_order(services, caller, request, allow_loopback=allow_loopback_callbacks)
    drafts, on_page = checked.drafts, checked.method is None
    total = estimate(services, account, drafts, on_page=on_page)
    check_maximum(account, total.gross, maximum(checked.quote, request.max_gross))
    quote = new_quote(services, account, drafts, total.gross)
    now = services.clock.now()
    due = max(0, total.gross + total.balance)
    return OrderPreview(
        items=tuple(
            PreviewedItem(
                draft.item,
                draft.price,
                draft.item.renewal_price(draft.price),
                months_later(now, draft.item.term.months) - draft.item.renews_before(),
            )
            for draft in drafts
        ),
        currency=account.currency,
        net=total.net,
        gross=total.gross,
        tax_is_final=total.final,
        credit=max(0, total.gross - due),
        due=due,
        method=checked.method,
        quote=services.quotes.sign(quote),
        quote_expires_at=quote.expires_at,
    )
