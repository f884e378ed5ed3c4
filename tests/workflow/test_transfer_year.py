"""The price of a transfer includes one more year of registration.

Some registries add this year at the transfer. Otherwise we buy the year at the registrar. A registry may sell a year
only in a renewal window before the expiry date.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hosting_orders.adapters.route53 import tlds
from hosting_orders.domain.domain_record import TRANSFER_YEAR
from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.domain.products import DomainItem, DomainResource
from tests.support.aws_command import run_shell
from tests.support.domain_books import now, renewals
from tests.support.mishaps import Mishap
from tests.support.refusals import no_new_subscriptions
from tests.support.table import TABLE_NAME
from tests.support.world import ROOT, World, a_world

HOUR = 3600
DAY = 24 * HOUR
NO_YEAR = ("co.uk", "es", "com.au")
YEAR_FROM_TRANSFER = ("de", "nl", "fr", "it")
YEAR_ADDED = ("com", "eu", "ca")


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def transferred(world: World, name: str, days_left: float | None = None, *, wait: float = 2 * HOUR) -> Order:
    """Return a delivered order. If no year is added, its domain expires `days_left` days after the delivery."""
    tld = name.partition(".")[2]
    if days_left is not None:
        at = world.clock.now() / 1000 + 10 * DAY + days_left * DAY
        world.registrar.expires_before_transfer(name, at)
    examples = tlds.facts(tld).examples
    contact = world.contact(**(examples[0] if examples else {}))
    auth_code = "Secret-1" if tlds.facts(tld).authcode_required else None
    reply = world.order_domain(name, action="transfer", authcode=auth_code, contact=contact)
    assert reply.status == 202, reply.body
    order_id = reply.body["orders"][0]["id"]
    world.run()
    world.live(10 * DAY + HOUR, every=6 * HOUR)
    world.live(wait, every=300)
    order = world.order(order_id)
    assert order.status is OrderStatus.COMPLETED
    return order


def days_left(world: World, order: Order) -> int:
    """The days until the order's expiry date, which must agree with the registrar's date."""
    resource = now(world, order).resource_as(DomainResource)
    name = order.item_as(DomainItem).ascii_name
    assert resource is not None and resource.expires_at is not None
    assert abs(resource.expires_at - world.registrar.domains[name].expires_at * 1000) <= 1
    return round((resource.expires_at / 1000 - world.clock.now() / 1000) / DAY)


def bought(world: World, order: Order) -> int:
    return world.registrar.renewals(order.item_as(DomainItem).ascii_name)


@pytest.mark.parametrize("tld", NO_YEAR)
def test_a_year_is_bought_on_delivery_if_none_was_added(world: World, tld: str) -> None:
    order = transferred(world, f"quill-and-sons.{tld}", days_left=50)
    assert bought(world, order) == world.registrar.asked("RenewDomain") == 1
    assert days_left(world, order) in (414, 415, 416)
    assert world.net_paid() == order.price.amount
    assert order.item.line_text().endswith("transfer, with a further year")
    world.live(60 * DAY, every=DAY)
    assert bought(world, order) == 1 and world.metrics.counts["DomainRenewalFailed"] == 0


@pytest.mark.parametrize("tld", YEAR_FROM_TRANSFER)
def test_a_year_that_starts_with_the_transfer_is_not_bought(world: World, tld: str) -> None:
    order = transferred(world, f"quill-and-sons.{tld}", days_left=200)
    assert bought(world, order) == 0 and days_left(world, order) in (364, 365, 366)
    assert order.item.line_text().endswith("transfer, with a year from the transfer")


@pytest.mark.parametrize("tld", YEAR_ADDED)
def test_a_year_added_by_the_registry_is_not_bought_again(world: World, tld: str) -> None:
    order = transferred(world, f"quill-and-sons.{tld}", days_left=20)
    assert bought(world, order) == 0 and days_left(world, order) in (384, 385, 386)
    assert order.item.line_text().endswith("transfer, with a further year")


def test_a_year_is_bought_if_the_registry_forgets_it(world: World) -> None:
    """The TLD's file says that a transfer adds a year. The file may be wrong: AWS documents this only for some TLDs."""
    world.registrar._registry._after_transfer = lambda name, at: at + 100 * DAY  # type: ignore[method-assign]
    order = transferred(world, "quill-and-sons.eu")
    assert world.registrar.asked("RenewDomain") == 0
    world.live(DAY, every=2 * HOUR)
    assert bought(world, order) == 1 and days_left(world, order) in (463, 464, 465)


