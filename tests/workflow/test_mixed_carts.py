"""A cart with a site and domains has one charge. Each item is delivered, or its exact share is refunded."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe

from hosting_orders.domain.cart import Cart, PaymentStatus
from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.domain.products import DomainItem
from tests.support.domain_books import (
    account_of,
    assert_given_back,
    assert_registered,
    cancel,
    claims,
    contacts,
    endings,
    now,
    placed,
    renewals,
    shown,
    told,
    waiting,
)
from tests.support.mishaps import Mishap
from tests.support.world import Reply, World, a_world, handler_of

HOUR = 3600
DAY = 24 * HOUR
CALLBACK = {"url": "https://client.example/hook"}

# Net prices of the demo accounts. All differ, so no item can be confused with another.
SITE, NET, ORG = 1200, 1400, 1300
EVERYTHING = SITE + NET + ORG


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def cart_of(
    world: World, *names: str, account: str = "ready", policy: str = "keep", site: bool = True
) -> list[Order]:
    """Return the orders of an accepted cart: a site, then these domains."""
    items = [*([world.site()] if site else []), *[world.domain(name) for name in names]]
    reply = world.place_cart(*items, account=account, callback=CALLBACK, on_item_failure=policy)
    assert reply.status == 202, reply.body
    return [world.order(order["id"], account) for order in reply.body["orders"]]


def cart(world: World, order: Order) -> Cart:
    return world.cart(order.cart_token, account_of(order))


def statuses(world: World, orders: list[Order]) -> list[str]:
    return [now(world, order).status.value for order in orders]


def rollup(world: World, order: Order) -> str:
    reply = world.request("GET", f"/api/carts/{order.cart_token}", account=account_of(order))
    return str(reply.body["cart"]["rollup_status"])


def assert_site_stands(world: World, order: Order) -> None:
    assert now(world, order).status is OrderStatus.COMPLETED and now(world, order).refund is None
    assert world.platform.built(order.uuid) == 1 and not world.platform.services[order.uuid].deleted
    assert len(renewals(world, order)) == 1


def assert_site_gone(world: World, order: Order) -> None:
    assert now(world, order).status is OrderStatus.PROVISION_FAILED and now(world, order).refund is not None
    service = world.platform.services.get(order.uuid)
    assert service is None or service.deleted
    assert not renewals(world, order)


def assert_settled(world: World, orders: list[Order], kept: int, rolled_up: str) -> None:
    """Check that there was one charge, that we keep `kept` of it, that callbacks were sent and that nothing waits."""
    (first, *_) = orders
    account = account_of(first)
    paid = cart(world, first).payment
    returned = [now(world, order).refund for order in orders]
    refunded = sum(refund.amount + refund.to_credit for refund in returned if refund)
    assert len(world.stripe.charges(world.accounts[account]["customer"])) == 1
    assert world.net_paid(account) == paid.amount_charged - sum(r.amount for r in returned if r)
    assert paid.total_gross - refunded == kept
    assert paid.refunded == refunded
    assert paid.status is (PaymentStatus.REFUNDED if all(returned) else PaymentStatus.SUCCEEDED)
    assert len(world.stripe.credit_notes()) == sum(refund is not None for refund in returned)
    assert rollup(world, first) == rolled_up
    assert told(world) == len(orders) and endings(world) == {"SUCCEEDED"} and not waiting(world)
    assert cart(world, first).due_at is None
    assert world.services.orders.due(world.clock.now() + 200 * DAY * 1000, 10) == []
    kept_names = {
        order.item_as(DomainItem).ascii_name
        for order in orders
        if order.kind == "domain" and now(world, order).status is OrderStatus.COMPLETED
    }
    assert claims(world) == kept_names and len(contacts(world)) == len(kept_names)


def run_alone(world: World, order: Order) -> None:
    """Run everything that is ready in this order's execution, and nothing in other executions."""
    while True:
        mine = [at for at, (execution, _) in enumerate(world.runner._ready) if execution.name == order.uuid]
        if not mine:
            return
        world.runner.run_one(mine[0])


# -- on_item_failure "keep": deliver what can be delivered ---------------------------------------------------------


def test_a_cart_is_charged_once_and_fully_delivered(world: World) -> None:
    orders = cart_of(world, "one.net", "two.org")
    assert world.net_paid() == EVERYTHING
    world.live(1800, every=150)
    assert_site_stands(world, orders[0])
    for order in orders[1:]:
        assert_registered(world, order)
    assert_settled(world, orders, EVERYTHING, "completed")


