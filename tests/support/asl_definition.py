"""Checks and compiles the state machine's definition for `asl_runner.py`.

The definition is a file in the Amazon States Language (ASL). Only the part of ASL that the project uses is supported.
Anything else raises an error, so no field is silently ignored.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonata
import yaml
from jsonata.utils import Utils

TIMEOUT = "States.Timeout"
QUERY_EVALUATION_ERROR = "States.QueryEvaluationError"
DATA_LIMIT_EXCEEDED = "States.DataLimitExceeded"
NO_CHOICE_MATCHED = "States.NoChoiceMatched"
RUNTIME = "States.Runtime"


class UnsupportedAslError(Exception):
    """AWS would refuse the definition, or this runner does not support it."""


class StateFailedError(Exception):
    """Internal to the runner: a state ended with this error name."""

    def __init__(self, error: str | None, cause: str | None) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause

    def as_error_output(self) -> dict[str, str]:
        named = {"Error": self.error, "Cause": self.cause}
        return {name: text for name, text in named.items() if text is not None}


# -- JSONata ---------------------------------------------------------------------------------------

# With $now, $millis, $random and $uuid, two runs would differ. $eval does not exist in Step Functions. $hash,
# $partition and $range exist in Step Functions, but not in the JSONata library of this runner.
_REFUSED_FUNCTIONS = re.compile(r"\$(now|millis|random|uuid|eval|hash|partition|range)\s*\(")
_PLAIN_PATH = re.compile(r"\$([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*)*)")
_MISSING = object()


class Expression:
    def __init__(self, source: str) -> None:
        self.source = source
        refused = _REFUSED_FUNCTIONS.search(source)
        if refused:
            raise UnsupportedAslError(f"${refused.group(1)} is not supported, in {source!r}")
        try:
            self._compiled = jsonata.Jsonata(source)
        except Exception as error:
            raise UnsupportedAslError(f"not a JSONata expression: {source!r}: {error}") from error
        if self._compiled.errors:
            raise UnsupportedAslError(f"not a JSONata expression: {source!r}: {self._compiled.errors}")
        self._compiled.set_validate_input(False)
        self._compiled.set_output_convert_nulls(False)
        self._compiled.register_lambda("parse", json.loads)
        path = _PLAIN_PATH.fullmatch(source)
        self._path = [path.group(1), *path.group(2).split(".")[1:]] if path else None

    def evaluate(self, variables: Mapping[str, Any]) -> Any:
        """The value as plain JSON. Raises StateFailedError if the expression fails or its value is undefined."""
        value = self._walk(variables) if self._path else _MISSING
        if value is _MISSING:
            value = self._evaluate(variables)
        return value

    def _walk(self, variables: Mapping[str, Any]) -> Any:
        """Look up a plain path without JSONata, which is ten times slower. Most expressions are plain paths."""
        value: Any = variables
        for name in self._path or ():
            if not isinstance(value, dict) or name not in value:
                return _MISSING
            value = value[name]
        return value

    def _evaluate(self, variables: Mapping[str, Any]) -> Any:
        try:
            value = self._compiled.evaluate(None, variables)
        except Exception as error:
            cause = f"The JSONata expression '{self.source}' threw an error: {error}"
            raise StateFailedError(QUERY_EVALUATION_ERROR, cause) from error
        if value is None:
            cause = f"The JSONata expression '{self.source}' returned nothing (undefined)."
            raise StateFailedError(QUERY_EVALUATION_ERROR, cause)
        return self._plain(value)

    def _plain(self, value: Any) -> Any:
        """Convert JSONata's list, null and number types to those of `json`."""
        if value is Utils.NULL_VALUE or value is None:
            return None
        if isinstance(value, float):
            return int(value) if value.is_integer() else value
        if isinstance(value, str | int):
            return value
        if isinstance(value, dict):
            return {name: self._plain(item) for name, item in value.items()}
        if isinstance(value, list | tuple | range):
            return [self._plain(item) for item in value]
        cause = f"The JSONata expression '{self.source}' returned something that is not JSON."
        raise StateFailedError(QUERY_EVALUATION_ERROR, cause)


def compile_template(value: Any) -> Any:
    if isinstance(value, str):
        if value.startswith("{%") and value.endswith("%}"):
            return Expression(value[2:-2].strip())
        if "{%" in value or "%}" in value:
            raise UnsupportedAslError(
                f"an expression must fill its whole string, without spaces around it: {value!r}"
            )
        return value
    if isinstance(value, dict):
        return {name: compile_template(item) for name, item in value.items()}
    if isinstance(value, list):
        return [compile_template(item) for item in value]
    return value


