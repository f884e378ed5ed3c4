"""Compensation (undoing an undelivered order) for every order status and every state of the payment."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from hosting_orders.domain.cart import Cart, OrderSnapshot, Payment, PaymentStatus
from hosting_orders.domain.catalogue import Term
from hosting_orders.domain.compensation import Action, next_action
from hosting_orders.domain.deadlines import COMPENSATION_CHECK
from hosting_orders.domain.errors import ConcurrentUpdateError, RefundRefusedError
from hosting_orders.domain.money import Money
from hosting_orders.domain.order import MOVES, Actor, Order, OrderStatus, Refund, TimelineEntry
from hosting_orders.domain.products import SiteItem
from hosting_orders.domain.providers import PaymentState, RefundState
from hosting_orders.usecases.collect_payment import record_payment
from hosting_orders.usecases.refund_order import Compensation, refund_order

NOW = 1_790_000_000_000
ACCOUNT, CART, NUMBER = "account", "cart", 7
GROSS = 1452


class Books:
    """The stored order and cart. A write with an old version is refused."""

    def __init__(self, order: Order, cart: Cart) -> None:
        self.stored, self.stored_cart = order, cart

    def order(self, account_id: str, number: int) -> Order:
        return self.stored

    def cart(self, account_id: str, token: str) -> Cart:
        return self.stored_cart

    def orders(self, account_id: str, numbers: list[int]) -> list[Order]:
        return [self.stored for number in numbers if number == NUMBER]

    def save_order(self, order: Order, owed: Any = None) -> Order:
        if order.version != self.stored.version:
            raise ConcurrentUpdateError("old")
        self.stored = replace(order, version=order.version + 1)
        return self.stored

    def save_payment(self, cart: Cart) -> Cart:
        if cart.payment_version != self.stored_cart.payment_version:
            raise ConcurrentUpdateError("old")
        self.stored_cart = replace(cart, payment_version=cart.payment_version + 1)
        return self.stored_cart


class Bank:
    """The payment provider. The cart's invoice has `status`, and the status `voided` after an attempt to void it."""

    def __init__(self, status: PaymentStatus, voided: PaymentStatus) -> None:
        self.status, self.voided = status, voided
        self.refunds: list[str] = []
        self.refuses = False
        self.refusals = -1  # the argument `refusals` of the last call of `refund`

    def state(self, invoice_id: str) -> PaymentState:
        return PaymentState(self.status, "in_1", ACCOUNT, CART, "card", None, GROSS, 0, 1200, GROSS)

    def void(self, invoice_id: str) -> PaymentState:
        self.status = self.voided
        return self.state(invoice_id)

    def refund(self, invoice_id: str, line_key: str, order_id: str, refusals: int) -> RefundState:
        self.refusals = refusals
        if self.refuses:
            raise RefundRefusedError("no")
        assert self.status in (PaymentStatus.SUCCEEDED, PaymentStatus.REFUNDED), (
            "a refund of money that was never paid"
        )
        self.refunds.append(order_id)
        return RefundState("cn_1", GROSS, 0)


class Scene:
    """An order with the given status, alone in its cart. Its invoice at the provider has the status `payment`."""

    def __init__(self, status: OrderStatus, payment: PaymentStatus, voided: PaymentStatus) -> None:
        order = Order(
            account_id=ACCOUNT,
            number=NUMBER,
            cart_token=CART,
            status=status,
            item=SiteItem("Shop", "vanilla", "ams", "basic", Term.MONTHLY),
            price=Money(1200, "EUR"),
            created_at=NOW,
            updated_at=NOW,
            cancel_requested_at=NOW if status is OrderStatus.CANCELING else None,
        )
        paid = Payment(payment, "EUR", "card", "in_1", None, GROSS, 0, 0, 1200, GROSS)
        cart = Cart(ACCOUNT, CART, "f", paid, NOW, NOW, orders={NUMBER: OrderSnapshot(status, 0)})
        self.now = NOW + 1000
        self.books, self.bank = Books(order, cart), Bank(payment, voided)
        self.services: Any = SimpleNamespace(
            orders=self.books,
            payments=self.bank,
            refunds=self.bank,
            clock=SimpleNamespace(now=lambda: self.now),
            metrics=SimpleNamespace(count=lambda name: None),
        )

    def run(self) -> tuple[Compensation, OrderStatus, int]:
        """Return the result, the order's new status, and the number of refunds."""
        result = refund_order(self.services, ACCOUNT, NUMBER, "MadeUp")
        return result, self.books.stored.status, len(self.bank.refunds)

    def settle(self, status: PaymentStatus) -> None:
        """Let the payment end with this status, and record it in the cart."""
        self.bank.status = status
        record_payment(self.services, self.books.stored_cart, self.bank.state("in_1"))


