"""The adapter of the port Workflow over moto's Step Functions and over the in-process runner."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber
from moto import mock_aws

from hosting_orders.adapters.stepfunctions import StepFunctionsWorkflow
from hosting_orders.domain.errors import ProviderUnavailableError
from hosting_orders.domain.ids import mint_number
from hosting_orders.domain.order import Order
from tests.integration.dynamodb.examples import an_order
from tests.support.asl_runner import AslRunner, Execution, StateMachine, VirtualClock

REGION = "eu-west-1"
WAITING = {
    "QueryLanguage": "JSONata",
    "StartAt": "ChargeOrder",
    "States": {
        "ChargeOrder": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Arguments": {"FunctionName": "a", "Payload": {"task_token": "{% $states.context.Task.Token %}"}},
            "End": True,
        }
    },
}


def boto3_client(**config: Any) -> Any:
    return boto3.client(
        "stepfunctions",
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, **config),
    )


@pytest.fixture
def runner() -> AslRunner:
    return AslRunner(StateMachine.parse(WAITING, {}), VirtualClock(), invoke=lambda function, payload: None)


@pytest.fixture(params=["moto", "runner"])
def service(request: pytest.FixtureRequest, runner: AslRunner) -> Iterator[tuple[Any, str]]:
    """A client and the machine's ARN: (client, arn)."""
    if request.param == "runner":
        yield runner.as_client(), runner.arn
        return
    with mock_aws():
        client = boto3_client()
        made = client.create_state_machine(
            name="fulfil_order",
            definition=json.dumps(WAITING),
            roleArn="arn:aws:iam::111122223333:role/fulfil_order",
        )
        yield client, made["stateMachineArn"]


def execution_of(client: Any, machine_arn: str, order: Order) -> dict[str, Any]:
    arn = f"{machine_arn.replace(':stateMachine:', ':execution:')}:{order.uuid}"
    described: dict[str, Any] = client.describe_execution(executionArn=arn)
    return described


def test_an_order_s_execution_has_its_name_and_only_ids_as_input(service: tuple[Any, str]) -> None:
    client, arn = service
    order = an_order()
    StepFunctionsWorkflow(client, arn).start(order)
    execution = execution_of(client, arn, order)
    assert execution["name"] == order.uuid
    assert json.loads(execution["input"]) == {
        "account_id": order.account_id,
        "order_id": order.uuid,
        "type": "site",
    }


def test_starting_a_running_order_again_is_harmless(service: tuple[Any, str]) -> None:
    client, arn = service
    workflow = StepFunctionsWorkflow(client, arn)
    order = an_order()
    workflow.start(order)
    started_at = execution_of(client, arn, order)["startDate"]
    workflow.start(order)
    assert execution_of(client, arn, order)["startDate"] == started_at


def test_starting_an_order_whose_execution_ended_is_harmless(service: tuple[Any, str]) -> None:
    client, arn = service
    workflow = StepFunctionsWorkflow(client, arn)
    order = an_order()
    workflow.start(order)
    client.stop_execution(executionArn=execution_of(client, arn, order)["executionArn"])
    workflow.start(order)
    assert execution_of(client, arn, order)["status"] == "ABORTED"


def waiting_execution(runner: AslRunner) -> Execution:
    workflow = StepFunctionsWorkflow(runner.as_client(), runner.arn)
    order = an_order()
    workflow.start(order)
    runner.run_until_idle()
    return runner.executions[order.uuid]


def token_of(execution: Execution) -> str:
    assert execution.waiting_token is not None
    return execution.waiting_token


def test_success_lets_the_waiting_step_go_on_with_no_data_in_the_history(runner: AslRunner) -> None:
    execution = waiting_execution(runner)
    StepFunctionsWorkflow(runner.as_client(), runner.arn).succeed(token_of(execution))
    runner.run_until_idle()
    assert (execution.status, execution.output) == ("SUCCEEDED", {})


def test_failure_carries_the_error_s_name_and_cause(runner: AslRunner) -> None:
    execution = waiting_execution(runner)
    workflow = StepFunctionsWorkflow(runner.as_client(), runner.arn)
    workflow.fail(token_of(execution), "ProvisioningFailedError", "no such plan")
    runner.run_until_idle()
    assert (execution.status, execution.error, execution.cause) == (
        "FAILED",
        "ProvisioningFailedError",
        "no such plan",
    )


def test_a_reason_that_is_too_long_is_cut_to_what_the_service_takes(runner: AslRunner) -> None:
    execution = waiting_execution(runner)
    workflow = StepFunctionsWorkflow(runner.as_client(), runner.arn)
    workflow.fail(token_of(execution), "E" * 300, "c" * 40_000)
    runner.run_until_idle()
    assert (len(execution.error or ""), len(execution.cause or "")) == (256, 32_768)


