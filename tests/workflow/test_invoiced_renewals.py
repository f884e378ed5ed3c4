"""Our own invoices charge renewals if the customer has the maximum number of subscriptions at Stripe.

Each term is charged once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from hosting_orders.domain.order import Order, OrderStatus
from local.seed import save_debit
from local.stripe_standin import subscriptions
from tests.support import domain_books
from tests.support.domain_books import now, renewals
from tests.support.mishaps import Mishap
from tests.support.world import Reply, World, a_world

HOUR = 3600
DAY = 24 * HOUR
NAME = "hosting-example.com"


@pytest.fixture(autouse=True)
def no_subscription_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "MOST_OF_A_CUSTOMER", 0)


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def delivered(world: World, reply: Reply) -> Order:
    order = domain_books.delivered(world, reply)
    assert order.subscription is None and order.invoiced is not None
    return order


def domain(world: World, name: str = NAME) -> Order:
    return delivered(world, world.order_domain(name))


def site(world: World, **changes: Any) -> Order:
    return delivered(world, world.place(**changes))


def until_the_term(world: World, order: Order, *, less: float = 0) -> None:
    invoiced = now(world, order).invoiced
    assert invoiced is not None
    left = invoiced.starts_at / 1000 - world.clock.now() / 1000 - less
    world.live(left, every=left / 2)


def a_term_begins(world: World, order: Order, *, then: float = 2 * HOUR, every: float = 600) -> None:
    until_the_term(world, order, less=60)
    world.live(60 + then, every=every)


def customer(world: World) -> Any:
    return world.stripe.get(world.accounts["ready"]["customer"])


def invoices(world: World, order: Order) -> list[Any]:
    """The invoices of the order's terms after the first one."""
    found = world.stripe.invoices(world.accounts["ready"]["customer"])
    return [invoice for invoice in found if invoice["metadata"].get("order_id") == order.uuid]


def statuses(world: World, order: Order) -> list[str]:
    return [invoice["status"] for invoice in invoices(world, order)]


def terms_of(world: World, order: Order) -> list[Any]:
    return [invoice["lines"]["data"][0]["period"] for invoice in invoices(world, order)]


def decline(world: World, code: str | None = "insufficient_funds") -> None:
    method = customer(world)["invoice_settings"]["default_payment_method"]
    world.stripe.controls.decline(method, code)


def another_card(world: World) -> None:
    customer_id = world.accounts["ready"]["customer"]
    v1 = world.services.stripe.v1
    card = v1.payment_methods.attach("pm_card_mastercard", {"customer": customer_id}).id
    v1.customers.update(customer_id, {"invoice_settings": {"default_payment_method": card}})


def unpaid(world: World) -> int:
    return world.metrics.counts["RenewalUnpaid"]


def causes(world: World, order: Order) -> list[str]:
    return [entry.cause for entry in now(world, order).timeline]


def stop(world: World, order: Order) -> None:
    """Archive the order's product, as an operator does in Stripe's dashboard."""
    world.services.stripe.v1.products.update(f"order_{order.uuid}", {"active": False})


# -- paid terms ------------------------------------------------------------------------------------------------------


def test_our_invoices_charge_an_order_without_a_subscription(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriptions, "MOST_OF_A_CUSTOMER", 1)
    first = world.place()
    world.run()
    world.live(HOUR, every=600)
    second = site(world, name="Another")
    assert len(renewals(world, world.order(first.body["orders"][0]["id"]))) == 1
    assert renewals(world, second) == [] and world.metrics.counts["RenewalNotStarted"] == 0
    shown = world.request("GET", f"/api/orders/{second.uuid}").body
    assert "subscription" not in shown
    a_term_begins(world, second)
    assert statuses(world, second) == ["paid"]


def test_a_domain_is_charged_and_renewed_each_year(world: World) -> None:
    order = domain(world)
    price = order.renewal_price.amount
    for year in (1, 2):
        until_the_term(world, order, less=HOUR)
        assert world.registrar.renewals(NAME) == year - 1 and statuses(world, order) == ["paid"] * (year - 1)
        a_term_begins(world, order)
        assert world.registrar.renewals(NAME) == year and statuses(world, order) == ["paid"] * year
    assert world.registrar.asked("RenewDomain") == 2
    assert world.net_paid() == order.price.amount + 2 * price
    (first, second) = terms_of(world, order)
    assert first["end"] == second["start"]
    begins = datetime.fromtimestamp(first["start"], UTC)
    expires = datetime.fromtimestamp(world.registrar.domains[NAME].expires_at, UTC)
    assert begins.year == expires.year - 2 and 29 <= (expires.replace(year=begins.year) - begins).days <= 31
    assert unpaid(world) == world.metrics.counts["ReconcileFailed"] == 0


