"""Orders of each product, with their carts, in every state that an order can reach.

The orders are made with the methods of the domain layer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from hosting_orders.domain.account import Account, BillingContact
from hosting_orders.domain.cart import Cart, OrderSnapshot, Payment, PaymentStatus, roll_up
from hosting_orders.domain.catalogue import Term
from hosting_orders.domain.domain_record import DomainRecord
from hosting_orders.domain.ids import cart_token
from hosting_orders.domain.money import Money
from hosting_orders.domain.order import GIVING_BACK, Actor, Failure, Order, OrderStatus, Refund, TimelineEntry
from hosting_orders.domain.products import (
    DomainItem,
    DomainResource,
    Item,
    Resource,
    SiteItem,
    SiteResource,
    VmItem,
    VmResource,
)
from hosting_orders.domain.registration import DomainAction, RegistrarWaits

BEGAN = 1_795_700_000_000
ACCOUNT = Account(
    id="acc_lives",
    name="Lives",
    currency="EUR",
    billing_plan="standard",
    created_at=BEGAN,
    updated_at=BEGAN,
    number=7,
    billing_contact=BillingContact(name="Ada Lovelace", organization="Engines"),
)
PRODUCTS: dict[str, tuple[Item, Resource]] = {
    "site": (
        SiteItem("my-site", "vanilla", "ams", "basic", Term.MONTHLY),
        SiteResource("site-1", "my-site.example", "203.0.113.1", "u1", "sealed", 22),
    ),
    "vm": (
        VmItem("web-1", "vps-1", "debian-13", "ams", Term.ANNUAL),
        VmResource("vm-1", "web-1.example", "203.0.113.2", "root", "sealed", 22),
    ),
    "domain": (
        DomainItem("example.com", "example.com", "com", DomainAction.REGISTER, 1400),
        DomainResource(("ns1.example",), "Z1", ("ns1.example",), BEGAN),
    ),
}
_MINUTE = 60_000
_FAILURE = Failure("provisioning_failed", "The platform could not deliver it.")


@dataclass(frozen=True, slots=True)
class Life:
    """One state of an order: its name in the table of docs/contracts.md, the order and its cart."""

    state: str
    order: Order
    cart: Cart


def lives(product: str) -> Iterator[Life]:
    """Every state of an order of this product, in the same sequence as the rows of the table in docs/contracts.md."""
    resource = PRODUCTS[product][1]
    placed = _placed(product)
    paid = placed.paid(BEGAN + _MINUTE, BEGAN + _MINUTE)
    begun = paid.begin_provisioning(BEGAN + 2 * _MINUTE, BEGAN)
    later = BEGAN + 5 * _MINUTE
    yield _life("awaiting payment", placed, PaymentStatus.PROCESSING)
    yield _life("awaiting the customer", placed, PaymentStatus.AWAITING_AUTHENTICATION)
    yield _life("payment failed", placed.payment_failed(_FAILURE, later), PaymentStatus.FAILED)
    yield _life("expired", placed.expired(later), PaymentStatus.CANCELED)
    yield _life("paid", paid, PaymentStatus.SUCCEEDED)
    yield _life("being delivered", begun, PaymentStatus.SUCCEEDED)
    if begun.domain is not None:
        waiting = begun.with_domain(begun.domain.waits_for(RegistrarWaits.REGISTRANT, later))
        yield _life("a domain that waits for others", waiting, PaymentStatus.SUCCEEDED)
    yield _life("completed", begun.delivered(resource, None, later), PaymentStatus.SUCCEEDED)
    yield _life("cancelling, unpaid", placed.cancel_requested(later), PaymentStatus.PROCESSING)
    yield _life(
        "cancelling, the bank wants the customer",
        placed.cancel_requested(later),
        PaymentStatus.AWAITING_AUTHENTICATION,
    )
    yield _life("cancelling, paid", paid.cancel_requested(later), PaymentStatus.SUCCEEDED)
    unpaid_end = placed.cancel_requested(later).refunded(None, later)
    yield _life("cancelled, unpaid", unpaid_end, PaymentStatus.CANCELED)
    refund = Refund("re_1", placed.price.amount, 0, later)
    yield _life(
        "cancelled, paid", paid.cancel_requested(later).refunded(refund, later), PaymentStatus.REFUNDED
    )
    refunding = begun.undeliverable(_FAILURE, later, Actor.PLATFORM)
    yield _life("being refunded", refunding, PaymentStatus.SUCCEEDED)
    yield _life("refund refused", refunding.refund_refused("refused", later), PaymentStatus.SUCCEEDED)
    yield _life("refunded", refunding.refunded(refund, later), PaymentStatus.REFUNDED)
    given_up = placed.undeliverable(_FAILURE, later, Actor.SYSTEM)
    yield _life("being given up, unpaid", given_up, PaymentStatus.PROCESSING)
    yield _life(
        "being given up, the bank wants the customer", given_up, PaymentStatus.AWAITING_AUTHENTICATION
    )
    yield _life("given up, unpaid", given_up.refunded(None, later), PaymentStatus.CANCELED)


STEPS = (
    *("the bank wants the customer", "paid", "declined", "not paid in time", "cancelled", "delivery begins"),
    *("delivered", "given up", "money back", "refund refused"),
)


def wandered(product: str, steps: Sequence[str], price: int = 1200) -> Life:
    """The order after these steps. A step that the order's state does not allow is skipped."""
    order, payment = replace(_placed(product), price=Money(price, "EUR")), PaymentStatus.PROCESSING
    for place, step in enumerate(steps, start=1):
        order, payment = _after(step, order, payment, BEGAN + place * _MINUTE)
    return _life(", ".join(steps) or "placed", order, payment)


