"""A pytest plugin: it skips each test that would start after `--deadline`, except the tests in `check.ALWAYS`."""

from __future__ import annotations

import time

import pytest

from local.check import ALWAYS

_LEFT_OUT = "left out: the time is over. `make test` runs them"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--deadline", type=float, required=True, help="seconds since the epoch")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if time.time() > item.config.getoption("--deadline") and not item.nodeid.startswith(ALWAYS):
        pytest.skip(_LEFT_OUT)


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """Count a test that this plugin skips, but print no letter: thousands of letters would hide the failures."""
    return ("skipped", "", "SKIPPED") if report.skipped and _LEFT_OUT in str(report.longrepr) else None