def test_a_site_is_charged_on_its_day_of_each_month(world: World) -> None:
    year = datetime.fromtimestamp(world.clock.now() / 1000, UTC).year + 1
    year += year % 4 == 0
    placed = datetime(year, 1, 31, 12, tzinfo=UTC)
    world.advance(placed.timestamp() - world.clock.now() / 1000)
    order = site(world)
    for _ in range(3):
        a_term_begins(world, order)
    begins = [datetime.fromtimestamp(term["start"], UTC) for term in terms_of(world, order)]
    assert [(day.month, day.day) for day in begins] == [(2, 28), (3, 31), (4, 30)]
    assert statuses(world, order) == ["paid"] * 3
    assert world.net_paid() == 4 * order.price.amount
    assert causes(world, order)[-1] == "delivered"


@pytest.mark.parametrize("webhooks", [True, False])
def test_no_provider_is_called_between_two_terms(world: World, webhooks: bool) -> None:
    world.webhooks_on = webhooks
    order = domain(world)
    a_term_begins(world, order)
    asked = len(world.stripe.requests), len(world.registrar.requests)
    world.live(300 * DAY, every=20 * DAY)
    assert (len(world.stripe.requests), len(world.registrar.requests)) == asked


def test_our_invoice_looks_like_a_subscriptions_invoice(world: World) -> None:
    order = site(world)
    a_term_begins(world, order)
    (invoice,) = invoices(world, order)
    (line,) = invoice["lines"]["data"]
    assert line["description"] == order.item.line_text() and line["amount"] == order.renewal_price.amount
    assert invoice["metadata"]["account_id"] == order.account_id
    assert invoice["payment_settings"]["payment_method_types"] == ["card", "sepa_debit"]
    assert invoice["default_payment_method"] is None and not invoice["auto_advance"]


def test_the_customers_credit_pays_first(world: World) -> None:
    order = site(world)
    credit = order.price.amount - 100
    world.services.stripe.v1.customers.balance_transactions.create(
        world.accounts["ready"]["customer"], {"amount": -credit, "currency": "eur"}
    )
    a_term_begins(world, order)
    assert statuses(world, order) == ["paid"]
    assert world.net_paid() == order.price.amount + 100


def test_tax_is_added_to_each_term() -> None:
    with a_world(automatic_tax=True) as world:
        order = site(world)
        a_term_begins(world, order)
        (invoice,) = invoices(world, order)
        assert invoice["status"] == "paid" and invoice["total"] > invoice["subtotal"]
        assert invoice["subtotal"] == order.renewal_price.amount


def test_terms_that_begin_in_an_outage_are_charged_after_it(world: World) -> None:
    order = site(world)
    world.advance(70 * DAY)
    world.live(2 * HOUR, every=600)
    assert statuses(world, order) == ["paid", "paid"]


def test_an_order_from_an_earlier_release_is_invoiced(world: World) -> None:
    """The earlier release made no invoices for renewals. Stripe had refused the order's subscription."""
    order = domain(world)
    world.services.orders.save_order(replace(now(world, order), invoiced=None, renewal_due_at=None))
    world.live(340 * DAY, every=20 * DAY)
    world.live(DAY, every=HOUR)
    assert world.registrar.renewals(NAME) == 1 and statuses(world, order) == ["paid"]


def test_a_rollback_does_not_charge_a_year_twice(world: World) -> None:
    """After a rollback, the earlier release stores the order without `Order.invoiced`, which it does not know."""
    order = domain(world)
    a_term_begins(world, order)
    assert world.registrar.renewals(NAME) == 1
    world.services.orders.save_order(replace(now(world, order), invoiced=None, renewal_due_at=None))
    world.live(300 * DAY, every=20 * DAY)
    assert statuses(world, order) == ["paid"]
    world.live(70 * DAY, every=DAY)
    assert statuses(world, order) == ["paid", "paid"] and world.registrar.renewals(NAME) == 2


