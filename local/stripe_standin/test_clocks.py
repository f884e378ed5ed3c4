"""Test clocks: https://docs.stripe.com/billing/testing/test-clocks.

The time of a test clock applies to the customers that were created with it, and to their subscriptions and invoices.
Payments use the stand-in's own time, because they do not use test clocks at Stripe either. The time of a test
clock changes only when a request advances the clock.
"""

from __future__ import annotations

from . import customers, subscriptions
from .errors import bad_parameter, clock_advances
from .sdk_types import Json, part
from .state import State

CREATE_SUPPORTED = frozenset(("frozen_time", "name"))
ADVANCE_SUPPORTED = frozenset(("frozen_time",))
KEPT_SECONDS = 30 * 86_400
TWO_YEARS = {"interval": "year", "interval_count": 2}
NAME = "test_helpers.test_clock"


def create(state: State, params: Json) -> Json:
    clock = state.new(
        NAME,
        deletes_after=state.clock.now() + KEPT_SECONDS,
        frozen_time=params["frozen_time"],
        name=params.get("name"),
        status="ready",
        status_details=part(NAME, "StatusDetails"),
    )
    state.emit(f"{NAME}.created", clock)
    return clock


def retrieve(state: State, params: Json, clock_id: str) -> Json:
    return state.get(NAME, clock_id)


def list_all(state: State, params: Json) -> list[Json]:
    return state.all(NAME)


def advance(state: State, params: Json, clock_id: str) -> Json:
    """The response says `advancing`. The due work runs after the response, and then the clock is `ready`."""
    clock = state.get(NAME, clock_id)
    target = params["frozen_time"]
    if target <= clock["frozen_time"]:
        message = "Test clock's frozen time must be advanced to a time after the current frozen time."
        raise bad_parameter(message, None, "frozen_time")
    latest = _latest(state, clock)
    if target > latest:
        message = (
            "Test clocks can only be advanced by up to two intervals of the shortest subscription, or by two "
            f"years without subscriptions: at most to {latest}."
        )
        raise bad_parameter(message, None, "frozen_time")
    clock["status"] = "advancing"
    clock["status_details"]["advancing"] = part(NAME, "StatusDetails", "Advancing", target_frozen_time=target)
    state.emit(f"{NAME}.advancing", clock)

    def ready() -> None:
        clock.update(status="ready", status_details=part(NAME, "StatusDetails"))
        state.emit(f"{NAME}.ready", clock)

    def work() -> None:
        state.run_clock(clock, target)
        state.later(state.settings.test_clocks_advance_for, ready)

    state.later(0, work)
    return clock


def _latest(state: State, clock: Json) -> int:
    now: int = clock["frozen_time"]
    recurring = [
        item["price"]["recurring"]
        for subscription in state.all("subscription", test_clock=clock["id"])
        if subscription["status"] not in subscriptions.OVER
        for item in subscription["items"]["data"]
    ]
    if not recurring:
        return subscriptions.after_interval(now, TWO_YEARS)
    return min(subscriptions.after_interval(now, one, times=2) for one in recurring)


def delete(state: State, params: Json, clock_id: str) -> Json:
    """Delete the clock and its customers. Deleting a customer cancels the customer's subscriptions."""
    clock = state.get(NAME, clock_id)
    for customer in state.all("customer", test_clock=clock_id):
        customers.delete(state, {}, customer["id"])
    state.forget(clock)
    state.emit(f"{NAME}.deleted", clock)
    return {"id": clock_id, "object": NAME, "deleted": True}


def check_ready(state: State, params: Json, ids: tuple[str, ...]) -> None:
    """Refuse to change an advancing test clock or an object that uses such a clock."""
    for one in (*ids, params.get("customer"), params.get("invoice"), params.get("test_clock")):
        found = state.find(one) if isinstance(one, str) else None
        if found is None:
            continue
        if found["object"] not in (NAME, "customer") and isinstance(found.get("customer"), str):
            found = state.find(found["customer"]) or found
        clock = found if found["object"] == NAME else state.find(str(found.get("test_clock")))
        if clock is not None and clock["status"] == "advancing":
            raise clock_advances()
