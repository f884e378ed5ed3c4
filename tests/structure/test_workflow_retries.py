"""The outcome of errors in the workflow's steps.

A fact is an error that says something definite about the order, such as a declined payment. Facts lead to the refund
without a retry. A fault is any other error, such as an outage. Faults are retried for hours. If the last retry fails
too, the execution fails in the state in which the fault occurred, and an operator is alerted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from hosting_orders.domain.catalogue import Term
from hosting_orders.domain.products import DomainItem, SiteItem
from hosting_orders.domain.registration import DomainAction
from tests.structure.project import STATE_MACHINE, listed
from tests.structure.test_state_machine import Definition, changed, states, targets

FACTS = {"PaymentFailedError", "OrderCanceledError", "OrderExpiredError", "ProvisioningFailedError"}
COMPENSATION = "RefundOrder"
LAST = "SendCallback"
HOURS = 3600

SITE = SiteItem("Shop", "wordpress", "ams", "starter", Term.ANNUAL)
DOMAIN = DomainItem("example.com", "example.com", "com", DomainAction.REGISTER, renewal_amount=1400)
# State → three values. The average time from the first failure to the last attempt must be between the first and the
# second value (seconds). The third value is the deadline at which the reconciler decides (milliseconds).
LAST_TRIES = {
    "ChargeOrder": (4.5 * HOURS, 5.5 * HOURS, SITE.given_up()),
    "ProvisionHosting": (4.5 * HOURS, 5.5 * HOURS, SITE.given_up()),
    "RegisterDomain": (11.5 * HOURS, 12.5 * HOURS, DOMAIN.given_up()),
    "RefundOrder": (48 * HOURS, 53 * HOURS, None),
    "SendCallback": (4.5 * HOURS, 5.5 * HOURS, None),
}


def last_try(retrier: dict[str, Any]) -> float:
    """Average seconds from the first failure to the last attempt. FULL jitter halves the average wait."""
    interval, rate = retrier.get("IntervalSeconds", 1), retrier.get("BackoffRate", 2)
    longest = retrier.get("MaxDelaySeconds", float("inf"))
    bounds = [min(interval * rate**retry, longest) for retry in range(retrier.get("MaxAttempts", 3))]
    return sum(bounds) / (2 if retrier.get("JitterStrategy") == "FULL" else 1)


def working(definition: Definition) -> list[tuple[str, dict[str, Any]]]:
    """All tasks except the compensation and the callback. Facts in these tasks lead to the compensation."""
    return [(name, state) for name, state in states(definition, "Task") if name not in (COMPENSATION, LAST)]


def facts_that_are_retried(definition: Definition) -> list[str]:
    """A retry does not fix a declined card. It only delays the refund."""
    problems = []
    for name, state in working(definition):
        first = (state.get("Retry") or [{}])[0]
        if set(first.get("ErrorEquals", ())) != FACTS or first.get("MaxAttempts") != 0:
            problems.append(f"{name}: the first retrier must have the business facts and no attempts")
    return problems


def faults_that_are_not_retried(definition: Definition) -> list[str]:
    """All errors except facts and time-outs must be retried, with jitter. A list of known faults is never complete."""
    problems = []
    for name, state in states(definition, "Task"):
        last = (state.get("Retry") or [{}])[-1]
        wanted = ["States.ALL"] if name == LAST else ["States.TaskFailed"]
        if last.get("ErrorEquals") != wanted:
            problems.append(f"{name}: the last retrier must have {wanted[0]} alone")
        elif last.get("JitterStrategy") != "FULL":
            problems.append(f"{name}: without jitter, tasks that failed together retry together")
    return problems


def last_tries_at_the_wrong_time(definition: Definition) -> list[str]:
    """Retries must last for hours. Otherwise an execution would fail before an operator can replace a bad deployment.

    The retries must end well before the deadline at which the reconciler decides how the order ends.
    """
    problems = []
    for name, state in states(definition, "Task"):
        least, most, deadline = LAST_TRIES[name]
        at = last_try((state.get("Retry") or [{"MaxAttempts": 0}])[-1])
        if not least <= at <= most:
            problems.append(f"{name}: the last try comes after {at / HOURS:.1f} hours")
        if deadline is not None and at * 1000 > 0.75 * deadline:
            problems.append(f"{name}: the last try is too close to the deadline")
    return problems


def facts_that_are_not_caught(definition: Definition) -> list[str]:
    """Only facts and the state's own time-out lead to the compensation, because a compensation is final."""
    problems = []
    for name, state in working(definition):
        catchers = state.get("Catch", [])
        caught = {error for catcher in catchers for error in catcher["ErrorEquals"]}
        if caught != FACTS | {"States.Timeout"}:
            problems.append(f"{name}: catches {sorted(caught)}")
        problems += [
            f"{name}: a fact leads to {catcher['Next']}"
            for catcher in catchers
            if catcher["Next"] != COMPENSATION
        ]
    return problems


