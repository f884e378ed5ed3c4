"""README's counts and cost match the template, every alarm has a runbook, and docs/money.md lists every metric."""

from __future__ import annotations

import re
from typing import Any

from tests.structure.project import PACKAGE, ROOT, functions, read_template, resources

NUMBERS = [*("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")]
NUMBERS += [
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
    "twenty-one",
]
README = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
# Dollars a month for a customer managed KMS key, a secret and an alarm.
PRICES = {"AWS::KMS::Key": 1.00, "AWS::SecretsManager::Secret": 0.40, "AWS::CloudWatch::Alarm": 0.10}


def count(kind: str) -> int:
    return len(resources(read_template(), kind))


ALARM_TOPIC = {"Fn::If": ["OwnAlarmTopic", {"Ref": "AlarmTopic"}, {"Ref": "AlarmTopicArn"}]}


def said(pattern: str) -> str:
    found = re.search(pattern, README)
    assert found, f"README does not say {pattern!r}"
    return found.group(1)


def test_the_counts_in_readme_match_the_template() -> None:
    assert int(said(r"(\d+) functions \(each with its own role")) == len(functions(read_template()))
    assert int(said(r"(\d+) policies \(one for each right")) == count("AWS::IAM::ManagedPolicy")
    assert NUMBERS.index(said(r"application, (\w+) queues")) == count("AWS::SQS::Queue")
    assert int(said(r"queues, (\d+) alarms and an SNS topic")) == count("AWS::CloudWatch::Alarm")
    assert NUMBERS.index(said(r"a KMS key, (\w+) secrets")) == count("AWS::SecretsManager::Secret")


def test_the_idle_cost_in_readme_matches_the_template() -> None:
    cost = sum(price * count(kind) for kind, price in PRICES.items())
    assert float(said(r"Without orders it costs about ([\d.]+) \$ a month")) == round(cost, 2)


def test_every_alarm_notifies_the_topic_and_has_a_runbook() -> None:
    runbooks = (ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")
    problems: list[Any] = []
    for name, alarm in resources(read_template(), "AWS::CloudWatch::Alarm").items():
        if alarm["Properties"].get("AlarmActions") != [ALARM_TOPIC]:
            problems.append(f"{name} does not report to the alarm topic")
        if name.removesuffix("Alarm") not in runbooks:
            problems.append(f"docs/runbooks.md does not mention {name}")
    assert problems == []


def test_operators_get_every_message_through_one_topic() -> None:
    """The one topic is the stack's own topic, or the topic whose ARN is the parameter AlarmTopicArn."""
    template = read_template()
    used = template["Globals"]["Function"]["Environment"]["Variables"]["ALARM_TOPIC_ARN"]
    (statement,) = template["Resources"]["AlertOperators"]["Properties"]["PolicyDocument"]["Statement"]
    assert used == statement["Resource"] == template["Outputs"]["AlarmTopicArn"]["Value"] == ALARM_TOPIC
    assert template["Resources"]["AlarmTopic"]["Condition"] == "OwnAlarmTopic"
    # The stack must not add a subscription to another stack's topic.
    assert template["Resources"]["AlarmMail"]["Condition"] == "HasAlarmEmail"
    assert {"Condition": "OwnAlarmTopic"} in template["Conditions"]["HasAlarmEmail"]["Fn::And"]
    pattern = template["Parameters"]["AlarmTopicArn"]["AllowedPattern"]
    for arn in (
        "",
        "arn:aws:sns:eu-west-1:123456789012:on-call",
        "arn:aws-cn:sns:cn-north-1:123456789012:a_b",
    ):
        assert re.fullmatch(pattern, arn)
    for other in ("on-call", "arn:aws:sqs:eu-west-1:123456789012:on-call", "arn:aws:sns:eu-west-1:1:on-call"):
        assert not re.fullmatch(pattern, other)


def test_every_metric_is_in_the_table_with_its_alarm() -> None:
    """docs/money.md lists every metric of the code, and whether it has an alarm."""
    sources = " ".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    counted = set(re.findall(r'metrics\.count\("(\w+)"\)', sources)) | {"DisputeOpened"}
    counted |= {f"Drift{kind}" for kind in ("Payment", "Order")}
    counted |= {f"Reconciled{kind}" for kind in ("Cart", "Order", "Callback")}
    table = re.findall(
        r"^\| (`.*`) \|.*\| (yes|no) \|$", (ROOT / "docs" / "money.md").read_text(), re.MULTILINE
    )
    listed = {name: alarm for names, alarm in table for name in re.findall(r"`(\w+)`", names)}
    assert set(listed) == counted
    alarms = {
        alarm["Properties"]["MetricName"]
        for alarm in resources(read_template(), "AWS::CloudWatch::Alarm").values()
        if alarm["Properties"]["Namespace"] == "HostingOrders"
    }
    assert {name for name, alarm in listed.items() if alarm == "yes"} == alarms
