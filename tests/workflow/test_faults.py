"""A fault is an error that says nothing about the order, such as an outage. The workflow retries the step for hours.

Then an operator is alerted and can redrive the execution, which restarts the failed step. Without a redrive the order
is refunded at its deadline.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from hosting_orders.domain.order import Order, OrderStatus
from tests.support.aws_command import run_shell
from tests.support.world import ROOT, World, a_world

MINUTE = 60
HOUR = 3600
DAY = 24 * HOUR

USE_CASES = {
    "ChargeOrder": ("charge_order", "charge_order"),
    "ProvisionHosting": ("provision_hosting", "provision_hosting"),
    "RegisterDomain": ("register_domain", "register_domain"),
    "RefundOrder": ("refund_order", "refund_step"),
    "SendCallback": ("send_callback", "send_callback"),
}
DENIED: Any = {"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


@pytest.fixture
def break_step(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Callable[[], None]]:
    """`break_step` makes a step raise `error` for `times` runs, or always. It returns a function to repair the step."""

    def break_it(step: str, error: Exception, times: int | None = None) -> Callable[[], None]:
        folder, name = USE_CASES[step]
        module = importlib.import_module(f"functions.{folder}.app")
        working = getattr(module, name)
        left = [times]

        def broken(*arguments: Any) -> None:
            if left[0] == 0:
                working(*arguments)
                return
            left[0] = None if left[0] is None else left[0] - 1
            raise error

        monkeypatch.setattr(module, name, broken)
        return lambda: monkeypatch.setattr(module, name, working)

    return break_it


def placed(world: World, step: str) -> Order:
    """Return an order whose workflow runs this step."""
    place = world.order_domain if step == "RegisterDomain" else world.place
    reply = place(callback=True)
    assert reply.status == 202, reply.body
    return world.order(reply.body["orders"][0]["id"])


def execution(world: World, order: Order) -> Any:
    return world.runner.executions[order.uuid]


def assert_delivered(world: World, order: Order) -> None:
    world.live(10 * MINUTE, every=MINUTE)
    ended = world.order(order.uuid)
    assert (ended.status, ended.refund) == (OrderStatus.COMPLETED, None)
    assert world.net_paid() == order.price.amount and len(world.stripe.charges()) == 1
    assert execution(world, order).status == "SUCCEEDED"
    assert len({request.message_id for request in world.callbacks.received}) == 1


def assert_refunded(world: World, order: Order) -> None:
    ended = world.order(order.uuid)
    assert ended.status is OrderStatus.PROVISION_FAILED and ended.refund is not None
    assert world.net_paid() == 0 and len(world.stripe.credit_notes()) == 1
    assert len({request.message_id for request in world.callbacks.received}) == 1


DELIVERING = ["ChargeOrder", "ProvisionHosting", "RegisterDomain", "SendCallback"]


@pytest.mark.parametrize("step", DELIVERING)
def test_an_order_is_delivered_if_a_step_fails_three_times(world: World, break_step: Any, step: str) -> None:
    break_step(step, KeyError("plan"), times=3)
    order = placed(world, step)
    world.run()
    world.runner.advance(2 * MINUTE)  # the workflow's own retries, without the reconciler
    assert world.metrics.counts["StepFault"] == 3
    assert_delivered(world, order)
    assert not world.alerts.sent


@pytest.mark.parametrize("step", DELIVERING)
def test_an_order_is_delivered_after_a_permission_is_granted(
    world: World, break_step: Any, step: str
) -> None:
    grant = break_step(step, ClientError(DENIED, "GetItem"))
    order = placed(world, step)
    world.run()
    world.live(HOUR, every=5 * MINUTE)
    assert execution(world, order).status == "RUNNING" and not world.stripe.credit_notes()
    grant()
    world.runner.advance(31 * MINUTE)  # the longest wait between two tries
    assert_delivered(world, order)
    assert not world.alerts.sent


def test_a_refund_is_made_after_a_permission_is_granted(world: World, break_step: Any) -> None:
    grant = break_step("RefundOrder", ClientError(DENIED, "GetItem"))
    order = placed(world, "ProvisionHosting")
    world.run(finish=False)
    world.platform.fail(order.uuid)
    world.platform_webhook(order.uuid)
    world.runner.advance(HOUR)
    assert world.order(order.uuid).status is OrderStatus.REFUNDING
    grant()
    world.runner.advance(HOUR + 1)
    assert_refunded(world, order)


def broken_for_ever(world: World, break_step: Any, step: str) -> tuple[Order, Callable[[], None]]:
    """Return an order whose execution failed in this step after all retries, and a function that repairs the step.

    The reconciler does not run in this time.
    """
    repair = break_step(step, KeyError("plan"))
    order = placed(world, step)
    world.run()
    for _ in range(26 * 12):
        if execution(world, order).status != "RUNNING":
            break
        world.runner.advance(5 * MINUTE)
    world.run()
    assert (execution(world, order).status, execution(world, order).states[-1]) == ("FAILED", step)
    return order, repair


@pytest.mark.parametrize(
    ("step", "left"),
    [("ProvisionHosting", r"[23] h \d+ min"), ("RegisterDomain", "6 d 1[0-3] h")],
)
def test_a_report_states_the_order_step_and_time_left(
    world: World, break_step: Any, step: str, left: str
) -> None:
    order, repair = broken_for_ever(world, break_step, step)
    ((subject, text),) = world.alerts.sent
    assert subject == f"Order {order.uuid} failed in {step}" and len(subject) <= 100
    assert order.uuid in text and order.account_id in text and "KeyError" in text
    assert re.search(rf"Time left: {left}\. At 20\d\d-\d\d-\d\d \d\d:\d\d UTC the order is refunded\.", text)
    assert f"aws stepfunctions redrive-execution --execution-arn {execution(world, order).arn}" in text
    assert "token" not in text.lower()
    repair()
    world.runner.redrive(order.uuid)
    world.run()
    assert_delivered(world, order)
    assert len(world.alerts.sent) == 1


def test_a_failed_charge_step_resumes_after_a_redrive(world: World, break_step: Any) -> None:
    order, repair = broken_for_ever(world, break_step, "ChargeOrder")
    ((subject, _),) = world.alerts.sent
    assert subject == f"Order {order.uuid} failed in ChargeOrder"
    repair()
    world.runner.redrive(order.uuid)
    world.run()
    assert_delivered(world, order)


def test_a_report_about_a_callback_says_no_money_is_at_stake(world: World, break_step: Any) -> None:
    order, _ = broken_for_ever(world, break_step, "SendCallback")
    ((_, text),) = world.alerts.sent
    assert "No money is at stake" in text
    assert world.order(order.uuid).status is OrderStatus.COMPLETED


@pytest.mark.parametrize("step", ["ChargeOrder", "ProvisionHosting"])
def test_an_order_is_refunded_at_its_deadline(world: World, break_step: Any, step: str) -> None:
    order, repair = broken_for_ever(world, break_step, step)
    world.live(HOUR, every=15 * MINUTE)
    assert world.order(order.uuid).status is OrderStatus.PROCESSING and world.net_paid() == order.price.amount
    world.live(9 * HOUR, every=15 * MINUTE)
    assert_refunded(world, order)
    assert not world.platform.services
    # A redrive after the refund changes nothing, and the workflow succeeds.
    repair()
    world.runner.redrive(order.uuid)
    world.live(HOUR, every=15 * MINUTE)
    assert_refunded(world, order)
    assert execution(world, order).status == "SUCCEEDED" and not world.platform.services


def test_a_registration_is_refunded_after_seven_days(world: World, break_step: Any) -> None:
    order, _ = broken_for_ever(world, break_step, "RegisterDomain")
    world.live(6 * DAY, every=6 * HOUR)
    assert world.order(order.uuid).status is OrderStatus.PROCESSING
    world.live(DAY, every=HOUR)
    assert_refunded(world, order)
    assert world.registrar.submissions("hosting-example.com") == 0


def test_an_order_is_refunded_if_its_delivery_times_out(world: World) -> None:
    order = placed(world, "ProvisionHosting")
    world.run(finish=False)
    world.runner.advance(6 * HOUR + MINUTE)
    world.run(finish=False)
    assert_refunded(world, order)


# -- the runbook -----------------------------------------------------------------------------------------------------


class Stacks:
    """The part of CloudFormation that the runbook calls."""

    def __init__(self, machine_arn: str) -> None:
        self._outputs = [
            {"OutputKey": "TableName", "OutputValue": "orders"},
            {"OutputKey": "StateMachineArn", "OutputValue": machine_arn},
        ]

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803  # AWS's own name
        return {"Stacks": [{"StackName": StackName, "Outputs": self._outputs}]}


def commands_of(section: str) -> list[str]:
    text = (ROOT / "docs" / "runbooks.md").read_text()
    body = re.split(r"^## ", text.split(f"\n## {section}\n")[1], flags=re.MULTILINE)[0]
    return re.findall(r"^```sh\n(.*?)^```$", body, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("which", ["one", "all"])
def test_the_runbook_finds_and_redrives_failed_executions(
    world: World, break_step: Any, tmp_path: Path, which: str
) -> None:
    order, repair = broken_for_ever(world, break_step, "ProvisionHosting")
    clients = {"stepfunctions": world.runner.as_client(), "cloudformation": Stacks(world.runner.arn)}
    find, redrive_one, redrive_all = commands_of("An execution failed")

    shown = run_shell(find, clients, tmp_path)
    assert shown.splitlines()[0] == f"order {order.uuid}"
    assert shown.splitlines()[1].startswith("KeyError\t") and shown.splitlines()[2] == '"ProvisionHosting"'

    repair()
    given = redrive_one.replace("<the order's UUID>", order.uuid)
    run_shell(given if which == "one" else redrive_all, clients, tmp_path, MACHINE=world.runner.arn)
    assert execution(world, order).redrives == 1
    world.run()
    assert_delivered(world, order)
    assert run_shell(redrive_all, clients, tmp_path, MACHINE=world.runner.arn) == ""
