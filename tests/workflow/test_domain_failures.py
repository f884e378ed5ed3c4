"""A domain that cannot be delivered is refunded once. While a delivery is still possible, the refund waits for the
deadline.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest

from hosting_orders.domain import durations
from hosting_orders.domain.errors import ProviderUnavailableError
from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.usecases.delivery import claim_for_delivery
from hosting_orders.usecases.ports import Services
from hosting_orders.usecases.products.domain import DomainFulfilment
from hosting_orders.usecases.products.fulfilment import Verdict
from hosting_orders.usecases.refund_order import refund_step
from tests.support.domain_books import (
    account_of,
    assert_alone,
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
    submitted,
    told,
    transfer,
    waiting,
)
from tests.support.mishaps import Mishap
from tests.support.world import Reply, World, a_world

NAME = "hosting-example.com"
HOUR = 3600
DAY = 24 * HOUR


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def assert_back_and_alone(world: World, order: Order) -> None:
    assert_given_back(world, order)
    assert world.net_paid(account_of(order)) == 0 and len(world.stripe.credit_notes()) == 1
    assert told(world) == 1 and endings(world) == {"SUCCEEDED"}
    assert not claims(world) and not contacts(world)
    assert world.services.orders.due(world.clock.now() + 400 * durations.DAY, 10) == []


# -- domains that cannot be registered -----------------------------------------------------------------------------


@pytest.mark.parametrize("account", ["ready", "credit"])
@pytest.mark.parametrize(
    ("name", "submissions", "code"),
    [
        ("gone-example.com", 0, "registration_refused"),
        ("lost-example.com", 1, "registration_failed"),
        ("badcontact-example.com", 1, "registration_failed"),
        ("fail-example.com", 1, "registration_failed"),
    ],
)
def test_a_domain_is_refunded_if_it_cannot_be_registered(
    world: World, name: str, submissions: int, code: str, account: str
) -> None:
    before = world.stripe.balance(world.accounts[account]["customer"])
    order = placed(world, name, account)
    world.live(1800, every=150)
    assert_back_and_alone(world, order)
    assert world.registrar.submissions(name) == submissions and world.registrar.registrations(name) == 0
    ended = now(world, order)
    assert ended.failure is not None and ended.failure.code == code
    assert ended.refund is not None and ended.refund.amount + ended.refund.to_credit == 1200
    assert ended.refund.to_credit == (500 if account == "credit" else 0)
    assert world.stripe.balance(world.accounts[account]["customer"]) == before
    assert shown(world, order)["domain"]["status"] == "failed"
    # Any account can order the domain again. That order fails in the same way.
    again = placed(world, name, "ready")
    world.live(1800, every=150)
    assert_given_back(world, again)
    assert world.net_paid("ready") == 0


def test_a_rejected_contact_does_not_expose_personal_data(world: World) -> None:
    """The registrar's message repeats contact details. The order says only that a contact was rejected."""
    order = placed(world, "badcontact-example.com")
    world.live(1800, every=150)
    ended = now(world, order)
    assert ended.failure is not None and "contact" in ended.failure.message
    seen = str(shown(world, order)) + str(world.callbacks.received) + str(ended.timeline)
    assert "ada@example.com" not in seen and "201234567" not in seen.replace(".", "")


def test_a_domain_taken_after_the_check_is_refunded(world: World) -> None:
    order = placed(world, NAME)
    world.registrar.take(NAME)
    world.live(1800, every=150)
    assert_back_and_alone(world, order)


def test_an_immediately_refused_transfer_is_refunded(world: World) -> None:
    order = transfer(world, "gone-example.com")
    world.live(1800, every=150)
    assert_back_and_alone(world, order)


@pytest.mark.parametrize("name", ["taken-example.com", "reserved-example.com", "premium-example.com"])
def test_an_unavailable_domain_is_refused_before_any_charge(world: World, name: str) -> None:
    refused = world.order_domain(name)
    assert (refused.status, refused.body["code"]) == (422, "domain_unavailable")
    assert not world.items("ORDER#") and not world.items("CART#")
    assert not claims(world) and not contacts(world) and not world.stripe.charges()


def test_a_refused_payment_leaves_no_claim_and_no_contacts(world: World) -> None:
    refused = world.order_domain(NAME, "declined_final", callback=True)
    assert (refused.status, refused.body["code"]) == (422, "cart_pay_failed")
    world.live(HOUR)
    assert not claims(world) and not contacts(world) and not world.stripe.charges()
    assert world.registrar.submissions(NAME) == 0
    order = placed(world, NAME, "ready")
    world.live(1800, every=150)
    assert_registered(world, order)


