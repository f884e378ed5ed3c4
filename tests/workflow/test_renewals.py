"""A domain is renewed exactly once for each paid year, whatever is lost, repeated or interrupted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from hosting_orders.domain import deadlines
from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.domain.products import DomainItem, DomainResource
from local.registrar_standin import names
from tests.support.mishaps import Mishap
from tests.support.stripe_news import made, of_kind, tell
from tests.support.world import World, a_world

HOUR = 3600
DAY = 24 * HOUR
YEAR = 365 * DAY
NAME = "hosting-example.com"


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def delivered(world: World, name: str = NAME) -> Order:
    reply = world.order_domain(name)
    assert reply.status == 202, reply.body
    order_id = reply.body["orders"][0]["id"]
    world.run()
    world.live(600, every=60)
    order = world.order(order_id)
    assert order.status is OrderStatus.COMPLETED and order.subscription is not None
    return order


def now(world: World, order: Order) -> Order:
    return world.order(order.uuid)


def subscription(world: World, order: Order) -> dict[str, Any]:
    assert order.subscription is not None
    found: dict[str, Any] = world.stripe.get(order.subscription.id)
    return found


def until_the_anchor(world: World, order: Order, *, less: float = 0) -> None:
    """Advance to the end of the subscription's current period, or to `less` seconds before the end."""
    end = subscription(world, order)["items"]["data"][0]["current_period_end"]
    left = end - world.stripe.clock.time() - less
    if left > DAY:  # the order is due two days before the charge
        world.advance(left - DAY)
        world.live(DAY, every=DAY / 2)
    else:
        world.advance(left)
        world.reconcile()
        world.run()


def a_year_passes(world: World, order: Order, *, then: float = 2 * DAY) -> None:
    """Advance to a minute before the period ends. Then let `then` seconds pass. Meanwhile the next term is charged."""
    until_the_anchor(world, order, less=60)
    world.live(then, every=HOUR)


def invoices(world: World, order: Order) -> list[Mapping[str, Any]]:
    """Return the subscription's invoices, oldest first."""
    customer = subscription(world, order)["customer"]
    wanted = subscription(world, order)["id"]
    return [
        invoice
        for invoice in world.stripe.invoices(customer)
        if ((invoice["parent"] or {}).get("subscription_details") or {}).get("subscription") == wanted
    ]


def expires_at(order: Order) -> int:
    assert isinstance(order.resource, DomainResource) and order.resource.expires_at is not None
    return order.resource.expires_at


def years(world: World, before: Order) -> int:
    """Return by how many years the order's expiry date has moved."""
    was = datetime.fromtimestamp(expires_at(before) / 1000, UTC)
    is_now = datetime.fromtimestamp(expires_at(now(world, before)) / 1000, UTC)
    assert (was.month, was.day) == (is_now.month, is_now.day)
    return is_now.year - was.year


def causes(world: World, order: Order) -> list[str]:
    return [entry.cause for entry in now(world, order).timeline]


def assert_renewed(world: World, before: Order, times: int) -> None:
    """Check that the registrar, Stripe and the order agree on the number of renewals."""
    after = now(world, before)
    name = before.item_as(DomainItem).ascii_name
    assert world.registrar.renewals(name) == times
    assert years(world, before) == times
    # Fractional seconds do not convert to exact milliseconds.
    assert abs(expires_at(after) - world.registrar.domains[name].expires_at * 1000) <= 1
    assert [invoice["status"] for invoice in invoices(world, before)] == ["paid"] * times
    assert len([cause for cause in causes(world, before) if cause.startswith("renewed until ")]) == times
    assert (after.status, after.ended_at) == (OrderStatus.COMPLETED, before.ended_at)
    assert world.registrar.submissions(name) == 1


# -- normal renewals -----------------------------------------------------------------------------------------------


def test_a_paid_year_is_renewed_at_the_registrar(world: World) -> None:
    order = delivered(world)
    a_year_passes(world, order)
    assert_renewed(world, order, 1)
    assert world.registrar.asked("RenewDomain") == 1
    shown = world.request("GET", f"/api/orders/{order.uuid}").body
    assert shown["domain"]["expires_at"].startswith(
        datetime.fromtimestamp(expires_at(now(world, order)) / 1000, UTC).date().isoformat()
    )
    assert shown["order"]["status"] == "completed"
    assert world.metrics.counts["DomainRenewalFailed"] == world.metrics.counts["ReconcileFailed"] == 0


