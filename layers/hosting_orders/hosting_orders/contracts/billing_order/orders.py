"""An order in contract 001 (HU-010 … HU-062)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from typing_extensions import TypedDict

from hosting_orders.contracts.shown import shown_text
from hosting_orders.domain.cart import Payment
from hosting_orders.domain.money import decimal_text
from hosting_orders.domain.order import GIVING_BACK, Order, OrderStatus
from hosting_orders.domain.products import ProductKind, SiteItem, SiteResource, VmItem, VmResource

from .currencies import Currency, currency
from .words import cycle_word, date, invoice_word, order_word, product_word

if TYPE_CHECKING:
    from hosting_orders.usecases.place_cart import Placed
    from hosting_orders.usecases.show_order import OrderView
    from hosting_orders.usecases.show_pending_order import PendingView

_GATEWAY = "stripe"
_NONE = "0"
"""The id in fields about objects that we do not have."""


class Note(TypedDict):
    id: str
    type: str
    rel_id: str
    admin_id: str
    date: str
    note: str
    title: str
    flags: str
    firstname: str
    lastname: str


class Metadata(TypedDict):
    invoice_id: str
    total: str
    gateway_id: str
    client_id: int


class Hosting(TypedDict):
    id: str
    domain: str
    product_id: str
    total: str
    qty: str
    billingcycle: str
    status: str
    server_id: str
    name: str
    autosetup: str
    category_id: str
    username: str
    password: str
    rootpassword: str
    catname: str
    module: str
    ptype: str
    commitment_date: str
    item_type: str


class BillingOrder(TypedDict):
    """All numbers are strings, except `item_count` and those in `metadata` and `currency`."""

    id: str
    number: str
    payment_module: str
    client_id: str
    staff_member_id: str
    invoice_id: str
    total: str
    currency_id: str
    date_created: str
    status: str
    order_ip: str
    notes: list[Note]
    metadata: Metadata
    contract_accepted_date: str
    contract_accepted_by: str
    commitment_date: str
    type: str
    firstname: str
    lastname: str
    companyname: str
    module: str
    modusubtype: str
    invtotal: str
    invstatus: str
    invcredit: str
    invsubtotal2: str
    admin_firstname: str
    admin_lastname: str
    balance: str
    hosting: list[Hosting]
    addons: list[str]
    upgrades: list[str]
    fieldupgrades: list[str]
    domains: list[str]
    contracts: list[str]
    currency: Currency
    item_count: int


class BillingOrderData(TypedDict):
    order: BillingOrder
    status: str  # the same as `order.status` (C20)
    can_cancel: bool


class Canceled(TypedDict):
    """HU-071."""

    message: str
    order_id: str


class PendingOrder(TypedDict):
    id: str  # the number of the first of the orders that are paid together
    orderIds: list[str]  # our addition
    status: str
    invoice_id: str
    total: str  # what `paymentUrl` charges
    currency: str
    date_created: str
    paymentUrl: str | None


class PendingOrders(TypedDict):
    """HU-073."""

    pendingOrder: PendingOrder | None


class CreatedOrder(TypedDict):
    """HU-075. `orderIds` is our addition."""

    invoiceId: str | None
    orderId: str
    orderIds: list[str]
    paymentUrl: str | None
    redirectUrl: str | None
    pendingManualProcessing: bool
    accountCreated: bool
    clientId: str


def billing_order(view: OrderView) -> BillingOrderData:
    order, payment, account = view.order, view.cart.payment, view.account
    gross = payment.expected_gross(order, account.tax_basis_points)
    total = _money(order, gross)
    contact = account.billing_contact
    first, _, last = contact.name.strip().partition(" ")
    credit = payment.credit_of(order)
    invoice = payment.reference or ""
    hosting = _hosting(order, view.password, total)
    domains = _domains(order)
    return {
        "order": {
            "id": str(order.number),
            "number": str(order.number),
            "payment_module": _GATEWAY,
            "client_id": str(account.number),
            "staff_member_id": _NONE,
            "invoice_id": invoice,
            "total": total,
            "currency_id": str(currency(order.price.currency)["id"]),
            "date_created": date(order.created_at),
            "status": order_word(order.status),
            "order_ip": order.placed.client_address or "",
            "notes": _notes(order),
            "metadata": {
                "invoice_id": invoice,
                "total": total,
                "gateway_id": _GATEWAY,
                "client_id": account.number,
            },
            "contract_accepted_date": "",
            "contract_accepted_by": "",
            "commitment_date": "",
            "type": product_word(order),
            "firstname": first,
            "lastname": last,
            "companyname": contact.organization,
            "module": "",
            "modusubtype": "",
            "invtotal": total,
            "invstatus": invoice_word(order, payment),
            "invcredit": _money(order, credit),
            "invsubtotal2": _money(order, order.price.amount),
            "admin_firstname": "",
            "admin_lastname": "",
            "balance": _money(order, gross - credit if _is_owed(order, payment) else 0),
            "hosting": hosting,
            "addons": [],
            "upgrades": [],
            "fieldupgrades": [],
            "domains": domains,
            "contracts": [],
            "currency": currency(order.price.currency),
            "item_count": len(hosting) + len(domains),
        },
        "status": order_word(order.status),
        "can_cancel": order.why_not_cancellable() is None,
    }


def _is_owed(order: Order, payment: Payment) -> bool:
    """False for an order that is being cancelled: money that still arrives for it is refunded."""
    return not (payment.settled or order.ended or order.status in GIVING_BACK)


def canceled(order: Order) -> Canceled:
    return {"message": "Order and related invoice have been cancelled", "order_id": str(order.number)}


def pending_orders(view: PendingView | None) -> PendingOrders:
    if view is None:
        return {"pendingOrder": None}
    order, payment = view.orders[0], view.cart.payment
    return {
        "pendingOrder": {
            "id": str(order.number),
            "orderIds": [str(each.number) for each in view.orders],
            "status": order_word(order.status),
            "invoice_id": payment.reference or "",
            "total": _money(order, payment.amount_charged),
            "currency": order.price.currency,
            "date_created": date(order.created_at),
            "paymentUrl": payment.pay_url,
        }
    }


def created_order(placed: Placed) -> CreatedOrder:
    payment, numbers = placed.cart.payment, [str(order.number) for order in placed.orders]
    pending = any(order.status is OrderStatus.PENDING for order in placed.orders)
    address = payment.pay_url if pending and not payment.settled else None
    return {
        "invoiceId": payment.reference,
        "orderId": numbers[0],
        "orderIds": numbers,
        "paymentUrl": address,
        "redirectUrl": address,
        "pendingManualProcessing": False,
        "accountCreated": False,
        "clientId": str(placed.account.number),
    }


def _money(order: Order, amount: int) -> str:
    return decimal_text(amount, order.price.currency)


def _notes(order: Order) -> list[Note]:
    return [
        {
            "id": str(place),
            "type": "order",
            "rel_id": str(order.number),
            "admin_id": _NONE,
            "date": date(entry.at),
            "note": shown_text(entry.cause),
            "title": order_word(entry.status),
            "flags": "",
            "firstname": "",
            "lastname": "",
        }
        for place, entry in enumerate(order.timeline, start=1)
    ]


def _hosting(order: Order, password: str | None, total: str) -> list[Hosting]:
    entry = _HOSTING.get(order.kind)
    return [entry(order, password or "", total)] if entry else []


def _site(order: Order, password: str, total: str) -> Hosting:
    site, item = order.resource_as(SiteResource), order.item_as(SiteItem)
    return {
        **_entry(order, total),
        "domain": site.domain if site else "",
        "product_id": item.plan,
        "server_id": site.id if site else "",
        "name": item.name,
        "username": site.username if site else "",
        "password": password,
        "catname": "WordPress",
        "ptype": product_word(order),
    }


def _machine(order: Order, password: str, total: str) -> Hosting:
    machine, item = order.resource_as(VmResource), order.item_as(VmItem)
    return {
        **_entry(order, total),
        "domain": item.hostname,
        "product_id": item.plan,
        "server_id": machine.id if machine else "",
        "name": item.hostname,
        "username": machine.username if machine else "",
        "rootpassword": password,
        "catname": "VPS",
        "ptype": product_word(order),
    }


def _entry(order: Order, total: str) -> Hosting:
    return {
        "id": str(order.number),
        "domain": "",
        "product_id": "",
        "total": total,
        "qty": "1",
        "billingcycle": cycle_word(order),
        "status": order_word(order.status),
        "server_id": "",
        "name": "",
        "autosetup": "1",
        "category_id": _NONE,
        "username": "",
        "password": "",
        "rootpassword": "",
        "catname": "",
        "module": "",
        "ptype": "",
        "commitment_date": "",
        "item_type": "hosting",
    }


_HOSTING: dict[ProductKind, Callable[[Order, str, str], Hosting]] = {
    ProductKind.SITE: _site,
    ProductKind.VM: _machine,
}
"""The products shown in `hosting`."""
_NAMED_DOMAINS = frozenset({ProductKind.DOMAIN})
"""The products whose names are shown in `domains`."""


def _domains(order: Order) -> list[str]:
    return [order.item.name] if order.kind in _NAMED_DOMAINS else []
