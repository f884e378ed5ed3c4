"""The state machine's interpreter (tests/support/asl_runner.py) follows the Step Functions documentation."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.asl_definition import Expression, StateFailedError, error_matches
from tests.support.asl_runner import (
    ApiError,
    AslRunner,
    InvocationError,
    StateMachine,
    UnsupportedAslError,
    VirtualClock,
)

START = 1_800_000_000_000
INVOKE = "arn:aws:states:::lambda:invoke"
WAIT = "arn:aws:states:::lambda:invoke.waitForTaskToken"


class OutOfStockError(Exception):
    pass


def task(**fields: Any) -> dict[str, Any]:
    """Return a Task state that calls ${Work} and ends the execution. `fields` override the state's fields."""
    base = {"Type": "Task", "Resource": INVOKE, "Arguments": {"FunctionName": "${Work}"}, "End": True}
    if "Next" in fields:
        del base["End"]
    return base | fields


def waiting(**fields: Any) -> dict[str, Any]:
    arguments = {"FunctionName": "${Work}", "Payload": {"token": "{% $states.context.Task.Token %}"}}
    return task(Resource=WAIT, Arguments=arguments) | fields


def machine(states: dict[str, Any], work: Any = "arn:work", **fields: Any) -> StateMachine:
    definition = {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states} | fields
    substitutions = {"Work": work} if "${Work}" in json.dumps(definition) else {}
    return StateMachine.parse(definition, substitutions)


def runner(states: dict[str, Any], work: Callable[[Any], Any] | None = None, **fields: Any) -> AslRunner:
    seed = fields.pop("seed", 0)
    return AslRunner(
        machine(states, work or (lambda payload: payload), **fields),
        VirtualClock(START),
        invoke=lambda function, payload: function(payload),
        seed=seed,
    )


class Work:
    """A function that raises the given errors in turn, then returns `answer`. It records payloads and call times."""

    def __init__(self, *errors: Exception | None, answer: Any = None) -> None:
        self.errors = list(errors)
        self.answer = answer
        self.payloads: list[Any] = []
        self.called_at: list[float] = []
        self.clock: VirtualClock | None = None

    def __call__(self, payload: Any) -> Any:
        self.payloads.append(payload)
        if self.clock:
            self.called_at.append((self.clock.now() - START) / 1000)
        error = self.errors.pop(0) if self.errors else None
        if error:
            raise error
        return self.answer

    def watch(self, run: AslRunner) -> Work:
        assert isinstance(run.clock, VirtualClock)
        self.clock = run.clock
        return self


# -- data flow ----------------------------------------------------------------------------------------


def test_a_task_sends_its_arguments_and_passes_its_output_on() -> None:
    work = Work(answer={"price": 900})
    run = runner(
        {
            "Charge": task(
                Arguments={
                    "FunctionName": "${Work}",
                    "Payload": {"number": "{% $states.input.number %}", "kind": "x"},
                },
                Assign={"price": "{% $states.result.Payload.price %}"},
                Output={"number": "{% $states.input.number %}", "status": "{% $states.result.StatusCode %}"},
                Next="Done",
            ),
            "Done": {"Type": "Succeed", "Output": {"was": "{% $states.input %}", "price": "{% $price %}"}},
        },
        work,
    )
    execution = run.start("one", {"number": 433791696896001})
    run.run_until_idle()
    assert work.payloads == [{"number": 433791696896001, "kind": "x"}]
    assert execution.status == "SUCCEEDED"
    assert execution.output == {"was": {"number": 433791696896001, "status": 200}, "price": 900}
    assert execution.states == ["Charge", "Done"]


def test_a_task_without_output_passes_its_whole_result_on() -> None:
    run = runner({"Charge": task()}, Work(answer="ok"))
    execution = run.start("one", {})
    run.run_until_idle()
    assert execution.output == {"ExecutedVersion": "$LATEST", "Payload": "ok", "StatusCode": 200}


def test_a_handler_cannot_change_the_workflows_data() -> None:
    def vandal(payload: Any) -> Any:
        payload["kept"] = "changed"
        return payload

    states = {
        "Charge": task(
            Arguments={"FunctionName": "${Work}", "Payload": "{% $states.input %}"},
            Output="{% $states.input %}",
        )
    }
    run = runner(states, vandal)
    execution = run.start("one", {"kept": "as it was"})
    run.run_until_idle()
    assert execution.output == {"kept": "as it was"}