# -- refused payments ------------------------------------------------------------------------------------------------


def test_a_declined_card_is_tried_daily_until_another_card_pays(world: World) -> None:
    order = domain(world)
    decline(world)
    a_term_begins(world, order, then=3.5 * DAY, every=HOUR)
    assert statuses(world, order) == ["open"] and unpaid(world) == 4
    assert len([one for one in world.stripe.requests if one.path.endswith("/pay")]) == 1 + 4
    assert world.registrar.asked("RenewDomain") == 0
    another_card(world)
    world.live(DAY, every=HOUR)
    assert statuses(world, order) == ["paid"] and world.registrar.renewals(NAME) == 1
    assert unpaid(world) == 4


@pytest.mark.parametrize("webhooks", [True, False])
def test_a_customer_can_pay_a_term_on_the_hosted_invoice(world: World, webhooks: bool) -> None:
    world.webhooks_on = webhooks
    order = domain(world)
    decline(world)
    a_term_begins(world, order)
    world.stripe.controls.pay(invoices(world, order)[0]["id"], "4242424242424242")
    world.live(HOUR if webhooks else 26 * HOUR, every=600)
    assert statuses(world, order) == ["paid"] and world.registrar.renewals(NAME) == 1
    assert unpaid(world) == 1


def test_an_unpaid_site_renewal_ends_after_two_weeks(world: World) -> None:
    order = site(world)
    decline(world)
    a_term_begins(world, order, then=13.6 * DAY, every=HOUR)
    assert statuses(world, order) == ["open"] and unpaid(world) == 14
    world.live(2 * DAY, every=6 * HOUR)
    assert statuses(world, order) == ["void"]
    after = now(world, order)
    assert (after.due_at, after.renewal_status, after.status) == (None, "canceled", OrderStatus.COMPLETED)
    assert causes(world, order)[-1].startswith("the renewal has ended")
    decline(world, None)
    world.live(60 * DAY, every=5 * DAY)
    assert statuses(world, order) == ["void"] and world.net_paid() == order.price.amount


def test_an_unpaid_domain_renewal_ends_at_the_expiry(world: World) -> None:
    order = domain(world)
    decline(world)
    a_term_begins(world, order, then=28 * DAY, every=12 * HOUR)
    assert statuses(world, order) == ["open"] and world.sweep() == 1
    world.live(5 * DAY, every=12 * HOUR)
    assert statuses(world, order) == ["void"] and now(world, order).renewal_status == "canceled"
    assert "the renewal has ended; the domain expires at its registry" in causes(world, order)
    assert world.registrar.asked("RenewDomain") == 0 and world.net_paid() == order.price.amount


def test_a_payment_right_before_the_voiding_saves_the_renewal(world: World) -> None:
    order = site(world)
    decline(world)
    world.webhooks_on = False
    a_term_begins(world, order, then=13.5 * DAY, every=6 * HOUR)
    (invoice,) = invoices(world, order)

    def pays() -> None:
        world.stripe.controls.pay(invoice["id"], "4242424242424242")

    world.mishaps.in_the_moment_of("stripe.post invoices/void", pays)
    world.live(3 * DAY, every=6 * HOUR)
    world.mishaps.none()
    assert statuses(world, order) == ["paid"]
    after = now(world, order)
    assert (after.renewal_status, after.due_at is not None) == ("active", True)


def test_a_processing_debit_is_neither_repeated_nor_abandoned(world: World) -> None:
    order = delivered_to_a_debtor(world)
    world.stripe.controls.set(sepa_settles=False)
    until_the_term(world, order, less=60)
    world.live(20 * DAY, every=DAY)
    assert statuses(world, order) == ["open"] and unpaid(world) == 0
    world.stripe.controls.settle(invoices(world, order)[0]["id"])
    world.live(2 * DAY, every=6 * HOUR)
    assert statuses(world, order) == ["paid"]


def delivered_to_a_debtor(world: World) -> Order:
    order = site(world)
    customer_id = world.accounts["ready"]["customer"]
    v1 = world.services.stripe.v1
    method = v1.payment_methods.create(
        {
            "type": "sepa_debit",
            "sepa_debit": {"iban": "DE89370400440532013000"},
            "billing_details": {"name": "Jenny Rosen", "email": "jenny@example.com"},
        }
    )
    v1.payment_methods.attach(method.id, {"customer": customer_id})
    save_debit(world.services.stripe.client, customer_id, method.id)
    v1.customers.update(customer_id, {"invoice_settings": {"default_payment_method": method.id}})
    return order


