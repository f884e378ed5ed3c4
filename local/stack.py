"""The whole system on this machine: template.yaml on the AWS emulator, with stand-ins for all external providers.

    with running_stack(state) as stack:
        stack.api, stack.stripe, stack.platform, stack.lightsail, stack.registrar, stack.callbacks   # base URLs
        stack.aws.client("dynamodb")                               # the AWS emulator

Several stacks may run at the same time, each with its own state folder and free ports.
"""

from __future__ import annotations

import base64
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from local.aws import Aws
from local.deploy import Deployment, deploy
from local.emulator import running_emulator
from local.errors import StackError
from local.gateway import running_gateway
from local.paths import DEFAULT_STATE, TEMPLATE
from local.polling import poll_payments
from local.processes import Child, accepts_connections, reserved_port, start_module
from local.schedule import quick_schedule
from operate.connect_platform import connect_platform
from operate.connect_stripe import connect_stripe
from operate.errors import OperateError
from operate.secrets import API_KEY, WEBHOOK_SECRETS, write_secret
from operate.stacks import LOCAL, Stage, read_stack

STACK_NAME = "hosting-orders"
STRIPE_TEST_KEYS = ("sk_test_", "rk_test_")

_STRIPE_PORT = 12111
_PLATFORM_PORT = 8090
_REGISTRAR_PORT = 8091
_LIGHTSAIL_PORT = 8092
_CALLBACKS_PORT = 9009
_ISSUER_PORT = 8093
_READY_SECONDS = 30.0

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Stack:
    """URLs have no trailing slash. `stripe` is empty if the stack uses Stripe's own test mode."""

    api: str
    stripe: str
    platform: str
    lightsail: str
    registrar: str
    callbacks: str
    issuer: str
    aws: Aws
    deployment: Deployment
    stripe_api_key: str
    state: Path
    children: tuple[Child, ...]

    @property
    def table(self) -> str:
        return self.deployment.resources["OrdersTable"]

    def check(self) -> None:
        """Raises StackError when a child process of the stack has ended."""
        for child in self.children:
            if not child.is_running():
                raise StackError(f"{child.name} has ended.\n{child.log_tail()}")


@dataclass(frozen=True, slots=True)
class _Secrets:
    """Shared by the stack and the stand-ins, new for each run."""

    stripe_api_key: str
    platform_api_key: str
    platform_webhook: str


def _new_secrets(stripe_api_key: str | None) -> _Secrets:
    return _Secrets(
        stripe_api_key=stripe_api_key or f"sk_test_{secrets.token_hex(12)}",
        platform_api_key=secrets.token_hex(16),
        platform_webhook=_standard_webhooks_secret(),
    )


def _standard_webhooks_secret() -> str:
    return f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"