def test_a_choice_state_takes_the_first_matching_rule() -> None:
    states = {
        "Route": {
            "Type": "Choice",
            "Choices": [
                {"Condition": "{% $states.input.type = 'site' %}", "Next": "Site", "Assign": {"by": "rule"}},
                {"Condition": "{% $states.input.type in ['site', 'domain'] %}", "Next": "Domain"},
            ],
            "Default": "Unknown",
            "Assign": {"by": "default"},
        },
        "Site": {"Type": "Succeed", "Output": "{% $by %}"},
        "Domain": {"Type": "Succeed"},
        "Unknown": {
            "Type": "Fail",
            "Error": "UnknownType",
            "Cause": "{% 'no ' & $states.input.type & ', ' & $by %}",
        },
    }
    run = runner(states)
    site, domain, other = (run.start(kind, {"type": kind}) for kind in ("site", "domain", "other"))
    run.run_until_idle()
    assert (site.states, site.output) == (["Route", "Site"], "rule")
    assert (domain.states, domain.output) == (["Route", "Domain"], {"type": "domain"})
    assert (other.status, other.error, other.cause) == ("FAILED", "UnknownType", "no other, default")


def test_a_choice_state_fails_without_a_matching_rule() -> None:
    states = {
        "Route": {"Type": "Choice", "Choices": [{"Condition": "{% $states.input.a = 1 %}", "Next": "Done"}]},
        "Done": {"Type": "Succeed"},
    }
    run = runner(states)
    execution = run.start("one", {"a": 2})
    run.run_until_idle()
    assert (execution.status, execution.error) == ("FAILED", "States.NoChoiceMatched")


def test_a_non_boolean_condition_fails() -> None:
    states = {
        "Route": {"Type": "Choice", "Choices": [{"Condition": "{% $states.input.a %}", "Next": "Done"}]},
        "Done": {"Type": "Succeed"},
    }
    run = runner(states)
    execution = run.start("one", {"a": "yes"})
    run.run_until_idle()
    assert (execution.status, execution.error) == ("FAILED", "States.QueryEvaluationError")


def test_assign_and_output_read_the_old_values_of_variables() -> None:
    states = {
        "First": {"Type": "Pass", "Assign": {"n": 1}, "Next": "Second"},
        "Second": {
            "Type": "Pass",
            "Assign": {"n": "{% $n + 1 %}", "before": "{% $n %}"},
            "Output": "{% $n %}",
            "Next": "Last",
        },
        "Last": {"Type": "Succeed", "Output": ["{% $states.input %}", "{% $n %}", "{% $before %}"]},
    }
    run = runner(states)
    execution = run.start("one", {})
    run.run_until_idle()
    assert execution.output == [1, 2, 1]


def test_the_context_object_describes_the_execution() -> None:
    states = {"Look": {"Type": "Succeed", "Output": "{% $states.context %}"}}
    run = runner(states)
    run.advance(2)
    execution = run.start("one", {"a": 1})
    run.run_until_idle()
    assert execution.output == {
        "Execution": {
            "Id": execution.arn,
            "Name": "one",
            "Input": {"a": 1},
            "StartTime": "2027-01-15T08:00:02.000Z",
        },
        "State": {"Name": "Look", "EnteredTime": "2027-01-15T08:00:02.000Z", "RetryCount": 0},
        "StateMachine": {"Id": run.arn, "Name": "machine"},
    }


def test_a_task_can_catch_the_error_of_an_undefined_value() -> None:
    catch = [{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "Caught"}]
    arguments = {"FunctionName": "${Work}", "Payload": {"x": "{% $states.input.not_there %}"}}
    states = {"Charge": task(Arguments=arguments, Catch=catch), "Caught": {"Type": "Succeed"}}
    work = Work()
    run = runner(states, work)
    execution = run.start("one", {})
    run.run_until_idle()
    assert execution.states == ["Charge", "Caught"]
    assert "not_there" in execution.output["Cause"]
    assert work.payloads == []


def test_a_task_can_catch_an_error_in_its_output() -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
    states = {
        "Charge": task(Output="{% $states.result.nowhere %}", Catch=catch),
        "Caught": {"Type": "Succeed", "Output": "{% $states.input.Error %}"},
    }
    run = runner(states)
    execution = run.start("one", {})
    run.run_until_idle()
    assert execution.output == "States.QueryEvaluationError"


