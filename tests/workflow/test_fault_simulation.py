"""Each seed gives a random history of orders and faults (tests/support/simulation.py).

Replay one seed: PYTHONPATH=.:layers/hosting_orders python -m tests.support.simulation SEED 1
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from hosting_orders.adapters.dynamodb import orders as order_store
from hosting_orders.adapters.dynamodb import spending
from hosting_orders.adapters.hosting_platform import HttpHostingPlatform
from hosting_orders.adapters.lightsail.platform import LightsailPlatform
from hosting_orders.adapters.stripe.billing import Bill, Biller
from hosting_orders.adapters.stripe.refunds import StripeRefunds
from hosting_orders.domain.account import SpendCap
from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.domain.providers import RefundState
from hosting_orders.usecases import (
    changes,
    collect_payment,
    reconcile,
    refund_order,
    register_domain,
    settle_payment,
    start_renewal,
)
from hosting_orders.usecases.platform_delivery import PlatformFulfilment
from hosting_orders.usecases.products.domain import DomainFulfilment
from hosting_orders.usecases.products.fulfilment import Verdict
from hosting_orders.usecases.products.vm import VmFulfilment
from tests.support.invariants import Invariants
from tests.support.machines import MACHINES, order_machine
from tests.support.simulation import simulate
from tests.support.world import World, a_world

SEEDS = range(1, 13)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_invariant_holds_whatever_fails(seed: int) -> None:
    history = simulate(seed)
    assert not history.wrong, "\n".join([f"seed {seed}:", *history.wrong, *history.log])


@pytest.mark.parametrize("seed", range(1, 5))
def test_invariants_hold_for_machines_on_both_platforms(seed: int) -> None:
    history = simulate(seed, only_machines=True)
    assert not history.wrong, "\n".join([f"seed {seed}:", *history.wrong, *history.log])


def test_a_seed_always_gives_the_same_history() -> None:
    def told(seed: int) -> list[str]:
        return [line for line in simulate(seed, steps=30).log if "at " in line and "calm" not in line]

    assert told(7) == told(7)


# -- the simulation itself must find planted bugs ------------------------------------------------------------------


def _without_a_condition(patch: pytest.MonkeyPatch) -> None:
    """Save orders unconditionally, so a cancel and a delivery can both win."""

    def replace_anyhow(order: Order, saved: Order) -> Any:
        return order_store.put(order_store.order_to_item(saved))

    patch.setattr(order_store, "_replace", replace_anyhow)


def _new_key_per_try(patch: pytest.MonkeyPatch) -> None:
    """Create a new payment at Stripe for every try."""
    created = Biller.create
    tries = iter(range(1_000_000))

    def create(self: Biller, bill: Bill) -> str:
        return created(self, dataclasses.replace(bill, key=f"{bill.key}#{next(tries)}"))

    patch.setattr(Biller, "create", create)


def _nothing_is_taken_down(patch: pytest.MonkeyPatch) -> None:
    """Never delete a service at the HTTP platform."""
    patch.setattr(HttpHostingPlatform, "deprovision", lambda self, request: None)


def _addresses_are_kept(patch: pytest.MonkeyPatch) -> None:
    """Delete a Lightsail machine but keep its static IP address."""
    patch.setattr(LightsailPlatform, "_release", lambda self, region, place: None)


def _a_machine_per_try(patch: pytest.MonkeyPatch) -> None:
    """Request a new service from the platform for every try."""
    asked = VmFulfilment.service_request

    def another(self: VmFulfilment, order: Order) -> Any:
        return dataclasses.replace(asked(self, order), item_id=str(uuid.uuid4()))

    patch.setattr(VmFulfilment, "service_request", another)


def _no_callback_is_owed(patch: pytest.MonkeyPatch) -> None:
    """Only the workflow sends callbacks. The reconciler sends none."""
    patch.setattr(changes, "owed_callback", lambda order, now: None)
    patch.setattr(collect_payment, "owed_callback", lambda order, now: None)


def _renewal_before_delivery(patch: pytest.MonkeyPatch) -> None:
    """Create the subscription before the delivery is stored."""
    completed = PlatformFulfilment._complete

    def complete(self: PlatformFulfilment, services: Any, order: Order, operation: Any) -> Order:
        start_renewal._renewal(services, order)
        return completed(self, services, order, operation)

    patch.setattr(PlatformFulfilment, "_complete", complete)


def _no_refund(patch: pytest.MonkeyPatch) -> None:

    def refund(self: StripeRefunds, invoice_id: str, line_key: str, order_id: str, refusals: int = 0) -> Any:
        return RefundState(id="cn_never", amount=0, to_credit=0)

    patch.setattr(StripeRefunds, "refund", refund)


def _nobody_looks_again(patch: pytest.MonkeyPatch) -> None:
    """The reconciler reads the due items and does nothing with them."""
    patch.setattr(reconcile, "_check", lambda services, item, body: None)


def _the_door_stays_open(patch: pytest.MonkeyPatch) -> None:
    """While a debit is under way, RefundOrder waits and does not abandon the order, so it can still be delivered."""
    patch.setattr(refund_order, "_give_up", _only_once_it_is_paid(refund_order._give_up))


def _only_once_it_is_paid(give_up: Callable[..., Order]) -> Callable[..., Order]:
    def later(case: Any, if_in: frozenset[OrderStatus]) -> Any:
        return case.order if OrderStatus.PENDING in if_in and len(if_in) > 1 else give_up(case, if_in)

    return later


def _nobody_is_woken(patch: pytest.MonkeyPatch) -> None:
    """The reconciler records payments, but does not check whether executions wait for them."""
    patch.setattr(reconcile, "waits_for_its_start", lambda order: order.status is OrderStatus.PENDING)
    patch.setattr(reconcile, "_close", lambda services, order: None)


def _nobody_asks_the_registrar(patch: pytest.MonkeyPatch) -> None:
    """RefundOrder refunds domains that the registrar may still deliver."""
    patch.setattr(DomainFulfilment, "verdict", lambda self, services, order: Verdict.NOT_ASKED)
    patch.setattr(DomainFulfilment, "committed", lambda self, order: None)


def _a_lost_answer_was_a_no(patch: pytest.MonkeyPatch) -> None:
    """Submit again after a lost answer, without reading the registrar's operation list."""
    patch.setattr(register_domain, "_earlier_operation", lambda services, order: None)


