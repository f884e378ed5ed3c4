"""The embedded AWS: ministack with the fixes of emulator_patches, as a child process in its own environment."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.aws import ACCOUNT_ID, REGION, Aws
from local.client import call
from local.errors import StackError
from local.paths import EMULATOR_PYTHON
from local.processes import Child, clean_environment, reserved_port, start_module

PREFERRED_PORT = 4566
_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Emulator:
    port: int
    child: Child

    @property
    def aws(self) -> Aws:
        return Aws(f"http://127.0.0.1:{self.port}")


@contextmanager
def running_emulator(
    state: Path, *, wait_scale: float = 1.0, concurrency: int | None = None
) -> Iterator[Emulator]:
    """Run an empty emulator inside the block.

    The waits and retry intervals of a state machine are multiplied by `wait_scale`. `concurrency` limits the functions
    that run at the same time. If it is None, the limit depends on this machine.
    """
    if not EMULATOR_PYTHON.exists():
        raise StackError("The emulator is not installed: run `make .venv/emulator`.")
    settings = {
        "SFN_WAIT_SCALE": str(wait_scale),
        "LAMBDA_ACCOUNT_CONCURRENCY": str(concurrency or max(6, 3 * (os.cpu_count() or 2))),
    }
    with reserved_port(PREFERRED_PORT) as port:
        emulator = _start(port, state, settings)
        try:
            yield emulator
        finally:
            emulator.child.stop()


def _start(port: int, state: Path, settings: dict[str, str]) -> Emulator:
    temporary = state / "emulator"
    shutil.rmtree(temporary, ignore_errors=True)  # left by an earlier run that was killed
    temporary.mkdir(parents=True)
    environment = clean_environment(
        BIND_HOST="127.0.0.1",
        GATEWAY_PORT=str(port),
        SFTP_ENABLED="0",
        IOT_MTLS_ENABLED="0",
        MINISTACK_ACCOUNT_ID=ACCOUNT_ID,
        MINISTACK_REGION=REGION,
        # A request waiting for a free function holds a thread. The functions' own AWS calls need threads too.
        MINISTACK_WORKER_THREADS="256",
        # A burst of orders starts many Python processes. A process stops when it has been idle for this many seconds.
        LAMBDA_WARM_TTL_SECONDS="60",
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}",
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        TMPDIR=str(temporary),  # the emulator unpacks the functions' packages here
        **settings,
    )
    child = start_module(
        "emulator",
        "local.emulator_patches",
        logs=state / "logs",
        environment=environment,
        python=EMULATOR_PYTHON,
    )
    try:
        child.wait_until(lambda: _is_healthy(port), _START_SECONDS)
    except BaseException:
        child.stop()
        raise
    return Emulator(port, child)


def _is_healthy(port: int) -> bool:
    try:
        return call("GET", f"http://127.0.0.1:{port}/_ministack/health").status == 200
    except OSError:
        return False