def test_a_null_in_the_data_is_not_undefined() -> None:
    run = runner({"Look": {"Type": "Succeed", "Output": {"n": "{% $states.input.n %}"}}})
    execution = run.start("one", {"n": None})
    run.run_until_idle()
    assert execution.output == {"n": None}


def test_the_cause_of_a_lambda_error_can_be_parsed() -> None:
    catch = [
        {
            "ErrorEquals": ["OutOfStockError"],
            "Output": {"why": "{% $parse($states.errorOutput.Cause).errorMessage %}"},
            "Next": "Caught",
        }
    ]
    states = {"Charge": task(Catch=catch), "Caught": {"Type": "Succeed"}}
    run = runner(states, Work(OutOfStockError("none left")))
    execution = run.start("one", {})
    run.run_until_idle()
    assert execution.output == {"why": "none left"}


# `Expression` looks up a plain path such as $states.input.a without JSONata. The next test checks that
# JSONata gives the same value.
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=10,
)


@settings(deadline=None)
@given(value=JSON_VALUES, path=st.lists(st.sampled_from("abc"), min_size=1, max_size=3))
def test_a_plain_path_gives_the_same_value_as_jsonata(value: Any, path: list[str]) -> None:
    def outcome(source: str) -> Any:
        try:
            return Expression(source).evaluate({"states": {"input": value}})
        except StateFailedError as failure:
            return failure.error

    plain = f"$states.input.{'.'.join(path)}"
    assert outcome(plain) == outcome(f"({plain})")  # parentheses force JSONata


# -- retries ------------------------------------------------------------------------------------------


def test_retries_back_off_up_to_the_maximum_delay() -> None:
    retry = [
        {
            "ErrorEquals": ["OutOfStockError"],
            "IntervalSeconds": 2,
            "MaxAttempts": 4,
            "BackoffRate": 3,
            "MaxDelaySeconds": 10,
        }
    ]
    work = Work(*[OutOfStockError()] * 9)
    run = runner({"Charge": task(Retry=retry)}, work)
    work.watch(run)
    execution = run.start("one", {})
    run.advance(3600)
    assert work.called_at == [0, 2, 8, 18, 28]
    assert (execution.status, execution.error) == ("FAILED", "OutOfStockError")
    assert execution.transitions == 5  # the first attempt and four retries
    assert execution.history[0].attempts == 5


def test_by_default_three_retries_wait_1_2_and_4_seconds() -> None:
    work = Work(*[OutOfStockError()] * 9)
    run = runner({"Charge": task(Retry=[{"ErrorEquals": ["States.ALL"]}])}, work)
    work.watch(run)
    run.start("one", {})
    run.advance(3600)
    assert work.called_at == [0, 1, 3, 7]


def test_every_retrier_counts_its_own_attempts() -> None:
    retry = [
        {"ErrorEquals": ["OutOfStockError"], "MaxAttempts": 1, "BackoffRate": 1},
        {"ErrorEquals": ["States.ALL"], "MaxAttempts": 2, "BackoffRate": 1},
    ]
    work = Work(OutOfStockError(), ValueError(), ValueError(), answer="done")
    run = runner({"Charge": task(Retry=retry, Output="{% $states.result.Payload %}")}, work)
    execution = run.start("one", {})
    run.advance(60)
    assert execution.output == "done"
    assert len(work.payloads) == 4


def test_a_retrier_uses_no_attempts_of_another_retrier() -> None:
    retry = [
        {"ErrorEquals": ["OutOfStockError"], "MaxAttempts": 1, "BackoffRate": 1},
        {"ErrorEquals": ["States.ALL"], "MaxAttempts": 1, "BackoffRate": 1},
    ]
    work = Work(ValueError(), OutOfStockError(), ValueError(), ValueError())
    run = runner({"Charge": task(Retry=retry)}, work)
    execution = run.start("one", {})
    run.advance(60)
    assert (execution.status, len(work.payloads)) == ("FAILED", 3)