@pytest.mark.parametrize(("tld", "left"), [("com", 20), ("eu", 250), ("de", 250), ("ca", 8)])
def test_no_year_is_bought_before_aws_shows_the_new_date(world: World, tld: str, left: int) -> None:
    """AWS may show the former date for some hours after the transfer."""
    world.registrar.configure(expiry_lags=10 * HOUR)
    order = transferred(world, f"quill-and-sons.{tld}", days_left=left)
    shown = now(world, order).resource_as(DomainResource)
    assert shown is not None and shown.expires_at is not None
    assert shown.expires_at < world.clock.now() + left * DAY * 1000
    world.live(2 * DAY, every=6 * HOUR)
    assert bought(world, order) == world.registrar.asked("RenewDomain") == 0
    assert days_left(world, order) > 360 and not now(world, order).transfer_year_owed
    assert len(renewals(world, order)) == 1 and world.net_paid() == order.price.amount
    world.live(60 * DAY, every=30 * DAY)
    assert bought(world, order) == 0 and world.metrics.counts["DomainRenewalFailed"] == 0


@pytest.mark.parametrize("left", [3, 6])
def test_a_domain_that_expires_in_a_few_days_is_renewed_at_once(world: World, left: int) -> None:
    """AWS still shows the former date, so we may buy a year too many. That is better than a lost domain."""
    world.registrar.configure(expiry_lags=10 * HOUR)
    order = transferred(world, "quill-and-sons.com", days_left=left)
    world.live(2 * DAY, every=6 * HOUR)
    assert bought(world, order) == 1 and days_left(world, order) > 700


def test_a_year_is_bought_at_once_if_the_registry_adds_none(world: World) -> None:
    world.registrar.configure(expiry_lags=10 * HOUR)
    order = transferred(world, "quill-and-sons.co.uk", days_left=50)
    assert bought(world, order) == 1


def paid_year(world: World, order: Order) -> None:
    """Let the next year be charged and processed."""
    (renewal,) = renewals(world, order)
    period = renewal["items"]["data"][0]["current_period_end"]
    world.advance(period - world.stripe.clock.time() - DAY)
    world.live(3 * DAY, every=6 * HOUR)


def refused_year(world: World) -> Order:
    """A delivered transfer of a domain for which the registry refuses every renewal, including the transfer's year."""
    order = transferred(world, "norenewal-sons.co.uk", days_left=150)
    assert world.metrics.counts["DomainRenewalFailed"] >= 1 and bought(world, order) == 0
    return order


def until_expiry_is_extended(world: World, name: str, days: float) -> None:
    world.registrar.domains[name].expires_at += days * DAY