def test_an_unpaid_order_expires_and_releases_its_domain(world: World) -> None:
    order = placed(world, NAME, "authentication_required")
    world.live(2 * DAY, every=DAY / 4)
    assert now(world, order).status is OrderStatus.EXPIRED
    assert not claims(world) and not contacts(world) and world.registrar.submissions(NAME) == 0
    assert told(world) == 1 and endings(world) == {"SUCCEEDED"}
    other = placed(world, NAME, "ready")
    world.live(1800, every=150)
    assert_registered(world, other)
    assert world.net_paid("authentication_required") == 0


def test_a_domain_taken_during_a_debit_is_refunded(world: World) -> None:
    """With a bank debit, days pass between the availability check and the registration."""
    world.stripe.controls.set(sepa_settles_after=5 * DAY)
    order = placed(world, NAME, "sepa")
    world.live(4 * DAY, every=DAY)
    assert world.registrar.submissions(NAME) == 0 and claims(world) == {NAME}
    world.registrar.take(NAME)
    world.live(3 * DAY, every=DAY / 4)
    assert_back_and_alone(world, order)


# -- registrar and DNS outages ----------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["ThrottlingException", "ServiceUnavailable"])
def test_an_order_is_delivered_after_a_registrar_outage(world: World, code: str) -> None:
    order = placed(world, NAME)
    world.registrar.fail_next("*", code, status=400 if code == "ThrottlingException" else 503, times=10_000)
    world.live(HOUR, every=200)
    assert now(world, order).status is OrderStatus.PROCESSING and world.net_paid() == 1200
    assert not world.stripe.credit_notes()
    world.registrar.clear_faults()
    world.live(1800, every=150)
    assert_alone(world, order)
    assert len(world.runner.executions[order.uuid].history) == 4  # the workflow did not loop


def test_an_outage_after_submission_only_delays_delivery(world: World) -> None:
    order = submitted(world, NAME)
    world.registrar.fail_next("*", times=10_000)
    world.live(3 * HOUR, every=600)
    assert now(world, order).status is OrderStatus.PROCESSING
    world.registrar.clear_faults()
    world.live(1800, every=150)
    assert_alone(world, order)


def test_a_permanent_registrar_outage_leads_to_a_refund(world: World) -> None:
    """We cannot know whether the registrar received the request, so an operator is alerted."""
    order = placed(world, NAME)
    world.registrar.lose_next_answer("RegisterDomain")
    world.run()
    world.registrar.fail_next("*", times=1_000_000)
    world.live(7.5 * DAY, every=DAY / 2)
    assert now(world, order).status is OrderStatus.PROCESSING and world.net_paid() == 1200
    world.live(2 * DAY, every=DAY / 4)
    assert_back_and_alone_but_asked(world, order)


def assert_back_and_alone_but_asked(world: World, order: Order) -> None:
    assert now(world, order).status is OrderStatus.PROVISION_FAILED
    assert world.net_paid() == 0 and len(world.stripe.credit_notes()) == 1
    assert world.metrics.counts["RegistrationAbandoned"] == 1
    assert told(world) == 1 and endings(world) == {"SUCCEEDED"} and not waiting(world)
    assert world.registrar.submissions(NAME) == 1 and not renewals(world, order)


def test_no_domain_can_be_ordered_during_a_registrar_outage(world: World) -> None:
    world.registrar.fail_next("*", times=1000)
    refused = world.order_domain(NAME)
    assert refused.status == 503
    assert not world.items("ORDER#") and not claims(world) and not world.stripe.charges()


def test_a_domain_is_delivered_before_its_zone_is_created(world: World) -> None:
    order = submitted(world, NAME)
    world.mishaps.watch(lambda name: Mishap.NOT_DONE if name == "zones.ensure" else None)
    world.live(HOUR, every=300)
    delivered = now(world, order)
    assert delivered.status is OrderStatus.COMPLETED and delivered.zone_owed
    world.mishaps.none()
    world.live(2 * HOUR, every=300)
    assert not now(world, order).zone_owed and not world.stripe.credit_notes()
    assert_alone(world, order)


# -- refund or wait ------------------------------------------------------------------------------------------------