def test_after_an_exhausted_retrier_no_other_retrier_is_used() -> None:
    retry = [
        {"ErrorEquals": ["OutOfStockError"], "MaxAttempts": 1},
        {"ErrorEquals": ["States.ALL"], "MaxAttempts": 5},
    ]
    work = Work(*[OutOfStockError()] * 9)
    run = runner({"Charge": task(Retry=retry)}, work)
    execution = run.start("one", {})
    run.advance(3600)
    assert execution.status == "FAILED"
    assert len(work.payloads) == 2


def test_a_retrier_with_zero_attempts_does_not_retry() -> None:
    retry = [{"ErrorEquals": ["OutOfStockError"], "MaxAttempts": 0}, {"ErrorEquals": ["States.ALL"]}]
    work = Work(OutOfStockError())
    run = runner({"Charge": task(Retry=retry)}, work)
    execution = run.start("one", {})
    run.advance(60)
    assert (execution.status, len(work.payloads)) == ("FAILED", 1)


def test_a_reentered_state_has_all_its_retries_again() -> None:
    retry = [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}]
    states = {
        "Charge": task(Retry=retry, Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Again"}]),
        "Again": {"Type": "Pass", "Next": "Charge"},
    }
    work = Work(*[OutOfStockError()] * 3, answer="done")
    run = runner(states, work)
    execution = run.start("one", {})
    run.advance(60)
    assert execution.states == ["Charge", "Again", "Charge"]
    assert execution.status == "SUCCEEDED"
    assert len(work.payloads) == 4


def test_full_jitter_is_random_but_repeatable_for_a_seed() -> None:
    retry = [
        {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 10, "MaxAttempts": 4, "JitterStrategy": "FULL"}
    ]

    def calls(seed: int) -> list[float]:
        work = Work(*[OutOfStockError()] * 9)
        run = runner({"Charge": task(Retry=retry)}, work, seed=seed)
        work.watch(run)
        run.start("one", {})
        run.advance(3600)
        return work.called_at

    delays = [later - earlier for earlier, later in zip(calls(1), calls(1)[1:], strict=False)]
    assert all(0 <= delay <= 10 * 2**n for n, delay in enumerate(delays))
    assert calls(1) == calls(1)
    assert calls(1) != calls(2)


# -- which errors match -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "names", "taken"),
    [
        ("OutOfStockError", ["OutOfStockError"], True),
        ("OutOfStockError", ["StockError"], False),
        ("OutOfStockError", ["States.TaskFailed"], True),
        ("OutOfStockError", ["States.ALL"], True),
        ("States.Timeout", ["States.Timeout"], True),
        ("States.Timeout", ["States.TaskFailed"], False),
        ("States.Timeout", ["States.ALL"], True),
        ("States.QueryEvaluationError", ["States.ALL"], True),
        ("States.DataLimitExceeded", ["States.ALL"], False),
        ("States.DataLimitExceeded", ["States.TaskFailed"], False),
        ("States.DataLimitExceeded", ["States.DataLimitExceeded"], True),
        ("States.Runtime", ["States.ALL"], False),
        ("States.Runtime", ["States.Runtime"], False),
        (None, ["States.ALL"], True),
    ],
)
def test_error_names_match_as_aws_documents(error: str | None, names: list[str], taken: bool) -> None:
    assert error_matches(error, tuple(names)) is taken


def test_the_first_matching_catcher_wins() -> None:
    catch = [
        {"ErrorEquals": ["States.Timeout"], "Next": "Slow"},
        {
            "ErrorEquals": ["OutOfStockError"],
            "Next": "Sold",
            "Assign": {"why": "{% $states.errorOutput.Error %}"},
        },
        {"ErrorEquals": ["States.ALL"], "Next": "Slow"},
    ]
    states = {
        "Charge": task(Catch=catch),
        "Slow": {"Type": "Succeed"},
        "Sold": {"Type": "Succeed", "Output": "{% $why %}"},
    }
    run = runner(states, Work(OutOfStockError()))
    execution = run.start("one", {})
    run.run_until_idle()
    assert execution.states == ["Charge", "Sold"]
    assert execution.output == "OutOfStockError"


def test_a_killed_function_fails_with_lambdas_error_name() -> None:
    run = runner({"Charge": task()}, Work(InvocationError("Sandbox.Timedout", "after 10 s")))
    execution = run.start("one", {})
    run.run_until_idle()
    assert (execution.status, execution.error, execution.cause) == (
        "FAILED",
        "Sandbox.Timedout",
        "after 10 s",
    )


