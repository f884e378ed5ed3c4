"""`make test-stripe`: which tests it runs, what it refuses, and what it leaves at Stripe."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from local import test_stripe as suite
from local.paths import ROOT
from local.stripe_standin import StripeStandIn
from tests.support import stripe_place


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    started: list[Any] = []
    monkeypatch.setattr(suite.subprocess, "call", lambda *command, **how: started.append(how) or 0)
    return started


@pytest.mark.parametrize("key", [None, "", "  "])
def test_no_test_is_started_without_a_key(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], commands: list[Any], key: str | None
) -> None:
    monkeypatch.delenv(suite.KEY, raising=False)
    if key is not None:
        monkeypatch.setenv(suite.KEY, key)
    assert suite.main([]) == 2
    assert "STRIPE_API_KEY is not set" in capsys.readouterr().err
    assert commands == []


@pytest.mark.parametrize("key", ["sk_live_1", "rk_live_1", "pk_test_1", "whsec_1", "a-secret"])
def test_a_key_from_outside_a_sandbox_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], commands: list[Any], key: str
) -> None:
    monkeypatch.setenv(suite.KEY, key)
    assert suite.main([]) == 2
    shown = capsys.readouterr().err
    assert "is not a key of a sandbox" in shown
    assert key not in shown
    assert commands == []


@pytest.mark.parametrize("key", ["sk_test_1", "rk_test_1"])
def test_a_key_of_a_sandbox_starts_the_tests_at_stripe(
    monkeypatch: pytest.MonkeyPatch, commands: list[Any], key: str
) -> None:
    monkeypatch.setenv(suite.KEY, key)
    monkeypatch.delenv(suite.AT_STRIPE, raising=False)
    assert suite.main([]) == 0
    assert commands[0]["env"][suite.AT_STRIPE] == "https://api.stripe.com"


def test_pytest_itself_refuses_a_live_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stripe_place, "SANDBOX", suite.STRIPE)
    monkeypatch.setenv(suite.KEY, "sk_live_1")
    with pytest.raises(pytest.UsageError, match="not a key of a sandbox"):
        stripe_place.select(SimpleNamespace(), [])  # type: ignore[arg-type]


@pytest.mark.parametrize("reasons", [(), ("",), ("one", "two")])
def test_a_standin_only_mark_needs_exactly_one_reason(reasons: tuple[str, ...]) -> None:
    marked: Any = SimpleNamespace(nodeid="a test", iter_markers=lambda name: [SimpleNamespace(args=reasons)])
    with pytest.raises(pytest.UsageError, match="needs a reason"):
        stripe_place.select(SimpleNamespace(), [marked])  # type: ignore[arg-type]


def test_a_test_without_the_mark_cannot_use_the_stand_in() -> None:
    with StripeStandIn() as standin:
        place = stripe_place.Place(standin, "sk_test_1", only_standin=False)
        with pytest.raises(pytest.fail.Exception, match="standin_only"):
            _ = place.standin
        assert stripe_place.Place(standin, "sk_test_1", only_standin=True).standin is standin


def test_the_suite_deletes_the_objects_that_it_created() -> None:
    chosen = [
        "tests/conformance/stripe_standin/test_test_clocks.py",
        "tests/conformance/stripe_standin/test_subscriptions.py",
        "tests/conformance/stripe_adapter/test_renewals.py",
    ]
    with StripeStandIn() as standin:
        run = subprocess.run(
            [sys.executable, "-m", "local.test_stripe", "-p", "no:cacheprovider", "-rN", *chosen],
            cwd=ROOT,
            env={**os.environ, suite.KEY: "sk_test_1", suite.AT_STRIPE: standin.url},
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stdout + run.stderr
        assert re.search(r"[1-9]\d* passed, [1-9]\d* deselected", run.stdout)
        assert len(standin.charges()) > 5
        for left in ("customer", "test_helpers.test_clock"):
            assert standin.objects(left) == []
        assert {one["status"] for one in standin.subscriptions()} == {"canceled"}
        assert [one["id"] for one in standin.objects("product", active=True)] == []