@contextmanager
def running_stack(
    state: Path = DEFAULT_STATE,
    *,
    stripe_api_key: str | None = None,
    stripe_address: str = "",
    wait_scale: float = 1.0,
    platform_delay: float = 2.0,
    schedule_seconds: float | None = 3.0,
    registrar_delay: float = 3.0,
    report: Report = lambda line: None,
) -> Iterator[Stack]:
    """Start everything, and stop it at the end of the block.

    Raises StackError with the reason when a part does not start.

    With `stripe_api_key` (sk_test_…), the stack uses Stripe's own test mode instead of the stand-in. Stripe's webhooks
    do not reach this machine, so the reconciler checks payments every few seconds. In that case
    `stripe_address` replaces Stripe's own address. `wait_scale` shortens the state machine's waits and retry
    intervals. `platform_delay` and `registrar_delay` are the seconds for a build and for a registration. A transfer
    takes six times as long as a registration. `schedule_seconds` is the pause between two reconciler runs. If it is
    None, the reconciler runs once a minute, as on AWS.
    """
    if stripe_api_key and not stripe_api_key.startswith(STRIPE_TEST_KEYS):
        raise StackError(
            "STRIPE_API_KEY is not a test key (sk_test_…). With this key, the stack would move real money."
        )
    with ExitStack() as cleanup:
        cleanup.enter_context(_only_stack_in(state))
        started = time.monotonic()
        shared = _new_secrets(stripe_api_key)
        gateway = cleanup.enter_context(running_gateway())
        stand_ins = _StandIns(cleanup, state / "logs")
        stripe = stripe_address
        polls = stripe_api_key is not None
        if not polls:
            stripe = stand_ins.start("stripe", "local.stripe_standin", _STRIPE_PORT, {})
        platform = stand_ins.start(
            "platform",
            "local.platform_standin",
            _PLATFORM_PORT,
            {
                "--webhook-url": f"{gateway.address}/webhooks/platform",
                "--webhook-secret": shared.platform_webhook,
                "--api-key": shared.platform_api_key,
                "--delay": str(platform_delay),
            },
        )
        lightsail = stand_ins.start(
            "lightsail", "local.lightsail_standin", _LIGHTSAIL_PORT, {"--delay": str(platform_delay)}
        )
        callbacks = stand_ins.start(
            "callbacks",
            "local.callback_receiver",
            _CALLBACKS_PORT,
            {"--record": str(state / "callbacks.jsonl")},
        )
        issuer = stand_ins.start(
            "issuer", "local.issuer_standin", _ISSUER_PORT, {"--audience": gateway.address}
        )
        emulator = cleanup.enter_context(running_emulator(state, wait_scale=wait_scale))
        registrar = stand_ins.start(
            "registrar",
            "local.registrar_standin",
            _REGISTRAR_PORT,
            {
                "--delay": str(registrar_delay),
                # Long enough to see the states of a transfer, although the registrar is polled less and less often.
                "--transfer-delay": str(registrar_delay * 6),
                "--aws-endpoint": emulator.aws.endpoint,
            },
        )
        stand_ins.wait_until_ready()
        report(f"AWS emulator and stand-ins are up ({time.monotonic() - started:.1f} s)")

        started = time.monotonic()
        parameters = {
            "PublicUrl": gateway.address,
            "StripeApiBase": stripe,
            "PlatformUrl": platform,
            "RegistrarEndpoint": registrar,
            "LightsailEndpoint": lightsail,
            "OAuthIssuer": issuer,
            "OAuthAudience": gateway.address,
            "AllowLoopbackCallbacks": "true",
            "DomainRegistration": "true",
            # A developer who changes a feature switch wants to see the effect immediately.
            "FeaturesMaxAgeSeconds": "1",
        }
        deployment = deploy(emulator.aws, TEMPLATE, STACK_NAME, parameters)
        gateway.open_to(deployment.resources["Api"], emulator.port)
        _connect(emulator.aws, shared, webhooks=not polls)
        report(f"template.yaml is deployed ({time.monotonic() - started:.1f} s)")
        if schedule_seconds is not None:
            reconcile = deployment.resources["ReconcileFunctionAliaslive"]
            before = poll_payments(emulator.aws.client("dynamodb"), deployment.resources["OrdersTable"])
            cleanup.enter_context(
                quick_schedule(emulator.aws, reconcile, schedule_seconds, before if polls else lambda: None)
            )
            if polls:
                report(
                    "Stripe's webhooks cannot reach this machine, so payments are checked every few seconds"
                )
        yield Stack(
            api=gateway.address,
            stripe=stripe,
            platform=platform,
            lightsail=lightsail,
            registrar=registrar,
            callbacks=callbacks,
            issuer=issuer,
            aws=emulator.aws,
            deployment=deployment,
            stripe_api_key=shared.stripe_api_key,
            state=state,
            children=(emulator.child, *stand_ins.children),
        )


def _connect(aws: Aws, shared: _Secrets, *, webhooks: bool) -> None:
    """Fill the stack's secrets as `make connect-stripe` and `make connect-platform` do.

    Without `webhooks`, no webhook endpoint is created, because Stripe itself cannot reach this machine.
    """
    stack = read_stack(aws, Stage(LOCAL, STACK_NAME))
    try:
        if webhooks:
            connect_stripe(aws, stack, shared.stripe_api_key, lambda question: True, lambda line: None)
        else:
            document = {API_KEY: shared.stripe_api_key, WEBHOOK_SECRETS: _standard_webhooks_secret()}
            write_secret(aws.client("secretsmanager"), stack.resources["StripeSecret"], document)
        connect_platform(aws, stack, shared.platform_api_key, shared.platform_webhook, lambda line: None)
    except OperateError as error:
        raise StackError(str(error)) from error


@contextmanager
def _only_stack_in(state: Path) -> Iterator[None]:
    """Lock the state folder while the context is open, and delete the files of an earlier run."""
    state.mkdir(parents=True, exist_ok=True)
    with (state / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise StackError(
                f"A local stack is already running here (process {lock.read().strip()}). Stop it first."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        for left in ("logs", "emulator"):
            shutil.rmtree(state / left, ignore_errors=True)
        for left in ("callbacks.jsonl", "demo.json"):
            (state / left).unlink(missing_ok=True)
        yield


class _StandIns:
    def __init__(self, cleanup: ExitStack, logs: Path) -> None:
        self._cleanup = cleanup
        self._logs = logs
        self._started: list[tuple[Child, int]] = []

    @property
    def children(self) -> tuple[Child, ...]:
        return tuple(child for child, _ in self._started)

    def start(self, name: str, module: str, preferred_port: int, options: Mapping[str, str]) -> str:
        port = self._cleanup.enter_context(reserved_port(preferred_port))
        arguments = ["--port", str(port)]
        for option, value in options.items():
            arguments += [option, value]
        child = start_module(name, module, arguments, logs=self._logs)
        self._cleanup.callback(child.stop)
        self._started.append((child, port))
        return f"http://127.0.0.1:{port}"

    def wait_until_ready(self) -> None:
        for child, port in self._started:
            child.wait_until(partial(accepts_connections, port), _READY_SECONDS)
