"""`make check` runs the unit and structure tests, and the other tests that a change can affect.

Among the other tests, those that import the changed file run first. After 50 seconds, the other tests that have not
started yet are skipped.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from local.check import changed_files, felt_by
from local.paths import ROOT

FILES = {
    "layers/hosting_orders/hosting_orders/__init__.py": "",
    "layers/hosting_orders/hosting_orders/money.py": "",
    "layers/hosting_orders/hosting_orders/refund.py": "from hosting_orders import money",
    "functions/refund_order/app.py": "from hosting_orders.refund import refund",
    "functions/show_order/app.py": "import json",
    "local/standin/__init__.py": "from .server import StandIn",
    "local/standin/server.py": "from . import wire",
    "local/standin/wire.py": "",
    "tests/support/world.py": "import importlib",
    "tests/conformance/conftest.py": "import hosting_orders.money",
    "tests/conformance/test_contract.py": "PAGE = 'docs/errors.md'",
    "tests/workflow/test_refunds.py": "from tests.support.world import World",
    "tests/workflow/test_carts.py": "def test():\n    from tests.support.world import World",
    "tests/workflow/test_standin.py": "from local.standin import StandIn",
    "tests/workflow/test_events.py": "EVENTS = ROOT / 'events'",
    "tests/unit/test_refund.py": "from hosting_orders.refund import refund",
    "tests/e2e/test_orders.py": "from local.standin import StandIn",
}


@pytest.mark.parametrize(
    ("changed", "tests"),
    [
        ("tests/workflow/test_carts.py", ["workflow/test_carts.py"]),
        # tests/support/world.py imports every handler, and a handler imports refund.py. test_refunds.py comes first,
        # because its name shares a word with the changed file.
        (
            "layers/hosting_orders/hosting_orders/refund.py",
            ["workflow/test_refunds.py", "workflow/test_carts.py"],
        ),
        ("functions/show_order/app.py", ["workflow/test_carts.py", "workflow/test_refunds.py"]),
        # test_contract.py is found because the conftest.py in its folder imports money.py.
        (
            "layers/hosting_orders/hosting_orders/money.py",
            ["conformance/test_contract.py", "workflow/test_carts.py", "workflow/test_refunds.py"],
        ),
        # test_standin.py imports the package `standin`. Its `__init__.py` imports server.py, which imports wire.py.
        ("local/standin/wire.py", ["workflow/test_standin.py"]),
        ("docs/errors.md", ["conformance/test_contract.py"]),
        ("events/show_order/order.json", ["workflow/test_events.py"]),
        ("docs/other.md", []),
    ],
)
def test_make_check_selects_the_tests_of_a_changed_file(changed: str, tests: list[str]) -> None:
    assert felt_by({changed}, FILES) == [f"tests/{test}" for test in tests]


def test_make_check_selects_the_tests_of_a_deleted_file() -> None:
    left = {path: text for path, text in FILES.items() if path != "local/standin/wire.py"}
    assert felt_by({"local/standin/wire.py"}, left) == ["tests/workflow/test_standin.py"]


def test_importing_tests_run_before_tests_with_similar_names() -> None:
    files = {**FILES, "tests/workflow/test_zeal.py": "from hosting_orders.refund import refund"}
    found = felt_by({"layers/hosting_orders/hosting_orders/refund.py"}, files)
    assert found[:2] == ["tests/workflow/test_zeal.py", "tests/workflow/test_refunds.py"]


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_files_that_differ_from_upstream_are_changed_files(tmp_path: Path) -> None:
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    origin.mkdir()
    git(origin, "init")
    for name in ("same", "committed", "edited", "deleted"):
        (origin / name).write_text("1")
    git(origin, "add", ".")
    git(origin, "commit", "-m", "1")
    git(tmp_path, "clone", str(origin), str(clone))
    assert changed_files(clone) == set()
    (clone / "committed").write_text("2")
    git(clone, "commit", "-a", "-m", "2")
    (clone / "edited").write_text("2")
    (clone / "deleted").unlink()
    (clone / "bücher").write_text("new")
    assert changed_files(clone) == {"committed", "edited", "deleted", "bücher"}
    assert changed_files(origin) == set()  # without an upstream, only uncommitted files count as changed


def test_a_folder_without_git_has_no_changes(tmp_path: Path) -> None:
    assert changed_files(tmp_path) == set()


@pytest.mark.parametrize(("seconds", "says"), [(60, "2 passed"), (-1, "1 passed, 1 skipped")])
def test_after_the_deadline_only_unit_and_structure_tests_run(
    tmp_path: Path, seconds: float, says: str
) -> None:
    for folder in ("unit", "workflow"):
        (tmp_path / "tests" / folder).mkdir(parents=True)
        (tmp_path / "tests" / folder / f"test_{folder}.py").write_text("def test(): pass")
    deadline = ["-p", "local.check_deadline", "--deadline", str(time.time() + seconds)]
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", "-ra", f"--rootdir={tmp_path}", *deadline, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert says in answer.stdout, answer.stdout
    assert answer.returncode == 0
    assert ("`make test` runs them" in answer.stdout) == ("skipped" in says)
