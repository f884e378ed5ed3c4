"""The local emulator is ministack with our patches. It behaves like AWS in everything that our template uses.

Each patch in local/emulator_patches has a test that fails without the patch. If the test passes without the patch, for
example after an update of ministack, remove the patch.
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.aws import Aws
from local.deploy import Deployment, deploy
from local.emulator import running_emulator
from local.gateway import Gateway, running_gateway

TEMPLATE = Path(__file__).parent / "emulator_stack" / "template.yaml"
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class SmallStack:
    aws: Aws
    deployment: Deployment
    gateway: Gateway

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
        request = urllib.request.Request(self.gateway.address + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, dict(answer.headers), answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read().decode()

    def item(self, partition: str, name: str) -> dict[str, Any] | None:
        found = self.aws.client("dynamodb").get_item(
            TableName=self.deployment.resources["Table"],
            Key={"PK": {"S": partition}, "SK": {"S": name}},
            ConsistentRead=True,
        )
        return found.get("Item")

    def run(self, name: str, ask: str) -> str:
        started = self.aws.client("stepfunctions").start_execution(
            stateMachineArn=self.deployment.resources["Machine"], name=name, input=json.dumps({"ask": ask})
        )
        return str(started["executionArn"])

    def end_of(self, execution: str) -> Any:
        stepfunctions = self.aws.client("stepfunctions")

        def ended() -> Any:
            described = stepfunctions.describe_execution(executionArn=execution)
            return None if described["status"] == "RUNNING" else described

        described = eventually(ended)
        assert described["status"] == "SUCCEEDED", described
        return json.loads(described["output"])

    def times_asked(self, run: str) -> int:
        item = self.item("RUN", run)
        return int(item["asked"]["N"]) if item else 0


def eventually(look: Callable[[], Any]) -> Any:
    """Call `look` until it returns a true value, and return the value."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, "`look` found nothing in time"
        time.sleep(0.01)
    return found


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallStack]:
    state = tmp_path_factory.mktemp("emulator")
    with running_gateway() as gateway, running_emulator(state, wait_scale=0.05, concurrency=2) as emulator:
        deployment = deploy(emulator.aws, TEMPLATE, "small", {})
        gateway.open_to(deployment.resources["Api"], emulator.port)
        yield SmallStack(emulator.aws, deployment, gateway)


# --- functions and the HTTP API -----------------------------------------------------------------------------


def test_a_request_reaches_the_function_of_its_route(stack: SmallStack) -> None:
    status, headers, body = stack.get("/items/7?x=1&x=2&text=a%20b", **{"X-Api-Key": "k"})

    seen = json.loads(body)
    assert (status, headers["X-Greeting"]) == (200, "hello")
    assert seen["route"] == "GET /items/{id}"
    assert seen["path"] == "/items/7"
    assert seen["query"] == "x=1&x=2&text=a%20b"
    assert seen["headers"]["x-api-key"] == "k"
    assert seen["function"] == stack.deployment.resources["AnswerFunction"]
    assert 0 < seen["milliseconds_left"] <= 20_000


def test_a_request_without_a_route_reaches_the_default_route(stack: SmallStack) -> None:
    _, _, body = stack.get("/nowhere/in/particular")

    assert json.loads(body)["route"] == "$default"


def test_a_handler_that_raises_gives_a_500_without_details(stack: SmallStack) -> None:
    status, _, body = stack.get("/items/7?fail=1")

    assert status == 500
    assert json.loads(body) == {"message": "Internal Server Error"}


def test_a_502_returned_by_the_function_is_passed_on(stack: SmallStack) -> None:
    status, _, body = stack.get("/items/7?status=502")

    assert status == 502
    assert json.loads(body)["route"] == "GET /items/{id}"


def test_requests_above_the_concurrency_limit_wait_their_turn(stack: SmallStack) -> None:
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda n: stack.get(f"/items/{n}?seconds=0.05"), range(8)))

    assert [status for status, _, _ in answers] == [200] * 8


# --- the state machine --------------------------------------------------------------------------------------


def test_an_answer_with_the_task_token_ends_the_wait(stack: SmallStack) -> None:
    assert stack.end_of(stack.run("answered", "answer")) == {"end": "done"}


