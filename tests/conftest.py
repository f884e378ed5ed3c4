"""For all tests: settings of the library hypothesis, and a report of unused permissions after a full run
(tests/support/permissions.py).
"""

from __future__ import annotations

import os
from typing import Any

import hypothesis
import pytest

from tests.support import permissions

# Every run uses the same examples and no time limit, so the results do not vary. `HYPOTHESIS_PROFILE=explore make test`
# tries new examples.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None, database=None)
hypothesis.settings.register_profile("explore", deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send the permissions used in this pytest-xdist worker to the process that writes the report."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["rights"] = sorted(permissions.seen)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    given = getattr(node, "workeroutput", {})  # a crashed process leaves no output
    permissions.seen.update((folder, thing) for folder, thing in given.get("rights", ()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not _is_whole_run(config):
        return
    unused = permissions.unused(permissions.seen, permissions.policies(), permissions.held())
    terminalreporter.section("rights that no test has used")
    for line in unused or ["none"]:
        terminalreporter.write_line(line)


def _is_whole_run(config: pytest.Config) -> bool:
    """Return whether all tests were run. After a partial run, most permissions would look unused."""
    options = config.option
    chosen = options.keyword or options.markexpr or options.collectonly or getattr(options, "lf", False)
    return config.args_source is pytest.Config.ArgsSource.TESTPATHS and not chosen