def test_a_refused_year_does_not_block_later_paid_years(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registry refuses the transfer's year every day. Then the customer pays for the next year."""
    order = refused_year(world)
    # The registry extends the date by itself, so the domain does not expire before its first renewal.
    until_expiry_is_extended(world, "norenewal-sons.co.uk", 170)
    paid_year(world, order)
    assert world.net_paid() == order.price.amount + order.renewal_price.amount
    record = now(world, order).domain_record
    assert record.transfer_year is not None and record.transfer_year.done_at is None
    assert len(record.renewals) == 2, "the paid year was tried too"

    # From now on the registry accepts renewals, and both years are bought, one after the other.
    from local.registrar_standin import names

    begins = names.begins
    monkeypatch.setattr(
        names, "begins", lambda name, *prefixes: "norenewal-" not in prefixes and begins(name, *prefixes)
    )
    world.live(2 * DAY, every=2 * HOUR)
    assert bought(world, order) == 1
    year = now(world, order).domain_record.renewal(TRANSFER_YEAR)
    terms = [one for one in now(world, order).domain_record.renewals if one.reference != TRANSFER_YEAR]
    assert (
        year is not None
        and [year.done_at is not None, *[one.done_at is not None for one in terms]].count(True) == 1
    )
    world.live(200 * DAY, every=10 * DAY)
    assert bought(world, order) == 2
    assert all(one.done_at is not None for one in now(world, order).domain_record.renewals)


def test_an_operator_can_waive_a_refused_year(world: World, tmp_path: Path) -> None:
    """The operator runs the command of docs/runbooks.md."""
    order = refused_year(world)
    text = (ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")
    (block,) = [each for each in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) if "year_waived_at" in each]
    block = block.replace("<account>", order.account_id).replace("<number>", f"{order.number:016d}")

    class Stack:
        def describe_stack_resource(self, **given: str) -> object:
            assert given["LogicalResourceId"] == "OrdersTable"
            return {"StackResourceDetail": {"PhysicalResourceId": TABLE_NAME}}

    run_shell(block, {"cloudformation": Stack(), "dynamodb": world.dynamodb}, tmp_path)
    counted = world.metrics.counts["DomainRenewalFailed"]
    world.live(3 * DAY, every=6 * HOUR)
    after = now(world, order)
    assert world.metrics.counts["DomainRenewalFailed"] == counted and not after.transfer_year_owed
    assert after.due_at is not None and after.due_at > world.clock.now() + 100 * DAY * 1000
    assert len(renewals(world, order)) == 1 and bought(world, order) == 0


def test_the_renewal_is_charged_before_the_expiry_date(world: World) -> None:
    order = transferred(world, "quill-and-sons.co.uk", days_left=-20)
    (renewal,) = renewals(world, order)
    expires_at = world.registrar.domains["quill-and-sons.co.uk"].expires_at
    assert abs(expires_at - 30 * DAY - renewal["billing_cycle_anchor"]) < 2 * DAY
    world.live(330 * DAY, every=DAY)
    assert (
        bought(world, order) == 2 and world.registrar.domains["quill-and-sons.co.uk"].expires_at > expires_at
    )


def test_the_year_is_bought_when_the_renewal_window_opens(world: World) -> None:
    order = transferred(world, "quill-and-sons.co.uk", days_left=300)
    assert world.registrar.asked("RenewDomain") == 0 and len(renewals(world, order)) == 1
    world.live(119 * DAY, every=DAY)
    assert world.registrar.asked("RenewDomain") == 0 and world.metrics.counts["DomainRenewalFailed"] == 0
    world.live(3 * DAY, every=6 * HOUR)
    assert bought(world, order) == world.registrar.asked("RenewDomain") == 1
    world.live(200 * DAY, every=DAY)
    assert world.metrics.counts["DomainRenewalFailed"] == 0


def test_a_refused_year_is_counted_daily(world: World) -> None:
    order = transferred(world, "norenewal-sons.co.uk")
    assert world.metrics.counts["DomainRenewalFailed"] == 1
    world.live(2 * DAY, every=HOUR)
    assert world.metrics.counts["DomainRenewalFailed"] == 3
    year = now(world, order).domain_record.renewal(TRANSFER_YEAR)
    assert year is not None and year.done_at is None
    assert len(renewals(world, order)) == 1  # the next year is still charged on its own date


def test_the_year_is_bought_once_if_the_response_is_lost(world: World) -> None:
    world.registrar.lose_next_answer("RenewDomain")
    order = transferred(world, "quill-and-sons.co.uk")
    assert bought(world, order) == world.registrar.asked("RenewDomain") == 1


@pytest.mark.parametrize("mishap", list(Mishap))
def test_the_year_is_bought_once_even_if_a_side_effect_fails(world: World, mishap: Mishap) -> None:
    """Transfer one domain for each side effect, and let that side effect fail."""
    struck: list[str] = []
    while True:
        name = f"quill-{len(struck)}.co.uk"
        order = transferred(world, name, wait=0)
        world.mishaps.strike(len(struck), mishap)
        world.live(HOUR, every=300)
        seen = list(world.mishaps.seen)
        world.mishaps.none()
        world.live(2 * HOUR, every=300)
        assert bought(world, order) == 1 and len(renewals(world, order)) == 1, struck
        if len(seen) <= len(struck):
            break
        struck.append(seen[len(struck)])
    assert world.metrics.counts["DomainRenewalFailed"] == 0


def test_starting_the_renewal_is_retried_before_the_window_opens(
    world: World,
) -> None:
    """Stripe refuses the renewal's subscription for the first 5 days. We try again every day.

    The registry sells the transfer's year only after 520 days, when the domain's renewal window opens.
    """
    with no_new_subscriptions(world.stripe):
        order = transferred(world, "quill-and-sons.co.uk", days_left=700)
        world.live(5 * DAY, every=6 * HOUR)
        assert world.metrics.counts["RenewalNotStarted"] >= 5

    world.live(2 * DAY, every=6 * HOUR)

    order = now(world, order)
    assert order.subscription is not None and bought(world, order) == 0
    assert order.due_at is not None and order.due_at > world.clock.now() + 300 * DAY * 1000


@pytest.mark.parametrize("webhooks", [True, False])
def test_a_domain_is_not_charged_after_it_has_left(world: World, webhooks: bool) -> None:
    order = transferred(world, "quill-and-sons.co.uk", days_left=700)
    world.webhooks_on = webhooks
    world.live(600 * DAY, every=5 * DAY)
    paid = order.price.amount + order.renewal_price.amount
    assert bought(world, order) == 1 and world.net_paid() == paid
    world.registrar.leave("quill-and-sons.co.uk")
    world.live(150 * DAY, every=DAY)
    assert now(world, order).domain_has_left and renewals(world, order) == []
    assert world.net_paid() == paid


def test_starting_the_renewal_is_retried_during_the_purchase(world: World) -> None:
    """The registrar needs 2.5 days to add the transfer's year. Stripe refuses the subscription for 2 days.

    We ask the registrar every hour whether it has added the year. We try to start the renewal only once a day.
    """
    world.registrar.configure(delay=2.5 * DAY)
    with no_new_subscriptions(world.stripe):
        order = transferred(world, "quill-and-sons.co.uk", days_left=50)
        world.live(2 * DAY, every=HOUR / 2)
        assert 1 <= world.metrics.counts["RenewalNotStarted"] <= 3
    world.live(2 * DAY, every=HOUR)
    assert bought(world, order) == 1 and len(renewals(world, order)) == 1