def test_a_term_is_tried_daily_until_the_address_is_known() -> None:
    """Stripe cannot compute the tax without the customer's address."""
    with a_world(automatic_tax=True) as world:
        order = site(world)
        v1, customer_id = world.services.stripe.v1, world.accounts["ready"]["customer"]
        address = {name: value for name, value in customer(world)["address"].items() if value}
        v1.customers.update(customer_id, {"address": ""})
        a_term_begins(world, order, then=1.5 * DAY, every=HOUR)
        assert statuses(world, order) == ["draft"] and unpaid(world) == 2
        v1.customers.update(customer_id, {"address": address})
        world.live(DAY, every=HOUR)
        assert statuses(world, order) == ["paid"]


# -- stopped renewals, voided invoices, refunds, and domains that have left the registrar ------------------------


def test_archiving_the_product_stops_the_renewal(world: World) -> None:
    order = site(world)
    stop(world, order)
    a_term_begins(world, order, then=40 * DAY, every=2 * DAY)
    assert invoices(world, order) == []
    assert (now(world, order).due_at, now(world, order).renewal_status) == (None, "canceled")


def test_archiving_the_product_voids_the_open_invoice(world: World) -> None:
    order = domain(world)
    decline(world)
    a_term_begins(world, order)
    stop(world, order)
    world.live(DAY, every=HOUR)
    assert statuses(world, order) == ["void"] and now(world, order).renewal_status == "canceled"


def test_a_departed_domain_is_not_charged(world: World) -> None:
    order = domain(world)
    world.registrar.leave(NAME)
    a_term_begins(world, order, then=35 * DAY, every=DAY)
    assert invoices(world, order) == [] and now(world, order).renewal_status == "canceled"


def test_an_unrecorded_payment_of_a_departed_domain_is_found(world: World) -> None:
    order = domain(world)
    world.webhooks_on = False
    until_the_term(world, order, less=1)
    world.mishaps.watch(lambda name: Mishap.CRASH_AFTER if name == "stripe.post invoices/pay" else None)
    world.advance(2)
    world.reconcile()
    world.mishaps.none()
    world.registrar.leave(NAME)
    world.live(DAY, every=HOUR)
    assert statuses(world, order) == ["paid"] and world.metrics.counts["DomainRenewalFailed"] >= 1


def test_the_open_invoice_of_a_departed_domain_is_voided(world: World) -> None:
    order = domain(world)
    decline(world)
    a_term_begins(world, order)
    world.registrar.leave(NAME)
    assert world.order_domain(NAME, "credit", action="transfer", authcode="Secret-1").status == 202
    world.live(2 * DAY, every=6 * HOUR)
    assert statuses(world, order) == ["void"]
    assert now(world, order).domain_has_left and now(world, order).renewal_status == "canceled"


def test_a_renewal_ends_if_the_domain_leaves_after_payment(world: World) -> None:
    order = domain(world)
    world.webhooks_on = False
    until_the_term(world, order, less=60)
    while not any(one.done_at for one in now(world, order).domain_renewals):
        world.advance(10)
        world.reconcile()
    world.registrar.leave(NAME)
    world.live(3 * DAY, every=HOUR)
    after = now(world, order)
    assert after.domain_has_left and after.renewal_status == "canceled"
    assert statuses(world, order) == ["paid"]


def test_a_voided_invoice_skips_its_term(world: World) -> None:
    order = site(world)
    decline(world)
    a_term_begins(world, order)
    world.services.stripe.v1.invoices.void_invoice(invoices(world, order)[0]["id"])
    decline(world, None)
    world.live(2 * DAY, every=6 * HOUR)
    assert statuses(world, order) == ["void"]
    a_term_begins(world, order)
    assert statuses(world, order) == ["void", "paid"]


