"""A customer without a saved payment method pays on a page of Stripe Checkout ("the page" in these tests)."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from hosting_orders.domain.cart import PaymentStatus
from hosting_orders.domain.catalogue import Plan, Term, Variant
from hosting_orders.domain.durations import HOUR
from hosting_orders.domain.order import Order, OrderStatus
from local.stripe_standin.errors import StripeError
from tests.support.checkout import order_of, order_site, session_of, sessions, show, site
from tests.support.mishaps import Mishap
from tests.support.world import World, a_world

DECLINED = "4000000000000002"
EXPIRE = "stripe.post checkout.sessions/expire"
KEEP = "stripe.post customers"
WANTS_AUTHENTICATION = "4000002500003155"


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def placed(world: World, account: str = "no_method", **options: object) -> Order:
    order = order_of(world, order_site(world, account, **options), account)  # type: ignore[arg-type]
    world.run()
    return order


def pay(world: World, order: Order) -> None:
    world.stripe.controls.pay_checkout(session_of(world, order)["id"])


def again(world: World, order: Order) -> Order:
    return world.order(order.uuid, order.account_id.removeprefix("acc_"))


def assert_completed(world: World, order: Order, account: str = "no_method") -> None:
    assert again(world, order).status is OrderStatus.COMPLETED
    assert world.cart(order.cart_token, account).payment.status is PaymentStatus.SUCCEEDED
    assert world.net_paid(account) == order.price.amount
    assert world.platform.services[order.uuid].built == 1
    assert len({request.message_id for request in world.callbacks.received}) == 1
    assert not world.metrics.counts["SecondPayment"]


def assert_nothing_kept(world: World, order: Order, account: str = "no_method") -> None:
    assert world.net_paid(account) == 0
    assert not [one for one in sessions(world, order.cart_token) if one["status"] == "open"]
    assert not world.stripe.open_invoices()
    assert not [service for service in world.platform.services.values() if not service.deleted]
    assert {execution.status for execution in world.runner.executions.values()} <= {"SUCCEEDED"}
    assert len(world.callbacks.received) == 1


# -- paid ---------------------------------------------------------------------------------------------------------


def test_nothing_happens_until_the_customer_pays(world: World) -> None:
    reply = order_site(world)
    order = order_of(world, reply)
    world.run()
    assert reply.body["payment_url"] == session_of(world, order)["url"]
    assert again(world, order).status is OrderStatus.PENDING
    assert world.net_paid("no_method") == 0 and not world.platform.services and not world.callbacks.received


def test_a_site_is_delivered_after_its_page_is_paid(world: World) -> None:
    order = placed(world)
    pay(world, order)
    world.run()
    assert_completed(world, order)
    shown = show(world, order.uuid)
    assert "payment_url" not in shown["order"] and shown["site"]["id"]


def test_an_order_is_paid_and_delivered_without_webhooks(world: World) -> None:
    world.webhooks_on = world.platform_webhooks_on = False
    order = placed(world)
    pay(world, order)
    world.live(1800, every=60)
    assert_completed(world, order)


def test_without_webhooks_a_payment_is_found_within_minutes(world: World) -> None:
    world.webhooks_on = False
    order = placed(world)
    world.live(600, every=60)
    pay(world, order)
    world.live(300, every=60)
    assert again(world, order).entered(OrderStatus.PROCESSING) is not None


def test_webhooks_repeated_in_reverse_order_record_one_payment(world: World) -> None:
    world.webhooks_on = False
    order = placed(world)
    world.fresh_stripe_events()
    pay(world, order)
    for event in [*reversed(world.fresh_stripe_events())] * 2:
        world.stripe_webhook(event)
        world.run()
    assert_completed(world, order)


@pytest.mark.parametrize("lag", [0, 3600])
@pytest.mark.parametrize("line_metadata", [False, True])
def test_a_late_invoice_does_not_stop_the_delivery(world: World, lag: int, line_metadata: bool) -> None:
    world.stripe.controls.set(checkout_invoice_lags=lag, checkout_line_metadata=line_metadata)
    order = placed(world)
    pay(world, order)
    world.live(2 * 3600)
    assert_completed(world, order)
    assert session_of(world, order)["invoice"]


def test_a_declined_card_can_be_replaced_by_a_valid_card(world: World) -> None:
    order = placed(world)
    session = session_of(world, order)["id"]
    with pytest.raises(StripeError):
        world.stripe.controls.pay_checkout(session, DECLINED)
    world.run()
    assert (
        again(world, order).status is OrderStatus.PENDING and show(world, order.uuid)["order"]["payment_url"]
    )
    world.stripe.controls.pay_checkout(session, WANTS_AUTHENTICATION)
    world.run()
    assert again(world, order).status is OrderStatus.PENDING
    world.stripe.controls.authenticate_checkout(session)
    world.run()
    assert_completed(world, order)


def test_the_payment_method_is_saved_for_later_payments(world: World) -> None:
    order = placed(world)
    pay(world, order)
    world.run()
    world.live(60, every=60)
    customer = world.accounts["no_method"]["customer"]
    method = world.stripe.get(customer)["invoice_settings"]["default_payment_method"]
    (renewal,) = world.stripe.subscriptions()
    assert method and renewal["default_payment_method"] is None  # the customer's default method pays
    reply = order_site(world)
    assert "payment_url" not in reply.body and set(reply.body["site"]) == {"id", "name", "domain", "ssh_data"}
    assert world.net_paid("no_method") == 2 * order.price.amount


def test_an_existing_default_payment_method_is_not_replaced(world: World) -> None:
    order = placed(world)
    customer = world.accounts["no_method"]["customer"]
    client = world.services.stripe.client
    other = client.v1.payment_methods.attach("pm_card_mastercard", {"customer": customer}).id
    client.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": other}})
    pay(world, order)
    world.run()
    world.live(60, every=60)
    assert world.stripe.get(customer)["invoice_settings"]["default_payment_method"] == other
    (renewal,) = world.stripe.subscriptions()
    assert renewal["default_payment_method"] is None  # the customer's default method pays


@pytest.mark.parametrize("lasts", ["until after the delivery", "for good"])
def test_an_order_is_delivered_if_the_card_cannot_be_saved(world: World, lasts: str) -> None:
    order = placed(world)
    world.mishaps.watch(lambda name: Mishap.NOT_DONE if name == KEEP else None)
    pay(world, order)
    world.run()
    assert_completed(world, order)
    if lasts == "for good":
        return
    assert "payment_url" in order_site(world).body
    world.mishaps.none()
    world.live(3600, every=60)
    assert len(world.stripe.subscriptions()) == 1
    assert "payment_url" not in order_site(world).body


def test_a_refund_does_not_need_a_saved_payment_method(world: World) -> None:
    order = placed(world)
    world.mishaps.watch(lambda name: Mishap.NOT_DONE if name == KEEP else None)
    world.webhooks_on = False
    pay(world, order)
    assert world.request("DELETE", f"/api/orders/{order.uuid}", account="no_method").status == 202
    world.live(1200, every=60)
    assert again(world, order).status is OrderStatus.CANCELED
    assert_nothing_kept(world, order)


def test_an_account_gets_exactly_one_stripe_customer(world: World) -> None:
    order = placed(world, "no_customer")
    account = world.services.directory.account("acc_no_customer")
    assert account is not None and account.stripe_customer_id == session_of(world, order)["customer"]
    second = placed(world, "no_customer")
    assert session_of(world, second)["customer"] == account.stripe_customer_id
    world.accounts["no_customer"]["customer"] = account.stripe_customer_id
    pay(world, order)
    world.run()
    assert again(world, order).status is OrderStatus.COMPLETED
    assert world.net_paid("no_customer") == order.price.amount


# -- redirects and language ---------------------------------------------------------------------------------------


def test_the_return_url_gets_the_order_id_and_the_outcome(world: World) -> None:
    body = {**site(), "return_url": "https://shop.example/done?basket=7"}
    order = placed(world, body=body)
    session = session_of(world, order)
    for url, outcome in ((session["success_url"], "success"), (session["cancel_url"], "cancel")):
        assert url.startswith("https://shop.example/done?")
        query = parse_qs(urlsplit(url).query)
        assert query == {"basket": ["7"], "order_id": [order.uuid], "outcome": [outcome]}


def test_the_order_page_is_the_default_return_url(world: World) -> None:
    order = placed(world)
    session = session_of(world, order)
    page, _, query = session["success_url"].partition("?")
    assert page == order.placed.page_url and page.startswith("https://api.example.com/o/")
    assert query == "outcome=success" and session["cancel_url"] == f"{page}?outcome=cancel"
    assert world.services.page_tokens.read(page.rpartition("/")[2]) == (order.account_id, order.number)


def test_the_page_uses_the_customers_language(world: World) -> None:
    assert session_of(world, placed(world, "dutch"))["locale"] == "nl"
    assert session_of(world, placed(world, "no_method"))["locale"] == "en"


# -- not paid -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("webhooks_on", [True, False])
def test_an_unpaid_page_expires_with_its_order(world: World, webhooks_on: bool) -> None:
    world.services.catalogue.put_variant(Variant("scarce", capacity=3))
    world.webhooks_on = webhooks_on
    order = placed(world, body=site(variant="scarce"))
    deadline = world.cart(order.cart_token, "no_method").payment.pay_until
    assert deadline == session_of(world, order)["expires_at"] * 1000
    assert 22 * HOUR < deadline - order.created_at <= 23 * HOUR
    world.live(22.9 * 3600)
    assert again(world, order).status is OrderStatus.PENDING
    world.live(2 * 3600)
    assert again(world, order).status is OrderStatus.EXPIRED
    assert_nothing_kept(world, order)
    (counter,) = world.items("CAPACITY#")
    assert int(counter["used"]["N"]) == 0


def test_an_order_is_cancelled_soon_after_its_page_expires(world: World) -> None:
    """Without webhooks, the reconciler checks an old page every hour and at the time when the page expires."""
    world.webhooks_on = False
    order = placed(world)
    deadline = session_of(world, order)["expires_at"] * 1000
    world.advance((deadline - world.clock.now()) / 1000 - 1800)
    world.live(1740, every=60)
    assert "payment_url" in show(world, order.uuid)["order"]
    world.live(120, every=60)
    ended = show(world, order.uuid)["order"]
    assert ended["status"] == "cancelled" and "payment_url" not in ended


def test_a_cancelled_order_cannot_be_paid(world: World) -> None:
    order = placed(world)
    assert world.request("DELETE", f"/api/orders/{order.uuid}", account="no_method").status == 202
    world.run()
    assert again(world, order).status is OrderStatus.CANCELED
    with pytest.raises(StripeError):
        pay(world, order)
    assert_nothing_kept(world, order)


@pytest.mark.parametrize("webhooks_on", [True, False])
def test_a_payment_during_the_cancellation_is_refunded(world: World, webhooks_on: bool) -> None:
    world.webhooks_on = webhooks_on
    order = placed(world)
    world.mishaps.in_the_moment_of(EXPIRE, lambda: pay(world, order))
    assert world.request("DELETE", f"/api/orders/{order.uuid}", account="no_method").status == 202
    world.live(1200, every=60)
    ended = again(world, order)
    assert ended.status is OrderStatus.CANCELED and ended.refund is not None
    assert ended.refund.amount == order.price.amount
    assert_nothing_kept(world, order)


def test_an_order_is_delivered_if_paid_during_the_expiry(world: World) -> None:
    world.webhooks_on = False
    order = placed(world)
    world.mishaps.in_the_moment_of(EXPIRE, lambda: pay(world, order))
    # `pay` runs only if the reconciler closes the page. If Stripe closes the page first, the order expires unpaid.
    session = session_of(world, order)
    world.live(23 * 3600 - 1, every=3600)
    world.live(1200, every=60)
    if world.stripe.get(session["id"])["payment_status"] == "paid":
        assert_completed(world, order)
    else:
        assert again(world, order).status is OrderStatus.EXPIRED
        assert_nothing_kept(world, order)


def test_an_order_fails_when_its_page_cannot_be_opened(world: World) -> None:
    # Stripe refuses a page for less than 0.50 EUR.
    prices = {("standard", Term.MONTHLY, "EUR"): 10}
    world.services.catalogue.put_plan(Plan("9", "cheap", "Cheap", "Cheap", prices))
    reply = order_site(world, body=site(plan="cheap"))
    assert reply.status == 422 and reply.body["code"] == "cart_pay_failed"
    world.run()
    assert not sessions(world) and world.net_paid("no_method") == 0


# -- SEPA ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("invoice", ["at settlement", "at completion"])
def test_a_debit_order_is_delivered_when_the_debit_settles(world: World, invoice: str) -> None:
    world.stripe.controls.set(checkout_debit_invoice=invoice)
    order = placed(world)
    session = session_of(world, order)["id"]
    world.stripe.controls.debit_checkout(session)
    world.live(2 * 86_400, every=6 * 3600)
    assert again(world, order).status is OrderStatus.PENDING and not world.platform.services
    payment = world.cart(order.cart_token, "no_method").payment
    assert (payment.status, payment.method_type, payment.pay_url) == (
        PaymentStatus.PROCESSING,
        "sepa_debit",
        None,
    )
    world.stripe.controls.settle(session)
    world.run()
    assert_completed(world, order)
    world.live(3600)
    (renewal,) = world.stripe.subscriptions()
    customer = world.stripe.get(renewal["customer"])
    assert customer["invoice_settings"]["default_payment_method"]


@pytest.mark.parametrize("webhooks_on", [True, False])
@pytest.mark.parametrize("invoice", ["at settlement", "at completion"])
def test_a_returned_debit_fails_the_order(world: World, invoice: str, webhooks_on: bool) -> None:
    world.webhooks_on = webhooks_on
    world.stripe.controls.set(checkout_debit_invoice=invoice)
    order = placed(world)
    session = session_of(world, order)["id"]
    world.stripe.controls.debit_checkout(session)
    world.live(7200)
    world.stripe.controls.fail(session)
    world.live(3 * 3600, every=600)
    assert again(world, order).status is OrderStatus.FAILED
    assert_nothing_kept(world, order)


def test_a_settled_debit_of_a_cancelled_order_is_refunded(world: World) -> None:
    order = placed(world)
    session = session_of(world, order)["id"]
    world.stripe.controls.debit_checkout(session)
    world.run()
    assert world.request("DELETE", f"/api/orders/{order.uuid}", account="no_method").status == 202
    world.run()
    assert (
        again(world, order).status is OrderStatus.REFUNDING
        or again(world, order).status is OrderStatus.CANCELING
    )
    world.stripe.controls.settle(session)
    world.live(1200, every=60)
    ended = again(world, order)
    assert ended.status is OrderStatus.CANCELED and ended.refund is not None
    assert_nothing_kept(world, order)


# -- paid but not delivered -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("credit_notes", [False, True])
@pytest.mark.parametrize("lag", [0, 86_400])
def test_a_refund_does_not_need_an_invoice(world: World, credit_notes: bool, lag: int) -> None:
    world.stripe.controls.set(checkout_credit_notes=credit_notes, checkout_invoice_lags=lag)
    order = placed(world)
    pay(world, order)
    world.run(finish=False)
    world.platform.fail(order.uuid, retryable=False)
    world.platform_webhook(order.uuid)
    world.live(1200, every=60)
    ended = again(world, order)
    assert ended.status is OrderStatus.PROVISION_FAILED and ended.refund is not None
    assert ended.refund.amount == order.price.amount and ended.refund.to_credit == 0
    assert world.cart(order.cart_token, "no_method").payment.status is PaymentStatus.REFUNDED
    assert_nothing_kept(world, order)
    assert len(world.stripe.credit_notes()) == (1 if credit_notes and not lag else 0)


# -- faults -------------------------------------------------------------------------------------------------------


def side_effects(world: World) -> int:
    """Count the side effects of placing and paying one order."""
    world.mishaps.watch()
    order = placed(world, "no_customer")
    pay(world, order)
    world.run()
    return len(world.mishaps.seen)


@pytest.mark.parametrize("mishap", list(Mishap))
def test_an_order_is_paid_once_if_any_side_effect_breaks(mishap: Mishap) -> None:
    with a_world() as world:
        count = side_effects(world)
    assert count > 15
    for position in range(count):
        with a_world() as world:
            world.mishaps.strike(position, mishap)
            reply = order_site(world, "no_customer", key="once")
            for _ in range(3):
                if reply.status == 201 and "payment_url" in reply.body:
                    break
                world.live(180, every=60)
                reply = order_site(world, "no_customer", key="once")
            (session,) = sessions(world)
            world.accounts["no_customer"]["customer"] = session["customer"]
            world.stripe.controls.pay_checkout(session["id"])
            world.live(3600, every=600)
            assert_completed(world, order_of(world, reply, "no_customer"), "no_customer")


def test_twenty_identical_requests_open_one_page(world: World) -> None:
    replies = [order_site(world, key="one") for _ in range(20)]
    assert len({reply.body["payment_url"] for reply in replies}) == 1
    assert len({reply.body["order"]["id"] for reply in replies}) == 1
    assert len(sessions(world)) == 1


def test_a_second_payment_of_a_cart_is_counted(world: World) -> None:
    order = placed(world)
    session = session_of(world, order)
    client = world.services.stripe.client
    price = {"currency": "eur", "unit_amount": 1200, "product_data": {"name": "By hand"}}
    ends = []
    for _ in range(2):
        made = client.v1.checkout.sessions.create(
            {
                "mode": "payment",
                "customer": session["customer"],
                "line_items": [{"quantity": 1, "price_data": price}],
                "metadata": session["metadata"],
                "success_url": "https://client.example/",
            }
        )
        ends.append(made.id)
    world.stripe.controls.pay_checkout(session["id"])
    world.run()
    world.stripe.controls.expire_checkout(ends[0])
    world.run()
    assert not world.metrics.counts["SecondPayment"]
    world.stripe.controls.pay_checkout(ends[1])
    world.run()
    assert world.metrics.counts["SecondPayment"]


def test_tax_added_by_the_page_is_stored_with_the_payment() -> None:
    with a_world(automatic_tax=True) as world:
        order = placed(world)
        pay(world, order)
        world.run()
        payment = world.cart(order.cart_token, "no_method").payment
        assert payment.total_net == order.price.amount < payment.total_gross == world.net_paid("no_method")
        assert payment.gross_of(order) == payment.total_gross
        assert again(world, order).status is OrderStatus.COMPLETED
