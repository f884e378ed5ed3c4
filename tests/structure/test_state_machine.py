"""Find mistakes in the workflow's definition that `sam validate` accepts, but that fail later on AWS."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from hosting_orders.domain import errors
from tests.structure.project import (
    STATE_MACHINE,
    bare_references,
    functions,
    listed,
    parse_template,
    plain,
    read_template,
    references,
    resources,
    strings,
)
from tests.support.asl_definition import error_matches
from tests.support.asl_runner import StateMachine

STATE_MACHINE_TYPE = "AWS::Serverless::StateMachine"

DOMAIN_ERRORS = {
    name
    for name, found in inspect.getmembers(errors, inspect.isclass)
    if issubclass(found, errors.HostingOrdersError)
}
AWS_ERRORS = {
    *("States.ALL", "States.Timeout", "States.TaskFailed", "States.QueryEvaluationError"),
    *("States.DataLimitExceeded", "States.Permissions", "States.NoChoiceMatched"),
    *("Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException"),
    *("Lambda.TooManyRequestsException", "Lambda.ClientExecutionTimeoutException", "Lambda.Unknown"),
    *("Sandbox.Timedout", "Runtime.ExitError", "Runtime.OutOfMemory"),
}

Definition = dict[str, Any]


def states(definition: Definition, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in definition["States"].items():
        if state["Type"] == kind:
            yield name, state


def targets(state: dict[str, Any]) -> list[str]:
    ways = [state, *state.get("Choices", []), *state.get("Catch", [])]
    return [way["Next"] for way in ways if "Next" in way] + ([state["Default"]] if "Default" in state else [])


# -- rules over the definition ------------------------------------------------------------------------


def broken_targets(definition: Definition) -> list[str]:
    all_states = definition["States"]
    problems = []
    reached: set[str] = set()
    to_visit = [("StartAt", definition["StartAt"])]
    while to_visit:
        source, target = to_visit.pop()
        if target not in all_states:
            problems.append(f"{source} leads to {target}, which is not a state")
        elif target not in reached:
            reached.add(target)
            to_visit.extend((target, onward) for onward in targets(all_states[target]))
    return problems + [f"nothing leads to {name}" for name in all_states if name not in reached]


def loops(definition: Definition) -> list[str]:
    """A workflow must wait with task tokens. AWS bills each round of a loop, and a loop may never end."""
    problems = [f"{name} uses a Wait state; wait for a task token" for name, _ in states(definition, "Wait")]
    all_states = definition["States"]

    def walk(name: str, way: tuple[str, ...]) -> None:
        if name in way:
            problems.append("loop: " + " → ".join((*way[way.index(name) :], name)))
            return
        for onward in targets(all_states.get(name, {})):
            walk(onward, (*way, name))

    walk(definition["StartAt"], ())
    return sorted(set(problems))


def literal_arns(definition: Definition) -> list[str]:
    return [
        f"literal ARN: {text}"
        for text in strings(definition)
        if "arn:" in text and not text.startswith("arn:aws:states:::")
    ]


def unknown_errors(definition: Definition) -> list[str]:
    """A Retry or Catch with a misspelled error name never matches. AWS does not report such a mistake."""
    problems = []
    for name, state in states(definition, "Task"):
        for field in ("Retry", "Catch"):
            for handler in state.get(field, []):
                unknown = set(handler["ErrorEquals"]) - DOMAIN_ERRORS - AWS_ERRORS
                problems += [
                    f"{name}.{field}: {error} is no class in domain/errors.py" for error in sorted(unknown)
                ]
    return problems


def tasks_without_a_deadline(definition: Definition) -> list[str]:
    problems = []
    for name, state in states(definition, "Task"):
        timeout = state.get("TimeoutSeconds")
        if not isinstance(timeout, int) or timeout < 1:
            problems.append(f"{name}: TimeoutSeconds must be a literal number")
    return problems


def executions_that_outlive_a_year(definition: Definition) -> list[str]:
    """AWS ends a Standard execution after a year, and then no Catch, refund or failure metric follows.

    So the longest path through the states must take less than a year. The sum includes all time-outs and their retries.
    """
    all_states = definition["States"]

    def longest(name: str, seen: frozenset[str]) -> int:
        state = all_states.get(name, {})
        if name in seen:
            return 0  # the rule `loops` reports this
        timeout = state.get("TimeoutSeconds", 0)
        waits = timeout * (1 + _retries_of_a_timeout(state)) if isinstance(timeout, int) else 0
        return waits + max((longest(to, seen | {name}) for to in targets(state)), default=0)

    days = longest(definition["StartAt"], frozenset()) / 86_400
    return [f"an execution could take {days:.0f} days; AWS ends it after 365"] if days >= 365 else []


def _retries_of_a_timeout(state: dict[str, Any]) -> int:
    for retrier in state.get("Retry", []):
        if error_matches("States.Timeout", tuple(retrier["ErrorEquals"])):
            attempts: int = retrier.get("MaxAttempts", 3)
            return attempts
    return 0


# -- rules over the definition and the template -------------------------------------------------------


def placeholders(definition: Definition) -> set[str]:
    return {name for text in strings(definition) for name in re.findall(r"\$\{([^}]*)\}", text)}


def substitutions(template: dict[str, Any]) -> dict[str, Any]:
    machines = list(resources(template, STATE_MACHINE_TYPE).values())
    assert len(machines) == 1, "the template must have one state machine"
    given: dict[str, Any] = machines[0]["Properties"].get("DefinitionSubstitutions", {})
    return given


def substitutions_that_do_not_fit(definition: Definition, template: dict[str, Any]) -> list[str]:
    asked, given = placeholders(definition), set(substitutions(template))
    return [f"${{{name}}} has no value in the template" for name in sorted(asked - given)] + [
        f"the template substitutes ${{{name}}}, which the definition does not use"
        for name in sorted(given - asked)
    ]


def substituted(state: dict[str, Any], template: dict[str, Any]) -> Any:
    """The template's value for a task's FunctionName. None if the FunctionName is not a single placeholder."""
    placeholder = re.fullmatch(r"\$\{(\w+)\}", state.get("Arguments", {}).get("FunctionName", ""))
    return substitutions(template).get(placeholder.group(1)) if placeholder else None


def function_of(state: dict[str, Any], template: dict[str, Any]) -> str | None:
    """The logical id of the function that a task calls, directly or through its alias."""
    named = references(substituted(state, template)) & set(functions(template))
    return named.pop() if len(named) == 1 else None


def tasks_that_are_not_their_function(definition: Definition, template: dict[str, Any]) -> list[str]:
    problems = []
    for name, state in states(definition, "Task"):
        function = function_of(state, template)
        if function is None:
            problems.append(f"{name}: its FunctionName must be one placeholder for one of our functions")
        elif function != f"{name}Function":
            problems.append(f"{name}: calls {function}, which has another name")
        elif bare_references(substituted(state, template)):
            problems.append(f"{name}: calls {function}, not its alias")
    return problems


def deadlines_in_the_wrong_order(definition: Definition, template: dict[str, Any]) -> list[str]:
    """A function must time out before its state, so that the workflow gets the function's own error.

    A state must time out before the whole state machine.
    """
    problems = []
    machine = definition.get("TimeoutSeconds")
    for name, state in states(definition, "Task"):
        allowed = state.get("TimeoutSeconds")
        function = function_of(state, template)
        if function is None or not isinstance(allowed, int):
            continue  # other rules report this
        takes = plain(functions(template)[function].get("Timeout"), template)
        if not isinstance(takes, int):
            problems.append(f"{function}: has no Timeout")
        elif takes >= allowed:
            problems.append(f"{name}: {function} may take {takes} s, but its state only {allowed} s")
        if machine is not None and allowed >= machine:
            problems.append(f"{name}: may take {allowed} s, but the whole machine only {machine} s")
    return problems


ALONE: list[Callable[[Definition], list[str]]] = [
    broken_targets,
    loops,
    literal_arns,
    unknown_errors,
    tasks_without_a_deadline,
    executions_that_outlive_a_year,
]
WITH_TEMPLATE: list[Callable[[Definition, dict[str, Any]], list[str]]] = [
    substitutions_that_do_not_fit,
    tasks_that_are_not_their_function,
    deadlines_in_the_wrong_order,
]


# -- the project --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def definition() -> Definition:
    read: Definition = yaml.safe_load(STATE_MACHINE.read_text(encoding="utf-8"))
    return read


@pytest.mark.parametrize("rule", ALONE, ids=lambda rule: rule.__name__)
def test_the_workflow_follows_the_rule(rule, definition: Definition) -> None:
    problems = rule(definition)
    assert not problems, listed(problems)


@pytest.mark.parametrize("rule", WITH_TEMPLATE, ids=lambda rule: rule.__name__)
def test_workflow_and_template_follow_the_rule(rule, definition: Definition) -> None:
    problems = rule(definition, read_template())
    assert not problems, listed(problems)


def test_our_asl_runner_can_load_the_workflow(definition: Definition) -> None:
    machine = StateMachine.load(STATE_MACHINE, dict.fromkeys(placeholders(definition), "arn"))
    assert set(machine.states) == set(definition["States"])


def test_the_template_deploys_this_workflow() -> None:
    (machine,) = resources(read_template(), STATE_MACHINE_TYPE).values()
    assert machine["Properties"]["DefinitionUri"] == "statemachines/fulfil_order.asl.yaml"
    assert machine["Properties"].get("Type", "STANDARD") == "STANDARD"


# -- the rules on small examples ----------------------------------------------------------------------

GOOD_DEFINITION: Definition = yaml.safe_load("""
QueryLanguage: JSONata
StartAt: ChargeOrder
TimeoutSeconds: 9000
States:
  ChargeOrder:
    Type: Task
    Resource: arn:aws:states:::lambda:invoke.waitForTaskToken
    Arguments: {FunctionName: "${ChargeOrderFunctionArn}"}
    TimeoutSeconds: 600
    Retry: [{ErrorEquals: [States.TaskFailed], JitterStrategy: FULL}]
    Catch:
      - {ErrorEquals: [PaymentFailedError], Next: Done}
      - {ErrorEquals: [States.Timeout], Next: RefundOrder}
    Next: RouteByType
  RouteByType:
    Type: Choice
    Choices: [{Condition: "{% $states.input.type = 'site' %}", Next: Done}]
    Default: RefundOrder
  RefundOrder:
    Type: Task
    Resource: arn:aws:states:::lambda:invoke
    Arguments: {FunctionName: "${RefundOrderFunctionArn}"}
    TimeoutSeconds: 60
    Next: Done
  Done: {Type: Succeed}
