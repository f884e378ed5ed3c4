"""For all tests: how hypothesis looks for examples, and at the end of a whole run the rights that no test has used
(tests/support/permissions.py)."""

from __future__ import annotations

import os
from typing import Any

import hypothesis
import pytest

from tests.support import permissions

# The same examples in every run, and no time limit: a run that fails says something of the code, not of the day.
# `HYPOTHESIS_PROFILE=explore make test` looks for new ones.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None, database=None)
hypothesis.settings.register_profile("explore", deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process of pytest-xdist hands its notes to the one that reports."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["rights"] = sorted(permissions.seen)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    given = getattr(node, "workeroutput", {})  # a process that crashed leaves none
    permissions.seen.update((folder, thing) for folder, thing in given.get("rights", ()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not _is_whole_run(config):
        return
    unused = permissions.unused(permissions.seen, permissions.policies(), permissions.held())
    terminalreporter.section("rights that no test has used")
    for line in unused or ["none"]:
        terminalreporter.write_line(line)


def _is_whole_run(config: pytest.Config) -> bool:
    """Whether no files were named and none were left out: otherwise most rights would be unused."""
    options = config.option
    chosen = options.keyword or options.markexpr or options.collectonly or getattr(options, "lf", False)
    return config.args_source is pytest.Config.ArgsSource.TESTPATHS and not chosen
