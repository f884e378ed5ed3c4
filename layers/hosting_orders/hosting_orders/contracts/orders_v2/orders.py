"""An order in contract 002."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import TypedDict

from hosting_orders.contracts.shown import shown_text
from hosting_orders.contracts.vendor.accounts import (
    AccountDetails,
    NamedId,
    UserDetails,
    account_details,
    user_details,
)
from hosting_orders.contracts.vendor.callbacks import CallbackState, callback_state
from hosting_orders.contracts.vendor.machines import MachineFacts, machine_facts
from hosting_orders.contracts.vendor.orders import OrderIdAndStatus, OrderTimes, order_status, order_times
from hosting_orders.contracts.vendor.tasks import TaskSummary, task_summaries
from hosting_orders.contracts.vendor.times import date_time
from hosting_orders.domain.account import Account
from hosting_orders.domain.cart import Cart, PaymentStatus
from hosting_orders.domain.order import Order
from hosting_orders.domain.products import ProductKind, SiteItem, SiteResource, VmResource

from .domains import DomainBlock, domain_block

if TYPE_CHECKING:
    from hosting_orders.usecases.list_orders import Listing
    from hosting_orders.usecases.show_order import OrderView


class OrderSummary(TypedDict):
    id: str
    status: str
    created_at: str
    updated_at: str
    location: str | None  # null where the product has none


class OrderInDetails(OrderSummary, OrderTimes):
    """The field `order` of GET /api/orders/:id."""


class OrderInList(OrderSummary):
    """O2-024 … O2-029."""

    account: NamedId


class OrderList(TypedDict):
    """Newest first."""

    orders: list[OrderInList]


class SshData(TypedDict):
    """`password` is null if there is none, or if the credential may not see it (C22)."""

    ipaddr: str
    username: str
    password: str | None
    port: int


class SiteBlock(TypedDict):
    id: str
    name: str
    domain: str
    variant: str
    location: str
    ssh_data: SshData


class VmBlock(MachineFacts):
    """Added by us."""

    ssh_data: SshData


class Subscription(TypedDict):
    id: str
    status: str
    bucket_type: str
    bucket_year: int
    bucket_month: int
    stripe_id: str


class Cancellation(TypedDict):
    """Added by us."""

    can_cancel: bool
    reason: str | None
    message: str | None


class PaymentDetails(TypedDict):
    """Minor units. We added the fields from `currency` on (C08, C10)."""

    status: str
    method_type: str | None
    hosted_invoice_url: str | None
    amount_charged_cents: int
    credit_applied_cents: int
    currency: str
    total_net_cents: int
    total_gross_cents: int | None
    order_net_cents: int
    refunded_cents: int


class FailureDetails(TypedDict):
    code: str
    message: str


class ProductParts(TypedDict, total=False):
    site: SiteBlock
    domain: DomainBlock
    vm: VmBlock
    subscription: Subscription


class CallbackPart(TypedDict, total=False):
    callback: CallbackState


class FailurePart(TypedDict, total=False):
    failure: FailureDetails


class OrderDetails(ProductParts, CallbackPart, FailurePart):
    """O2-040 … O2-056. We added `cancellation`."""

    order: OrderInDetails
    tasks: list[TaskSummary]
    cancellation: Cancellation
    payment: PaymentDetails
    account: AccountDetails
    user: UserDetails | None


class Canceled(TypedDict):
    status: str
    order: OrderSummary


class OrderEvent(TypedDict):
    at: str
    state: str
    actor: str
    cause: str


class OrderEvents(TypedDict):
    """Oldest first. Events are only ever added."""

    order: OrderIdAndStatus
    events: list[OrderEvent]


def order_list(listing: Listing) -> OrderList:
    return {"orders": [_in_list(order, listing.account) for order in listing.orders]}


def canceled(order: Order) -> Canceled:
    return {"status": "accepted", "order": _summary(order, PaymentStatus.PROCESSING)}


def order_details(view: OrderView) -> OrderDetails:
    order, payment = view.order, view.cart.payment.status
    callback: CallbackPart = {"callback": callback_state(view.delivery)} if order.callback else {}
    return {
        "order": {**_summary(order, payment), **order_times(view.outlook)},
        "tasks": task_summaries(order, payment),
        **_product_parts(order, view.password),
        "cancellation": _cancellation(order),
        **callback,
        "payment": _payment(order, view.cart),
        "account": account_details(view.account),
        "user": user_details(view.user) if view.user else None,
        **_failure(order),
    }


def order_events(order: Order) -> OrderEvents:
    return {
        "order": {"id": order.uuid, "status": order_status(order)},
        "events": [
            {
                "at": date_time(entry.at),
                "state": entry.status.value,
                "actor": entry.actor.value,
                "cause": shown_text(entry.cause),
            }
            for entry in order.timeline
        ],
    }


def _summary(order: Order, payment: PaymentStatus) -> OrderSummary:
    return {
        "id": order.uuid,
        "status": order_status(order, payment),
        "created_at": date_time(order.created_at),
        "updated_at": date_time(order.updated_at),
        "location": order.item.location,
    }


def _in_list(order: Order, account: Account) -> OrderInList:
    summary = _summary(order, PaymentStatus.PROCESSING)
    return {**summary, "account": {"id": account.id, "name": account.name}}


def _product_parts(order: Order, password: str | None) -> ProductParts:
    parts = _BLOCKS[order.kind](order, password)
    if order.subscription is not None:
        parts["subscription"] = {
            "id": order.uuid,
            "status": order.subscription.status,
            "bucket_type": order.subscription.bucket_type,
            "bucket_year": order.subscription.bucket_year,
            "bucket_month": order.subscription.bucket_month,
            "stripe_id": order.subscription.id,
        }
    return parts


def _failure(order: Order) -> FailurePart:
    if order.failure is None:
        return {}
    return {"failure": {"code": order.failure.code, "message": shown_text(order.failure.message)}}


def _site_part(order: Order, password: str | None) -> ProductParts:
    site, item = order.resource_as(SiteResource), order.item_as(SiteItem)
    if site is None:
        return {}
    block: SiteBlock = {
        "id": site.id,
        "name": item.name,
        "domain": site.domain,
        "variant": item.variant,
        "location": item.location,
        "ssh_data": {
            "ipaddr": site.ip_address,
            "username": site.username,
            "password": password,
            "port": site.port,
        },
    }
    return {"site": block}


def _domain_part(order: Order, password: str | None) -> ProductParts:
    return {"domain": domain_block(order)}


def _vm_part(order: Order, password: str | None) -> ProductParts:
    machine = order.resource_as(VmResource)
    if machine is None:
        return {}
    block: VmBlock = {
        **machine_facts(order, machine),
        "ssh_data": {
            "ipaddr": machine.ip_address,
            "username": machine.username,
            "password": password,
            "port": machine.port,
        },
    }
    return {"vm": block}


_BLOCKS = {ProductKind.SITE: _site_part, ProductKind.DOMAIN: _domain_part, ProductKind.VM: _vm_part}


def _cancellation(order: Order) -> Cancellation:
    refusal = order.why_not_cancellable()
    return {
        "can_cancel": refusal is None,
        "reason": refusal[0] if refusal else None,
        "message": refusal[1] if refusal else None,
    }


def _payment(order: Order, cart: Cart) -> PaymentDetails:
    payment = cart.payment
    refunded = order.refund is not None and order.refund.amount + order.refund.to_credit > 0
    return {
        "status": PaymentStatus.REFUNDED.value if refunded else payment.status.value,
        "method_type": payment.method_type,
        "hosted_invoice_url": payment.pay_url,
        "amount_charged_cents": payment.charged,
        "credit_applied_cents": payment.credit_applied,
        "currency": payment.currency,
        "total_net_cents": payment.total_net,
        "total_gross_cents": payment.total_gross,
        "order_net_cents": order.price.amount,
        "refunded_cents": order.refund.amount + order.refund.to_credit if order.refund else 0,
    }
