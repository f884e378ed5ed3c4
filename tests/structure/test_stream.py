"""A bad record of the table's stream neither blocks the shard nor gets lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.structure.project import (
    as_list,
    functions,
    listed,
    parse_template,
    read_template,
    resources,
    with_change,
)

Template = dict[str, Any]


def stream_sources(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, properties in functions(template).items():
        for event_name, event in properties.get("Events", {}).items():
            if event["Type"] == "DynamoDB":
                yield f"{name}.{event_name}", event["Properties"]
    for name, mapping in resources(template, "AWS::Lambda::EventSourceMapping").items():
        yield name, mapping["Properties"]


def streams_that_could_get_stuck(template: Template) -> list[str]:
    """Without these settings, a bad record blocks its shard for a day, until DynamoDB deletes the record."""
    problems = []
    sources = list(stream_sources(template))
    if not sources:
        problems.append("nothing reads the table's stream")
    for name, source in sources:
        retries = source.get("MaximumRetryAttempts", -1)
        wanted = {
            "a retry limit (MaximumRetryAttempts)": isinstance(retries, int) and retries >= 0,
            "an on-failure destination": "Destination"
            in source.get("DestinationConfig", {}).get("OnFailure", {}),
            "ReportBatchItemFailures": "ReportBatchItemFailures" in source.get("FunctionResponseTypes", []),
            "a filter": bool(filters_of(source)),
        }
        problems += [f"{name}: lacks {want}" for want, there in wanted.items() if not there]
    return problems


def filters_of(source: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(item["Pattern"]) for item in source.get("FilterCriteria", {}).get("Filters", [])]


def filters_that_let_through(template: Template, record: dict[str, Any]) -> list[str]:
    """The stream sources that pass this record to their function."""
    return [
        name
        for name, source in stream_sources(template)
        if any(matches(pattern, record) for pattern in filters_of(source)) or not filters_of(source)
    ]


def matches(pattern: dict[str, Any], record: Any) -> bool:
    """Lambda's event filtering, as far as this template uses it. Any other operator raises an error."""
    for key, wanted in pattern.items():
        value = record.get(key) if isinstance(record, dict) else None
        if isinstance(wanted, dict):
            if not matches(wanted, value):
                return False
        elif not any(_matches_one(condition, value) for condition in wanted):
            return False
    return True


def _matches_one(condition: Any, value: Any) -> bool:
    if not isinstance(condition, dict):
        return bool(condition == value)
    ((operator, operand),) = condition.items()
    if operator == "prefix":
        return isinstance(value, str) and value.startswith(operand)
    if operator == "exists":
        return (value is not None) is operand
    if operator == "anything-but":
        excluded = operand.get("prefix") if isinstance(operand, dict) else operand
        if isinstance(operand, dict):
            return isinstance(value, str) and not value.startswith(excluded)
        return value is not None and value not in as_list(excluded)
    raise AssertionError(f"the rule does not know the filter operator {operator!r}")


GOOD = parse_template("""
Resources:
  RollUpCartFunction:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        Stream:
          Type: DynamoDB
          Properties:
            Stream: !GetAtt OrdersTable.StreamArn
            MaximumRetryAttempts: 5
            DestinationConfig: {OnFailure: {Destination: !GetAtt FailedRecords.Arn}}
            FunctionResponseTypes: [ReportBatchItemFailures]
            FilterCriteria:
              Filters: [{Pattern: '{"dynamodb": {"Keys": {"SK": {"S": [{"prefix": "ORDER#"}]}}}}'}]
""")
EVENTS = "Resources/RollUpCartFunction/Properties/Events"
STREAM = f"{EVENTS}/Stream/Properties"


def test_the_stream_cannot_get_stuck() -> None:
    problems = streams_that_could_get_stuck(read_template())
    assert not problems, listed(problems)
    assert streams_that_could_get_stuck(GOOD) == []


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (EVENTS, None, "nothing reads"),
        (f"{STREAM}/MaximumRetryAttempts", None, "retry limit"),
        (f"{STREAM}/MaximumRetryAttempts", -1, "retry limit"),
        (f"{STREAM}/DestinationConfig", None, "on-failure destination"),
        (f"{STREAM}/FunctionResponseTypes", [], "ReportBatchItemFailures"),
        (f"{STREAM}/FilterCriteria", {"Filters": []}, "a filter"),
    ],
)
def test_a_bad_stream_is_noticed(path: str, value: Any, complaint: str) -> None:
    problems = streams_that_could_get_stuck(with_change(GOOD, path, value))
    assert any(complaint in problem for problem in problems), problems


def test_a_function_receives_only_the_items_that_it_needs() -> None:
    def written(sort_key: str) -> dict[str, Any]:
        keys = {"PK": {"S": "ACCOUNT#a"}, "SK": {"S": sort_key}}
        images = {"Keys": keys, "NewImage": keys, "OldImage": keys}
        return {"eventName": "MODIFY", "eventSource": "aws:dynamodb", "dynamodb": images}

    template = read_template()
    roll_up, events = "RollUpCartFunction.Stream", "PublishEventsFunction.Stream"
    assert filters_that_let_through(template, written("ORDER#0000433791696896001")) == [roll_up, events]
    for sort_key in ("CART#c", "WEBHOOK#we_1"):
        assert filters_that_let_through(template, written(sort_key)) == [events]
    for sort_key in ("TOKEN#1#ChargeOrder", "CALLBACK#1", "ACCOUNT", "DELIVERY#we_1#msg_1", "WEBHOOKS"):
        assert filters_that_let_through(template, written(sort_key)) == [], f"{sort_key} wakes a function"


def test_the_stream_has_no_more_readers_than_dynamodb_allows() -> None:
    """With more than two readers of one shard, DynamoDB throttles them."""
    assert len(list(stream_sources(read_template()))) <= 2


@pytest.mark.parametrize(
    ("pattern", "record", "expected"),
    [
        ({"a": ["x", "y"]}, {"a": "y"}, True),
        ({"a": ["x"]}, {"a": "y"}, False),
        ({"a": {"b": [{"prefix": "OR"}]}}, {"a": {"b": "ORDER"}}, True),
        ({"a": {"b": [{"prefix": "OR"}]}}, {"a": {"b": "CART"}}, False),
        ({"a": {"b": [{"exists": True}]}}, {"a": {}}, False),
        ({"a": [{"exists": False}]}, {}, True),
        ({"a": [{"anything-but": ["x"]}]}, {"a": "y"}, True),
        ({"a": [{"anything-but": ["x"]}]}, {"a": "x"}, False),
        ({"a": [{"anything-but": {"prefix": "CART"}}]}, {"a": "CART#1"}, False),
    ],
)
def test_filters_match_like_lambda(pattern: Any, record: Any, expected: bool) -> None:
    assert matches(pattern, record) is expected