def states_that_cannot_be_redriven(definition: Definition) -> list[str]:
    """A redrive restarts a failed execution in the state that failed.

    If that state is a Fail state, it fails again. If a Catch has led the execution to another state, the redrive cannot
    restart the state whose error was caught.
    """
    problems = [
        f"{name}: a redrive enters a Fail state and fails again" for name, _ in states(definition, "Fail")
    ]
    for name, state in states(definition, "Task"):
        if name in (COMPENSATION, LAST) and state.get("Catch"):
            problems.append(f"{name}: a case for an operator must fail in its own state, without a Catch")
    return problems


def settled_payments_that_wait(definition: Definition) -> list[str]:
    """If a payment settles during the compensation, the step must retry every second, with at least 100 retries."""
    first = definition["States"][COMPENSATION]["Retry"][0]
    steady = (first.get("IntervalSeconds"), first.get("BackoffRate")) == (1, 1)
    if first["ErrorEquals"] != ["PaymentSettledError"] or not steady or first.get("MaxAttempts", 3) < 100:
        return [f"{COMPENSATION}: the first retrier must have PaymentSettledError, one second and no backoff"]
    return []


RULES: list[Callable[[Definition], list[str]]] = [
    facts_that_are_retried,
    faults_that_are_not_retried,
    last_tries_at_the_wrong_time,
    facts_that_are_not_caught,
    states_that_cannot_be_redriven,
    settled_payments_that_wait,
]


@pytest.fixture(scope="module")
def definition() -> Definition:
    read: Definition = yaml.safe_load(STATE_MACHINE.read_text(encoding="utf-8"))
    return read


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_workflow_follows_the_rule(rule, definition: Definition) -> None:
    problems = rule(definition)
    assert not problems, listed(problems)


def test_every_task_has_limits_for_its_last_try(definition: Definition) -> None:
    assert {name for name, _ in states(definition, "Task")} == set(LAST_TRIES)


def test_the_definition_has_no_yaml_anchors() -> None:
    """CloudFormation refuses anchors and aliases in a definition, and `sam validate` does not report them."""
    tokens = yaml.scan(STATE_MACHINE.read_text(encoding="utf-8"))
    assert not [token for token in tokens if isinstance(token, yaml.AnchorToken | yaml.AliasToken)]


def test_the_compensation_is_followed_only_by_the_callback(definition: Definition) -> None:
    assert targets(definition["States"][COMPENSATION]) == [LAST]
    assert definition["States"][LAST]["End"] is True


@pytest.mark.parametrize(
    ("rule", "path", "value", "complaint"),
    [
        (facts_that_are_retried, "States/ChargeOrder/Retry/0/MaxAttempts", 3, "no attempts"),
        (facts_that_are_retried, "States/ChargeOrder/Retry/0", None, "must have the business facts"),
        (
            facts_that_are_retried,
            "States/RegisterDomain/Retry/0/ErrorEquals/0",
            None,
            "must have the business",
        ),
        (faults_that_are_not_retried, "States/ChargeOrder/Retry/1/ErrorEquals/0", "Lambda.Unknown", "alone"),
        (faults_that_are_not_retried, "States/RefundOrder/Retry/1/JitterStrategy", None, "without jitter"),
        (last_tries_at_the_wrong_time, "States/ProvisionHosting/Retry/1/MaxAttempts", 12, "after 0.5 hours"),
        (last_tries_at_the_wrong_time, "States/ProvisionHosting/Retry/1/MaxAttempts", 90, "too close"),
        (last_tries_at_the_wrong_time, "States/RegisterDomain/Retry/1/JitterStrategy", None, "24.1 hours"),
        (facts_that_are_not_caught, "States/ChargeOrder/Catch/0/ErrorEquals/4", None, "catches"),
        (facts_that_are_not_caught, "States/ChargeOrder/Catch/0/ErrorEquals/4", "States.ALL", "catches"),
        (
            facts_that_are_not_caught,
            "States/ChargeOrder/Catch/0/Next",
            "SendCallback",
            "leads to SendCallback",
        ),
        (states_that_cannot_be_redriven, "States/Broken", {"Type": "Fail"}, "fails again"),
        (
            states_that_cannot_be_redriven,
            "States/SendCallback/Catch",
            [{"ErrorEquals": ["States.ALL"], "Next": "RefundOrder"}],
            "in its own state",
        ),
        (settled_payments_that_wait, "States/RefundOrder/Retry/0/BackoffRate", 2, "no backoff"),
        (settled_payments_that_wait, "States/RefundOrder/Retry/0", None, "PaymentSettledError"),
    ],
)
def test_a_bad_workflow_is_noticed(
    rule, path: str, value: Any, complaint: str, definition: Definition
) -> None:
    problems = rule(changed(definition, path, value))
    assert any(complaint in problem for problem in problems), problems
