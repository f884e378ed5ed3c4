"""Child processes of the local stack end when the stack ends or is killed (local/processes.py, local/supervised.py)."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from local.errors import StackError
from local.processes import clean_environment, reserved_port, start_module

PATIENCE_SECONDS = 20.0

# This child process starts a process of its own (the grandchild) and writes both process ids to a file. It ignores
# SIGTERM, like a server that is stuck.
FAMILY = """
import os, signal, subprocess, sys, time
from pathlib import Path
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
signal.signal(signal.SIGTERM, signal.SIG_IGN)
ready = Path(sys.argv[1])
ready.with_suffix(".new").write_text(f"{os.getpid()} {grandchild.pid}")
ready.with_suffix(".new").rename(ready)
time.sleep(600)
"""
# This process starts a child in the same way as the local stack does. The test then kills this process.
PARENT = """
import sys, time
from pathlib import Path
from local.processes import start_module
start_module("family", "family", [sys.argv[1]], logs=Path(sys.argv[2]), environment=eval(sys.argv[3]))
time.sleep(600)
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "family.py").write_text(FAMILY)
    environment = clean_environment()
    environment["PYTHONPATH"] += os.pathsep + str(tmp_path)
    return environment


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "the condition never became true"
        time.sleep(0.02)


def is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process_id}/stat")
    # A zombie has ended, but `os.kill` still finds its process id.
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def test_stopping_a_child_process_also_ends_its_children(tmp_path: Path, environment: dict[str, str]) -> None:
    ready = tmp_path / "ready"
    child = start_module("family", "family", [str(ready)], logs=tmp_path, environment=environment)
    wait_for(ready.exists)
    family = [int(number) for number in ready.read_text().split()]

    child.stop()

    wait_for(lambda: not any(is_alive(member) for member in family))
    child.stop()  # a second call is allowed


def test_children_end_when_their_parent_is_killed(tmp_path: Path, environment: dict[str, str]) -> None:
    ready = tmp_path / "ready"
    arguments = [str(ready), str(tmp_path), repr(environment)]
    parent = subprocess.Popen([sys.executable, "-c", PARENT, *arguments], env=environment)
    wait_for(ready.exists)
    family = [int(number) for number in ready.read_text().split()]
    assert all(is_alive(member) for member in family)

    parent.send_signal(signal.SIGKILL)
    parent.wait()

    wait_for(lambda: not any(is_alive(member) for member in family))


def test_the_output_of_a_failed_child_is_reported(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "broken.py").write_text("raise SystemExit('the disk is full')")
    child = start_module("broken", "broken", logs=tmp_path, environment=environment)

    with pytest.raises(StackError, match="the disk is full"):
        child.wait_until(lambda: False, timeout=PATIENCE_SECONDS)


def test_a_child_gets_no_aws_or_stripe_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("STRIPE_API_KEY", "sk_test_mine")
    monkeypatch.setenv("PATH", "/bin")

    environment = clean_environment(EXTRA="1")

    assert not {"AWS_PROFILE", "STRIPE_API_KEY"} & set(environment)
    assert (environment["PATH"], environment["EXTRA"]) == ("/bin", "1")


def test_a_port_in_use_is_replaced_by_a_free_port() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with reserved_port(port) as other:
            assert other != port


def test_a_reserved_port_is_not_given_to_another_stack() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    with reserved_port(port) as first, reserved_port(port) as second:
        assert first == port
        assert second != port
    with reserved_port(port) as again:
        assert again == port
