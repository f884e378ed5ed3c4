"""The adapter `StepFunctionsWorkflow`, tested with moto's Step Functions and with the in-process runner."""

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
from hosting_orders.domain.errors import (
    ConcurrentUpdateError,
    HostingOrdersError,
    OrderCanceledError,
    PaymentFailedError,
    ProviderUnavailableError,
    ProvisioningFailedError,
)
from hosting_orders.domain.ids import mint_number
from hosting_orders.domain.order import Order
from hosting_orders.domain.workflow import Step
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


class TokensInMemory:
    """The adapter's token store in memory. tests/integration/dynamodb tests the real store."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, int, str], tuple[str, int]] = {}

    def put_token(self, account_id: str, number: int, step: str, token: str, now: int) -> None:
        if self.kept.get((account_id, number, step), ("", 0))[1] > now:
            raise ConcurrentUpdateError("a token with a later time is stored for this step")
        self.kept[account_id, number, step] = (token, now)

    def token(self, account_id: str, number: int, step: str) -> str | None:
        return self.kept.get((account_id, number, step), (None, 0))[0]

    def drop_token(self, account_id: str, number: int, step: str, token: str) -> None:
        if self.token(account_id, number, step) == token:
            del self.kept[account_id, number, step]


def workflow_of(client: Any, arn: str, tokens: TokensInMemory | None = None) -> StepFunctionsWorkflow:
    return StepFunctionsWorkflow(client, arn, tokens or TokensInMemory(), VirtualClock())


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
    """(client, ARN of the state machine)."""
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


def test_an_executions_input_has_no_personal_data(
    service: tuple[Any, str],
) -> None:
    client, arn = service
    order = an_order()
    workflow_of(client, arn).start(order)
    execution = execution_of(client, arn, order)
    assert execution["name"] == order.uuid
    assert json.loads(execution["input"]) == {
        "account_id": order.account_id,
        "order_id": order.uuid,
        "type": "site",
        "deliverer": "platform",
    }


def test_a_second_start_does_not_restart_a_running_execution(service: tuple[Any, str]) -> None:
    client, arn = service
    workflow = workflow_of(client, arn)
    order = an_order()
    workflow.start(order)
    started_at = execution_of(client, arn, order)["startDate"]
    workflow.start(order)
    assert execution_of(client, arn, order)["startDate"] == started_at


def test_a_second_start_does_not_restart_an_ended_execution(service: tuple[Any, str]) -> None:
    client, arn = service
    workflow = workflow_of(client, arn)
    order = an_order()
    workflow.start(order)
    client.stop_execution(executionArn=execution_of(client, arn, order)["executionArn"])
    workflow.start(order)
    assert execution_of(client, arn, order)["status"] == "ABORTED"


class Waiting:
    """An order that waits in its first step. Its task token is stored."""

    def __init__(self, runner: AslRunner) -> None:
        self.runner, self.tokens, self.order = runner, TokensInMemory(), an_order()
        self.workflow = workflow_of(runner.as_client(), runner.arn, self.tokens)
        self.workflow.start(self.order)
        runner.run_until_idle()
        self.execution = runner.executions[self.order.uuid]
        self.workflow.wait(self.order, Step.CHARGE, token_of(self.execution))

    def ended(self) -> tuple[str, str | None, str | None]:
        self.runner.run_until_idle()
        return (self.execution.status, self.execution.error, self.execution.cause)


@pytest.fixture
def waiting(runner: AslRunner) -> Waiting:
    return Waiting(runner)


def token_of(execution: Execution) -> str:
    assert execution.waiting_token is not None
    return execution.waiting_token


def test_resuming_a_step_completes_it_with_an_empty_output(waiting: Waiting) -> None:
    assert waiting.workflow.resume(waiting.order, Step.CHARGE)
    assert waiting.ended() == ("SUCCEEDED", None, None)
    assert waiting.execution.output == {}
    assert not waiting.tokens.kept


def test_failing_a_step_ends_it_with_the_error_and_its_cause(waiting: Waiting) -> None:
    assert waiting.workflow.fail(waiting.order, Step.CHARGE, ProvisioningFailedError, "no such plan")
    assert waiting.ended() == ("FAILED", "ProvisioningFailedError", "no such plan")
    assert not waiting.tokens.kept


def test_a_call_for_another_step_changes_nothing(waiting: Waiting) -> None:
    assert not waiting.workflow.resume(waiting.order, Step.DELIVER)
    assert not waiting.workflow.fail(waiting.order, Step.REFUND, PaymentFailedError, "declined")
    assert waiting.ended() == ("RUNNING", None, None)
    assert len(waiting.tokens.kept) == 1


def test_answering_a_step_keeps_the_token_of_a_newer_attempt(waiting: Waiting) -> None:
    own = token_of(waiting.execution)
    waiting.workflow.wait(waiting.order, Step.CHARGE, "of a newer attempt")
    waiting.workflow.answer(waiting.order, Step.CHARGE, own)
    assert waiting.ended()[0] == "SUCCEEDED"
    assert (
        waiting.tokens.token(waiting.order.account_id, waiting.order.number, "charge") == "of a newer attempt"
    )


def test_an_older_attempt_cannot_replace_a_newer_token(waiting: Waiting) -> None:
    place = (waiting.order.account_id, waiting.order.number, "charge")
    waiting.tokens.kept[place] = ("newer", 2**62)
    with pytest.raises(ConcurrentUpdateError):
        waiting.workflow.wait(waiting.order, Step.CHARGE, "older")
    assert waiting.tokens.kept[place][0] == "newer"


def test_a_long_error_and_a_long_cause_are_cut(waiting: Waiting) -> None:
    long_name = type("E" * 300, (HostingOrdersError,), {})
    waiting.workflow.fail(waiting.order, Step.CHARGE, long_name, "c" * 40_000)
    _, error, cause = waiting.ended()
    assert (len(error or ""), len(cause or "")) == (256, 32_768)


@pytest.mark.parametrize("answer", ["resume", "fail"])
@pytest.mark.parametrize("end", ["answered", "stopped", "unknown"])
def test_a_token_without_a_waiting_execution_is_deleted(waiting: Waiting, end: str, answer: str) -> None:
    workflow, order = waiting.workflow, waiting.order
    if end == "answered":
        workflow.answer(order, Step.CHARGE, token_of(waiting.execution))
    elif end == "stopped":
        waiting.runner.stop(waiting.execution.name)
    workflow.wait(order, Step.CHARGE, "AQCgAAAAKgAAAAMAAAAAmadeup")
    if answer == "resume":
        assert not workflow.resume(order, Step.CHARGE)
    else:
        assert not workflow.fail(order, Step.CHARGE, OrderCanceledError, "late")
    assert waiting.ended()[0] == {"answered": "SUCCEEDED", "stopped": "ABORTED", "unknown": "RUNNING"}[end]
    assert not waiting.tokens.kept, "the token must be deleted"


# -- the project's state machine ----------------------------------------------------------------------

STATE_MACHINE = Path(__file__).parents[2] / "statemachines" / "fulfil_order.asl.yaml"


class Fulfilment:
    """The real state machine, with functions that only record their input."""

    def __init__(self) -> None:
        self.given: list[tuple[str, dict[str, Any]]] = []
        names = set(re.findall(r"\$\{(\w+)FunctionArn\}", STATE_MACHINE.read_text(encoding="utf-8")))
        machine = StateMachine.load(STATE_MACHINE, {f"{name}FunctionArn": name for name in names})
        self.runner = AslRunner(machine, VirtualClock(), invoke=self._note)
        self.workflow = workflow_of(self.runner.as_client(), self.runner.arn)

    def _note(self, function: str, payload: dict[str, Any]) -> None:
        self.given.append((function, payload))

    def start(self, order: Order) -> Execution:
        self.workflow.start(order)
        self.runner.run_until_idle()
        return self.runner.executions[order.uuid]

    def steps(self) -> list[str]:
        return [function for function, _ in self.given]


def test_the_input_has_everything_that_the_steps_read() -> None:
    fulfilment = Fulfilment()
    order = an_order()
    execution = fulfilment.start(order)
    assert (execution.states, execution.error, execution.cause) == (["ChargeOrder"], None, None)
    for _ in range(2):
        fulfilment.workflow.answer(order, Step.CHARGE, token_of(execution))
        fulfilment.runner.run_until_idle()
    assert fulfilment.steps() == ["ChargeOrder", "ProvisionHosting", "SendCallback"]
    assert execution.status == "SUCCEEDED"
    for function, payload in fulfilment.given:
        assert payload["account_id"] == order.account_id, function
        assert payload["order_id"] == order.uuid, function


def test_a_failed_charge_leads_to_the_refund_step() -> None:
    fulfilment = Fulfilment()
    order = an_order()
    execution = fulfilment.start(order)
    fulfilment.workflow.wait(order, Step.CHARGE, token_of(execution))
    fulfilment.workflow.fail(order, Step.CHARGE, PaymentFailedError, "declined")
    fulfilment.runner.run_until_idle()
    assert fulfilment.steps() == ["ChargeOrder", "RefundOrder"]
    assert fulfilment.given[1][1]["error"] == "PaymentFailedError"
    fulfilment.workflow.answer(order, Step.REFUND, token_of(execution))
    fulfilment.runner.run_until_idle()
    assert fulfilment.steps() == ["ChargeOrder", "RefundOrder", "SendCallback"]
    assert execution.status == "SUCCEEDED"


# -- when Step Functions does not answer --------------------------------------------------------------

ORDER = an_order(number=mint_number(1_800_000_000_000))
CALLS: dict[str, Callable[[StepFunctionsWorkflow], object]] = {
    "start_execution": lambda workflow: workflow.start(ORDER),
    "send_task_success": lambda workflow: workflow.resume(ORDER, Step.CHARGE),
    "send_task_failure": lambda workflow: workflow.fail(ORDER, Step.CHARGE, PaymentFailedError, "declined"),
}


def ask_in_vain(client: Any, operation: str) -> str:
    """Call `operation` for a step whose token is stored. Return the text of the ProviderUnavailableError."""
    tokens = TokensInMemory()
    workflow = workflow_of(client, "arn:aws:states:eu-west-1:1:stateMachine:m", tokens)
    workflow.wait(ORDER, Step.CHARGE, "token")
    with pytest.raises(ProviderUnavailableError) as raised:
        CALLS[operation](workflow)
    assert tokens.token(ORDER.account_id, ORDER.number, "charge") == "token", "the token must stay"
    return str(raised.value)


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
def test_a_service_error_raises_provider_unavailable(operation: str, code: str, status: int) -> None:
    client = boto3_client()
    with Stubber(client) as stub:
        stub.add_client_error(operation, service_error_code=code, http_status_code=status)
        assert code in ask_in_vain(client, operation)


@pytest.mark.parametrize("operation", CALLS)
def test_an_unreachable_service_raises_provider_unavailable(operation: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        client = boto3.client(
            "stepfunctions",
            region_name=REGION,
            endpoint_url=f"http://127.0.0.1:{closed.getsockname()[1]}",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, inject_host_prefix=False),
        )
        ask_in_vain(client, operation)
