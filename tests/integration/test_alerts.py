"""Operators get alerts through SNS. For each failed execution, EventBridge sends an event, and we send an alert."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from hosting_orders.adapters.sns_alerts import MAX_SUBJECT, SnsAlerts
from hosting_orders.domain.errors import ProviderUnavailableError
from hosting_orders.entrypoints.execution import failed_execution
from tests.support.world import ROOT, a_world, handler_of

REGION = "eu-west-1"
EVENT = ROOT / "events" / "report_failed_execution" / "site_order.json"


@pytest.fixture
def topic() -> Iterator[tuple[Any, str, Any]]:
    """(SNS client, topic's ARN, a function that returns the received messages)."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": REGION}
    with mock_aws():
        sns, sqs = boto3.client("sns", **keys), boto3.client("sqs", **keys)
        arn = sns.create_topic(Name="alarms")["TopicArn"]
        queue = sqs.create_queue(QueueName="operator")["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=attributes["QueueArn"])

        def received() -> list[dict[str, Any]]:
            found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
            return [json.loads(message["Body"]) for message in found]

        yield sns, arn, received


def test_a_message_reaches_the_topic(topic: tuple[Any, str, Any]) -> None:
    client, arn, received = topic
    SnsAlerts(client, arn).send("Order 1 failed in ChargeOrder", "Time left: 2 h\nMore: …")
    (message,) = received()
    assert (message["Subject"], message["Message"]) == (
        "Order 1 failed in ChargeOrder",
        "Time left: 2 h\nMore: …",
    )


def test_a_subject_is_changed_to_fit_the_limits_of_sns(topic: tuple[Any, str, Any]) -> None:
    client, arn, received = topic
    SnsAlerts(client, arn).send("bücher\n" + "x" * 200, "text")
    (message,) = received()
    assert message["Subject"].startswith("b?cher?x") and len(message["Subject"]) == MAX_SUBJECT


def test_a_refusal_by_sns_raises_provider_unavailable(topic: tuple[Any, str, Any]) -> None:
    client, arn, _ = topic
    with pytest.raises(ProviderUnavailableError):
        SnsAlerts(client, arn + "-gone").send("subject", "text")


def test_the_event_of_a_failed_execution_is_read() -> None:
    execution = failed_execution(json.loads(EVENT.read_text()))
    assert execution.order_id == "6b0835da-5668-85bd-b80c-e92ce1296688"
    assert (execution.account_id, execution.status, execution.error) == ("acc_ready", "FAILED", "KeyError")
    assert execution.arn.endswith(execution.order_id) and execution.ended_at == 1_795_712_400_000


def test_a_timed_out_execution_has_the_error_timed_out() -> None:
    event = json.loads(EVENT.read_text())
    event["detail"] |= {"status": "TIMED_OUT", "error": None}
    assert failed_execution(event).error == "TIMED_OUT"


def test_an_alert_for_an_unknown_order_has_a_redrive_command() -> None:
    with a_world() as world:
        handler_of("report_failed_execution")(json.loads(EVENT.read_text()), None)
        ((_, text),) = world.alerts.sent
    assert "KeyError" in text and "not readable now" in text and "redrive-execution" in text