def fill(template: Any, variables: Mapping[str, Any]) -> Any:
    """The template's value. Raises StateFailedError with States.QueryEvaluationError."""
    if isinstance(template, Expression):
        return template.evaluate(variables)
    if isinstance(template, dict):
        return {name: fill(item, variables) for name, item in template.items()}
    if isinstance(template, list):
        return [fill(item, variables) for item in template]
    return template


# -- the definition --------------------------------------------------------------------------------

ONE_YEAR = 31_622_400  # seconds; the maximum for an execution
WAIT_FOR_TOKEN = "arn:aws:states:::lambda:invoke.waitForTaskToken"
INVOKE = "arn:aws:states:::lambda:invoke"

_MACHINE_FIELDS = {"Comment", "Version", "QueryLanguage", "StartAt", "States", "TimeoutSeconds"}
_STATE_FIELDS = {
    "Task": {"Resource", "Arguments", "TimeoutSeconds", "Retry", "Catch", "Output", "Assign", "Next", "End"},
    "Choice": {"Choices", "Default", "Output", "Assign"},
    "Pass": {"Output", "Assign", "Next", "End"},
    "Succeed": {"Output"},
    "Fail": {"Error", "Cause"},
}
_RETRIER_FIELDS = {
    *(
        "ErrorEquals",
        "IntervalSeconds",
        "MaxAttempts",
        "BackoffRate",
        "MaxDelaySeconds",
        "JitterStrategy",
        "Comment",
    )
}
_CATCHER_FIELDS = {"ErrorEquals", "Next", "Output", "Assign", "Comment"}
_RULE_FIELDS = {"Condition", "Next", "Output", "Assign", "Comment"}
NO_FIELD = object()


@dataclass(frozen=True, slots=True)
class Retrier:
    errors: tuple[str, ...]
    interval: float  # seconds
    most_attempts: int
    backoff_rate: float
    longest_delay: float | None  # seconds
    jitter: bool

    def delay(self, retries_done: int, chance: random.Random) -> float:
        try:
            delay = self.interval * self.backoff_rate**retries_done
        except OverflowError:
            delay = ONE_YEAR
        delay = min(delay, ONE_YEAR if self.longest_delay is None else self.longest_delay)
        return chance.uniform(0, delay) if self.jitter else delay


@dataclass(frozen=True, slots=True)
class Leaving:
    """What follows a state, a choice rule or a catcher: the output, the assigned variables and the next state."""

    to: str | None  # None ends the execution
    output: Any = NO_FIELD
    assign: Any = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Catcher:
    errors: tuple[str, ...]
    leaving: Leaving


@dataclass(frozen=True, slots=True)
class Rule:
    condition: Any
    leaving: Leaving


@dataclass(frozen=True, slots=True)
class State:
    name: str
    type: str
    leaving: Leaving | None = None
    resource: str = ""
    function: Any = None
    payload: Any = NO_FIELD
    timeout: Any = None
    retriers: tuple[Retrier, ...] = ()
    catchers: tuple[Catcher, ...] = ()
    rules: tuple[Rule, ...] = ()
    error: Any = None
    cause: Any = None


@dataclass(frozen=True, slots=True)
class StateMachine:
    """A checked definition with compiled expressions. Several runners may share it."""

    name: str
    start_at: str
    states: Mapping[str, State]
    timeout: int | None  # seconds

    @classmethod
    def load(cls, path: str | Path, substitutions: Mapping[str, Any]) -> StateMachine:
        """Read an ASL file.

        `substitutions` has a value for each `${Name}`: a string, or a callable if `${Name}` is the whole FunctionName.
        Raises UnsupportedAslError.
        """
        path = Path(path)
        definition = yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)
        return cls.parse(definition, substitutions, name=path.name.split(".")[0])

    @classmethod
    def parse(cls, definition: Any, substitutions: Mapping[str, Any], name: str = "machine") -> StateMachine:
        used: set[str] = set()
        definition = _substitute(definition, substitutions, used)
        if unused := set(substitutions) - used:
            raise UnsupportedAslError(f"substitutions that the definition does not use: {sorted(unused)}")
        _refuse_unknown("the state machine", definition, _MACHINE_FIELDS)
        if definition.get("QueryLanguage") != "JSONata":
            raise UnsupportedAslError("QueryLanguage must be JSONata")
        timeout = definition.get("TimeoutSeconds")
        if timeout is not None:
            _check_whole("TimeoutSeconds of the state machine", timeout, at_least=1)
        states = {
            state_name: _parse_state(state_name, fields)
            for state_name, fields in definition["States"].items()
        }
        machine = cls(name, definition["StartAt"], states, timeout)
        machine._check_targets()
        return machine

    def _check_targets(self) -> None:
        reached: set[str] = set()
        to_visit = [("StartAt", self.start_at)]
        while to_visit:
            source, target = to_visit.pop()
            if target not in self.states:
                raise UnsupportedAslError(f"{source} leads to {target!r}, which is not a state")
            if target not in reached:
                reached.add(target)
                to_visit.extend((target, onward) for onward in _targets(self.states[target]))
        if lost := set(self.states) - reached:
            raise UnsupportedAslError(f"states that nothing leads to: {sorted(lost)}")