@pytest.mark.parametrize("lost", ["lost-two.org", "gone-two.org", "fail-two.org"])
def test_only_the_unavailable_domain_is_refunded(world: World, lost: str) -> None:
    orders = cart_of(world, "one.net", lost)
    world.live(1800, every=150)
    assert statuses(world, orders) == ["completed", "completed", "provision_failed"]
    assert_site_stands(world, orders[0])
    assert_registered(world, orders[1])
    assert_given_back(world, orders[2])
    assert [shown(world, order)["payment"]["refunded_cents"] for order in orders] == [0, 0, ORG]
    assert shown(world, orders[2])["payment"]["status"] == "refunded"
    assert shown(world, orders[1])["payment"]["status"] == "succeeded"
    assert_settled(world, orders, SITE + NET, "partial")


def test_a_failed_site_does_not_affect_the_domains(world: World) -> None:
    orders = cart_of(world, "one.net", "two.org")
    world.run(finish=False)
    world.platform.fail(orders[0].uuid)
    world.platform_webhook(orders[0].uuid)
    world.live(1800, every=150)
    assert_site_gone(world, orders[0])
    assert_settled(world, orders, NET + ORG, "partial")


def test_a_cart_is_refunded_if_nothing_can_be_delivered(world: World) -> None:
    orders = cart_of(world, "lost-one.net", "gone-two.org")
    world.run(finish=False)
    world.platform.fail(orders[0].uuid)
    world.platform_webhook(orders[0].uuid)
    world.live(1800, every=150)
    assert_settled(world, orders, 0, "failed")
    assert world.net_paid() == 0


# (country, tax on the site, tax on one.net, tax on two.org)
TAXES = [("NL", 252, 294, 273), ("DE", 228, 266, 247), ("FI", 306, 357, 332), ("HU", 324, 378, 351)]


@pytest.mark.parametrize(("country", "site", "net", "org"), TAXES)
def test_an_item_is_refunded_with_its_own_tax(country: str, site: int, net: int, org: int) -> None:
    with a_world(automatic_tax=True) as world:
        client = stripe.StripeClient("sk_test_world", base_addresses={"api": world.stripe.url})
        customer = world.accounts["ready"]["customer"]
        client.v1.customers.update(customer, {"address": {"line1": "Street 1", "country": country}})
        orders = cart_of(world, "one.net", "lost-two.org")
        assert world.net_paid() == EVERYTHING + site + net + org
        world.live(1800, every=150)
        refund = now(world, orders[2]).refund
        assert refund is not None and (refund.amount, refund.to_credit) == (ORG + org, 0)
        assert_settled(world, orders, SITE + NET + site + net, "partial")


@pytest.mark.parametrize(
    ("names", "kept"),
    [
        (("one.net", "lost-two.org"), SITE + NET),
        (("lost-one.net", "two.org"), SITE + ORG),
        (("gone-one.net", "lost-two.org"), SITE),
    ],
)
def test_a_partial_refund_of_card_and_credit_adds_up(world: World, names: tuple[str, str], kept: int) -> None:
    orders = cart_of(world, *names, account="credit")
    customer = world.accounts["credit"]["customer"]
    assert (world.net_paid("credit"), world.stripe.balance(customer)) == (EVERYTHING - 500, 0)
    world.live(1800, every=150)
    assert_settled(world, orders, kept, "partial")
    # What we keep of the card payment and of the credit of 500 is the price of the delivered items.
    assert world.net_paid("credit") + (500 + world.stripe.balance(customer)) == kept
    assert -500 <= world.stripe.balance(customer) < 0


def test_all_credit_is_returned_when_everything_is_refunded(world: World) -> None:
    orders = cart_of(world, "lost-one.net", "gone-two.org", "fail-three.de", account="credit", site=False)
    world.live(1800, every=150)
    assert_settled(world, orders, 0, "failed")
    assert world.net_paid("credit") == 0
    assert world.stripe.balance(world.accounts["credit"]["customer"]) == -500


# -- on_item_failure "cancel_all": if an item cannot be delivered, cancel the others ---------------------------------


def test_a_failed_domain_cancels_every_item_that_can_be_recalled(world: World) -> None:
    """The unfinished site is taken down. `slow-one.net` is already at the registrar and cannot be recalled."""
    orders = cart_of(world, "slow-one.net", "lost-two.org", policy="cancel_all")
    world.run(finish=False)
    assert world.registrar.submissions("slow-one.net") == 1
    world.live(600, every=60, finish=False)
    assert statuses(world, orders) == ["provision_failed", "processing", "provision_failed"]
    failure = now(world, orders[0]).failure
    assert failure is not None and failure.code == "cart_canceled"
    world.live(1800, every=150)
    assert_site_gone(world, orders[0])
    assert_registered(world, orders[1])
    assert_given_back(world, orders[2])
    assert_settled(world, orders, NET, "partial")