def _after(step: str, order: Order, payment: PaymentStatus, now: int) -> tuple[Order, PaymentStatus]:
    status, taken = order.status, payment is PaymentStatus.SUCCEEDED
    unpaid = status is OrderStatus.PENDING
    match step:
        case "the bank wants the customer" if unpaid:
            return order, PaymentStatus.AWAITING_AUTHENTICATION
        case "paid" if unpaid:
            return order.paid(now, now), PaymentStatus.SUCCEEDED
        case "declined" if unpaid:
            return order.payment_failed(_FAILURE, now), PaymentStatus.FAILED
        case "not paid in time" if unpaid:
            return order.expired(now), PaymentStatus.CANCELED
        case "cancelled" if order.why_not_cancellable() is None:
            return order.cancel_requested(now), payment
        case "delivery begins" if status is OrderStatus.PROCESSING and order.provisioning_at is None:
            return order.begin_provisioning(now, now), payment
        case "delivered" if status is OrderStatus.PROCESSING and order.provisioning_at is not None:
            return order.delivered(PRODUCTS[order.kind.value][1], None, now), payment
        case "given up" if status in (OrderStatus.PENDING, OrderStatus.PROCESSING):
            return order.undeliverable(_FAILURE, now, Actor.SYSTEM), payment
        case "money back" if status in GIVING_BACK and taken:
            refund = Refund("re_1", order.price.amount, 0, now)
            # A free order has nothing to refund, and its payment status does not change.
            return order.refunded(refund, now), PaymentStatus.REFUNDED if order.price.amount else payment
        case "money back" if status in GIVING_BACK:
            return order.refunded(None, now), PaymentStatus.CANCELED
        case "refund refused" if status in GIVING_BACK - {OrderStatus.REFUND_FAILED} and taken:
            return order.refund_refused("refused", now), payment
    return order, payment


def _placed(product: str) -> Order:
    item = PRODUCTS[product][0]
    return Order(
        account_id=ACCOUNT.id,
        number=235_370_000_000_000,
        cart_token=cart_token(ACCOUNT.id, "lives"),
        status=OrderStatus.PENDING,
        item=item,
        price=Money(1200, "EUR"),
        created_at=BEGAN,
        updated_at=BEGAN,
        domain=DomainRecord(item.name) if isinstance(item, DomainItem) else None,
        timeline=(TimelineEntry(BEGAN, OrderStatus.PENDING, Actor.CUSTOMER, "order placed"),),
    )


def _life(state: str, order: Order, status: PaymentStatus) -> Life:
    payment = Payment(
        status,
        "EUR",
        method_type="card",
        reference="in_1",
        amount_charged=order.price.amount,
        total_net=order.price.amount,
        total_gross=order.price.amount,
        gross={order.line_key: order.price.amount},
        pay_url="https://pay.example/" if status is PaymentStatus.AWAITING_AUTHENTICATION else None,
        refunded=order.refund.amount if order.refund else 0,
    )
    cart = Cart(
        account_id=order.account_id,
        token=order.cart_token,
        fingerprint="",
        payment=payment,
        created_at=order.created_at,
        updated_at=order.updated_at,
        orders={order.number: OrderSnapshot(order.status, 1)},
    )
    return Life(state, order, replace(cart, rollup_status=roll_up([order.status])))