""")

GOOD_TEMPLATE = parse_template("""
Globals: {Function: {Timeout: 20}}
Resources:
  ChargeOrderFunction: {Type: AWS::Serverless::Function, Properties: {Timeout: 25}}
  RefundOrderFunction: {Type: AWS::Serverless::Function}
  FulfilOrderStateMachine:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionSubstitutions:
        ChargeOrderFunctionArn: !Ref ChargeOrderFunction.Alias
        RefundOrderFunctionArn: !Ref RefundOrderFunction.Alias
""")


def changed(original: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with the value at a path like `States/ChargeOrder/Next` replaced. None removes the value."""
    copied = copy.deepcopy(original)
    way: list[Any] = [int(step) if step.isdigit() else step for step in path.split("/")]
    place: Any = copied
    for step in way[:-1]:
        place = place[step]
    if value is None:
        del place[way[-1]]
    else:
        place[way[-1]] = value
    return copied


def test_a_workflow_without_mistakes_passes_every_rule() -> None:
    assert [problem for rule in ALONE for problem in rule(GOOD_DEFINITION)] == []
    assert [problem for rule in WITH_TEMPLATE for problem in rule(GOOD_DEFINITION, GOOD_TEMPLATE)] == []


ALL = ["States.ALL"]


@pytest.mark.parametrize(
    ("rule", "path", "value", "complaint"),
    [
        (broken_targets, "StartAt", "Nowhere", "Nowhere, which is not a state"),
        (broken_targets, "States/ChargeOrder/Next", "Nowhere", "ChargeOrder leads to Nowhere"),
        (broken_targets, "States/ChargeOrder/Catch/1/Next", "Nowhere", "ChargeOrder leads to Nowhere"),
        (broken_targets, "States/RouteByType/Choices/0/Next", "Nowhere", "RouteByType leads to Nowhere"),
        (broken_targets, "States/RouteByType/Default", "Nowhere", "RouteByType leads to Nowhere"),
        (broken_targets, "States/Lost", {"Type": "Succeed"}, "nothing leads to Lost"),
        (loops, "States/Done", {"Type": "Wait", "Seconds": 5, "End": True}, "Done uses a Wait state"),
        (loops, "States/RouteByType/Default", "ChargeOrder", "loop: ChargeOrder → RouteByType → ChargeOrder"),
        (loops, "States/ChargeOrder/Catch/1/Next", "ChargeOrder", "loop: ChargeOrder → ChargeOrder"),
        (
            literal_arns,
            "States/ChargeOrder/Arguments/FunctionName",
            "arn:aws:lambda:eu-west-1:1:function:f",
            "ARN",
        ),
        (
            unknown_errors,
            "States/ChargeOrder/Catch/0/ErrorEquals",
            ["PaymentError"],
            "PaymentError is no class",
        ),
        (unknown_errors, "States/ChargeOrder/Retry/0/ErrorEquals", ["Lambda.Nonsense"], "Lambda.Nonsense"),
        (executions_that_outlive_a_year, "States/RefundOrder/TimeoutSeconds", 366 * 86_400, "366 days"),
        (tasks_without_a_deadline, "States/ChargeOrder/TimeoutSeconds", None, "ChargeOrder"),
        (tasks_without_a_deadline, "States/ChargeOrder/TimeoutSeconds", "{% $n %}", "ChargeOrder"),
    ],
)
def test_a_mistake_in_a_workflow_is_noticed(rule, path: str, value: Any, complaint: str) -> None:
    problems = rule(changed(GOOD_DEFINITION, path, value))
    assert any(complaint in problem for problem in problems), problems


