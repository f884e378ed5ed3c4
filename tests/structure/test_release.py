"""A release is published as a whole: every function gets a new version, and every caller uses the alias.

The stamp of a release is a hash of all its sources.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from local.toolchain.release import stamp, stamped
from tests.structure.project import (
    ROOT,
    TEMPLATE,
    bare_references,
    functions,
    listed,
    parse_template,
    read_template,
    references,
    resources,
)
from tests.support import sam_transform

with_sam = pytest.mark.skipif(not sam_transform.PYTHON.exists(), reason="needs .venv/sam (`make .venv/sam`)")

ALIAS = "live"
CALLERS = {
    *("AWS::Lambda::EventSourceMapping", "AWS::Lambda::Permission", "AWS::Scheduler::Schedule"),
    *("AWS::ApiGatewayV2::Api", "AWS::StepFunctions::StateMachine"),
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copy(TEMPLATE, tmp_path)
    for folder in ("layers", "functions", "local/toolchain/package"):
        shutil.copytree(
            ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
        )
    return tmp_path


def build(project: Path) -> str:
    return stamped((project / "template.yaml").read_text(), stamp(project))


def versions(template: dict[str, Any]) -> dict[str, str]:
    """Function → logical id of its published version."""
    found = {}
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Lambda::Version":
            found[resource["Properties"]["FunctionName"]["Ref"]] = name
    return found


def calls_past_the_alias(template: dict[str, Any]) -> list[str]:
    """Callers in a transformed template that name a function instead of its alias."""
    all_functions = {
        name
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Function"
    }
    problems = []
    for name, resource in template["Resources"].items():
        if resource["Type"] in CALLERS:
            text = json.dumps(resource["Properties"])
            words = re.findall(r'"Ref": "(\w+)"|"Fn::GetAtt": \["(\w+)"|\$\{(\w+)', text)
            named = {word for match in words for word in match} & all_functions
            problems += [f"{name} calls {function}, not its alias" for function in sorted(named)]
    return problems


@with_sam
def test_a_change_in_a_layer_alone_publishes_every_function(project: Path) -> None:
    first = build(project)
    again = build(project)
    changed = project / "layers" / "hosting_orders" / "hosting_orders" / "domain" / "errors.py"
    changed.write_text(changed.read_text() + "\n")
    with_other_layer = build(project)

    before, same, after = (
        versions(template) for template in sam_transform.transformed(first, again, with_other_layer)
    )

    assert before.keys() == functions(read_template()).keys()
    assert same == before
    assert [name for name in before if before[name] == after[name]] == []


@with_sam
def test_every_caller_of_a_function_uses_its_alias(project: Path) -> None:
    text = build(project)
    without = text.replace("    AutoPublishAlias: live\n", "")
    without = re.sub(r"!Ref (\w+Function)\.Alias", r"!GetAtt \1.Arn", without)

    released, bare = sam_transform.transformed(text, without)

    problems = calls_past_the_alias(released)
    assert not problems, listed(problems)
    noticed = calls_past_the_alias(bare)
    for caller, function in {
        "Api": "PlaceOrderFunction",
        "PlaceOrderFunctionRequestPermission": "PlaceOrderFunction",
        "RollUpCartFunctionStream": "RollUpCartFunction",
        "ReconcileFunctionSchedule": "ReconcileFunction",
        "FulfilOrderStateMachine": "ChargeOrderFunction",
    }.items():
        assert f"{caller} calls {function}, not its alias" in noticed


@pytest.mark.parametrize(
    "path",
    [
        "template.yaml",
        "functions/place_order/app.py",
        "layers/dependencies/requirements.txt",
        "local/toolchain/package/package.sh",
        "layers/hosting_orders/hosting_orders/domain/errors.py",
        "layers/hosting_orders/hosting_orders/a_new_file.py",
    ],
)
def test_a_change_in_any_source_changes_the_stamp(project: Path, path: str) -> None:
    before = stamp(project)
    with (project / path).open("a") as file:
        file.write("\n")

    assert stamp(project) != before


def test_moving_a_file_changes_the_stamp(project: Path) -> None:
    before = stamp(project)
    package = project / "layers" / "hosting_orders" / "hosting_orders"
    (package / "domain" / "errors.py").rename(package / "errors.py")

    assert stamp(project) != before


def test_bytecode_and_system_files_do_not_change_the_stamp(project: Path) -> None:
    before = stamp(project)
    package = project / "layers" / "hosting_orders" / "hosting_orders"
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "x.cpython-313.pyc").write_bytes(b"x")
    (package / ".DS_Store").write_bytes(b"x")

    assert stamp(project) == before


def test_the_same_sources_can_be_published_again(project: Path) -> None:
    assert len({stamp(project), stamp(project, "1"), stamp(project, "2")}) == 3


@pytest.mark.parametrize("text", ["Globals: {}\n", "  RELEASE: unbuilt\n" * 2, "  RELEASE: 0123\n"])
def test_a_template_needs_exactly_one_place_for_the_stamp(text: str) -> None:
    with pytest.raises(ValueError, match="RELEASE"):
        stamped(text, "0123456789abcdef")


# -- the template -------------------------------------------------------------------------------------


def calls_of_what_is_not_released(template: dict[str, Any]) -> list[str]:
    """SAM connects the events of a function to its alias. Every other caller must name the alias in the template."""
    problems = []
    for name, properties in functions(template).items():
        if properties.get("AutoPublishAlias") != ALIAS:
            problems.append(
                f"{name}: is not published behind the alias {ALIAS}, so its events do not call the alias"
            )
        if properties.get("Environment", {}).get("Variables", {}).get("RELEASE") != "unbuilt":
            problems.append(f"{name}: has no RELEASE: unbuilt for the build to stamp")
    for name, resource in template["Resources"].items():
        if resource["Type"] in CALLERS:
            bare = bare_references(resource["Properties"]) & set(functions(template))
            problems += [f"{name}: calls {function}, not its alias" for function in sorted(bare)]
    return problems


def rights_that_do_not_fit_the_calls(template: dict[str, Any]) -> list[str]:
    """The state machine may invoke each of its functions, both through the alias and directly.

    An execution keeps the definition that it started with, and older definitions call functions directly.
    """
    (machine,) = resources(template, "AWS::Serverless::StateMachine").values()
    properties = machine["Properties"]
    called = references(properties["DefinitionSubstitutions"])
    wanted = {f"{name}.Alias" for name in called} | {f"{name}.Arn" for name in called}
    granted = {
        resource["Ref"] if "Ref" in resource else ".".join(resource["Fn::GetAtt"])
        for policy in properties["Policies"]
        for statement in policy["Statement"]
        if "lambda:InvokeFunction" in statement["Action"]
        for resource in statement["Resource"]
    }
    problems = [f"the state machine has no right to invoke {name}" for name in sorted(wanted - granted)]
    return problems + [
        f"the state machine has an unused right to invoke {name}" for name in sorted(granted - wanted)
    ]


RULES = [calls_of_what_is_not_released, rights_that_do_not_fit_the_calls]

GOOD = """
Globals: {Function: {AutoPublishAlias: live, Environment: {Variables: {RELEASE: unbuilt}}}}
Resources:
  ChargeOrderFunction: {Type: AWS::Serverless::Function}
  FeedFunction: {Type: AWS::Serverless::Function, Properties: {Timeout: 20}}
  Feed: {Type: AWS::Lambda::EventSourceMapping, Properties: {FunctionName: !Ref FeedFunction.Alias}}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionSubstitutions: {ChargeOrderFunctionArn: !Ref ChargeOrderFunction.Alias}
      Policies:
        - Statement:
            - Action: lambda:InvokeFunction
              Resource: [!Ref ChargeOrderFunction.Alias, !GetAtt ChargeOrderFunction.Arn]
