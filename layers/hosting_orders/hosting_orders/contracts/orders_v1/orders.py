"""An order in contract 003."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import TypedDict

from hosting_orders.contracts.vendor.accounts import (
    AccountDetails,
    NamedId,
    UserDetails,
    account_details,
    user_details,
)
from hosting_orders.contracts.vendor.machines import MachineFacts, machine_facts
from hosting_orders.contracts.vendor.orders import OrderIdAndStatus, OrderTimes, order_status, order_times
from hosting_orders.contracts.vendor.tasks import TaskSummary, task_summaries
from hosting_orders.contracts.vendor.times import date_time
from hosting_orders.domain.account import Account
from hosting_orders.domain.cart import Cart, PaymentStatus
from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.domain.products import ProductKind, SiteItem, SiteResource, VmResource

if TYPE_CHECKING:
    from hosting_orders.usecases.list_orders import Listing
    from hosting_orders.usecases.place_cart import Placed
    from hosting_orders.usecases.show_order import OrderView


class OrderSummary(OrderIdAndStatus):
    created_at: str
    updated_at: str
    variant: str | None
    product: str | None
    location: str | None


class OrderInList(OrderSummary):
    """O1-010 … O1-014."""

    account: NamedId


class OrderList(TypedDict):
    """Newest first."""

    orders: list[OrderInList]


class PaymentPage(TypedDict, total=False):
    payment_ur: str  # the contract's spelling (C16)
    payment_url: str


class OrderInDetails(OrderSummary, PaymentPage, OrderTimes):
    """`order` of GET /api/orders/:id."""


class SshData(TypedDict):
    """All fields are null until delivery."""

    ipaddr: str | None
    username: str | None
    password: str | None  # null if there is none, or if the credential may not see it (C22)
    port: str | None


class SiteBlock(TypedDict):
    """We added `domain` and `ssh_data` to GET /api/orders/:id."""

    id: str | None
    name: str
    domain: str | None
    ssh_data: SshData


class SitePart(TypedDict, total=False):
    site: SiteBlock


class VmBlock(MachineFacts):
    ssh_data: SshData


class VmPart(TypedDict, total=False):
    """Our addition."""

    vm: VmBlock


class OrderDetails(SitePart, VmPart):
    """O1-020 … O1-025."""

    order: OrderInDetails
    tasks: list[TaskSummary]
    account: AccountDetails
    user: UserDetails | None


class PlacedPayment(TypedDict, total=False):
    payment_url: str


class PlacedOrder(PlacedPayment, SitePart):
    """The 201 of POST /api/orders (O1-040 … O1-043).

    It has `payment_url` while the customer must pay, and `site` when nothing more is needed from the customer. It has
    neither when the payment's outcome is unknown or the site will not be delivered.
    """

    order: OrderIdAndStatus
    task: TaskSummary


class Canceled(TypedDict):
    status: str
    order: OrderSummary


def order_list(listing: Listing) -> OrderList:
    return {"orders": [_in_list(order, listing.account) for order in listing.orders]}


def canceled(order: Order) -> Canceled:
    return {"status": "accepted", "order": _summary(order)}


def order_details(view: OrderView) -> OrderDetails:
    order, payment = view.order, view.cart.payment.status
    address = _pay_address(order, view.cart)
    page: PaymentPage = {"payment_ur": address, "payment_url": address} if address else {}
    site: SitePart = {} if order.resource is None else _site_part(order, view.password)
    return {
        "order": {**_summary(order, payment), **page, **order_times(view.outlook)},
        "tasks": task_summaries(order, payment),
        **site,
        **_vm_part(order, view.password),
        "account": account_details(view.account),
        "user": user_details(view.user) if view.user else None,
    }


def placed_order(placed: Placed) -> PlacedOrder:
    (order,) = placed.orders
    payment = placed.cart.payment
    (task,) = task_summaries(order, payment.status)
    address = _pay_address(order, placed.cart)
    paid: PlacedPayment = {"payment_url": address} if address else {}
    # The placing function cannot decrypt passwords, so a replay after the delivery has no password.
    site: SitePart = _site_part(order, None) if not address and _site_is_coming(order, placed.cart) else {}
    return {
        "order": {"id": order.uuid, "status": order_status(order, payment.status)},
        "task": task,
        **paid,
        **site,
    }


def _pay_address(order: Order, cart: Cart) -> str | None:
    """None while the order is being cancelled, even if its payment page is open."""
    return cart.payment.pay_url if order.status is OrderStatus.PENDING else None


def _site_is_coming(order: Order, cart: Cart) -> bool:
    """Whether the site is delivered, or will be delivered without further action of the customer.

    True while a debit on a saved method is in progress. False if the outcome is unknown: the payment on a page is
    unfinished, or Stripe has not answered.
    """
    if order.resource is not None:
        return True
    alive = order.status in (OrderStatus.PENDING, OrderStatus.PROCESSING)
    return alive and (cart.payment.paid or (cart.payment.started and not cart.checkout))


def _summary(order: Order, payment: PaymentStatus = PaymentStatus.PROCESSING) -> OrderSummary:
    return {
        "id": order.uuid,
        "status": order_status(order, payment),
        "created_at": date_time(order.created_at),
        "updated_at": date_time(order.updated_at),
        "variant": order.item.variant,
        "product": order.item.plan,
        "location": order.item.location,
    }


def _in_list(order: Order, account: Account) -> OrderInList:
    return {**_summary(order), "account": {"id": account.id, "name": account.name}}


def _site_part(order: Order, password: str | None) -> SitePart:
    block = _SITES.get(order.kind)
    return {"site": block(order, password)} if block else {}


def _site(order: Order, password: str | None) -> SiteBlock:
    site = order.resource_as(SiteResource)
    name = order.item_as(SiteItem).name
    if site is None:
        nothing: SshData = {"ipaddr": None, "username": None, "password": None, "port": None}
        return {"id": None, "name": name, "domain": None, "ssh_data": nothing}
    return {
        "id": site.id,
        "name": name,
        "domain": site.domain,
        "ssh_data": {
            "ipaddr": site.ip_address,
            "username": site.username,
            "password": password,
            "port": str(site.port),
        },
    }


_SITES = {ProductKind.SITE: _site}
"""The products shown in `site`."""


def _vm_part(order: Order, password: str | None) -> VmPart:
    block = _MACHINES.get(order.kind)
    return block(order, password) if block else {}


def _machine(order: Order, password: str | None) -> VmPart:
    machine = order.resource_as(VmResource)
    if machine is None:
        return {}
    ssh_data: SshData = {
        "ipaddr": machine.ip_address,
        "username": machine.username,
        "password": password,
        "port": str(machine.port),
    }
    return {"vm": {**machine_facts(order, machine), "ssh_data": ssh_data}}


_MACHINES = {ProductKind.VM: _machine}
"""The products shown in `vm`."""
