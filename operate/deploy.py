"""`make deploy`: check the stack, ask for values without a default, build, and run `sam deploy`.

Only given values are passed to `sam deploy`. CloudFormation keeps all other values of an existing stack.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from local.paths import ROOT, TEMPLATE
from local.template import read_template
from operate.errors import OperateError
from operate.secrets import read_secret
from operate.smoke_account import CATALOGUE_PAGE
from operate.stacks import Cloud, Stage, find_stack, read_stack

Ask = Callable[[str, bool], str]
"""Asks a question and returns the answer. The flag says whether the answer may be empty."""
Report = Callable[[str], None]

_UNFIT = re.compile(r"[\s\"]")
_EMPTY = '""'
_OPTIONAL = {"AlarmEmail": "Address for alarms (empty: none)"}
_CREATED_LATER = (None, "REVIEW_IN_PROGRESS")
"""No stack, or a first deployment that was never confirmed."""
_FAILED = {
    "ROLLBACK_COMPLETE": "Its creation failed, and nothing of it is left.",
    "ROLLBACK_FAILED": "Its creation failed, and not everything of it could be deleted.",
    "CREATE_FAILED": "Its creation failed.",
    "DELETE_FAILED": "Not everything of it could be deleted.",
}


def deploy(
    cloud: Cloud,
    stage: Stage,
    given: Mapping[str, str],
    *,
    region: str,
    ask: Ask,
    build: Callable[[], None],
    report: Report,
    confirmed: bool = False,
) -> None:
    """Raises OperateError if a check, the build or `sam deploy` fails."""
    found = find_stack(cloud, stage.stack)
    status = found["StackStatus"] if found else None
    _refuse_unfit(cloud, stage, region, status)
    known = read_template(TEMPLATE)["Parameters"]
    values = checked(given, known)
    _refuse_issuer_without_audience({**_deployed_parameters(found), **values})
    architecture = os.environ.get("ARCHITECTURE")
    if architecture and "Architecture" not in values:
        values["Architecture"] = architecture
    if status in _CREATED_LATER:
        values = _asked(values, known, stage, ask)
    _refuse_another_architecture(found, values, architecture or known["Architecture"]["Default"])
    if shutil.which("sam") is None:
        raise OperateError(
            f"`sam` is not installed here: run `make deploy STAGE={stage.name}`, which installs it."
        )
    build()
    command = ["sam", "deploy", "--config-env", stage.name, "--region", region]
    if confirmed:
        command.append("--no-confirm-changeset")
    if values:
        command += ["--parameter-overrides", *(f"{name}={value or _EMPTY}" for name, value in values.items())]
    ended = subprocess.run(command, cwd=ROOT, check=False, env={**os.environ, "SAM_CLI_TELEMETRY": "0"})
    if ended.returncode != 0:
        raise OperateError(f"{stage.stack} is not deployed: `sam deploy` says why above.")
    for line in next_steps(cloud, stage):
        report(line)


def given_values(arguments: Sequence[str]) -> dict[str, str]:
    """The `Name=value` arguments of the command line. Raises OperateError for any other argument."""
    values = {}
    for argument in arguments:
        name, separator, value = argument.partition("=")
        if not separator:
            raise OperateError(f"Write parameters as Name=value, not {argument!r}.")
        values[name] = value
    return values


def checked(given: Mapping[str, str], known: Mapping[str, Any]) -> dict[str, str]:
    """Raises OperateError for a value that CloudFormation would refuse or `sam deploy` would not read correctly."""
    for name, value in given.items():
        if name not in known:
            raise OperateError(f"template.yaml has no parameter {name}. It has: {', '.join(sorted(known))}.")
        pattern, allowed = known[name].get("AllowedPattern"), known[name].get("AllowedValues")
        fits = (pattern is None or re.fullmatch(pattern, value)) and (allowed is None or value in allowed)
        if not fits or _UNFIT.search(value):
            raise OperateError(f"{name} cannot be {value!r}: {known[name]['Description']}")
    return dict(given)


def next_steps(cloud: Cloud, stage: Stage) -> list[str]:
    """What is left to do, in this order."""
    stack = read_stack(cloud, stage)
    manager = cloud.client("secretsmanager")
    commands = [
        f"make {command} STAGE={stage.name}"
        for command, secret in (("connect-stripe", "StripeSecret"), ("connect-platform", "PlatformSecret"))
        if not read_secret(manager, stack.resources[secret])
    ]
    done = f"{stage.stack} is deployed: {stack.output('ApiUrl')}"
    if not commands:
        return [done]
    commands += [f"make {command} STAGE={stage.name}" for command in ("smoke", "doctor")]
    catalogue = f"  fill the catalogue, if it is empty: {CATALOGUE_PAGE}"
    return [done, "Next (docs/go-live.md):", catalogue, *(f"  {command}" for command in commands)]


def _refuse_unfit(cloud: Cloud, stage: Stage, region: str, status: str | None) -> None:
    if status in _CREATED_LATER or status is None:
        return
    delete = f"aws cloudformation delete-stack --stack-name {stage.stack} --region {region}"
    if status in _FAILED:
        lines = [
            f"The stack {stage.stack} is {status}. {_FAILED[status]}",
            *_reasons(cloud, stage),
            "Remove the cause, delete the stack, and deploy again:",
            f"  {delete}",
        ]
        raise OperateError("\n".join(lines))
    if status == "UPDATE_ROLLBACK_FAILED":
        raise OperateError(
            f"The stack {stage.stack} is {status}: an update and its rollback failed. Remove the cause and run\n"
            f"  aws cloudformation continue-update-rollback --stack-name {stage.stack} --region {region}"
        )
    if status.endswith("_IN_PROGRESS"):
        raise OperateError(
            f"The stack {stage.stack} is {status}. Wait until this operation has ended, then deploy again."
        )


def _reasons(cloud: Cloud, stage: Stage) -> list[str]:
    """Return the reasons why the last operation failed. The first reason is the cause."""
    reasons = []
    for event in cloud.client("cloudformation").describe_stack_events(StackName=stage.stack)["StackEvents"]:
        reason = event.get("ResourceStatusReason", "")
        if reason == "User Initiated" and event["LogicalResourceId"] == stage.stack:
            break
        if event["ResourceStatus"].endswith("_FAILED") and reason and "cancelled" not in reason:
            reasons.append(f"  {event['LogicalResourceId']}: {reason}")
    return reasons[::-1][:5]


def _asked(values: dict[str, str], known: Mapping[str, Any], stage: Stage, ask: Ask) -> dict[str, str]:
    """Add the answers that a first deployment needs."""
    for name, parameter in known.items():
        if name in values or ("Default" in parameter and name not in _OPTIONAL):
            continue
        question = _OPTIONAL.get(name, parameter["Description"])
        answer = ask(f"{question}\n{name} for {stage.stack}: ", name in _OPTIONAL).strip()
        if answer or name not in _OPTIONAL:
            values |= checked({name: answer}, known)
    return values


def _deployed_parameters(found: Mapping[str, Any] | None) -> dict[str, str]:
    return {each["ParameterKey"]: each["ParameterValue"] for each in (found or {}).get("Parameters", [])}


def _refuse_issuer_without_audience(parameters: Mapping[str, str]) -> None:
    if parameters.get("OAuthIssuer") and not parameters.get("OAuthAudience"):
        raise OperateError(
            "OAuthIssuer needs OAuthAudience: without it, every token gets a 401 (docs/oauth.md)."
        )


def _refuse_another_architecture(
    found: Mapping[str, Any] | None, values: Mapping[str, str], built: str
) -> None:
    """A function cannot import packages that were built for another processor."""
    wanted = values.get("Architecture") or _deployed_parameters(found).get("Architecture", built)
    if wanted != built:
        raise OperateError(
            f"The functions run on {wanted}, and the packages are for {built}: set ARCHITECTURE={wanted}."
        )