def test_a_result_must_be_json() -> None:
    run = runner({"Charge": task()}, Work(answer={1, 2}))
    execution = run.start("one", {})
    run.run_until_idle()
    assert (execution.status, execution.error) == ("FAILED", "Runtime.MarshalError")


def test_a_too_large_result_cannot_be_caught() -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
    states = {"Charge": task(Catch=catch, Next="Caught"), "Caught": {"Type": "Succeed"}}
    run = runner(states, Work(answer="x" * 262_144))
    execution = run.start("one", {})
    run.run_until_idle()
    assert (execution.status, execution.error) == ("FAILED", "States.DataLimitExceeded")


# -- task tokens and time -----------------------------------------------------------------------------


def test_send_task_success_ends_the_wait_with_its_output() -> None:
    work = Work()
    run = runner({"Provision": waiting(Output="{% $states.result.site %}")}, work)
    execution = run.start("one", {})
    run.run_until_idle()
    assert execution.status == "RUNNING"
    assert execution.waiting_token == work.payloads[0]["token"]
    run.send_task_success(work.payloads[0]["token"], '{"site": "example.test"}')
    run.run_until_idle()
    assert (execution.status, execution.output) == ("SUCCEEDED", "example.test")


def test_a_failure_sent_with_a_token_is_retried_and_caught() -> None:
    work = Work()
    states = {
        "Provision": waiting(
            Retry=[{"ErrorEquals": ["Flaky"], "MaxAttempts": 1}],
            Catch=[{"ErrorEquals": ["Flaky"], "Next": "Caught"}],
        ),
        "Caught": {"Type": "Succeed"},
    }
    run = runner(states, work)
    execution = run.start("one", {})
    for _ in range(2):
        run.advance(1)
        run.send_task_failure(work.payloads[-1]["token"], "Flaky", "try again")
        run.run_until_idle()
    assert len({payload["token"] for payload in work.payloads}) == 2
    assert execution.output == {"Error": "Flaky", "Cause": "try again"}


def test_a_handler_may_complete_its_own_token() -> None:
    calls: list[str] = []

    def eager(payload: Any) -> None:
        calls.append(payload["token"])
        run.send_task_success(payload["token"], '"soon"')

    run = runner({"Provision": waiting()}, eager)
    execution = run.start("one", {})
    run.run_until_idle()
    assert (execution.output, len(calls)) == ("soon", 1)


def test_a_step_with_a_completed_token_survives_a_crash() -> None:
    def eager_and_broken(payload: Any) -> None:
        run.send_task_success(payload["token"], '"soon"')
        raise OutOfStockError

    run = runner({"Provision": waiting(Retry=[{"ErrorEquals": ["States.ALL"]}])}, eager_and_broken)
    execution = run.start("one", {})
    run.advance(60)
    assert (execution.output, execution.transitions) == ("soon", 1)


def test_a_token_is_invalid_after_its_function_has_failed() -> None:
    work = Work(OutOfStockError())
    run = runner({"Provision": waiting()}, work)
    execution = run.start("one", {})
    run.run_until_idle()
    assert (execution.status, execution.error) == ("FAILED", "OutOfStockError")
    with pytest.raises(ApiError) as refusal:
        run.send_task_success(work.payloads[0]["token"], "{}")
    assert refusal.value.code == "TaskTimedOut"


def test_a_token_can_be_completed_only_once() -> None:
    work = Work()
    run = runner({"Provision": waiting()}, work)
    run.start("one", {})
    run.run_until_idle()
    token = work.payloads[0]["token"]
    run.send_task_success(token, "{}")
    for again in (lambda: run.send_task_success(token, "{}"), lambda: run.send_task_failure(token, "Late")):
        with pytest.raises(ApiError) as refusal:
            again()
        assert refusal.value.code == "TaskTimedOut"


def test_an_unknown_token_or_invalid_output_is_refused() -> None:
    work = Work()
    run = runner({"Provision": waiting()}, work)
    execution = run.start("one", {})
    run.run_until_idle()
    with pytest.raises(ApiError, match="InvalidToken"):
        run.send_task_success("made up", "{}")
    with pytest.raises(ApiError, match="InvalidOutput"):
        run.send_task_success(work.payloads[0]["token"], "not json")
    assert execution.waiting_token == work.payloads[0]["token"]


