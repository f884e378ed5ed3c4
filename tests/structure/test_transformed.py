"""Checks the template after SAM's translator has expanded it and added names and policies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.structure.project import TEMPLATE, listed
from tests.support import sam_transform

pytestmark = pytest.mark.skipif(
    not sam_transform.PYTHON.exists(), reason="needs .venv/sam (`make .venv/sam`)"
)

Transformed = dict[str, Any]

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
MANAGED_POLICIES_OF_A_ROLE = 10

# Properties that may be the same in every stack. Each text says where the name must be unique, or why the property
# is not the resource's name.
FIXED_NAMES_ARE_FINE = {
    ("AWS::AppConfig::Environment", "Name"): "within the application",
    ("AWS::AppConfig::ConfigurationProfile", "Name"): "within the application",
    ("AWS::Lambda::Alias", "Name"): "within the function",
    ("AWS::ApiGatewayV2::Stage", "StageName"): "within the API",
    ("AWS::CloudWatch::Alarm", "MetricName"): "not the alarm's name",
}


def roles_with_too_many_policies(transformed: Transformed) -> list[str]:
    problems = []
    for name, resource in transformed["Resources"].items():
        count = len(resource.get("Properties", {}).get("ManagedPolicyArns", []))
        if count > MANAGED_POLICIES_OF_A_ROLE:
            problems.append(f"{name}: {count} managed policies; the maximum is {MANAGED_POLICIES_OF_A_ROLE}")
    return problems


def names_a_second_stack_would_need_too(transformed: Transformed) -> list[str]:
    """Two stacks in the same account and region must not use the same name."""
    problems = []
    for name, resource in transformed["Resources"].items():
        for key, value in resource.get("Properties", {}).items():
            if (
                key.endswith("Name")
                and (resource["Type"], key) not in FIXED_NAMES_ARE_FINE
                and not _differs_by_stack(value)
            ):
                problems.append(f"{name}: {key} is {value!r} in every stack")
    return problems


def _differs_by_stack(value: Any) -> bool:
    """Whether the value is an intrinsic function. If it is an `Fn::Sub`, it must include the stack's name."""
    if not isinstance(value, dict):
        return False
    return not isinstance(text := value.get("Fn::Sub"), str) or "${AWS::StackName}" in text


RULES = [roles_with_too_many_policies, names_a_second_stack_would_need_too]


@pytest.fixture(scope="module")
def transformed() -> Transformed:
    (answer,) = sam_transform.transformed(TEMPLATE.read_text(encoding="utf-8"))
    return answer


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_transformed_template_follows_the_rule(rule, transformed: Transformed) -> None:
    problems = rule(transformed)
    assert not problems, listed(problems)


def test_the_reconcilers_role_has_no_inline_policy(transformed: Transformed) -> None:
    role = transformed["Resources"]["ReconcileFunctionRole"]["Properties"]
    assert "Policies" not in role
    assert {"Ref": "RenewDomains"} in role["ManagedPolicyArns"]


def test_every_function_declares_its_authentication() -> None:
    """`sam deploy` asks whether a missing declaration is intended, and stops if there is no answer."""
    assert sam_transform.undeclared_authentication(TEMPLATE) == []


EXAMPLE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  ReconcileFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/reconcile
      Handler: app.handler
      Runtime: python3.13
      AutoPublishAlias: live
      Policies: [POLICIES]
      Events:
        Schedule:
          Type: ScheduleV2
          Properties:
            Name: !Sub "${AWS::StackName}-reconcile"
            ScheduleExpression: rate(1 minute)
  Packages:
    Type: AWS::Serverless::LayerVersion
    Properties: {LayerName: !Sub "${AWS::StackName}-packages", ContentUri: layers/packages}
"""


@pytest.fixture(scope="module")
def examples() -> list[Transformed]:
    nine = EXAMPLE.replace("POLICIES", ", ".join(f"!Ref Policy{number}" for number in range(9)))
    ten = EXAMPLE.replace("POLICIES", ", ".join(f"!Ref Policy{number}" for number in range(10)))
    unnamed = nine.replace('            Name: !Sub "${AWS::StackName}-reconcile"\n', "")
    fixed = nine.replace('LayerName: !Sub "${AWS::StackName}-packages"', 'LayerName: !Sub "${AWS::Region}-x"')
    return sam_transform.transformed(nine, ten, unnamed, fixed)


@pytest.mark.parametrize(
    ("rule", "number", "complaint"),
    [
        (
            roles_with_too_many_policies,
            1,
            "ReconcileFunctionRole: 11 managed policies; the maximum is 10",
        ),
        (
            names_a_second_stack_would_need_too,
            2,
            "ReconcileFunctionSchedule: Name is 'ReconcileFunctionSchedule' in every stack",
        ),
        (names_a_second_stack_would_need_too, 3, "LayerName is {'Fn::Sub': "),
    ],
)
def test_a_bad_template_is_noticed(
    rule: Callable[[Transformed], list[str]], number: int, complaint: str, examples: list[Transformed]
) -> None:
    assert rule(examples[0]) == []
    problems = rule(examples[number])
    assert any(complaint in problem for problem in problems), problems