def test_a_failed_domain_does_not_cancel_delivered_items(world: World) -> None:
    orders = cart_of(world, "one.net", "lost-two.org", policy="cancel_all")
    world.run()
    assert statuses(world, orders)[0] == "completed"
    world.live(1800, every=150)
    assert_site_stands(world, orders[0])
    assert_registered(world, orders[1])
    assert_settled(world, orders, SITE + NET, "partial")


@pytest.mark.parametrize("reached", [0, 1, 2])
def test_a_failed_domain_cancels_a_domain_not_yet_submitted(world: World, reached: int) -> None:
    """The other domain's execution runs `reached` steps. Then the refused domain's execution runs to its end."""
    orders = cart_of(world, "gone-two.org", "one.net", policy="cancel_all")
    site, refused, other = orders
    for _ in range(reached):
        position = next(
            at for at, (execution, _) in enumerate(world.runner._ready) if execution.name == other.uuid
        )
        world.runner.run_one(position)
    run_alone(world, refused)
    assert now(world, refused).status is OrderStatus.PROVISION_FAILED
    assert now(world, other).status is OrderStatus.REFUNDING
    world.live(1800, every=150)
    assert world.registrar.asked("RegisterDomain", "one.net") == 0
    assert_site_gone(world, site)
    assert_given_back(world, other)
    assert_settled(world, orders, 0, "failed")
    assert world.net_paid() == 0


def test_card_and_credit_add_up_after_items_are_cancelled(world: World) -> None:
    orders = cart_of(world, "slow-one.net", "lost-two.org", account="credit", policy="cancel_all")
    world.run(finish=False)
    world.live(600, every=60, finish=False)
    world.live(1800, every=150)
    assert_settled(world, orders, NET, "partial")
    balance = world.stripe.balance(world.accounts["credit"]["customer"])
    assert world.net_paid("credit") + 500 + balance == NET


@pytest.mark.parametrize("write", range(1, 9))
def test_a_domain_is_either_cancelled_or_submitted_not_both(world: World, write: int) -> None:
    """The other domain is submitted right before one write (number `write`) of the process that cancels the cart."""
    orders = cart_of(world, "gone-two.org", "one.net", policy="cancel_all", site=False)
    refused, other = orders
    while now(world, other).status is OrderStatus.PENDING:
        world.runner.run_one(1)
    world.mishaps.in_the_moment_of("table.put_item", lambda: run_alone(world, other), nth=write)
    run_alone(world, refused)
    world.mishaps.none()
    world.live(3 * HOUR, every=600)
    assert_given_back(world, refused)
    if now(world, other).status is OrderStatus.COMPLETED:
        assert_registered(world, other)
        assert_settled(world, orders, NET, "partial")
    else:
        assert world.registrar.asked("RegisterDomain", "one.net") == 0
        assert_settled(world, orders, 0, "failed")


def test_a_customer_who_cancels_one_item_keeps_the_others(world: World) -> None:
    """Only an undeliverable item triggers `cancel_all`. A customer who cancels one item wants the others."""
    orders = cart_of(world, "one.net", "two.org", policy="cancel_all")
    assert cancel(world, orders[2]).status == 202
    world.live(1800, every=150)
    assert statuses(world, orders) == ["completed", "completed", "canceled"]
    assert_settled(world, orders, SITE + NET, "partial")


@pytest.mark.parametrize("update", [1, 2, 3])
def test_two_concurrent_partial_refunds_add_up(world: World, update: int) -> None:
    orders = cart_of(world, "one.net", "two.org")
    for order in orders[1:]:
        assert cancel(world, order).status == 202
    token = {order.uuid: {"account_id": order.account_id, "order_id": order.uuid} for order in orders}

    def refund(order: Order) -> None:
        handler_of("refund_order")({**token[order.uuid], "task_token": "t", "error": "Made up"}, None)

    world.mishaps.in_the_moment_of("table.update_item", lambda: refund(orders[2]), nth=update)
    refund(orders[1])
    world.mishaps.none()
    world.live(1800, every=300)
    assert statuses(world, orders) == ["completed", "canceled", "canceled"]
    assert cart(world, orders[0]).payment.refunded == NET + ORG
    assert world.net_paid() == SITE and len(world.stripe.credit_notes()) == 2