def _names_are_kept(patch: pytest.MonkeyPatch) -> None:
    """Never release the domain or the capacity of an order."""
    patch.setattr(Order, "releases_claims", property(lambda order: False))


def _spending_is_kept(patch: pytest.MonkeyPatch) -> None:
    """When an order ends undelivered, add its cost to the key's spending again instead of subtracting it."""
    patch.setattr(
        spending, "give_back", lambda account_id, spend: spending.take(account_id, spend, _NO_LIMIT)
    )


def _spending_is_read_first(patch: pytest.MonkeyPatch) -> None:
    """Add an order's cost without comparing the sum with the cap. Concurrent orders can then exceed the cap."""
    taken = spending.take
    patch.setattr(spending, "take", lambda account_id, spend, cap: taken(account_id, spend, _NO_LIMIT))


_NO_LIMIT = SpendCap("EUR", month=10**12)


def _steps_wait(patch: pytest.MonkeyPatch) -> None:
    """Answer the delivery step only after the renewal has started. A crash before that leaves the step waiting."""
    patch.setattr(reconcile, "answer_delivery", lambda services, order: None)
    patch.setattr(register_domain, "answer_delivery", lambda services, order: None)


def _settled_payments_wake_nothing(patch: pytest.MonkeyPatch) -> None:
    """A payment that settles after its order was abandoned does not make the order due."""

    def forget(services: Any, order: Order) -> Order:
        return changes.change_order(
            services, order, to=lambda current: dataclasses.replace(current, due_at=None)
        )

    patch.setattr(settle_payment, "_begin_refund", forget)