def _targets(state: State) -> list[str]:
    leavings = [state.leaving, *(rule.leaving for rule in state.rules), *(c.leaving for c in state.catchers)]
    return [leaving.to for leaving in leavings if leaving and leaving.to is not None]


class _StrictLoader(yaml.SafeLoader):
    """Refuses duplicate keys. A plain YAML loader silently drops one of the two values."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if twice := {key for key in keys if keys.count(key) > 1}:
            raise UnsupportedAslError(f"written twice: {sorted(map(str, twice))} {node.start_mark}")
        return super().construct_mapping(node, deep)


def _substitute(value: Any, substitutions: Mapping[str, Any], used: set[str]) -> Any:
    if isinstance(value, dict):
        return {name: _substitute(item, substitutions, used) for name, item in value.items()}
    if isinstance(value, list):
        return [_substitute(item, substitutions, used) for item in value]
    if not isinstance(value, str):
        return value

    def given(placeholder: str) -> Any:
        used.add(placeholder)
        if placeholder not in substitutions:
            raise UnsupportedAslError(f"no substitution is given for ${{{placeholder}}}")
        return substitutions[placeholder]

    whole = re.fullmatch(r"\$\{(\w+)\}", value)
    if whole:
        return given(whole.group(1))
    return re.sub(r"\$\{(\w+)\}", lambda match: str(given(match.group(1))), value)


def _refuse_unknown(where: str, fields: Any, known: set[str]) -> None:
    if not isinstance(fields, dict):
        raise UnsupportedAslError(f"{where}: must be an object")
    if unknown := set(fields) - known:
        raise UnsupportedAslError(f"{where}: unknown fields {sorted(unknown)}")


def _require(where: str, fields: Mapping[str, Any], *names: str) -> None:
    if missing := [name for name in names if name not in fields]:
        raise UnsupportedAslError(f"{where}: {missing} missing")


def _check_whole(where: str, value: Any, *, at_least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
        raise UnsupportedAslError(f"{where}: must be a whole number of at least {at_least}, not {value!r}")


def _parse_state(name: str, fields: Any) -> State:
    kind = fields.get("Type") if isinstance(fields, dict) else None
    if kind not in _STATE_FIELDS:
        raise UnsupportedAslError(f"{name}: state type {kind!r} is not supported")
    _refuse_unknown(name, fields, _STATE_FIELDS[kind] | {"Type", "Comment", "QueryLanguage"})
    if fields.get("QueryLanguage", "JSONata") != "JSONata":
        raise UnsupportedAslError(f"{name}: QueryLanguage must be JSONata")
    if kind == "Choice":
        return _parse_choice(name, fields)
    if kind == "Fail":
        return State(
            name,
            kind,
            error=compile_template(fields.get("Error")),
            cause=compile_template(fields.get("Cause")),
        )
    if kind == "Succeed":
        return State(name, kind, leaving=_parse_leaving(fields, None))
    if (fields.get("End") is True) == ("Next" in fields):
        raise UnsupportedAslError(f"{name}: needs either Next or End: true")
    leaving = _parse_leaving(fields, fields.get("Next"))
    return State(name, kind, leaving=leaving) if kind == "Pass" else _parse_task(name, fields, leaving)


def _parse_leaving(fields: Mapping[str, Any], to: str | None) -> Leaving:
    output = compile_template(fields["Output"]) if "Output" in fields else NO_FIELD
    assign = compile_template(fields.get("Assign", {}))
    if not isinstance(assign, dict) or "states" in assign:
        raise UnsupportedAslError("Assign must be an object without a variable named `states`")
    return Leaving(to, output, assign)


def _parse_choice(name: str, fields: Mapping[str, Any]) -> State:
    _require(name, fields, "Choices")
    if not fields["Choices"]:
        raise UnsupportedAslError(f"{name}: Choices is empty")
    rules = []
    for position, rule in enumerate(fields["Choices"]):
        where = f"{name}.Choices[{position}]"
        _refuse_unknown(where, rule, _RULE_FIELDS)
        _require(where, rule, "Condition", "Next")
        condition = compile_template(rule["Condition"])
        if not isinstance(condition, Expression | bool):
            raise UnsupportedAslError(f"{where}: Condition must be an expression or a boolean")
        rules.append(Rule(condition, _parse_leaving(rule, rule["Next"])))
    default = _parse_leaving(fields, fields["Default"]) if "Default" in fields else None
    if default is None and ("Output" in fields or "Assign" in fields):
        raise UnsupportedAslError(f"{name}: Output and Assign need a Default")
    return State(name, "Choice", leaving=default, rules=tuple(rules))


def _parse_task(name: str, fields: Mapping[str, Any], leaving: Leaving) -> State:
    _require(name, fields, "Resource", "Arguments")
    resource, arguments = fields["Resource"], fields["Arguments"]
    if resource not in (WAIT_FOR_TOKEN, INVOKE):
        raise UnsupportedAslError(f"{name}: Resource {resource!r} is not supported")
    _refuse_unknown(f"{name}.Arguments", arguments, {"FunctionName", "Payload"})
    _require(f"{name}.Arguments", arguments, "FunctionName")
    if not callable(arguments["FunctionName"]) and not isinstance(arguments["FunctionName"], str):
        raise UnsupportedAslError(f"{name}: FunctionName must be a function or its ARN")
    payload = compile_template(arguments["Payload"]) if "Payload" in arguments else NO_FIELD
    if resource == WAIT_FOR_TOKEN and not _mentions_token(payload):
        raise UnsupportedAslError(f"{name}: waits for a token that its Payload does not contain")
    timeout = compile_template(fields.get("TimeoutSeconds"))
    if timeout is not None and not isinstance(timeout, Expression):
        _check_whole(f"{name}.TimeoutSeconds", timeout, at_least=1)
    retriers = tuple(
        _parse_retrier(f"{name}.Retry[{i}]", retrier) for i, retrier in enumerate(fields.get("Retry", []))
    )
    catchers = tuple(
        _parse_catcher(f"{name}.Catch[{i}]", catcher) for i, catcher in enumerate(fields.get("Catch", []))
    )
    for where, handlers in (("Retry", retriers), ("Catch", catchers)):
        for handler in handlers[:-1]:
            if "States.ALL" in handler.errors:
                raise UnsupportedAslError(f"{name}.{where}: States.ALL must come last")
    return State(
        name,
        "Task",
        leaving=leaving,
        resource=resource,
        function=arguments["FunctionName"],
        payload=payload,
        timeout=timeout,
        retriers=retriers,
        catchers=catchers,
    )


def _mentions_token(template: Any) -> bool:
    if isinstance(template, Expression):
        return "$states.context.Task.Token" in template.source
    if isinstance(template, dict):
        return any(_mentions_token(item) for item in template.values())
    return isinstance(template, list) and any(_mentions_token(item) for item in template)


def _parse_errors(where: str, fields: Mapping[str, Any]) -> tuple[str, ...]:
    errors = fields["ErrorEquals"]
    if not isinstance(errors, list) or not errors or not all(isinstance(error, str) for error in errors):
        raise UnsupportedAslError(f"{where}: ErrorEquals must be a list of error names")
    if "States.ALL" in errors and len(errors) > 1:
        raise UnsupportedAslError(f"{where}: States.ALL must stand alone")
    return tuple(errors)


def _parse_retrier(where: str, fields: Any) -> Retrier:
    _refuse_unknown(where, fields, _RETRIER_FIELDS)
    _require(where, fields, "ErrorEquals")
    interval, attempts = fields.get("IntervalSeconds", 1), fields.get("MaxAttempts", 3)
    rate, longest = fields.get("BackoffRate", 2.0), fields.get("MaxDelaySeconds")
    jitter = fields.get("JitterStrategy", "NONE")
    _check_whole(f"{where}.IntervalSeconds", interval, at_least=1)
    _check_whole(f"{where}.MaxAttempts", attempts, at_least=0)
    if isinstance(rate, bool) or not isinstance(rate, int | float) or rate < 1:
        raise UnsupportedAslError(f"{where}: BackoffRate must be 1 or more, not {rate!r}")
    if longest is not None:
        _check_whole(f"{where}.MaxDelaySeconds", longest, at_least=interval + 1)
    if jitter not in ("FULL", "NONE"):
        raise UnsupportedAslError(f"{where}: JitterStrategy must be FULL or NONE, not {jitter!r}")
    return Retrier(_parse_errors(where, fields), interval, attempts, rate, longest, jitter == "FULL")


def _parse_catcher(where: str, fields: Any) -> Catcher:
    _refuse_unknown(where, fields, _CATCHER_FIELDS)
    _require(where, fields, "ErrorEquals", "Next")
    return Catcher(_parse_errors(where, fields), _parse_leaving(fields, fields["Next"]))


def error_matches(error: str | None, names: tuple[str, ...]) -> bool:
    """Whether a Retry or Catch with these ErrorEquals matches this error.

    States.ALL matches everything except the terminal States.DataLimitExceeded and States.Runtime.
    States.TaskFailed matches every error of a task except States.Timeout.
    """
    if error == RUNTIME:
        return False
    if error in names:
        return True
    if error == DATA_LIMIT_EXCEEDED:
        return False
    return "States.ALL" in names or ("States.TaskFailed" in names and error != TIMEOUT)
