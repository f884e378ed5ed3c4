"""Each function gets its rights from named policies in template.yaml, and no right is wider than necessary."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest

from hosting_orders.adapters.dynamodb import keys
from tests.structure.project import (
    as_list,
    functions,
    granted,
    listed,
    parse_template,
    read_template,
    resources,
    with_change,
)
from tests.support import permissions

Template = dict[str, Any]

# Actions that cannot be limited to a resource, each with the reason.
ANY_RESOURCE_IS_FINE = {
    "xray:PutTraceSegments": "X-Ray has no resource types",
    "xray:PutTelemetryRecords": "X-Ray has no resource types",
    "xray:GetSamplingRules": "X-Ray has no resource types",
    "xray:GetSamplingTargets": "X-Ray has no resource types",
    **dict.fromkeys(
        (
            "route53domains:CheckDomainAvailability",
            "route53domains:CheckDomainTransferability",
            "route53domains:RegisterDomain",
            "route53domains:TransferDomain",
            "route53domains:RenewDomain",
            "route53domains:ListPrices",
            "route53domains:GetOperationDetail",
            "route53domains:ListOperations",
            "route53domains:GetDomainDetail",
            "route53domains:ListDomains",
            "route53domains:GetContactReachabilityStatus",
            "route53domains:ResendContactReachabilityEmail",
        ),
        "Route 53 Domains has no resource types",
    ),
    "route53:CreateHostedZone": "a new zone has no ARN yet",
    "route53:ListHostedZonesByName": "list actions have no resource types",
    "cloudwatch:PutMetricData": "CloudWatch restricts metrics by condition, not by resource",
    # Step Functions writes its logs through CloudWatch's log delivery API, which has no resource types.
    "logs:CreateLogDelivery": "log delivery has no resource types",
    "logs:GetLogDelivery": "log delivery has no resource types",
    "logs:UpdateLogDelivery": "log delivery has no resource types",
    "logs:DeleteLogDelivery": "log delivery has no resource types",
    "logs:ListLogDeliveries": "log delivery has no resource types",
    "logs:PutResourcePolicy": "log delivery has no resource types",
    "logs:DescribeResourcePolicies": "log delivery has no resource types",
    "logs:DescribeLogGroups": "log delivery has no resource types",
}


def statements(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, resource in template.get("Resources", {}).items():
        properties = resource.get("Properties", {})
        documents = [policy for policy in as_list(properties.get("Policies")) if isinstance(policy, dict)]
        if resource["Type"] in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
            documents.append(properties)
        for document in documents:
            for statement in as_list(document.get("PolicyDocument", document).get("Statement")):
                if statement.get("Effect", "Allow") == "Allow":
                    yield name, statement


def foreign_policies(template: Template) -> Iterator[tuple[str, str]]:
    """Yield (holder, policy name) for every attached policy that the template does not define."""
    managed = resources(template, "AWS::IAM::ManagedPolicy")
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        for policy in [*as_list(properties.get("Policies")), *as_list(properties.get("ManagedPolicyArns"))]:
            if isinstance(policy, str):
                yield name, policy
            elif policy.get("Ref") not in managed and not {"Statement", "PolicyDocument"} & set(policy):
                yield name, json.dumps(policy)


def rights_that_are_too_wide(template: Template) -> list[str]:
    problems = []
    for who, statement in statements(template):
        actions = as_list(statement.get("Action"))
        if "NotAction" in statement or "NotResource" in statement:
            problems.append(f"{who}: grants everything except a list; list the needed actions")
        problems += [f"{who}: {action} is more than one action" for action in actions if "*" in str(action)]
        if any(resource == "*" for resource in as_list(statement.get("Resource"))):
            problems += [
                f"{who}: {action} on every resource"
                for action in actions
                if action not in ANY_RESOURCE_IS_FINE and "*" not in str(action)
            ]
    problems += [
        f"{who}: {policy} grants too much; list the needed actions"
        for who, policy in foreign_policies(template)
    ]
    return problems


def rights_without_a_name(template: Template) -> list[str]:
    """Complain about policies that the template does not define, and about policies that no function has."""
    problems = []
    managed = resources(template, "AWS::IAM::ManagedPolicy")
    had: set[str] = set()
    for name, properties in functions(template).items():
        for policy in properties.get("Policies", []):
            if not isinstance(policy, dict) or policy.get("Ref") not in managed:
                problems.append(
                    f"{name}: has a policy that is not one of the template's: {json.dumps(policy)}"
                )
            else:
                had.add(policy["Ref"])
    return problems + [f"{name}: no function has it" for name in managed if name not in had]


WRITES = {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"}


def writers_of_keys(template: Template) -> list[str]:
    """The policies that may write API keys or users. A function with such a policy could act for every account."""
    return [
        who
        for who, statement in statements(template)
        if WRITES & set(as_list(statement.get("Action")))
        and any(
            fnmatchcase(partition, pattern)
            for pattern in statement.get("Condition", {})
            .get("ForAllValues:StringLike", {})
            .get("dynamodb:LeadingKeys", ["*"])
            for partition in (keys.credential("h")["PK"], keys.user("u")["PK"])
        )
    ]


RULES = [rights_that_are_too_wide, rights_without_a_name]

GOOD = parse_template("""
Resources:
  PlaceOrderFunction:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: functions/place_order, Policies: [!Ref WriteOrders]}
  WriteOrders:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Statement:
          - {Effect: Allow, Action: [dynamodb:GetItem, dynamodb:PutItem], Resource: !GetAtt OrdersTable.Arn}
          - {Effect: Allow, Action: xray:PutTraceSegments, Resource: "*"}
  FulfilOrder:
    Type: AWS::Serverless::StateMachine
    Properties:
      Policies:
        - {Statement: [{Effect: Allow, Action: lambda:InvokeFunction, Resource: !GetAtt PlaceOrderFunction.Arn}]}
