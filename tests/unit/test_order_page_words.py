"""The texts of an order's page in cases that the conformance tests seldom reach, such as delays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hosting_orders.contracts.order_page.goods import GOODS, goods_of
from hosting_orders.contracts.order_page.languages import LANGUAGES
from hosting_orders.contracts.order_page.outlooks import Words, words_of
from hosting_orders.contracts.order_page.progress import steps_of
from hosting_orders.domain.cart import Cart, Payment, PaymentStatus
from hosting_orders.domain.catalogue import Term
from hosting_orders.domain.durations import DAY, HOUR, MINUTE, SECOND
from hosting_orders.domain.ids import mint_number, mint_numbers, placed_at
from hosting_orders.domain.money import Money
from hosting_orders.domain.order import Actor, Failure, Order, OrderStatus, Refund, TimelineEntry
from hosting_orders.domain.placement import Outcome
from hosting_orders.domain.products import ProductKind, SiteItem
from hosting_orders.usecases.show_order_page import CatalogueNames, KnownOrder

NOW = 1_795_291_200_000
EN = LANGUAGES["en"]
NAMES = CatalogueNames("Basic")
GONE = Failure("provisioning_failed", "an internal text")
TAKEN = Refund("re_1", 1200, 0, NOW + HOUR)


def placed() -> Order:
    order = Order(
        account_id="acc_x",
        number=mint_number(NOW),
        cart_token="cart",
        status=OrderStatus.PENDING,
        item=SiteItem("My site", "vanilla", "ams", "basic", Term.MONTHLY),
        price=Money(1200, "EUR"),
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(order, timeline=(TimelineEntry(NOW, OrderStatus.PENDING, Actor.CUSTOMER, "placed"),))


def with_payment(status: PaymentStatus, **fields: object) -> Cart:
    payment = replace(Payment(status, "EUR"), **fields)  # type: ignore[arg-type]
    return Cart("acc_x", "cart", "fingerprint", payment, created_at=NOW, updated_at=NOW)


def said(order: Order, cart: Cart, after: int = 0, outcome: Outcome | None = None) -> Words:
    goods = goods_of(order, NAMES, EN)
    return words_of(KnownOrder(order, cart, NAMES, "en", NOW), outcome, NOW + after, goods, EN)


def titles(order: Order, cart: Cart) -> list[str]:
    return [str(step.title) for step in steps_of(order, cart, goods_of(order, NAMES, EN), EN)]


def text(words: Words) -> str:
    return " ".join([words.title, *words.texts])


PAID = with_payment(PaymentStatus.SUCCEEDED, method_type="card", reference="in_1")
OPEN = with_payment(PaymentStatus.PROCESSING)


def paid(order: Order) -> Order:
    return order.paid(NOW + SECOND, due_at=NOW + DAY)


def test_every_kind_of_product_has_texts() -> None:
    assert set(GOODS) == set(ProductKind)


@pytest.mark.parametrize(
    ("cart", "after", "sentence"),
    [
        (OPEN, 0, "We are checking your payment This usually takes less than a minute."),
        (OPEN, 2 * MINUTE, "This takes longer than usual, and we keep checking."),
        (PAID, 0, "Your payment has arrived We begin with your order now."),
        (with_payment(PaymentStatus.FAILED), 0, "The order is being closed The payment did not succeed."),
        (
            with_payment(PaymentStatus.PROCESSING, method_type="card", reference="in_1"),
            0,
            "We are checking your payment",
        ),
    ],
)
def test_the_page_explains_the_payment_of_a_pending_order(cart: Cart, after: int, sentence: str) -> None:
    words = said(placed(), cart, after)
    assert sentence in text(words) and words.pay_url is None and not words.pay_later


def test_a_pending_order_of_a_paid_cart_is_shown_as_paid() -> None:
    assert titles(placed(), PAID) == ["Ordered", "Paid", "Setting up", "Ready"]
    assert titles(placed(), OPEN) == ["Ordered", "Payment", "Setting up", "Ready"]


@pytest.mark.parametrize(
    ("after", "sentence"),
    [
        (MINUTE, "It should be ready by"),
        (20 * MINUTE, "This takes longer than usual. It should be ready by"),
        (7 * HOUR, "This takes much longer than usual. If it does not succeed, you get your money back."),
    ],
)
def test_a_delayed_delivery_is_explained(after: int, sentence: str) -> None:
    order = paid(placed()).begin_provisioning(NOW + SECOND, due_at=NOW + DAY)
    assert sentence in text(said(order, PAID, after))


def test_a_delayed_refund_is_explained() -> None:
    order = paid(placed()).undeliverable(GONE, NOW + HOUR, Actor.PLATFORM)
    assert "We expect to send it by" in text(said(order, PAID, HOUR + MINUTE))
    assert "Your money goes back to you. This takes longer than usual." in text(said(order, PAID, 2 * HOUR))
    stuck = order.refund_refused("refused", NOW + HOUR)
    assert "we expect an answer by" in text(said(stuck, PAID, 2 * HOUR))
    late = text(said(stuck, PAID, 3 * DAY))
    assert "A member of our staff is working on it." in late and "expect" not in late


def test_a_failures_internal_text_is_not_shown() -> None:
    order = paid(placed()).undeliverable(GONE, NOW + HOUR, Actor.PLATFORM)
    assert GONE.message not in text(said(order, PAID))


def test_a_failed_order_shows_the_payment_of_its_cart() -> None:
    order = placed().undeliverable(GONE, NOW + HOUR, Actor.SYSTEM)
    assert titles(order, PAID) == ["Ordered", "Paid", "Could not be delivered", "Refund under way"]
    assert titles(order, with_payment(PaymentStatus.CANCELED)) == [
        *("Ordered", "Could not be delivered", "Order is being closed")
    ]


@pytest.mark.parametrize(
    ("refund", "sentence"),
    [
        (TAKEN, "We have sent €12.00 back to your payment method."),
        (
            replace(TAKEN, amount=700, to_credit=500),
            "€7.00 back to your payment method and put €5.00 back on",
        ),
        (replace(TAKEN, amount=0, to_credit=1200), "We have put €12.00 back on your credit."),
        (None, "Nothing was charged."),
    ],
)
def test_the_page_says_where_the_refund_went(refund: Refund | None, sentence: str) -> None:
    order = paid(placed()).undeliverable(GONE, NOW + HOUR, Actor.PLATFORM).refunded(refund, NOW + HOUR)
    words = text(said(order, PAID))
    assert sentence in words and ("Nothing was charged." in words) == (refund is None)
    assert ("Refunded" in titles(order, PAID)) == (refund is not None)


def test_a_late_payment_is_shown_as_refunded() -> None:
    order = placed().expired(NOW + DAY).late_money_returned(TAKEN, NOW + DAY)
    cart = with_payment(PaymentStatus.REFUNDED)
    assert titles(order, cart) == ["Ordered", "Not paid in time", "Refunded"]
    assert "We have sent €12.00 back" in text(said(order, cart))
    assert "Nothing was charged." not in text(said(order, cart))


@pytest.mark.parametrize("moment", [NOW, NOW + 1, NOW + 999])
def test_an_order_number_contains_its_creation_time(moment: int) -> None:
    assert {placed_at(number) for number in mint_numbers(moment, 20)} == {moment}


def test_an_old_order_number_contains_only_its_creation_second() -> None:
    """Earlier releases put random bits in the place of the milliseconds."""
    random_bits = (NOW // 1000 << 17) | (2**17 - 1)
    assert placed_at(random_bits) == NOW + 999
