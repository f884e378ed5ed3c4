"""`python -m operate COMMAND --stage STAGE`: commands for a stack on AWS. `make` has a target for each command."""

from __future__ import annotations

import argparse
import getpass
import os
import subprocess
import sys
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

from local.paths import TEMPLATE
from local.template import read_template
from operate.connect_platform import connect_platform
from operate.connect_stripe import connect_stripe
from operate.deploy import checked, deploy, given_values
from operate.errors import OperateError
from operate.stacks import LOCAL, ROOT, Account, open_stage, read_stack, stage_of


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m operate", description=__doc__)
    parser.add_argument("command", choices=sorted(_COMMANDS))
    parser.add_argument(
        "--stage", default="default", help="a section of samconfig.toml, or local for `make run`"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask before a change")
    # Without this `default`, the error for a missing command would also ask for values.
    parser.add_argument(
        "values",
        nargs="*",
        default=[],
        metavar="Name=value",
        help="deploy: parameters of template.yaml; first-key: Account, User",
    )
    options = parser.parse_intermixed_args(arguments)
    if options.values and options.command not in _WITH_VALUES:
        parser.error(f"{options.command} takes no values: only {' and '.join(_WITH_VALUES)} take them")
    try:
        return _COMMANDS[options.command](options)
    except OperateError as error:
        _complain(str(error))
    except (BotoCoreError, ClientError) as error:
        _complain(aws_problem(error))
    except (KeyboardInterrupt, EOFError):
        # Ctrl-C, or Ctrl-D at a question.
        _complain("Stopped.")
        return 130
    return 1


def aws_problem(error: Exception) -> str:
    """Return why AWS could not be used, and what the operator should do."""
    name = type(error).__name__
    if name == "NoRegionError":
        return "AWS has no region: set AWS_REGION, or `region` of your AWS profile or of the stage in samconfig.toml."
    if name in ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound") or "Token" in name:
        return f"AWS has no valid credentials ({error}): run `aws configure` or `aws sso login`, or set AWS_PROFILE."
    if any(code in str(error) for code in ("ExpiredToken", "InvalidClientTokenId", "UnrecognizedClient")):
        return f"AWS does not accept the credentials: {error}. Sign in again."
    return f"A request to AWS failed: {error}"


def _connect_stripe(options: argparse.Namespace) -> int:
    cloud, stage = open_stage(options.stage)
    stack = read_stack(cloud, stage)
    key = _secret("STRIPE_API_KEY", f"Stripe's secret or restricted key for {stack.name}: ")
    confirm: Callable[[str], bool] = (lambda question: True) if options.yes else _confirmed
    connect_stripe(cloud, stack, key, confirm, print)
    return 0


def _connect_platform(options: argparse.Namespace) -> int:
    cloud, stage = open_stage(options.stage)
    stack = read_stack(cloud, stage)
    key = _secret(
        "PLATFORM_API_KEY", f"API key of {stack.parameters['PlatformUrl']} (empty: keep the stored one): "
    )
    secrets = _secret("PLATFORM_WEBHOOK_SECRETS", "Signing secret of its webhooks, whsec_… (empty: keep): ")
    connect_platform(cloud, stack, key, secrets, print)
    return 0


def _deploy(options: argparse.Namespace) -> int:
    import boto3

    if options.stage == LOCAL:
        raise OperateError("`make run` deploys the local stack. `make deploy` deploys to AWS.")
    stage = stage_of(options.stage)
    region = boto3.Session(region_name=stage.region).region_name
    if not region:
        raise NoRegionError
    given = checked(given_values(options.values), read_template(TEMPLATE)["Parameters"])

    def ask(question: str, optional: bool) -> str:
        if sys.stdin.isatty():
            return input(question)
        if optional:
            return ""
        example = f'make deploy STAGE={stage.name} ARGS="--yes PlatformUrl=https://… AlarmEmail=…"'
        raise OperateError(f"A first deployment needs an answer. Run this in a terminal, or run\n  {example}")

    def build() -> None:
        if subprocess.run([ROOT / "local" / "toolchain" / "sam_build.sh"], check=False).returncode != 0:
            raise OperateError("The build failed.")

    deploy(
        Account(region),
        stage,
        given,
        region=region,
        ask=ask,
        build=build,
        report=print,
        confirmed=options.yes,
    )
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from operate.doctor import Patient, examine

    cloud, stage = open_stage(options.stage)
    return 0 if examine(Patient(cloud, stage, read_stack(cloud, stage)), print) else 1


def _smoke(options: argparse.Namespace) -> int:
    from operate.smoke import smoke

    cloud, stage = open_stage(options.stage)
    return 0 if smoke(cloud, read_stack(cloud, stage), print) else 1


def _align_cards(options: argparse.Namespace) -> int:
    from operate.align_cards import align_cards

    cloud, stage = open_stage(options.stage)
    align_cards(cloud, read_stack(cloud, stage), print)
    return 0


def _first_key(options: argparse.Namespace) -> int:
    from operate.first_key import first_key

    cloud, stage = open_stage(options.stage)
    first_key(cloud, read_stack(cloud, stage), given_values(options.values), print)
    return 0


def _publish_events(options: argparse.Namespace) -> int:
    from operate.publish_events import publish_lost_events

    cloud, stage = open_stage(options.stage)
    publish_lost_events(cloud, read_stack(cloud, stage), print)
    return 0


_WITH_VALUES = ("deploy", "first-key")
_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "connect-platform": _connect_platform,
    "connect-stripe": _connect_stripe,
    "deploy": _deploy,
    "doctor": _doctor,
    "smoke": _smoke,
    "align-cards": _align_cards,
    "first-key": _first_key,
    "publish-events": _publish_events,
}


def _secret(variable: str, prompt: str) -> str:
    """Read a secret from the environment or the terminal.

    It is not a command-line argument, because other users of the machine can see the arguments of a command.
    """
    if variable in os.environ:
        return os.environ[variable].strip()
    if not sys.stdin.isatty():
        raise OperateError(f"Set {variable}, or run this in a terminal.")
    return getpass.getpass(prompt).strip()


def _confirmed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise OperateError(f"{question} Run again with --yes to do this.")
    return input(f"{question} Continue? [y/N] ").strip().lower() in ("y", "yes")


def _complain(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