def give_up(world: World, order: Order) -> None:
    """Let the step RegisterDomain time out."""
    token = world.runner.executions[order.uuid].waiting_token
    assert token is not None
    world.runner.send_task_failure(token, "States.Timeout", "made up")
    world.runner.run_until_idle()
    assert world.runner.executions[order.uuid].states[-1] == "RefundOrder"


@pytest.mark.parametrize("end", ["delivered", "failed", "abandoned"])
def test_a_refund_waits_for_the_registrar_or_the_deadline(world: World, end: str) -> None:
    if end == "abandoned":
        world.registrar.configure(delay=30 * DAY)
    order = submitted(world, NAME)
    give_up(world, order)
    assert now(world, order).status is OrderStatus.PROCESSING
    assert world.net_paid() == 1200 and not world.stripe.credit_notes()
    if end == "failed":
        world.registrar.fail(NAME)
    if end == "abandoned":
        world.live(6 * DAY, every=DAY)
        assert now(world, order).status is OrderStatus.PROCESSING and world.net_paid() == 1200
        world.live(2 * DAY, every=DAY / 4)
    world.live(1800, every=150)
    if end == "delivered":
        assert_alone(world, order)
    else:
        assert_back_and_alone(world, order)


def test_no_refund_is_made_if_a_registration_may_exist(world: World) -> None:
    """The registrar's list of operations may lag, so for a while an empty list proves nothing."""
    order = placed(world, NAME)
    world.registrar.lose_next_answer("RegisterDomain")
    world.run()
    world.registrar.fail_next("ListOperations", times=3)
    give_up(world, order)
    assert now(world, order).status is OrderStatus.PROCESSING and not world.stripe.credit_notes()
    world.live(HOUR, every=200)
    assert_alone(world, order)


def test_no_refund_is_made_after_an_uncertain_submission(world: World) -> None:
    order = placed(world, NAME)
    world.registrar.fail_next("RegisterDomain", times=1)
    world.run()
    give_up(world, order)
    assert now(world, order).status is OrderStatus.PROCESSING and not world.stripe.credit_notes()
    world.live(HOUR, every=200)
    assert_alone(world, order)  # the reconciler submitted the domain again, so no refund was needed


def begun(world: World, *, asked_before: bool) -> Order:
    """Return a due order whose step crashed before it called the registrar.

    With `asked_before`, the reconciler has called the registrar once since the crash and received an error.
    """
    order = placed(world, NAME)
    while now(world, order).status is OrderStatus.PENDING:
        assert world.runner.run_one()
    claim_for_delivery(world.services, order.account_id, order.number, "of the step that died")
    if asked_before:
        world.registrar.fail_next("RegisterDomain")
        world.clock.advance(61)
        world.reconcile()
        world.clock.advance(HOUR)  # by now an empty list proves that nothing was submitted
    world.clock.advance(61)
    return order


@pytest.mark.parametrize("asked_before", [True, False])
@pytest.mark.parametrize("write", range(1, 4))
def test_either_a_refund_or_a_concurrent_submission_wins(
    world: World, write: int, asked_before: bool
) -> None:
    """The reconciler submits a registration right before one of RefundOrder's writes."""
    order = begun(world, asked_before=asked_before)
    world.mishaps.in_the_moment_of("table.put_item", world.reconcile, nth=write)
    with suppress(ProviderUnavailableError):  # the workflow retries the step
        refund_step(world.services, order.account_id, order.number, "token-of-nobody", "Made up")
    world.mishaps.none()
    world.live(HOUR, every=200)
    assert_one_of_two(world, order)


@pytest.mark.parametrize("asked_before", [True, False])
def test_a_refund_detects_a_submission_after_its_check(
    world: World, monkeypatch: pytest.MonkeyPatch, asked_before: bool
) -> None:
    """The reconciler submits the registration right after RefundOrder has found none."""
    order = begun(world, asked_before=asked_before)
    verdict = DomainFulfilment.verdict

    def overtaken(self: DomainFulfilment, services: Services, given: Order) -> Verdict:
        found = verdict(self, services, given)
        monkeypatch.undo()
        world.reconcile()
        return found

    monkeypatch.setattr(DomainFulfilment, "verdict", overtaken)
    with suppress(ProviderUnavailableError):
        refund_step(world.services, order.account_id, order.number, "token-of-nobody", "Made up")
    world.live(HOUR, every=200)
    assert_one_of_two(world, order)