""")
POLICIES = "Resources/PlaceOrderFunction/Properties/Policies"
STATEMENT = "Resources/WriteOrders/Properties/PolicyDocument/Statement/0"
OF_THE_MACHINE = "Resources/FulfilOrder/Properties/Policies"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_template_follows_the_rule(rule) -> None:
    problems = rule(read_template())
    assert not problems, listed(problems)
    assert rule(GOOD) == []


@pytest.mark.parametrize(
    ("rule", "path", "value", "complaint"),
    [
        (rights_that_are_too_wide, f"{STATEMENT}/Action", "dynamodb:*", "dynamodb:* is more than one"),
        (
            rights_that_are_too_wide,
            f"{STATEMENT}/Action",
            ["dynamodb:Get*"],
            "dynamodb:Get* is more than one",
        ),
        (rights_that_are_too_wide, f"{STATEMENT}/Resource", "*", "dynamodb:PutItem on every resource"),
        (rights_that_are_too_wide, f"{STATEMENT}/Resource", ["*"], "dynamodb:GetItem on every resource"),
        (
            rights_that_are_too_wide,
            f"{STATEMENT}/NotAction",
            ["iam:PassRole"],
            "grants everything except a list",
        ),
        (
            rights_that_are_too_wide,
            f"{OF_THE_MACHINE}/0",
            "AmazonDynamoDBFullAccess",
            "AmazonDynamoDBFullAccess",
        ),
        (
            rights_that_are_too_wide,
            f"{OF_THE_MACHINE}/0",
            {"DynamoDBCrudPolicy": {"TableName": "t"}},
            "DynamoDBCrud",
        ),
        (rights_without_a_name, POLICIES, [], "WriteOrders: no function has it"),
        (rights_without_a_name, f"{POLICIES}/0", {"Ref": "Other"}, "PlaceOrderFunction: has a policy"),
        (rights_without_a_name, f"{POLICIES}/0", {"Statement": []}, "PlaceOrderFunction: has a policy"),
    ],
)
def test_a_bad_template_is_noticed(rule, path: str, value: Any, complaint: str) -> None:
    problems = rule(with_change(GOOD, path, value))
    assert any(complaint in problem for problem in problems), problems


def test_only_the_function_that_manages_keys_may_write_keys() -> None:
    template = read_template()
    assert writers_of_keys(template) == ["WriteKeys"]
    assert [folder for folder, names in permissions.held().items() if "WriteKeys" in names] == ["manage_keys"]
    assert writers_of_keys(GOOD) == ["WriteOrders"]


def test_a_function_has_the_rights_of_its_policies() -> None:
    (properties,) = functions(GOOD).values()
    assert granted(GOOD, properties) == [GOOD["Resources"]["WriteOrders"]["Properties"]["PolicyDocument"]]


# -- the watcher, which records the rights that functions use (tests/support/permissions.py) --------------------


def test_the_watcher_can_record_the_use_of_every_granted_right() -> None:
    given = frozenset().union(*permissions.policies().values())
    assert given - permissions.watchable() == frozenset()


def test_each_secret_and_each_index_is_a_right_of_its_own() -> None:
    policies = permissions.policies()
    assert policies["TakeMoney"] == {"secret:StripeSecret"}
    assert policies["FindDueOrders"] == {"index:due"}
    assert "secret:StripeSecret" in permissions.allowed("charge_order")
    assert not {"secret:StripeSecret", "index:due", "dynamodb:PutItem"} & permissions.allowed("read_orders")


def test_a_forbidden_action_is_recorded() -> None:
    before = set(permissions.missing), set(permissions.seen)
    try:
        permissions.missing.clear()
        with permissions.running("read_orders"):
            permissions.used("dynamodb:Query", "dynamodb:PutItem", "env:TABLE_NAME", "env:OTHER")
        assert permissions.missing == {("read_orders", "dynamodb:PutItem"), ("read_orders", "env:OTHER")}
        assert ("read_orders", "dynamodb:Query") in permissions.seen
    finally:
        for kept, found in zip(before, (permissions.missing, permissions.seen), strict=True):
            found.clear()
            found.update(kept)


@pytest.mark.parametrize("action", ["put_item", "update_item", "delete_item", "transact_write_items"])
def test_a_write_outside_a_policys_partitions_is_recorded(action: str) -> None:
    class Client:
        def __getattr__(self, name: str) -> Any:
            return lambda **given: None

    def write(key: keys.Key) -> dict[str, Any]:
        item = {name: {"S": value} for name, value in key.items()}
        if action == "transact_write_items":
            return {"TransactItems": [{"Put": {"Item": item}}]}
        return {"Item": item} if action == "put_item" else {"Key": item}

    before = set(permissions.missing), set(permissions.seen)
    try:
        permissions.missing.clear()
        with permissions.running("cancel_order"):
            getattr(permissions.WatchedClient(Client()), action)(**write(keys.order("a", 1)))
            assert permissions.missing == set()
            getattr(permissions.WatchedClient(Client()), action)(**write(keys.credential("h")))
        ((folder, what),) = permissions.missing
        assert folder == "cancel_order" and what.endswith(" of KEY")
    finally:
        for kept, found in zip(before, (permissions.missing, permissions.seen), strict=True):
            found.clear()
            found.update(kept)


@pytest.mark.parametrize(
    ("uses", "problems"),
    [
        ({"Get", "Put", "secret:Key"}, []),
        ({"Get", "secret:Key"}, ["pay uses no more of Write than Read has", "no function uses Put of Write"]),
        ({"Get", "Put"}, ["pay uses nothing of Take", "no function uses secret:Key of Take"]),
    ],
)
def test_rights_that_no_test_uses_are_reported(uses: set[str], problems: list[str]) -> None:
    policies = {
        "Read": frozenset({"Get"}),
        "Write": frozenset({"Get", "Put"}),
        "Take": frozenset({"secret:Key"}),
    }
    held = {"pay": ("Write", "Take"), "show": ("Read",)}
    seen = {("show", "Get"), *(("pay", thing) for thing in uses)}
    assert permissions.unused(seen, policies, held) == problems