# Each row is a state of the money. The first value is the payment's status, the second is its status after an attempt
# to void it, and the third is the column of EXPECTED.
UNDER_WAY, VOIDED, PAID_MEANWHILE, NEVER, CAME = range(5)
MONEY = [
    (PaymentStatus.PROCESSING, PaymentStatus.PROCESSING, UNDER_WAY),
    (PaymentStatus.PROCESSING, PaymentStatus.CANCELED, VOIDED),
    (PaymentStatus.PROCESSING, PaymentStatus.FAILED, VOIDED),
    (PaymentStatus.PROCESSING, PaymentStatus.SUCCEEDED, PAID_MEANWHILE),
    (PaymentStatus.AWAITING_AUTHENTICATION, PaymentStatus.AWAITING_AUTHENTICATION, UNDER_WAY),
    (PaymentStatus.AWAITING_AUTHENTICATION, PaymentStatus.CANCELED, VOIDED),
    (PaymentStatus.AWAITING_AUTHENTICATION, PaymentStatus.SUCCEEDED, PAID_MEANWHILE),
    (PaymentStatus.FAILED, PaymentStatus.FAILED, NEVER),
    (PaymentStatus.CANCELED, PaymentStatus.CANCELED, NEVER),
    (PaymentStatus.SUCCEEDED, PaymentStatus.SUCCEEDED, CAME),
    (PaymentStatus.REFUNDED, PaymentStatus.REFUNDED, CAME),
]

S = OrderStatus
# For each order status, the new status in the columns UNDER_WAY, VOIDED, PAID_MEANWHILE, NEVER and CAME. A `…` means
# that the order waits. A `+` means that the order is refunded.
EXPECTED = {
    S.PENDING: "refunding… failed provision_failed+ failed provision_failed+",
    S.PROCESSING: "refunding… provision_failed provision_failed+ provision_failed provision_failed+",
    S.COMPLETED: "completed completed completed completed completed",
    S.CANCELING: "canceling… canceled canceled+ canceled canceled+",
    S.REFUNDING: "refunding… provision_failed provision_failed+ provision_failed provision_failed+",
    S.REFUND_FAILED: "refund_failed… provision_failed provision_failed+ provision_failed provision_failed+",
    S.FAILED: "failed… failed failed+ failed failed+",
    S.CANCELED: "canceled… canceled canceled+ canceled canceled+",
    S.EXPIRED: "expired… expired expired+ expired expired+",
    S.PROVISION_FAILED: "provision_failed… provision_failed provision_failed+ provision_failed provision_failed+",
}


CELLS = [
    pytest.param(status, payment, voided, column, id=f"{status}-{payment}-{voided}")
    for status in OrderStatus
    for payment, voided, column in MONEY
]


@pytest.mark.parametrize(("status", "payment", "voided", "column"), CELLS)
def test_compensation_has_the_expected_outcome(
    status: OrderStatus, payment: PaymentStatus, voided: PaymentStatus, column: int
) -> None:
    scene = Scene(status, payment, voided)
    expected = EXPECTED[status].split()[column]
    result, after, refunds = scene.run()
    assert after == expected.rstrip("…+")
    assert (result is Compensation.WAITING) == expected.endswith("…")
    assert refunds == expected.count("+")

    if result is Compensation.WAITING and status not in (S.FAILED, S.CANCELED, S.EXPIRED, S.PROVISION_FAILED):
        assert scene.books.stored.due_at is not None, "no process would check the order again"
    scene.settle(PaymentStatus.SUCCEEDED)
    result, end, _ = scene.run()
    assert result is Compensation.DONE
    assert (len(scene.bank.refunds) == 1) == (end is not S.COMPLETED), (
        "a late payment is refunded unless the order was delivered"
    )
    assert scene.run() == (Compensation.DONE, end, len(scene.bank.refunds)), (
        "a second run must change nothing"
    )