# -- cancel, expiry and other payment methods ----------------------------------------------------------------------


@pytest.mark.parametrize("which", [0, 1, 2])
def test_one_item_can_be_cancelled_before_its_delivery(world: World, which: int) -> None:
    orders = cart_of(world, "one.net", "two.org")
    assert cancel(world, orders[which]).status == 202
    world.live(1800, every=150)
    ends = ["completed"] * 3
    ends[which] = "canceled"
    assert statuses(world, orders) == ends
    assert_settled(world, orders, EVERYTHING - [SITE, NET, ORG][which], "partial")
    if which:
        assert world.registrar.asked("RegisterDomain", ["", "one.net", "two.org"][which]) == 0


def test_an_item_cancelled_before_payment_is_refunded_later(world: World) -> None:
    account = "authentication_required"
    orders = cart_of(world, "one.net", "two.org", account=account)
    world.run()
    assert cancel(world, orders[1]).status == 202
    world.live(HOUR)
    assert statuses(world, orders) == ["pending", "canceling", "pending"]
    world.stripe.controls.pay(cart(world, orders[0]).payment.reference)
    world.live(HOUR, every=200)
    assert statuses(world, orders) == ["completed", "canceled", "completed"]
    assert_settled(world, orders, SITE + ORG, "partial")


def test_a_cart_cannot_be_paid_if_all_items_are_cancelled(world: World) -> None:
    orders = cart_of(world, "one.net", "two.org", account="authentication_required")
    world.run()
    for order in orders:
        assert cancel(world, order).status == 202
    world.live(2 * HOUR)
    assert statuses(world, orders) == ["canceled"] * 3
    assert not world.stripe.open_invoices() and not world.stripe.charges()
    assert not claims(world) and not contacts(world) and not waiting(world)
    assert rollup(world, orders[0]) == "cancelled" and told(world) == 3
    assert endings(world) == {"SUCCEEDED"}


def test_an_unpaid_cart_expires_as_a_whole(world: World) -> None:
    orders = cart_of(world, "one.net", "two.org", account="authentication_required")
    world.live(2 * DAY, every=DAY / 4)
    assert statuses(world, orders) == ["expired"] * 3
    assert not claims(world) and not contacts(world) and not waiting(world)
    assert not world.stripe.open_invoices() and not world.stripe.charges()
    assert rollup(world, orders[0]) == "cancelled" and told(world) == 3
    assert endings(world) == {"SUCCEEDED"}
    assert world.registrar.submissions("one.net") == 0 and not world.platform.services


def test_a_cart_is_delivered_after_its_authentication(world: World) -> None:
    orders = cart_of(world, "one.net", "two.org", account="authentication_required")
    world.live(3 * HOUR)
    assert statuses(world, orders) == ["pending"] * 3 and world.registrar.submissions("one.net") == 0
    world.stripe.controls.pay(cart(world, orders[0]).payment.reference)
    world.live(HOUR, every=200)
    assert_settled(world, orders, EVERYTHING, "completed")


def test_a_cart_is_delivered_after_its_debit_has_settled(world: World) -> None:
    world.stripe.controls.set(sepa_settles_after=4 * DAY)
    orders = cart_of(world, "one.net", "lost-two.org", account="sepa")
    world.live(3 * DAY, every=DAY / 2)
    assert statuses(world, orders) == ["pending"] * 3
    assert not world.platform.services and world.registrar.submissions("one.net") == 0
    world.live(2 * DAY, every=DAY / 4)
    world.live(HOUR, every=300)
    assert statuses(world, orders) == ["completed", "completed", "provision_failed"]
    assert_settled(world, orders, SITE + NET, "partial")


def test_a_returned_debit_ends_the_whole_cart(world: World) -> None:
    world.stripe.controls.set(sepa_settles_after=30 * DAY)
    orders = cart_of(world, "one.net", "two.org", account="sepa")
    world.live(DAY, every=DAY / 2)
    world.stripe.controls.fail(cart(world, orders[0]).payment.reference)
    world.live(16 * DAY, every=DAY)
    assert set(statuses(world, orders)) <= {"failed", "expired"}
    assert not claims(world) and not contacts(world) and world.net_paid("sepa") == 0
    assert told(world) == 3 and endings(world) == {"SUCCEEDED"} and not waiting(world)