@pytest.mark.parametrize("end", ["answered", "stopped", "unknown"])
def test_a_token_nobody_waits_for_is_not_an_error(runner: AslRunner, end: str) -> None:
    execution = waiting_execution(runner)
    workflow = StepFunctionsWorkflow(runner.as_client(), runner.arn)
    token = token_of(execution)
    if end == "answered":
        workflow.succeed(token)
    elif end == "stopped":
        runner.stop(execution.name)
    else:
        token = "AQCgAAAAKgAAAAMAAAAAmadeup"
    workflow.succeed(token)
    workflow.fail(token, "ProvisioningFailedError", "late")
    runner.run_until_idle()
    assert execution.status == {"answered": "SUCCEEDED", "stopped": "ABORTED", "unknown": "RUNNING"}[end]


# -- the project's own machine ------------------------------------------------------------------------

STATE_MACHINE = Path(__file__).parents[2] / "statemachines" / "fulfil_order.asl.yaml"


class Fulfilment:
    """The real machine on functions that only note what they are given."""

    def __init__(self) -> None:
        self.given: list[tuple[str, dict[str, Any]]] = []
        names = set(re.findall(r"\$\{(\w+)FunctionArn\}", STATE_MACHINE.read_text(encoding="utf-8")))
        machine = StateMachine.load(STATE_MACHINE, {f"{name}FunctionArn": name for name in names})
        self.runner = AslRunner(machine, VirtualClock(), invoke=self._note)
        self.workflow = StepFunctionsWorkflow(self.runner.as_client(), self.runner.arn)

    def _note(self, function: str, payload: dict[str, Any]) -> None:
        self.given.append((function, payload))

    def start(self, order: Order) -> Execution:
        self.workflow.start(order)
        self.runner.run_until_idle()
        return self.runner.executions[order.uuid]

    def steps(self) -> list[str]:
        return [function for function, _ in self.given]


def test_the_machine_finds_in_its_input_all_that_its_steps_read() -> None:
    fulfilment = Fulfilment()
    order = an_order()
    execution = fulfilment.start(order)
    assert (execution.states, execution.error, execution.cause) == (["ChargeOrder"], None, None)
    for _ in range(2):
        fulfilment.workflow.succeed(token_of(execution))
        fulfilment.runner.run_until_idle()
    assert fulfilment.steps() == ["ChargeOrder", "ProvisionHosting", "SendCallback"]
    assert execution.status == "SUCCEEDED"
    for function, payload in fulfilment.given:
        assert payload["account_id"] == order.account_id, function
        assert payload["order_id"] == order.uuid, function


def test_the_machine_gives_the_money_back_when_a_step_fails() -> None:
    fulfilment = Fulfilment()
    execution = fulfilment.start(an_order())
    fulfilment.workflow.fail(token_of(execution), "PaymentFailedError", "declined")
    fulfilment.runner.run_until_idle()
    assert fulfilment.steps() == ["ChargeOrder", "RefundOrder"]
    assert fulfilment.given[1][1]["error"] == "PaymentFailedError"
    fulfilment.workflow.succeed(token_of(execution))
    fulfilment.runner.run_until_idle()
    assert fulfilment.steps() == ["ChargeOrder", "RefundOrder", "SendCallback"]
    assert execution.status == "SUCCEEDED"


# -- when Step Functions does not answer --------------------------------------------------------------

CALLS: dict[str, Callable[[StepFunctionsWorkflow], None]] = {
    "start_execution": lambda workflow: workflow.start(an_order(number=mint_number(1_800_000_000_000))),
    "send_task_success": lambda workflow: workflow.succeed("token"),
    "send_task_failure": lambda workflow: workflow.fail("token", "PaymentFailedError", "declined"),
}


@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ThrottlingException", 400),
        ("ExecutionLimitExceeded", 400),
        ("KmsThrottlingException", 400),
        ("InternalServerError", 500),
        ("ServiceUnavailable", 503),
        ("AccessDeniedException", 400),
        ("StateMachineDoesNotExist", 400),
    ],
)
def test_throttles_and_faults_are_told_as_unavailable(operation: str, code: str, status: int) -> None:
    client = boto3_client()
    with Stubber(client) as stub:
        stub.add_client_error(operation, service_error_code=code, http_status_code=status)
        with pytest.raises(ProviderUnavailableError, match=code):
            CALLS[operation](StepFunctionsWorkflow(client, "arn:aws:states:eu-west-1:1:stateMachine:m"))


@pytest.mark.parametrize("operation", CALLS)
def test_a_service_that_can_not_be_reached_is_told_as_unavailable(operation: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound but not listening: a connection is refused
        client = boto3.client(
            "stepfunctions",
            region_name=REGION,
            endpoint_url=f"http://127.0.0.1:{closed.getsockname()[1]}",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, inject_host_prefix=False),
        )
        with pytest.raises(ProviderUnavailableError):
            CALLS[operation](StepFunctionsWorkflow(client, "arn:aws:states:eu-west-1:1:stateMachine:m"))
