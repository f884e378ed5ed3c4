"""Previews of orders in contracts 002 and 003 (our addition)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import TypedDict

from hosting_orders.domain.products import Deliverer

from .times import date_time

if TYPE_CHECKING:
    from hosting_orders.usecases.preview_order import OrderPreview, PreviewedItem


class ItemPreview(TypedDict):
    type: str
    description: str  # the text of the invoice's line
    net_cents: int  # for the first term
    term: str
    renews_at: str  # when the next term is charged, if the order is placed now
    renewal_net_cents: int


class PreviewedMethod(TypedDict):
    type: str


class OrderPreviewed(TypedDict):
    currency: str
    items: list[ItemPreview]
    net_cents: int  # all amounts are minor units
    tax_cents: int
    tax_is_estimated: bool  # True: the payment page computes the final tax from the address entered there
    gross_cents: int
    credit_applied_cents: int
    amount_due_cents: int
    payment_method: PreviewedMethod | None  # null: the customer pays on a payment page
    terms: list[str]


class PreviewAnswer(TypedDict):
    preview: OrderPreviewed
    quote: str
    quote_expires_at: str


def preview(view: OrderPreview) -> PreviewAnswer:
    return {
        "preview": {
            "currency": view.currency,
            "items": [_item(item) for item in view.items],
            "net_cents": view.net,
            "tax_cents": view.tax,
            "tax_is_estimated": not view.tax_is_final,
            "gross_cents": view.gross,
            "credit_applied_cents": view.credit,
            "amount_due_cents": view.due,
            "payment_method": {"type": view.method.type} if view.method else None,
            "terms": terms(view),
        },
        "quote": view.quote,
        "quote_expires_at": date_time(view.quote_expires_at),
    }


def _item(previewed: PreviewedItem) -> ItemPreview:
    item = previewed.item
    return {
        "type": item.KIND.value,
        "description": item.line_text(),
        "net_cents": previewed.price.amount,
        "term": item.term.value,
        "renews_at": date_time(previewed.renews_at),
        "renewal_net_cents": previewed.renewal_price.amount,
    }


_RENEWS = "Each product renews automatically at the end of its term, at `renewal_net_cents` plus tax."
_CANCEL = "An order can be cancelled until its delivery begins. The money then goes back."
_NOT_RETURNED = "A registered or transferred domain cannot be returned."


def terms(view: OrderPreview) -> list[str]:
    registered = any(previewed.item.DELIVERER is Deliverer.REGISTRAR for previewed in view.items)
    return [_RENEWS, _CANCEL, *([_NOT_RETURNED] if registered else [])]