def test_a_refunded_year_is_not_renewed(world: World) -> None:
    order = domain(world)
    world.mishaps.watch(lambda name: Mishap.NOT_DONE if name == "registrar.renew" else None)
    a_term_begins(world, order)
    world.mishaps.none()
    (invoice,) = invoices(world, order)
    assert invoice["status"] == "paid" and world.registrar.renewals(NAME) == 0
    world.services.stripe.v1.credit_notes.create(
        {"invoice": invoice["id"], "amount": invoice["total"], "refund_amount": invoice["total"]}
    )
    world.live(2 * DAY, every=HOUR)
    assert world.registrar.renewals(NAME) == 0 and statuses(world, order) == ["paid"]


def test_a_dispute_and_a_failed_refund_reach_an_operator(world: World) -> None:
    order = domain(world)
    a_term_begins(world, order)
    charge = max(world.stripe.charges(), key=lambda one: one["created"])
    refund = world.services.stripe.v1.refunds.create(
        {"payment_intent": charge["payment_intent"], "amount": 100}
    )
    world.stripe.controls.settle_refund(refund.id, succeeds=False)
    world.run()
    assert world.metrics.counts["RefundFailed"] >= 1
    assert f"refund {refund.id} failed at the bank" in causes(world, order)
    world.stripe.controls.dispute(charge["id"])
    world.run()
    assert world.metrics.counts["DisputeOpened"] == 1
    assert "the customer disputes the charge" in causes(world, order)


# -- crashes and concurrent runs -------------------------------------------------------------------------------------


@pytest.mark.parametrize("refused", [False, True])
@pytest.mark.parametrize("mishap", list(Mishap))
def test_a_term_is_charged_once_when_any_side_effect_breaks(
    world: World, mishap: Mishap, refused: bool
) -> None:
    order = site(world)
    world.webhooks_on = world.stream_on = False
    if refused:
        decline(world)
    struck: list[str] = []
    while True:
        until_the_term(world, order, less=1)
        world.mishaps.strike(len(struck), mishap)
        world.live(2, every=1)
        seen = list(world.mishaps.seen)
        world.mishaps.none()
        world.live(HOUR, every=600)
        done = len(seen) <= len(struck)
        if not done:
            struck.append(seen[len(struck)])
        term = invoices(world, order)[-1]
        assert len(invoices(world, order)) == len(struck) + done, struck
        assert term["status"] == ("open" if refused else "paid"), struck
        assert [line["amount"] for line in term["lines"]["data"]] == [order.renewal_price.amount]
        if refused:
            assert term["attempt_count"] == 1
            world.stripe.controls.pay(term["id"], "4242424242424242")
            world.live(DAY, every=6 * HOUR)
        if done:
            break
    assert world.net_paid() == (len(invoices(world, order)) + 1) * order.price.amount
    assert {"stripe.post invoices", "stripe.post invoices/add_lines", "stripe.post invoices/pay"} <= set(
        struck
    )


@pytest.mark.parametrize(
    "side_effect",
    [
        "stripe.post invoices",
        "stripe.post invoices/add_lines",
        "stripe.post invoices/finalize",
        "stripe.post invoices/pay",
        "table.put_item",
    ],
)
def test_two_concurrent_reconciler_runs_charge_once(world: World, side_effect: str) -> None:
    order = domain(world)
    until_the_term(world, order, less=1)
    world.stream_on = False
    busy: list[bool] = []

    def choose(name: str) -> Mishap | None:
        if name == side_effect and not busy:
            busy.append(True)
            current = now(world, order)
            world.services.orders.save_order(current.check_renewal_at(world.clock.now()))
            world.reconcile()
        return None

    world.mishaps.watch(choose)
    world.live(2 * HOUR, every=600)
    world.mishaps.none()
    assert busy
    world.live(DAY, every=HOUR)
    assert statuses(world, order) == ["paid"] and world.registrar.renewals(NAME) == 1
    assert world.net_paid() == order.price.amount + order.renewal_price.amount


def test_an_interrupted_charge_is_found_after_days(world: World) -> None:
    """After three days, Stripe has forgotten the idempotency keys, so the draft invoice must be found by a search."""
    order = site(world)
    until_the_term(world, order, less=1)
    world.mishaps.watch(lambda name: Mishap.CRASH_AFTER if name == "stripe.post invoices" else None)
    world.advance(2)
    world.reconcile()
    world.mishaps.none()
    assert statuses(world, order) == ["draft"]
    world.advance(3 * DAY)
    world.live(HOUR, every=600)
    assert statuses(world, order) == ["paid"]