MACHINE = "Resources/FulfilOrderStateMachine/Properties/DefinitionSubstitutions"


@pytest.mark.parametrize(
    ("rule", "path", "value", "complaint"),
    [
        (
            substitutions_that_do_not_fit,
            f"{MACHINE}/RefundOrderFunctionArn",
            None,
            "no value in the template",
        ),
        (substitutions_that_do_not_fit, f"{MACHINE}/Spare", "x", "which the definition does not use"),
        (
            tasks_that_are_not_their_function,
            f"{MACHINE}/ChargeOrderFunctionArn",
            {"Ref": "RefundOrderFunction.Alias"},
            "ChargeOrder: calls RefundOrderFunction",
        ),
        (
            tasks_that_are_not_their_function,
            f"{MACHINE}/ChargeOrderFunctionArn",
            {"Fn::GetAtt": ["ChargeOrderFunction", "Arn"]},
            "ChargeOrder: calls ChargeOrderFunction, not its alias",
        ),
        (tasks_that_are_not_their_function, f"{MACHINE}/ChargeOrderFunctionArn", "arn:x", "one placeholder"),
        (
            deadlines_in_the_wrong_order,
            "Resources/ChargeOrderFunction/Properties/Timeout",
            600,
            "may take 600 s, but its state only 600 s",
        ),
        (
            deadlines_in_the_wrong_order,
            "Globals/Function/Timeout",
            None,
            "RefundOrderFunction: has no Timeout",
        ),
        (deadlines_in_the_wrong_order, "Globals/Function/Timeout", 61, "its state only 60 s"),
    ],
)
def test_a_mismatch_of_template_and_workflow_is_noticed(rule, path: str, value: Any, complaint: str) -> None:
    problems = rule(GOOD_DEFINITION, changed(GOOD_TEMPLATE, path, value))
    assert any(complaint in problem for problem in problems), problems


def test_retries_that_take_more_than_a_year_are_noticed() -> None:
    ninety_days = changed(GOOD_DEFINITION, "States/RefundOrder/TimeoutSeconds", 90 * 86_400)
    retry = [{"ErrorEquals": ["States.TaskFailed"], "MaxAttempts": 60}]
    assert executions_that_outlive_a_year(changed(ninety_days, "States/RefundOrder/Retry", retry)) == []
    retry[0]["ErrorEquals"] = ["States.ALL"]
    problems = executions_that_outlive_a_year(changed(ninety_days, "States/RefundOrder/Retry", retry))
    assert problems == ["an execution could take 5490 days; AWS ends it after 365"]


def test_a_state_that_outlasts_the_workflow_is_noticed() -> None:
    problems = deadlines_in_the_wrong_order(changed(GOOD_DEFINITION, "TimeoutSeconds", 500), GOOD_TEMPLATE)
    assert problems == ["ChargeOrder: may take 600 s, but the whole machine only 500 s"]