def test_the_token_of_a_timed_out_task_is_invalid() -> None:
    work = Work()
    states = {
        "Provision": waiting(TimeoutSeconds=60, Catch=[{"ErrorEquals": ["States.Timeout"], "Next": "Late"}]),
        "Late": {"Type": "Succeed"},
    }
    run = runner(states, work)
    execution = run.start("one", {})
    run.advance(59.999)
    assert execution.status == "RUNNING"
    run.advance(0.001)
    assert execution.states == ["Provision", "Late"]
    assert execution.output == {"Error": "States.Timeout"}
    with pytest.raises(ApiError, match="TaskTimedOut"):
        run.send_task_success(work.payloads[0]["token"], "{}")


def test_the_deadline_restarts_with_every_attempt() -> None:
    retry = [{"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 5, "MaxAttempts": 1}]
    work = Work()
    run = runner({"Provision": waiting(TimeoutSeconds="{% $states.input.patience %}", Retry=retry)}, work)
    work.watch(run)
    execution = run.start("one", {"patience": 60})
    run.advance(124)
    assert (work.called_at, execution.status) == ([0, 65], "RUNNING")
    run.advance(1)
    assert (execution.status, execution.error) == ("FAILED", "States.Timeout")


def test_a_function_times_out_after_the_deadline() -> None:
    def slow(_: Any) -> str:
        assert isinstance(run.clock, VirtualClock)
        run.clock.advance(11)
        return "too late"

    run = runner({"Charge": task(TimeoutSeconds=10)}, slow)
    execution = run.start("one", {})
    run.run_until_idle()
    assert (execution.status, execution.error) == ("FAILED", "States.Timeout")


def test_a_deadline_has_no_effect_after_its_task_has_ended() -> None:
    work = Work()
    states = {"First": waiting(TimeoutSeconds=60, Next="Second"), "Second": waiting()}
    del states["First"]["End"]
    run = runner(states, work)
    execution = run.start("one", {})
    run.advance(30)
    run.send_task_success(work.payloads[0]["token"], "{}")
    run.run_until_idle()
    assert run.next_timer() is None
    run.advance(3600)
    assert execution.states == ["First", "Second"]
    assert execution.status == "RUNNING"


def test_the_token_of_a_timed_out_execution_is_invalid() -> None:
    work = Work()
    run = runner({"Provision": waiting()}, work, TimeoutSeconds=3600)
    execution = run.start("one", {})
    run.advance(3600)
    assert (execution.status, execution.error, execution.stopped_at) == (
        "TIMED_OUT",
        "States.Timeout",
        START + 3600_000,
    )
    with pytest.raises(ApiError, match="TaskTimedOut"):
        run.send_task_success(work.payloads[0]["token"], "{}")


def test_a_stopped_execution_is_aborted_and_runs_no_further() -> None:
    work = Work(*[OutOfStockError()] * 9)
    run = runner({"Charge": task(Retry=[{"ErrorEquals": ["States.ALL"]}])}, work)
    execution = run.start("one", {})
    run.run_until_idle()
    run.stop("one", "Operator", "not wanted")
    assert run.next_timer() is None
    run.advance(3600)
    assert (execution.status, execution.error, execution.cause) == ("ABORTED", "Operator", "not wanted")
    assert len(work.payloads) == 1


def test_an_execution_can_be_stopped_before_its_first_state() -> None:
    work = Work()
    run = runner({"Charge": task()}, work)
    execution = run.start("one", {})
    run.stop("one")
    run.run_until_idle()
    assert (execution.status, execution.states, work.payloads) == ("ABORTED", [], [])


def test_timers_of_several_executions_fire_in_order_of_time() -> None:
    order: list[str] = []
    states = {
        "Provision": waiting(
            TimeoutSeconds="{% $states.input.seconds %}",
            Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Late"}],
        ),
        "Late": task(
            Arguments={"FunctionName": "${Work}", "Payload": {"name": "{% $states.context.Execution.Name %}"}}
        ),
    }
    run = runner(states, lambda payload: order.append(payload["name"]) if "name" in payload else None)
    for name, seconds in (("c", 30), ("a", 10), ("b", 20), ("a2", 10)):
        run.start(name, {"seconds": seconds})
    run.advance(60)
    assert order == ["a", "a2", "b", "c"]


def test_a_simulation_can_choose_which_execution_goes_first() -> None:
    order: list[str] = []
    payload = {"FunctionName": "${Work}", "Payload": "{% $states.context.Execution.Name %}"}
    run = runner({"Charge": task(Arguments=payload)}, order.append)
    run.start("a", {})
    run.start("b", {})
    assert run.ready == 2
    assert run.run_one(pick=1)
    run.run_until_idle()
    assert order == ["b", "a"]
    assert not run.run_one()


# -- starting -----------------------------------------------------------------------------------------


def test_a_second_start_returns_the_running_execution() -> None:
    work = Work()
    run = runner({"Provision": waiting()}, work)
    first = run.start("one", {"a": 1})
    run.advance(10)
    assert run.start("one", {"a": 1}) is first
    run.run_until_idle()
    assert len(work.payloads) == 1


def test_a_used_name_is_refused_for_another_execution() -> None:
    work = Work()
    run = runner({"Provision": waiting()}, work)
    run.start("one", {"a": 1})
    with pytest.raises(ApiError, match="ExecutionAlreadyExists"):
        run.start("one", {"a": 2})
    run.run_until_idle()
    run.send_task_success(work.payloads[0]["token"], "{}")
    run.run_until_idle()
    with pytest.raises(ApiError, match="ExecutionAlreadyExists"):
        run.start("one", {"a": 1})


def test_an_endless_workflow_fails_at_the_limit_of_transitions() -> None:
    run = runner({"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}})
    execution = run.start("one", {})
    run.run_until_idle()
    assert (execution.status, execution.error) == ("FAILED", "States.Runtime")


# -- definitions that are refused ---------------------------------------------------------------------

DONE = {"Type": "Succeed"}


@pytest.mark.parametrize(
    ("states", "complaint"),
    [
        ({"A": {"Type": "Wait", "Seconds": 1, "Next": "A"}}, "'Wait' is not supported"),
        ({"A": task(HeartbeatSeconds=5)}, "HeartbeatSeconds"),
        ({"A": task(ResultPath="$.x")}, "ResultPath"),
        ({"A": task(Resource="arn:aws:states:::sqs:sendMessage")}, "sqs"),
        ({"A": task(Next="B")}, "'B', which is not a state"),
        ({"A": task(Catch=[{"ErrorEquals": ["States.ALL"], "Next": "B"}])}, "'B', which is not a state"),
        ({"A": task(Next="A", End=True)}, "either Next or End"),
        ({"A": DONE, "B": DONE}, "nothing leads to: \\['B'\\]"),
        ({"A": task(Retry=[{"ErrorEquals": ["States.ALL"], "Backoff": 2}])}, "Backoff"),
        ({"A": task(Retry=[{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["X"]}])}, "must come last"),
        ({"A": task(Retry=[{"ErrorEquals": ["States.ALL", "X"]}])}, "must stand alone"),
        ({"A": task(Retry=[{"ErrorEquals": ["X"], "IntervalSeconds": 0}])}, "IntervalSeconds"),
        (
            {"A": task(Retry=[{"ErrorEquals": ["X"], "IntervalSeconds": 5, "MaxDelaySeconds": 5}])},
            "MaxDelaySeconds",
        ),
        ({"A": task(Retry=[{"ErrorEquals": ["X"], "BackoffRate": 0.5}])}, "BackoffRate"),
        ({"A": task(Retry=[{"ErrorEquals": ["X"], "JitterStrategy": "HALF"}])}, "JitterStrategy"),
        ({"A": task(Catch=[{"ErrorEquals": ["X"], "Next": "A", "ResultPath": "$"}])}, "ResultPath"),
        ({"A": task(TimeoutSeconds=0)}, "TimeoutSeconds"),
        ({"A": task(Resource=WAIT)}, "does not contain"),
        ({"A": task(Arguments={"FunctionName": "${Work}", "Qualifier": "1"})}, "Qualifier"),
        ({"A": {"Type": "Succeed", "Output": "{% $states.input. %}"}}, "not a JSONata expression"),
        ({"A": {"Type": "Succeed", "Output": "{% $states.input %}\n"}}, "fill its whole string"),
        ({"A": {"Type": "Succeed", "Output": "{% $now() %}"}}, "now"),
        ({"A": {"Type": "Fail", "Error": "X", "ErrorPath": "$"}}, "ErrorPath"),
        ({"A": {"Type": "Choice", "Choices": [{"Condition": "yes", "Next": "A"}]}}, "Condition"),
        ({"A": {"Type": "Choice", "Choices": [{"Variable": "$.a", "Next": "A"}]}}, "Variable"),
        ({"A": {"Type": "Pass", "Result": 1, "End": True}}, "Result"),
    ],
)
def test_unsupported_definitions_are_refused(states: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UnsupportedAslError, match=complaint):
        machine(states)


def test_jsonpath_state_machines_are_refused() -> None:
    with pytest.raises(UnsupportedAslError, match="JSONata"):
        machine({"A": DONE}, QueryLanguage="JSONPath")


def test_substitutions_must_match_the_definition() -> None:
    definition = {"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": task()}}
    with pytest.raises(UnsupportedAslError, match=r"no substitution is given for \$\{Work\}"):
        StateMachine.parse(definition, {})
    with pytest.raises(UnsupportedAslError, match="does not use: \\['Play'\\]"):
        StateMachine.parse(definition, {"Work": "arn", "Play": "arn"})


def test_a_file_with_a_duplicate_state_is_refused(tmp_path: Any) -> None:
    path = tmp_path / "fulfil.asl.yaml"
    path.write_text(
        "QueryLanguage: JSONata\nStartAt: A\nStates:\n  A: {Type: Succeed}\n  A: {Type: Fail, Error: X}\n"
    )
    with pytest.raises(UnsupportedAslError, match="written twice"):
        StateMachine.load(path, {})


def test_a_state_machine_is_named_after_its_file(tmp_path: Any) -> None:
    path = tmp_path / "fulfil_order.asl.yaml"
    path.write_text("QueryLanguage: JSONata\nStartAt: A\nStates:\n  A: {Type: Succeed}\n")
    assert StateMachine.load(path, {}).name == "fulfil_order"


# -- the client ---------------------------------------------------------------------------------------


def test_the_client_returns_and_refuses_like_boto3() -> None:
    work = Work()
    run = runner({"Provision": waiting()}, work)
    client = run.as_client()
    started = client.start_execution(stateMachineArn=run.arn, name="one", input='{"a":1}')
    run.run_until_idle()
    arn = started["executionArn"]
    assert client.describe_execution(executionArn=arn)["status"] == "RUNNING"
    client.send_task_success(taskToken=work.payloads[0]["token"], output='{"done":true}')
    run.run_until_idle()
    described = client.describe_execution(executionArn=arn)
    assert described["status"] == "SUCCEEDED"
    assert described["output"] == '{"done": true}'
    assert described["input"] == '{"a":1}'

    def code_of(call: Callable[[], Any]) -> str:
        with pytest.raises(ClientError) as refusal:
            call()
        return str(refusal.value.response["Error"]["Code"])

    dead = work.payloads[0]["token"]
    assert code_of(lambda: client.send_task_success(taskToken=dead, output="{}")) == "TaskTimedOut"
    assert code_of(lambda: client.send_task_failure(taskToken="x", error="E")) == "InvalidToken"
    again = code_of(lambda: client.start_execution(stateMachineArn=run.arn, name="one", input='{"a":1}'))
    assert again == "ExecutionAlreadyExists"
    assert (
        code_of(lambda: client.start_execution(stateMachineArn="x", name="n")) == "StateMachineDoesNotExist"
    )
    assert code_of(lambda: client.start_execution(stateMachineArn=run.arn, name="a b")) == "InvalidName"
    assert code_of(lambda: client.describe_execution(executionArn="x:one")) == "ExecutionDoesNotExist"
    assert code_of(lambda: client.stop_execution(executionArn="x")) == "ExecutionDoesNotExist"


def test_the_client_stops_an_execution() -> None:
    run = runner({"Provision": waiting()})
    client = run.as_client()
    arn = client.start_execution(stateMachineArn=run.arn, name="one")["executionArn"]
    client.stop_execution(executionArn=arn, error="Operator", cause="why")
    described = client.describe_execution(executionArn=arn)
    assert (described["status"], described["error"], described["cause"]) == ("ABORTED", "Operator", "why")