def assert_one_of_two(world: World, order: Order) -> None:
    ended = now(world, order)
    kept = world.net_paid()
    if ended.status is OrderStatus.COMPLETED:
        assert kept == 1200 and world.registrar.registrations(NAME) == 1
    else:
        assert ended.status is OrderStatus.PROVISION_FAILED
        assert kept == 0 and world.registrar.submissions(NAME) == 0
    assert world.metrics.counts["DomainWithoutOrder"] == 0


# -- cancel --------------------------------------------------------------------------------------------------------


def test_a_paid_order_can_be_cancelled_before_registration(world: World) -> None:
    order = placed(world, NAME)
    assert cancel(world, order).status == 202
    world.live(HOUR)
    assert_given_back(world, order, OrderStatus.CANCELED)
    assert world.net_paid() == 0 and world.registrar.asked("RegisterDomain") == 0
    again = placed(world, NAME, "credit")
    world.live(1800, every=150)
    assert_registered(world, again)


def test_a_cancelled_unpaid_order_releases_its_domain(world: World) -> None:
    order = placed(world, NAME, "authentication_required")
    world.run()
    assert cancel(world, order).status == 202
    world.live(HOUR)
    assert now(world, order).status is OrderStatus.CANCELED
    assert not claims(world) and not contacts(world) and not world.stripe.open_invoices()


def test_a_cancel_after_the_submission_is_refused(world: World) -> None:
    order = submitted(world, NAME)
    refused = cancel(world, order)
    assert (refused.status, refused.body["code"]) == (409, "order_not_cancellable")
    assert refused.body["reason"] == "provisioning_started"
    assert shown(world, order)["cancellation"]["can_cancel"] is False
    world.live(600, every=60)
    assert cancel(world, order).body["reason"] == "already_ended"
    assert_alone(world, order)


@pytest.mark.parametrize("write", range(1, 6))
def test_either_a_cancel_or_a_concurrent_registration_wins(world: World, write: int) -> None:
    order = placed(world, NAME)
    replies: list[Reply] = []
    world.mishaps.in_the_moment_of("table.put_item", lambda: replies.append(cancel(world, order)), nth=write)
    world.runner.run_until_idle()
    world.mishaps.none()
    world.live(HOUR, every=200)
    (reply,) = replies
    if reply.status == 202:
        assert_given_back(world, order, OrderStatus.CANCELED)
        assert world.net_paid() == 0 and world.registrar.submissions(NAME) == 0
    else:
        assert reply.body["reason"] == "provisioning_started"
        assert_alone(world, order)


def test_a_registration_that_starts_during_a_cancel_wins(world: World) -> None:
    order = placed(world, NAME)
    world.mishaps.in_the_moment_of("table.put_item", world.runner.run_until_idle)
    reply = cancel(world, order)
    world.mishaps.none()
    assert (reply.status, reply.body["reason"]) == (409, "provisioning_started")
    world.live(600, every=60)
    assert_alone(world, order)


# -- failures during the refund ------------------------------------------------------------------------------------


@pytest.mark.parametrize("mishap", list(Mishap))
def test_the_refund_is_made_once_whichever_side_effect_breaks(mishap: Mishap) -> None:
    """Break each side effect that happens between the registrar's failure and the end of the order."""
    with a_world() as world:
        # Stripe's webhooks are off. They change nothing here and would double the number of side effects.
        world.webhooks_on = False
        for position in range(40):
            name = f"fail-{position}.com"
            order = submitted(world, name)
            world.advance(130)
            world.mishaps.strike(position, mishap)
            world.reconcile()
            world.run()
            reached = len(world.mishaps.seen) > position
            world.mishaps.none()
            world.live_until_settled(order.uuid, every=310, most=3600)
            if not reached:
                world.live(1800, every=600)
            assert_given_back(world, order)
            assert world.net_paid() == 0 and len(world.stripe.credit_notes()) == position + 1
            assert told(world) == position + 1 and world.registrar.submissions(name) == 1
            if not reached:
                assert position > 8
                return
    raise AssertionError("too few positions to reach every side effect")


def test_a_refund_that_stripe_refuses_is_made_later(world: World) -> None:
    order = placed(world, "gone-example.com")
    world.stripe.controls.set(refunds="refuse")
    world.live(HOUR, every=300)
    assert now(world, order).status is OrderStatus.REFUND_FAILED and told(world) == 0
    assert world.metrics.counts["RefundFailed"] >= 1
    world.stripe.controls.set(refunds="as published")
    world.live(HOUR, every=300)
    assert_back_and_alone(world, order)