def test_a_functions_error_is_caught_by_its_class_name(stack: SmallStack) -> None:
    assert stack.end_of(stack.run("refused", "refuse")) == {"end": "refused"}
    assert stack.times_asked("refused") == 1


def test_a_functions_error_is_retried_by_its_class_name(stack: SmallStack) -> None:
    assert stack.end_of(stack.run("busy", "be busy")) == {"end": "BusyError"}
    assert stack.times_asked("busy") == 3


def test_a_step_without_an_answer_times_out(stack: SmallStack) -> None:
    assert stack.end_of(stack.run("silent", "keep silent")) == {"end": "timed out"}


# --- the table and its stream -------------------------------------------------------------------------------


def test_a_poison_record_does_not_block_later_records(
    stack: SmallStack,
) -> None:
    """A record that always fails is retried once and then moved to the queue."""
    names = ["1-good", "2-poison", "3-good", "4-poison", "5-good"]
    stack.aws.client("dynamodb").batch_write_item(
        RequestItems={
            stack.deployment.resources["Table"]: [
                {"PutRequest": {"Item": {"PK": {"S": "FEED"}, "SK": {"S": name}}}} for name in names
            ]
        }
    )

    eventually(lambda: stack.item("SEEN", "5-good"))

    seen = {name: int((stack.item("SEEN", name) or {})["seen"]["N"]) for name in names}
    # The first attempt and one retry (MaximumRetryAttempts: 1).
    assert seen["2-poison"] == 2
    assert seen["4-poison"] == 2
    queue = stack.aws.client("sqs")
    told = queue.receive_message(QueueUrl=stack.deployment.resources["DeadLetters"], MaxNumberOfMessages=10)
    letters = [json.loads(message["Body"]) for message in told["Messages"]]
    assert [letter["DDBStreamBatchInfo"]["batchSize"] for letter in letters] == [1, 1]
    assert {letter["requestContext"]["condition"] for letter in letters} == {"RetryAttemptsExhausted"}


def test_items_expire_by_the_attribute_named_in_the_template(stack: SmallStack) -> None:
    described = stack.aws.client("dynamodb").describe_time_to_live(
        TableName=stack.deployment.resources["Table"]
    )

    assert described["TimeToLiveDescription"] == {
        "TimeToLiveStatus": "ENABLED",
        "AttributeName": "expires_at",
    }


# --- deploying ----------------------------------------------------------------------------------------------


def test_a_second_deployment_keeps_all_resources(stack: SmallStack) -> None:
    gateway = stack.aws.client("apigatewayv2")
    routes = gateway.get_routes(ApiId=stack.deployment.resources["Api"])["Items"]
    try:
        again = deploy(stack.aws, TEMPLATE, "small", {"Greeting": "good day"})

        assert again.resources == stack.deployment.resources
        assert again.outputs == {"TableName": stack.deployment.resources["Table"]}
        assert gateway.get_routes(ApiId=again.resources["Api"])["Items"] == routes
        assert json.loads(stack.get("/items/7")[2])["greeting"] == "good day"
    finally:
        deploy(stack.aws, TEMPLATE, "small", {})


# --- the gateway --------------------------------------------------------------------------------------------


def test_the_gateway_passes_a_body_on_byte_for_byte(stack: SmallStack) -> None:
    body = '{"text":  "ä → ✓"}'.encode()
    connection = http.client.HTTPConnection("127.0.0.1", stack.gateway.port)
    connection.request("POST", "/anything", body, {"Content-Type": "application/json"})
    plain = json.loads(connection.getresponse().read())
    connection.request(
        "POST",
        "/anything",
        iter([body[:9], body[9:]]),
        {"Content-Type": "application/json"},
        encode_chunked=True,
    )
    chunked = json.loads(connection.getresponse().read())
    connection.close()

    assert plain["body"].encode() == body
    assert chunked["body"].encode() == body
    assert plain["method"] == "POST"


def test_the_gateway_has_api_gateways_limit_for_a_body(stack: SmallStack) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", stack.gateway.port)
    connection.putrequest("POST", "/anything")
    connection.putheader("Content-Length", str(10 * 1024 * 1024 + 1))
    connection.endheaders()
    answer = connection.getresponse()

    assert answer.status == 413
    connection.close()