"""


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_template_follows_the_rule(rule) -> None:
    problems = rule(read_template())
    assert not problems, listed(problems)
    assert rule(parse_template(GOOD)) == []


@pytest.mark.parametrize(
    ("rule", "good", "bad", "complaint"),
    [
        (
            calls_of_what_is_not_released,
            "AutoPublishAlias: live, ",
            "",
            "FeedFunction: is not published behind the alias live",
        ),
        (
            calls_of_what_is_not_released,
            "Timeout: 20",
            "AutoPublishAlias: a",
            "FeedFunction: is not published",
        ),
        (calls_of_what_is_not_released, "unbuilt", "!Ref Release", "FeedFunction: has no RELEASE: unbuilt"),
        (
            calls_of_what_is_not_released,
            "!Ref FeedFunction.Alias",
            "!GetAtt FeedFunction.Arn",
            "Feed: calls FeedFunction, not its alias",
        ),
        (
            calls_of_what_is_not_released,
            "!Ref FeedFunction.Alias",
            "!Sub '${FeedFunction}:live'",
            "Feed: calls FeedFunction, not its alias",
        ),
        (
            rights_that_do_not_fit_the_calls,
            "[!Ref ChargeOrderFunction.Alias, ",
            "[",
            "ChargeOrderFunction.Alias",
        ),
        (
            rights_that_do_not_fit_the_calls,
            ", !GetAtt ChargeOrderFunction.Arn]",
            "]",
            "no right to invoke ChargeOrderFunction.Arn",
        ),
        (
            rights_that_do_not_fit_the_calls,
            ", !GetAtt ChargeOrderFunction.Arn]",
            ", !GetAtt ChargeOrderFunction.Arn, !GetAtt FeedFunction.Arn]",
            "an unused right to invoke FeedFunction.Arn",
        ),
    ],
)
def test_a_bad_template_is_noticed(rule, good: str, bad: str, complaint: str) -> None:
    assert GOOD.count(good) == 1
    problems = rule(parse_template(GOOD.replace(good, bad)))
    assert any(complaint in problem for problem in problems), problems
