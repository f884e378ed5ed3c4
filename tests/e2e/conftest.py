"""One local stack for all end-to-end tests. When it cannot start, they fail and say why; none is skipped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.demo import DemoAccounts, write_demo_file
from local.stack import Stack, running_stack

HERE = Path(__file__).parent


# Before pytest-xdist reads the marks: with `--dist loadgroup`, tests of one group run in one process, so that
# there is one stack however many processes share the tests.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.xdist_group("local-stack"))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole system as `make run` starts it, but with short waits; it may run beside a `make run`."""
    state = tmp_path_factory.mktemp("stack")
    with running_stack(
        state, wait_scale=0.1, platform_delay=0.3, registrar_delay=0.3, schedule_seconds=1.0
    ) as stack:
        yield stack


@pytest.fixture(scope="session")
def accounts(stack: Stack) -> DemoAccounts:
    """The demo accounts by name, each with its `id`, `user_key` and `system_key`."""
    return write_demo_file(stack)