@pytest.mark.parametrize("status", [status for status in OrderStatus if "+" in EXPECTED[status]])
def test_a_refused_refund_is_retried_until_it_succeeds_once(status: OrderStatus) -> None:
    scene = Scene(status, PaymentStatus.SUCCEEDED, PaymentStatus.SUCCEEDED)
    scene.bank.refuses = True
    ended = scene.books.stored.ended
    for refusals in range(3):
        assert scene.run() == (Compensation.WAITING, status if ended else S.REFUND_FAILED, 0)
        assert scene.bank.refusals == refusals
        # A process that began before the refusal may still run, so the next refund waits for COMPENSATION_CHECK.
        scene.now += COMPENSATION_CHECK - 1
        scene.bank.refuses = False
        assert scene.run()[0] is Compensation.WAITING
        assert scene.books.stored.due_at == scene.now + 1
        scene.bank.refuses = True
        scene.now += 1
    scene.bank.refuses = False
    end = S(EXPECTED[status].split()[CAME].rstrip("+"))
    assert scene.run() == (Compensation.DONE, end, 1)
    assert scene.run() == (Compensation.DONE, end, 1)


# -- invariants of the table in domain/compensation.py ---------------------------------------------------------------


def reachable(status: OrderStatus) -> set[OrderStatus]:
    found = {status}
    while more := {onward for one in found for onward in MOVES[one]} - found:
        found |= more
    return found


@pytest.mark.parametrize("payment", PaymentStatus)
@pytest.mark.parametrize("status", OrderStatus)
def test_the_table_of_next_actions_satisfies_its_invariants(
    status: OrderStatus, payment: PaymentStatus
) -> None:
    money = Payment(payment, "EUR")
    action = next_action(status, money)
    may_be_delivered = S.COMPLETED in reachable(status)
    if may_be_delivered:
        assert action is not Action.GIVE_BACK
    if not money.settled:
        assert action is not Action.END_UNPAID and action is not Action.GIVE_BACK
    if money.paid and not may_be_delivered:
        assert action is Action.GIVE_BACK
    if action is Action.NOTHING:
        assert status is S.COMPLETED or not MOVES[status]
    if action is Action.END_UNPAID:
        assert MOVES[status] and not money.paid


def test_a_stored_refund_is_written_to_the_cart_too() -> None:
    """The process that made the refund crashed before it wrote the cart."""
    scene = Scene(OrderStatus.PROVISION_FAILED, PaymentStatus.SUCCEEDED, PaymentStatus.SUCCEEDED)
    scene.books.stored = replace(scene.books.stored, refund=Refund("cn_1", GROSS, 0, NOW))
    assert scene.run() == (Compensation.DONE, OrderStatus.PROVISION_FAILED, 0)
    payment = scene.books.stored_cart.payment
    assert (payment.status, payment.refunded) == (PaymentStatus.REFUNDED, GROSS)


def test_a_smaller_refunded_sum_does_not_replace_a_larger_one() -> None:
    scene = Scene(OrderStatus.REFUNDING, PaymentStatus.SUCCEEDED, PaymentStatus.SUCCEEDED)
    save = scene.books.save_payment

    def later(cart: Cart) -> Cart:
        scene.books.save_payment = save  # type: ignore[method-assign]
        stored = scene.books.stored_cart
        grown = replace(stored.payment, refunded=GROSS + 500)
        scene.books.stored_cart = replace(stored, payment=grown, payment_version=stored.payment_version + 1)
        return save(cart)

    scene.books.save_payment = later  # type: ignore[method-assign]
    scene.run()
    assert scene.books.stored_cart.payment.refunded == GROSS + 500


def test_a_timeline_note_keeps_the_start_time_of_the_status() -> None:
    order = Scene(OrderStatus.PROCESSING, PaymentStatus.SUCCEEDED, PaymentStatus.SUCCEEDED).books.stored
    paid = TimelineEntry(NOW + 1, OrderStatus.PROCESSING, Actor.STRIPE, "payment succeeded")
    first = TimelineEntry(NOW, OrderStatus.PENDING, Actor.CUSTOMER, "order placed")
    order = replace(order, timeline=(first, paid))
    assert order.noted("a dispute", NOW + 99, Actor.STRIPE).since == order.since == NOW + 1
