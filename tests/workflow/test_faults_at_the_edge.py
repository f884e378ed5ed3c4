"""Edge cases of faults: a late payment, the reports to the operator, and a clock that is behind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from hosting_orders.adapters.dynamodb.tokens import DynamoTokenStore
from hosting_orders.domain.errors import ProviderUnavailableError
from hosting_orders.domain.order import Order, OrderStatus
from hosting_orders.usecases import charge_order as module
from tests.support.asl_runner import InvocationError
from tests.support.world import World, a_world, handler_of
from tests.workflow.test_faults import break_step, broken_for_ever, commands_of, execution  # noqa: F401

MINUTE = 60
HOUR = 3600
DAY = 24 * HOUR
ACCOUNT = "declined_recoverable"


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def placed(world: World, account: str = "ready") -> Order:
    reply = world.place(account, callback=True)
    assert reply.status == 202, reply.body
    return world.order(reply.body["orders"][0]["id"], account)


def written_off(world: World, every: float) -> tuple[Order, str]:
    """Return an order and the id of its invoice. The order failed because an operator wrote off the invoice."""
    order = placed(world, ACCOUNT)
    world.run()
    invoice = world.cart(order.cart_token, ACCOUNT).payment.reference or ""
    with world.stripe.state.lock:
        world.stripe.state.get("invoice", invoice)["status"] = "uncollectible"
    for _ in range(200):
        if world.order(order.uuid, ACCOUNT).ended:
            break
        world.live(every, every=every)
    ended = world.order(order.uuid, ACCOUNT)
    assert ended.status is OrderStatus.FAILED and ended.due_at is not None
    return ended, invoice


def pay(world: World, invoice: str) -> None:
    """Pay the written-off invoice, which Stripe still allows."""
    with world.stripe.state.lock:
        world.stripe.state.get("invoice", invoice)["status"] = "open"
    world.stripe.controls.pay(invoice)


# -- money ------------------------------------------------------------------------------------------------------------


def test_a_payment_during_the_order_s_last_check_is_refunded(world: World) -> None:
    """The reconciler is about to write the failed order without `due_at`. Right before that, the payment sets `due_at`.

    If the reconciler's write succeeded, the money would never be refunded.
    """
    _, invoice = written_off(world, every=MINUTE)
    struck: list[str] = []

    def money_comes() -> None:
        if not struck:
            struck.append("paid")
            pay(world, invoice)
            world.hear_stripe()

    world.runner.advance(6 * MINUTE)
    world.mishaps.in_the_moment_of("table.put_item", money_comes)
    world.reconcile()
    world.mishaps.none()
    assert struck and world.net_paid(ACCOUNT) == 1200
    world.live(DAY, every=HOUR)
    assert world.net_paid(ACCOUNT) == 0


# -- operator alerts --------------------------------------------------------------------------------------------------


def failed_charge_of_a_debit(world: World, break_step: Any) -> tuple[Order, Any]:  # noqa: F811
    repair = break_step("ChargeOrder", KeyError("plan"))
    order = placed(world, "sepa")
    world.run()
    for _ in range(100):
        if execution(world, order).status != "RUNNING":
            break
        world.runner.advance(5 * MINUTE)
    world.run()
    assert world.order(order.uuid, "sepa").status is OrderStatus.PENDING
    return order, repair


def test_the_report_of_an_unpaid_order_states_the_time_left(
    world: World,
    break_step: Any,  # noqa: F811
) -> None:
    """A bank debit may take two weeks. Once it has settled, eight hours remain for the delivery."""
    failed_charge_of_a_debit(world, break_step)
    ((_, text),) = world.alerts.sent
    assert "If it is paid before" in text and "8 h" in text, text


def test_a_paid_order_without_a_workflow_is_counted_as_a_fault(
    world: World,
    break_step: Any,  # noqa: F811
) -> None:
    order, repair = failed_charge_of_a_debit(world, break_step)
    repair()  # the fault is repaired, but this execution is not redriven
    world.metrics.counts.clear()
    world.live(3 * DAY, every=HOUR)
    invoice = world.cart(order.cart_token, "sepa").payment.reference or ""
    world.stripe.controls.settle(invoice)
    world.live(2 * HOUR, every=5 * MINUTE)
    assert world.order(order.uuid, "sepa").status is OrderStatus.PROCESSING
    assert world.metrics.counts["StepFault"] > 0


@pytest.mark.parametrize("step", ["charge_order", "provision_hosting"])
def test_a_failed_function_start_is_counted_as_a_step_fault(world: World, step: str) -> None:
    """An import error, a time-out or a missing invoke permission prevents the step from counting its own fault.

    The reconciler counts it instead.
    """
    working = world.runner._invoke
    broken = handler_of(step)

    def invoke(function: Any, payload: Any) -> Any:
        if function is broken:
            raise InvocationError("Runtime.ImportModuleError", "No module named 'pydantic'")
        return working(function, payload)

    world.runner._invoke = invoke
    order = placed(world)
    world.run()
    world.live(HOUR, every=MINUTE)
    assert world.order(order.uuid).status is OrderStatus.PROCESSING
    assert world.metrics.counts["StepFault"] > 0


def test_a_report_is_sent_even_if_the_history_is_unreadable(
    world: World,
    break_step: Any,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The function that reports may lack the permission to read the execution's history."""

    def denied(self: Any, **given: Any) -> Any:
        answer: Any = {"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}
        raise ClientError(answer, "GetExecutionHistory")

    monkeypatch.setattr(type(world.runner.as_client()), "get_execution_history", denied)
    order, _ = broken_for_ever(world, break_step, "ProvisionHosting")
    ((subject, _),) = world.alerts.sent
    assert order.uuid in subject


def test_a_report_is_sent_for_an_unknown_order(world: World) -> None:
    order_id = "0f0e0d0c-0000-4000-8000-000000000000"
    detail = {
        "executionArn": f"{world.runner.arn.replace('stateMachine', 'execution')}:{order_id}",
        "status": "ABORTED",
        "stopDate": world.clock.now(),
        "input": json.dumps({"account_id": "acc_gone", "order_id": order_id}),
    }
    handler_of("report_failed_execution")({"detail": detail}, None)
    assert len(world.alerts.sent) == 1


def test_a_pending_refund_counts_as_money_at_stake(
    world: World,
    break_step: Any,  # noqa: F811
) -> None:
    break_step("RefundOrder", KeyError("plan"))
    order, invoice = written_off(world, every=MINUTE)
    world.stripe.controls.set(refunds="refuse")
    pay(world, invoice)
    for _ in range(200):
        if execution(world, order).status != "RUNNING":
            break
        world.live(HOUR, every=HOUR)
    assert world.net_paid(ACCOUNT) == 1200
    ((_, text),) = world.alerts.sent
    assert "No money is at stake" not in text


def test_the_runbook_finds_a_failed_step_in_a_paged_history() -> None:
    """The 48 retries of a step make more than 100 events, and one page of a history has at most 100.

    With `--output text`, the AWS CLI applies `--query` to each page separately. For a page without a
    matching event, it prints `None`. So the runbook's command uses `--output json`.
    """
    (line,) = [
        part
        for part in commands_of("An execution failed")[0].replace("\\\n", " ").splitlines()
        if "get-execution-history" in part
    ]
    assert "| [0]" in line
    assert "--output json" in line


# -- tokens -----------------------------------------------------------------------------------------------------------


def test_an_order_resumes_even_if_a_host_s_clock_is_behind(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The retry's token must replace the failed attempt's token, even if the retry's time is earlier."""
    put, ahead = DynamoTokenStore.put_token, [5000]

    def on_its_own_clock(self: Any, account: str, number: int, step: str, token: str, now: int) -> None:
        put(self, account, number, step, token, now + (ahead.pop() if ahead else 0))

    monkeypatch.setattr(DynamoTokenStore, "put_token", on_its_own_clock)
    resume, faults = module.resume_payment, [ProviderUnavailableError("no answer")]

    def fails_once(*given: Any) -> Any:
        if faults:
            raise faults.pop()
        return resume(*given)

    monkeypatch.setattr(module, "resume_payment", fails_once)
    order = placed(world, ACCOUNT)
    world.run()
    world.runner.advance(2 * MINUTE)
    assert not ahead and not faults
    world.stripe.controls.pay(world.cart(order.cart_token, ACCOUNT).payment.reference or "")
    world.run()
    assert world.order(order.uuid, ACCOUNT).status is OrderStatus.COMPLETED