def test_two_paid_years_are_two_renewals(world: World) -> None:
    order = delivered(world)
    a_year_passes(world, order)
    a_year_passes(world, order)
    assert_renewed(world, order, 2)
    assert world.registrar.asked("RenewDomain") == 2


def test_terms_that_began_during_an_outage_are_renewed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this test, an expired domain can still be renewed after two years. So both terms can be renewed."""
    monkeypatch.setattr(deadlines, "REDEMPTION_OVER", 2 * YEAR * 1000)
    order = delivered(world)
    world.webhooks_on = False
    for _ in range(2):
        world.advance(YEAR)
        world.advance(2 * HOUR)
    world.live(DAY, every=HOUR)
    assert_renewed(world, order, 2)
    assert world.registrar.asked("RenewDomain") == 2


def test_nothing_is_renewed_before_the_payment(world: World) -> None:
    order = delivered(world)
    until_the_anchor(world, order, less=HOUR)
    assert_renewed(world, order, 0)
    world.live(1.5 * HOUR, every=300)  # the term has begun and its invoice is still a draft
    assert [invoice["status"] for invoice in invoices(world, order)] == ["draft"]
    assert world.registrar.asked("RenewDomain") == 0
    world.live(2 * HOUR, every=300)
    assert_renewed(world, order, 1)


def test_a_domain_is_renewed_without_webhooks(world: World) -> None:
    order = delivered(world)
    world.webhooks_on = False
    a_year_passes(world, order)
    assert_renewed(world, order, 1)


def test_a_domain_is_renewed_within_minutes_with_webhooks(world: World) -> None:
    order = delivered(world)
    until_the_anchor(world, order)
    world.live(HOUR + 120, every=60)
    assert world.registrar.asked("RenewDomain") == 1
    assert [invoice["status"] for invoice in invoices(world, order)] == ["paid"]


def test_no_provider_is_called_between_two_renewals(world: World) -> None:
    order = delivered(world)
    a_year_passes(world, order)
    asked = len(world.stripe.requests), len(world.registrar.requests)
    world.live(300 * DAY, every=20 * DAY)
    assert (len(world.stripe.requests), len(world.registrar.requests)) == asked


def test_a_transferred_domain_is_renewed(world: World) -> None:
    reply = world.order_domain(action="transfer", authcode="Secret-1")
    order_id = reply.body["orders"][0]["id"]
    world.run()
    world.live(12 * DAY, every=6 * HOUR)
    order = world.order(order_id)
    assert order.status is OrderStatus.COMPLETED
    a_year_passes(world, order)
    assert_renewed(world, order, 1)


def test_a_premium_domain_is_renewed(world: World) -> None:
    """The registrar renews a premium domain only if the request consents to its price."""
    order = delivered(world, "premium-for-sale.com")
    a_year_passes(world, order)
    assert_renewed(world, order, 1)


def test_a_site_is_never_renewed_at_the_registrar(world: World) -> None:
    reply = world.place(term="annual")
    world.run()
    world.live(60)
    order = world.order(reply.body["orders"][0]["id"])
    assert (order.status, order.due_at) == (OrderStatus.COMPLETED, None)
    a_year_passes(world, order)
    assert [invoice["status"] for invoice in invoices(world, order)] == ["paid"]
    assert world.registrar.requests == []
    after = now(world, order)
    assert (after.due_at, after.domain, after.timeline) == (None, None, order.timeline)


# -- webhooks ------------------------------------------------------------------------------------------------------


def test_repeated_webhooks_renew_a_domain_only_once(world: World) -> None:
    order = delivered(world)
    until_the_anchor(world, order)
    world.fresh_stripe_events()
    world.advance(HOUR + 60)
    world.stripe.state.run_due()
    paid = of_kind(world.fresh_stripe_events(), "invoice.paid")
    for _ in range(3):
        for event in paid:
            # A new event id makes each delivery look like the first.
            assert tell(world, {**event, "id": f"{event['id']}{world.clock.now()}"}).status == 200
        world.live(1200, every=60)
    assert_renewed(world, order, 1)
    assert world.registrar.asked("RenewDomain") == 1


def test_an_event_for_an_invented_payment_changes_nothing(world: World) -> None:
    order = delivered(world)
    details = {"subscription": subscription(world, order)["id"]}
    parent = {"type": "subscription_details", "subscription_details": details}
    invoice = {"id": "in_made", "object": "invoice", "status": "paid", "parent": parent}
    assert tell(world, made("invoice.paid", invoice)).status == 200
    world.live(2 * HOUR, every=600)
    assert_renewed(world, order, 0)
    assert world.registrar.asked("RenewDomain") == 0


def test_an_unrelated_subscription_changes_nothing(world: World) -> None:
    order = delivered(world)
    customer = world.accounts["ready"]["customer"]
    api = world.services.stripe.v1
    product = api.products.create({"name": "Newsletter"})
    data = {"currency": "eur", "product": product.id, "recurring": {"interval": "year"}, "unit_amount": 100}
    foreign = api.subscriptions.create(
        {
            "customer": customer,
            "items": [{"price_data": data}],
            "metadata": {"order_id": order.uuid, "account_id": order.account_id},
        }
    )
    before = now(world, order)
    api.subscriptions.update(foreign.id, {"description": "x"})
    world.run()
    assert now(world, order) == before
    world.live(2 * HOUR, every=600)
    assert_renewed(world, order, 0)


# -- missing payments ----------------------------------------------------------------------------------------------


def decline(world: World, order: Order, code: str | None) -> None:
    customer = world.stripe.get(subscription(world, order)["customer"])
    world.stripe.controls.decline(customer["invoice_settings"]["default_payment_method"], code)


def test_a_declined_renewal_waits_for_the_payment(world: World) -> None:
    order = delivered(world)
    decline(world, order, "insufficient_funds")
    a_year_passes(world, order, then=5 * DAY)
    (invoice,) = invoices(world, order)
    assert (invoice["status"], now(world, order).subscription.status) == ("open", "past_due")  # type: ignore[union-attr]
    assert world.registrar.asked("RenewDomain") == 0
    world.stripe.controls.pay(invoice["id"], "4242424242424242")
    world.live(2 * HOUR, every=600)
    assert_renewed(world, order, 1)
    assert now(world, order).subscription.status == "active"  # type: ignore[union-attr]


def test_a_late_payment_is_found_without_webhooks(world: World) -> None:
    order = delivered(world)
    decline(world, order, "insufficient_funds")
    world.webhooks_on = False
    a_year_passes(world, order, then=3 * DAY)
    world.stripe.controls.pay(invoices(world, order)[0]["id"], "4242424242424242")
    world.live(26 * HOUR, every=HOUR)
    assert_renewed(world, order, 1)


@pytest.mark.parametrize("webhooks", [True, False])
def test_a_cancelled_subscription_ends_the_renewal_checks(world: World, webhooks: bool) -> None:
    order = delivered(world)
    world.webhooks_on = webhooks
    world.services.stripe.v1.subscriptions.cancel(subscription(world, order)["id"])
    a_year_passes(world, order, then=3 * DAY)
    assert_renewed(world, order, 0)
    after = now(world, order)
    assert after.subscription is not None and after.subscription.status == "canceled"
    # The next check is long after the expiry. It asks whether the domain has left our account at the registrar.
    assert after.due_at is not None and after.due_at > expires_at(after) + 45 * DAY * 1000
    ending = "the renewal has ended; the domain expires at its registry"
    assert causes(world, order).count(ending) == 1
    assert world.registrar.asked("RenewDomain") == 0


def test_a_paid_year_is_renewed_despite_a_later_cancellation(world: World) -> None:
    order = delivered(world)
    world.webhooks_on = False
    until_the_anchor(world, order)
    world.advance(HOUR + 60)
    world.services.stripe.v1.subscriptions.cancel(subscription(world, order)["id"])
    world.live(DAY, every=HOUR)
    assert_renewed(world, order, 1)
    assert (now(world, order).due_at or 0) > expires_at(now(world, order))


def test_a_cancelled_subscriptions_open_invoice_can_be_paid(world: World) -> None:
    order = delivered(world)
    decline(world, order, "insufficient_funds")
    a_year_passes(world, order)
    world.services.stripe.v1.subscriptions.cancel(subscription(world, order)["id"])
    world.live(2 * DAY, every=HOUR)
    world.webhooks_on = False
    world.stripe.controls.pay(invoices(world, order)[0]["id"], "4242424242424242")
    world.live(2 * DAY, every=HOUR)
    assert_renewed(world, order, 1)
    assert (now(world, order).due_at or 0) > expires_at(now(world, order))


def test_a_refunded_year_is_not_renewed(world: World) -> None:
    order = delivered(world)
    world.webhooks_on = False
    until_the_anchor(world, order)
    world.advance(HOUR + 60)
    world.stripe.state.run_due()
    (invoice,) = invoices(world, order)
    assert invoice["status"] == "paid"
    api = world.services.stripe.v1
    api.credit_notes.create(
        {"invoice": invoice["id"], "amount": invoice["total"], "refund_amount": invoice["total"]}
    )
    world.live(2 * DAY, every=HOUR)
    assert_renewed_not_at_all(world, order)


def assert_renewed_not_at_all(world: World, order: Order) -> None:
    assert world.registrar.asked("RenewDomain") == world.registrar.renewals(NAME) == 0
    assert years(world, order) == 0


# -- the registrar -------------------------------------------------------------------------------------------------


def test_an_accepted_renewal_with_a_lost_answer_is_found(world: World) -> None:
    order = delivered(world)
    world.registrar.lose_next_answer("RenewDomain")
    a_year_passes(world, order)
    assert_renewed(world, order, 1)
    assert world.registrar.asked("RenewDomain") == 1


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalFailure", "OperationLimitExceeded"])
def test_a_renewal_request_is_sent_again_after_an_error(world: World, code: str) -> None:
    order = delivered(world)
    world.registrar.fail_next("RenewDomain", code)
    a_year_passes(world, order)
    assert_renewed(world, order, 1)
    assert world.registrar.asked("RenewDomain") == 2


def test_a_renewal_that_is_not_listed_happens_only_once(world: World) -> None:
    """The answer is lost, and the registrar does not list the operation, so the request is sent again.

    Each request names the year of the expiry date, so the registrar refuses the second request.
    """
    order = delivered(world)
    world.registrar.lose_next_answer("RenewDomain")
    find = world.services.registrar._inner.find
    world.services.registrar._inner.find = lambda *given: []
    a_year_passes(world, order)
    world.services.registrar._inner.find = find
    assert_renewed(world, order, 1)


@pytest.mark.parametrize("name", ["norenewal-example.com", "badrenewal-example.com"])
def test_a_refused_renewal_is_counted_and_retried_daily(world: World, name: str) -> None:
    order = delivered(world, name)
    a_year_passes(world, order, then=1 * DAY)
    assert world.metrics.counts["DomainRenewalFailed"] == 1
    assert any(cause.startswith("not renewed: ") for cause in causes(world, order))
    assert (years(world, order), now(world, order).status) == (0, OrderStatus.COMPLETED)
    world.live(2 * DAY, every=HOUR)
    assert world.metrics.counts["DomainRenewalFailed"] >= 2
    assert len([cause for cause in causes(world, order) if cause.startswith("not renewed: ")]) == 1
    assert world.net_paid() == order.price.amount + order.renewal_price.amount


def test_an_operators_renewal_is_not_repeated(world: World) -> None:
    order = delivered(world, "norenewal-example.com")
    a_year_passes(world, order)
    held = world.registrar.domains["norenewal-example.com"]
    held.expires_at += YEAR
    asked = world.registrar.asked("RenewDomain")
    world.live(2 * DAY, every=HOUR)
    after = now(world, order)
    assert abs(expires_at(after) - held.expires_at * 1000) <= 1
    assert world.registrar.asked("RenewDomain") == asked
    counted = world.metrics.counts["DomainRenewalFailed"]
    world.live(3 * DAY, every=HOUR)
    assert world.metrics.counts["DomainRenewalFailed"] == counted


def test_a_moved_domain_is_counted_as_not_renewed(world: World) -> None:
    """The domain moves to another registrar after the payment.

    If it moves before the payment, the renewal ends (test_departures.py).
    """
    order = delivered(world)
    until_the_anchor(world, order)
    world.advance(HOUR + 60)
    world.stripe.state.run_due()
    assert [invoice["status"] for invoice in invoices(world, order)] == ["paid"]
    world.registrar.leave(NAME)
    world.live(2 * DAY, every=HOUR)
    assert world.metrics.counts["DomainRenewalFailed"] >= 1
    assert "not renewed: the domain has left the registrar" in causes(world, order)


def test_a_slow_renewal_is_counted_but_not_repeated(world: World) -> None:
    order = delivered(world)
    world.registrar._registry.delay = None
    a_year_passes(world, order, then=2 * DAY)
    assert world.metrics.counts["DomainRenewalFailed"] == 0
    world.live(3 * DAY, every=6 * HOUR)
    assert world.metrics.counts["DomainRenewalFailed"] >= 1
    assert world.registrar.asked("RenewDomain") == 1
    world.registrar.finish(NAME)
    world.live(2 * DAY, every=6 * HOUR)
    assert_renewed(world, order, 1)


def test_a_corrected_expiry_date_is_not_a_renewal(world: World) -> None:
    order = delivered(world)
    world.registrar._registry.delay = None
    a_year_passes(world, order)
    world.registrar.domains[NAME].expires_at += 3 * DAY
    world.registrar.fail(NAME)
    world.live(HOUR, every=600)
    assert now(world, order).domain_record.renewals[0].done_at is None


def test_a_stale_expiry_date_is_not_a_renewal(world: World) -> None:
    order = delivered(world)
    a_year_passes(world, order)
    registrar = world.services.registrar._inner
    domain, old = registrar.domain, [expires_at(order)]

    def stale_at_first(name: str) -> Any:
        found = domain(name)
        return replace(found, expires_at=old.pop()) if old else found

    registrar.domain = stale_at_first
    a_year_passes(world, order)
    assert not old
    assert_renewed(world, order, 2)


# -- crashes and concurrent runs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("mishap", list(Mishap))
def test_a_domain_is_renewed_once_if_any_side_effect_breaks(world: World, mishap: Mishap) -> None:
    order = delivered(world)
    world.webhooks_on = False
    struck: list[str] = []
    while True:
        until_the_anchor(world, order)
        world.advance(HOUR + 60)
        world.mishaps.strike(len(struck), mishap)
        world.live(2 * HOUR, every=1200)
        seen = list(world.mishaps.seen)
        world.mishaps.none()
        world.live(6 * HOUR, every=1200)
        if len(seen) <= len(struck):
            break
        struck.append(seen[len(struck)])
        assert_renewed(world, order, len(struck))
    assert world.metrics.counts["DomainRenewalFailed"] == 0
    assert {"registrar.renew", "registrar.domain", "registrar.operation"} <= set(struck)
    assert len([name for name in struck if name.startswith("table.")]) >= 4


@pytest.mark.parametrize(
    "side_effect", ["registrar.renew", "registrar.domain", "registrar.operation", "table.put_item"]
)
def test_two_concurrent_runs_renew_once(world: World, side_effect: str) -> None:
    order = delivered(world)
    until_the_anchor(world, order)
    world.stream_on = False  # the stream's function would add unrelated writes
    busy: list[bool] = []

    def choose(name: str) -> Mishap | None:
        if name == side_effect and not busy:
            busy.append(True)
            # Make the order due for a second run, as a webhook would.
            current = now(world, order)
            world.services.orders.save_order(current.check_at(world.clock.now()))
            world.reconcile()
            busy.clear() if len(world.mishaps.seen) < 60 else None
        return None

    world.mishaps.watch(choose)
    world.live(5 * HOUR, every=600)
    world.mishaps.none()
    world.live(2 * DAY, every=HOUR)
    assert_renewed(world, order, 1)
    assert world.registrar.asked("RenewDomain") == 1


def test_a_domain_is_renewed_once_if_its_operation_disappears(
    world: World,
) -> None:
    """With `hides_completed`, GetOperationDetail no longer returns an operation that has completed."""
    order = delivered(world)
    world.registrar.configure(hides_completed=True)
    a_year_passes(world, order)
    assert years(world, order) == 1
    assert world.registrar.renewals(NAME) == 1


def test_a_refused_renewal_succeeds_after_a_date_correction(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registrar refuses a request that does not name the year of the current expiry date."""
    name = "norenewal-bakery.com"
    order = delivered(world, name)
    domain = world.registrar.domains[name]
    year = datetime.fromtimestamp(domain.expires_at, UTC).year
    domain.expires_at = datetime(year, 12, 31, 12, tzinfo=UTC).timestamp()
    a_year_passes(world, order)
    assert world.metrics.counts["DomainRenewalFailed"] >= 1 and world.registrar.renewals(name) == 0
    domain.expires_at += 2 * DAY
    begins = names.begins
    monkeypatch.setattr(
        names, "begins", lambda name, *prefixes: "norenewal-" not in prefixes and begins(name, *prefixes)
    )
    world.live(2 * DAY, every=HOUR)
    assert world.registrar.renewals(name) == 1
    assert now(world, order).domain_renewals[0].done_at is not None
