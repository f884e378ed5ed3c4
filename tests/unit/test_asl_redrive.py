"""Our interpreter of state machines (tests/support/asl_runner.py) can redrive a failed execution, like Step Functions.

The Step Functions Developer Guide describes a redrive in "Restarting state machine executions with redrive".
"""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.support.asl_runner import ApiError, AslRunner
from tests.unit.test_asl_runner import OutOfStockError, Work, machine, runner, task

DAY = 86_400
RETRY = [{"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 1, "MaxAttempts": 1}]


def failed(work: Work) -> AslRunner:
    """Return a runner with a failed execution, named `one`. Its second state failed, was retried and failed again."""
    run = runner({"First": task(Next="Second"), "Second": task(Retry=RETRY)}, work)
    run.start("one", {"a": 1})
    run.advance(10)
    assert run.executions["one"].status == "FAILED"
    return run


def test_a_redriven_state_has_all_its_retries_again() -> None:
    work = Work(None, OutOfStockError(), OutOfStockError(), OutOfStockError(), None)
    run = failed(work)
    execution = run.redrive("one")
    assert (execution.status, execution.stopped_at, execution.error) == ("RUNNING", None, None)
    run.advance(10)
    assert execution.status == "SUCCEEDED"
    assert execution.states == ["First", "Second", "Second"]
    assert execution.redrives == 1


def test_a_redriven_execution_keeps_its_original_definition() -> None:
    work = Work(None, OutOfStockError(), OutOfStockError())
    run = failed(work)
    run.machine = machine({"Other": {"Type": "Succeed"}})  # as a deployment does
    run.redrive("one")
    run.run_until_idle()
    assert run.executions["one"].states == ["First", "Second", "Second"]
    run.start("two", {})
    run.run_until_idle()
    assert run.executions["two"].states == ["Other"]


def test_a_redriven_state_of_type_fail_fails_again() -> None:
    run = runner({"Work": task(Next="Broken"), "Broken": {"Type": "Fail", "Error": "E"}}, Work())
    run.start("one", {})
    run.run_until_idle()
    run.redrive("one")
    run.run_until_idle()
    assert run.executions["one"].states == ["Work", "Broken", "Broken"]
    assert run.executions["one"].status == "FAILED"


def test_a_redrive_is_possible_for_14_days() -> None:
    run = failed(Work(None, *[OutOfStockError()] * 4))
    run.advance(14 * DAY - 20)
    run.redrive("one")
    run.advance(10)
    run.advance(14 * DAY + 1)
    with pytest.raises(ApiError, match="ExecutionNotRedrivable"):
        run.redrive("one")


def test_running_and_succeeded_executions_cannot_be_redriven() -> None:
    run = runner({"Wait": task()}, Work())
    run.start("one", {})
    with pytest.raises(ApiError, match="ExecutionNotRedrivable"):
        run.redrive("one")
    run.run_until_idle()
    with pytest.raises(ApiError, match="ExecutionNotRedrivable"):
        run.redrive("one")
    with pytest.raises(ApiError, match="ExecutionDoesNotExist"):
        run.redrive("two")


def test_stopping_an_execution_cancels_its_pending_retry() -> None:
    work = Work(OutOfStockError(), None)
    run = runner({"Only": task(Retry=[{**RETRY[0], "IntervalSeconds": 100}])}, work)
    run.start("one", {})
    run.run_until_idle()
    run.stop("one")
    run.redrive("one")
    run.advance(200)
    assert run.executions["one"].status == "SUCCEEDED" and len(work.payloads) == 2


def test_the_client_lists_describes_and_redrives_like_aws() -> None:
    run = failed(Work(None, OutOfStockError("gone"), OutOfStockError("gone"), None))
    client = run.as_client()
    (listed,) = client.list_executions(stateMachineArn=run.arn, statusFilter="FAILED")["executions"]
    assert listed["name"] == "one"
    arn = listed["executionArn"]
    assert client.describe_execution(executionArn=arn)["redriveStatus"] == "REDRIVABLE"
    newest, *older = client.get_execution_history(executionArn=arn, reverseOrder=True)["events"]
    assert newest["executionFailedEventDetails"]["error"] == "OutOfStockError"
    assert older[0]["stateEnteredEventDetails"]["name"] == "Second"
    client.redrive_execution(executionArn=arn)
    run.run_until_idle()
    assert client.list_executions(stateMachineArn=run.arn, statusFilter="FAILED")["executions"] == []
    with pytest.raises(ClientError, match="ExecutionNotRedrivable"):
        client.redrive_execution(executionArn=arn)
