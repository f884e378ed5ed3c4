"""Child processes of the local stack: start them with a log, wait for them, and stop them with their children."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.errors import StackError
from local.paths import APP_PYTHON, ROOT

_ANY_PORT = 0
_PORT_ATTEMPTS = 10
_LOG_TAIL_LINES = 15
_STOP_GRACE_SECONDS = 2.0


@contextmanager
def reserved_port(preferred: int) -> Iterator[int]:
    """Yield the preferred loopback port if it is free, else another port.

    A file lock keeps other local stacks from choosing the port before the child listens on it.
    """
    folder = Path(tempfile.gettempdir()) / f"hosting-orders-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    with ExitStack() as held:
        for wanted in (preferred, *[_ANY_PORT] * _PORT_ATTEMPTS):
            port = _find_free(wanted)
            if port is None:
                continue
            lock = held.enter_context((folder / str(port)).open("w"))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield port
            return
        raise StackError("No free port on 127.0.0.1.")


def _find_free(port: int) -> int | None:
    with socket.socket() as probe:
        # The servers also set SO_REUSEADDR. With it, a port in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return None
        return int(probe.getsockname()[1])


def accepts_connections(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def clean_environment(**extra: str) -> dict[str, str]:
    """An environment without the developer's AWS and Stripe settings, which must never affect a local stack."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "TZ") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", **extra}


@dataclass(frozen=True, slots=True)
class Child:
    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def wait_until(self, ready: Callable[[], bool], timeout: float) -> None:
        """Raises StackError when the child ends first, or is not ready after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not ready():
            if self.process.poll() is not None:
                raise StackError(
                    f"{self.name} ended immediately (exit code {self.process.returncode}).\n{self.log_tail()}"
                )
            if time.monotonic() > deadline:
                raise StackError(f"{self.name} was not ready within {timeout:.0f} s.\n{self.log_tail()}")
            time.sleep(0.05)

    def log_tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:]
        return "\n".join([f"The end of {self.log}:", *(f"  {line}" for line in lines)])

    def is_running(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> None:
        """End the child and its process group. May be called again."""
        self._signal_group(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_STOP_GRACE_SECONDS)
        self._signal_group(signal.SIGKILL)
        self.process.wait()

    def _signal_group(self, number: int) -> None:
        # The group no longer exists once its last process has ended. macOS raises PermissionError for zombies.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)


def start_module(
    name: str,
    module: str,
    arguments: Sequence[str] = (),
    *,
    logs: Path,
    environment: Mapping[str, str] | None = None,
    python: Path = APP_PYTHON,
) -> Child:
    """Start `python -m MODULE` in its own process group, with its output in `logs/NAME.log`."""
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(python), "-m", "local.supervised", str(os.getpid()), module, *arguments],
            cwd=ROOT,
            env=dict(clean_environment() if environment is None else environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Child(name, process, log)
