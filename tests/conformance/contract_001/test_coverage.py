"""The test names cover every check of contract 001 in docs/contracts.md."""

from __future__ import annotations

import re
from pathlib import Path

from hosting_orders.contracts.billing_order import operations
from tests.conformance.contract_001.support import ROUTES
from tests.support.world import matched

# Check 9 of contract 001 is about documentation for AI assistants. That documentation does not exist yet.
LINES = {
    *range(1, 9),
    *range(10, 16),
    *range(20, 48),
    *range(50, 63),
    *range(70, 76),
}
# docs/contracts.md has decisions (C02 …) about contradictions between the contracts. These are the numbers of the
# decisions that concern contract 001.
CONTRADICTIONS = {2, 3, 7, 8, 9, 10, 11, 12, 20, 21, 22, 26, 27, 28}

NAME = re.compile(r"def (test_\w+)\(")
ROOT = Path(__file__).parents[3]


def named() -> set[str]:
    names = [
        name for path in Path(__file__).parent.glob("test_*.py") for name in NAME.findall(path.read_text())
    ]
    return {found for name in names for found in re.findall(r"(?:HU_\d{3}|C\d\d)(?=_)", name)}


def test_every_check_has_a_test() -> None:
    expected = {f"HU_{line:03d}" for line in LINES} | {f"C{line:02d}" for line in CONTRADICTIONS}
    assert expected - named() == set()


def test_no_test_names_an_unknown_check() -> None:
    lines = {f"HU_{line:03d}" for line in LINES}
    assert named() - lines - {f"C{line:02d}" for line in range(1, 29)} == set()


def test_docs_contracts_lists_exactly_these_checks() -> None:
    page = (ROOT / "docs" / "contracts.md").read_text(encoding="utf-8")
    assert {int(line) for line in re.findall(r"HU-(\d{3})", page)} == LINES


def test_hostile_requests_cover_every_route() -> None:
    assert {matched(method, path)[1] for method, path in ROUTES} == {
        one.route for one in operations.OPERATIONS
    }
