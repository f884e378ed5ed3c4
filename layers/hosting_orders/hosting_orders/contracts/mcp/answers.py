"""The results of the tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import TypedDict

from hosting_orders.contracts.order_status.orders import (
    OrderStatusData,
    order_status_answer,
    order_status_list,
    payment_link,
)
from hosting_orders.contracts.orders_v2.carts import CartEnvelope, placed_cart, shown_cart
from hosting_orders.contracts.orders_v2.domain_checks import DomainChecks, domain_checks
from hosting_orders.contracts.orders_v2.operations import UNKNOWN_VARIANTS
from hosting_orders.contracts.orders_v2.tlds import TldSummary, tld_list
from hosting_orders.contracts.vendor.about import (
    Location,
    ProductOnSale,
    VariantOnSale,
    VmPlanOnSale,
    about_without,
)
from hosting_orders.contracts.vendor.previews import ItemPreview, PreviewedMethod, preview
from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.order import OrderStatus
from hosting_orders.usecases.show_about import AboutView

if TYPE_CHECKING:
    from hosting_orders.usecases.agents import AgentQuote, CatalogueForAgent
    from hosting_orders.usecases.check_domains import DomainCheck
    from hosting_orders.usecases.place_cart import Placed
    from hosting_orders.usecases.show_cart import CartView
    from hosting_orders.usecases.show_order_status import OrderStatusView, StatusListing


class Orders(TypedDict):
    """Newest first."""

    orders: list[OrderStatusData]
    next_cursor: str | None


class SitesOnSale(TypedDict):
    plans: list[ProductOnSale]
    locations: list[Location]
    variants: list[VariantOnSale]


class OnSale(TypedDict):
    """Prices of this account, in the currency's smallest unit."""

    currency: str
    sites: SitesOnSale
    virtual_machines: list[VmPlanOnSale]
    domains: list[TldSummary]


class SpendCapLeft(TypedDict):
    """An amount is null if its period has no limit."""

    currency: str
    day_cents: int | None
    month_cents: int | None


class Quoted(TypedDict):
    """Amounts are in the currency's smallest unit."""

    quote: str
    quote_expires_at: str
    currency: str
    net_cents: int
    tax_cents: int
    tax_is_estimated: bool
    gross_cents: int
    credit_applied_cents: int
    amount_due_cents: int
    payment_method: PreviewedMethod | None  # null: a person pays on a page
    items: list[ItemPreview]
    terms: list[str]
    spend_cap_left: SpendCapLeft | None  # null for a key without a spend cap, which can quote but not order


def status(view: OrderStatusView) -> OrderStatusData:
    return order_status_answer(view)["data"]


def status_notes(view: OrderStatusView) -> list[str]:
    link = payment_link(view).get("Link")
    return [_must_pay(view.cart.payment.pay_url)] if link else []


def cancel_notes(view: OrderStatusView) -> list[str]:
    if view.order.status is OrderStatus.CANCELED:
        return ["The order is cancelled."]
    return [
        "The order is being cancelled. Any money that was paid goes back. At the end, get_order_status shows CANCELED."
    ]


def listing(view: StatusListing) -> Orders:
    return {"orders": order_status_list(view)["data"], "next_cursor": view.page.next_cursor}


def cart(view: CartView) -> CartEnvelope:
    return shown_cart(view)


def cart_notes(view: CartView) -> list[str]:
    payment = view.cart.payment
    pays = [_must_pay(payment.pay_url)] if payment.pay_url and not payment.settled else []
    return [*pays, *([f"Ask again in {view.poll_after} seconds."] if view.poll_after else [])]


def catalogue(view: CatalogueForAgent) -> OnSale:
    about = about_without(UNKNOWN_VARIANTS)(
        AboutView("", None, view.account, view.catalogue, {}, view.tax_is_added)
    )
    return {
        "currency": view.account.currency,
        "sites": {
            "plans": [plan for plan in about["products"] if plan["prices"]],
            "locations": about["locations"],
            "variants": about["variants"],
        },
        "virtual_machines": [plan for plan in about["vm_plans"] if plan["prices"]],
        "domains": [tld for tld in tld_list(list(view.tlds))["tlds"] if tld["prices"]],
    }


def domains(checks: list[DomainCheck]) -> DomainChecks:
    return domain_checks(checks)


def domain_notes(checks: list[DomainCheck]) -> list[str]:
    unknown = any(check.is_unknown for check in checks)
    return ["Ask about the unknown domains again in 5 seconds."] if unknown else []


def quoted(view: AgentQuote) -> Quoted:
    found = preview(view.preview)
    shown, left = found["preview"], view.left
    return {
        "quote": found["quote"],
        "quote_expires_at": found["quote_expires_at"],
        "currency": shown["currency"],
        "net_cents": shown["net_cents"],
        "tax_cents": shown["tax_cents"],
        "tax_is_estimated": shown["tax_is_estimated"],
        "gross_cents": shown["gross_cents"],
        "credit_applied_cents": shown["credit_applied_cents"],
        "amount_due_cents": shown["amount_due_cents"],
        "payment_method": shown["payment_method"],
        "items": shown["items"],
        "terms": shown["terms"],
        "spend_cap_left": {"currency": left.currency, "day_cents": left.day, "month_cents": left.month}
        if left
        else None,
    }


def quote_notes(view: AgentQuote) -> list[str]:
    notes = ["Nothing is ordered yet. Show the price and the terms to a person before place_order."]
    if view.preview.method is None:
        notes.append("No payment method is saved: after place_order a person pays on a page.")
    if view.left is None:
        notes.append("This key has no spend cap, so place_order will refuse it.")
    return notes


def placed(view: Placed) -> CartEnvelope:
    return placed_cart(view)


def placed_notes(view: Placed) -> list[str]:
    payment = view.cart.payment
    match payment.status:
        case PaymentStatus.SUCCEEDED:
            told = "The order was paid."
        case PaymentStatus.REFUNDED:
            told = "The money that was paid went back."
        case PaymentStatus.FAILED | PaymentStatus.CANCELED:
            told = "The order was not paid, and is not delivered. For another order, call quote_order."
        case _ if payment.pay_url:
            told = _must_pay(payment.pay_url)
        case _:
            told = "The payment is under way. get_cart_status shows its outcome."
    return [told, *(["This repeats an earlier call: nothing was ordered twice."] if view.replayed else [])]


def _must_pay(url: str | None) -> str:
    return f"No money has moved yet. A person must pay or confirm the payment at {url}"