# -- placing: all or nothing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "code", "pointer"),
    [
        (("one.net", "taken-two.org"), "domain_unavailable", "/items/2/domain/name"),
        (("one.net", "one.net"), "domain_add_failed", "/items/2/domain/name"),
        (("mine.net", "two.org"), "domain_add_failed", "/items/1/domain/name"),
    ],
)
def test_a_cart_is_refused_if_one_domain_is_unavailable(
    world: World, names: tuple[str, str], code: str, pointer: str
) -> None:
    world.live(60)
    earlier = placed(world, "mine.net", "credit")
    before = len(world.stripe.charges())
    items = [world.site(), *[world.domain(name) for name in names]]
    refused = world.place_cart(*items)
    assert (refused.status, refused.body["code"]) == (422, code)
    assert pointer in str(refused.body["details"])
    assert [order["number"]["N"] for order in world.items("ORDER#")] == [str(earlier.number)]
    assert claims(world) == {"mine.net"} and contacts(world) == {earlier.number}
    assert len(world.stripe.charges()) == before


def test_a_refused_payment_leaves_nothing_behind(world: World) -> None:
    refused = world.place_cart(world.site(), world.domain("one.net"), account="declined_final")
    assert (refused.status, refused.body["code"]) == (422, "cart_pay_failed")
    world.live(HOUR)
    assert [order["status"]["S"] for order in world.items("ORDER#")] == ["failed"] * 2
    assert not claims(world) and not contacts(world) and not world.platform.services
    assert world.registrar.submissions("one.net") == 0 and not world.stripe.open_invoices()


def test_one_of_ten_concurrent_carts_gets_the_domain(world: World) -> None:
    # This first request imports the functions' modules before the threads start.
    world.place_cart(world.site(), world.domain("warm-up.de"))
    world.run()
    before = world.net_paid()

    def place(number: int) -> Reply:
        return world.place_cart(world.site(), world.domain("wanted.net"), key=f"client-{number}")

    with ThreadPoolExecutor(10) as threads:
        replies = list(threads.map(place, range(10)))
    winners = [reply for reply in replies if reply.status == 202]
    assert len(winners) == 1 and {reply.status for reply in replies} == {202, 422}
    assert world.net_paid() - before == SITE + NET
    world.live(1800, every=150)
    assert world.registrar.submissions("wanted.net") == 1
    assert len(world.items("ORDER#")) == 4


def test_concurrent_and_repeated_requests_create_one_cart(world: World) -> None:
    world.place_cart(world.site(), world.domain("warm-up.de"))
    world.run()
    before = world.net_paid()
    body = [world.site(), world.domain("one.net")]
    with ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(lambda _: world.place_cart(*body, key="once"), range(8)))
    # A concurrent request may see the claimed domain before it sees the cart. A retry finds the cart.
    replies = [reply if reply.status == 202 else world.place_cart(*body, key="once") for reply in replies]
    assert {reply.status for reply in replies} == {202}
    assert len({reply.body["cart"]["token"] for reply in replies}) == 1
    world.live(1800, every=150)
    assert world.net_paid() - before == SITE + NET
    assert world.registrar.submissions("one.net") == 1 and len(world.items("ORDER#")) == 4


@pytest.mark.parametrize("mishap", list(Mishap))
def test_a_cart_is_placed_once_even_if_a_side_effect_fails(mishap: Mishap) -> None:
    """The client retries after every second failure, and whenever nothing was written.

    In all other cases the reconciler continues. For a single order, test_idempotency.py tests the client's retry and
    the reconciler after each failure.
    """
    with a_world() as world:
        world.webhooks_on = False
        for position in range(25):
            body = [world.site(), world.domain(f"name-{position}.net")]
            world.mishaps.strike(position, mishap)
            reply = world.place_cart(*body, key=f"key-{position}", callback=CALLBACK)
            reached = len(world.mishaps.seen) > position
            world.mishaps.none()
            written = len(world.items("ORDER#")) > 2 * position
            if position % 2 == 0 or not written:
                reply = world.place_cart(*body, key=f"key-{position}", callback=CALLBACK)
                assert reply.status == 202, (position, reply.body)
            ids = [item["number"]["N"] for item in world.items("ORDER#")]
            world.live_until_settled(*ids, every=150, most=1800)
            if not reached:
                world.live(1800, every=600)
            orders = [item for item in world.items("ORDER#") if item["status"]["S"] == "completed"]
            assert len(orders) == 2 * (position + 1) == len(world.items("ORDER#")), position
            assert world.net_paid() == (SITE + NET) * (position + 1)
            assert world.registrar.submissions(f"name-{position}.net") == 1
            assert told(world) == 2 * (position + 1) and not waiting(world)
            if not reached:
                assert position > 5
                return
    raise AssertionError("too few positions to reach every side effect")
