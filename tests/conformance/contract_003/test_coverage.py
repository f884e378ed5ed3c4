"""The test names cover every check of contract 003 in docs/contracts.md."""

from __future__ import annotations

import re
from pathlib import Path

from hosting_orders.contracts.orders_v1 import operations
from hosting_orders.domain.account import AccountFrom
from tests.conformance.contract_003.support import ROUTES
from tests.support.world import matched

LINES = {
    1,
    *range(10, 15),
    *range(20, 26),
    *range(30, 38),
    *range(40, 45),
    *range(50, 53),
    60,
}
# The contradictions between the contracts (C01 … in docs/contracts.md) that concern contract 003.
CONTRADICTIONS = {1, 3, 10, 11, 15, 16, 17, 22, 23, 24}

NAME = re.compile(r"def (test_\w+)\(")
ROOT = Path(__file__).parents[3]


def named() -> set[str]:
    names = [
        name for path in Path(__file__).parent.glob("test_*.py") for name in NAME.findall(path.read_text())
    ]
    return {found for name in names for found in re.findall(r"(?:O1_\d{3}|C\d\d)(?=_)", name)}


def test_every_check_has_a_test() -> None:
    expected = {f"O1_{line:03d}" for line in LINES} | {f"C{line:02d}" for line in CONTRADICTIONS}
    assert expected - named() == set()


def test_no_test_names_an_unknown_check() -> None:
    lines = {f"O1_{line:03d}" for line in LINES}
    assert named() - lines - {f"C{line:02d}" for line in range(1, 29)} == set()


def test_docs_contracts_lists_exactly_these_checks() -> None:
    page = (ROOT / "docs" / "contracts.md").read_text(encoding="utf-8")
    assert {int(line) for line in re.findall(r"O1-(\d{3})", page)} == LINES


def test_the_list_of_routes_says_which_need_the_account_header() -> None:
    asked = {matched(method, path)[1]: account for method, path, account in ROUTES}
    access = {one.route: one.access for one in operations.OPERATIONS}
    assert asked == {
        route: one is not None and one.account is AccountFrom.HEADER for route, one in access.items()
    }