PLANTED: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "orders are saved without a condition": _without_a_condition,
    "a new key at Stripe per try": _new_key_per_try,
    "nothing is taken down": _nothing_is_taken_down,
    "a machine per try": _a_machine_per_try,
    "addresses are kept": _addresses_are_kept,
    "no callback is owed": _no_callback_is_owed,
    "a renewal before the delivery": _renewal_before_delivery,
    "the door stays open": _the_door_stays_open,
    "nobody is woken": _nobody_is_woken,
    "no refund": _no_refund,
    "nobody looks again": _nobody_looks_again,
    "nobody asks the registrar": _nobody_asks_the_registrar,
    "a lost answer was a no": _a_lost_answer_was_a_no,
    "names are kept": _names_are_kept,
    "spending is kept": _spending_is_kept,
    "spending is read first": _spending_is_read_first,
    "steps wait": _steps_wait,
    "settled payments wake nothing": _settled_payments_wake_nothing,
}


def first_seed_that_finds(
    plant: Callable[[pytest.MonkeyPatch], None], seeds: range, **settings: Any
) -> int | None:
    for seed in seeds:
        with pytest.MonkeyPatch.context() as patch:
            plant(patch)
            try:
                if simulate(seed, **settings).wrong:
                    return seed
            except AssertionError:  # the world's own checks found the bug
                return seed
    return None


@pytest.mark.parametrize("bug", PLANTED)
def test_every_planted_bug_can_be_applied(bug: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        PLANTED[bug](patch)


@pytest.mark.parametrize("bug", ["no refund", "nobody looks again", "names are kept", "spending is kept"])
def test_a_planted_bug_is_found(bug: str) -> None:
    assert first_seed_that_finds(PLANTED[bug], range(1, 6)) is not None


def test_an_exceeded_spend_cap_is_found() -> None:
    bug = PLANTED["spending is read first"]
    assert first_seed_that_finds(bug, range(1, 6), orders=8) is not None


@pytest.mark.parametrize("bug", ["a machine per try", "addresses are kept"])
def test_a_planted_machine_bug_is_found(bug: str) -> None:
    assert first_seed_that_finds(PLANTED[bug], range(1, 9), only_machines=True) is not None


class AnotherPlatform:
    """A second platform that reports the resources in `books`."""

    def __init__(self, books: Mapping[str, Mapping[str, int]]) -> None:
        self._books = books

    def standing(self) -> Mapping[str, Mapping[str, int]]:
        return self._books

    def built(self, item_id: str) -> int:
        return 0


@pytest.mark.parametrize(
    ("things", "wrong"),
    [({}, False), ({"address": 1}, False), ({"address": 2}, True), ({"vm": 1}, True)],
    ids=["nothing else", "one address", "two addresses", "a second machine"],
)
def test_resources_are_counted_across_all_platforms(
    monkeypatch: pytest.MonkeyPatch, things: dict[str, int], wrong: bool
) -> None:
    with a_world() as world:
        reply = order_machine(world, {"hostname": "web-1", **MACHINES[0]}, "ready", key="one")
        world.run()
        order = world.order(reply.body["data"]["token"])
        assert world.platform.standing() == {order.uuid: {"vm": 1}}
        platforms = (world.platform, AnotherPlatform({order.uuid: things}))
        monkeypatch.setattr(World, "platforms", platforms)
        found = Invariants(world, [order], {})._wrong_with_platforms([order])
        assert bool(found) == wrong
        monkeypatch.setattr(World, "platforms", (AnotherPlatform({"nobody's": {"address": 1}}), *platforms))
        assert any("nobody's" in one for one in Invariants(world, [order], {})._wrong_with_platforms([order]))
