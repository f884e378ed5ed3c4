"""The test names cover every check of contract 000 in docs/contracts.md."""

from __future__ import annotations

import re
from pathlib import Path

from hosting_orders.contracts.order_status import operations
from tests.conformance.contract_000.support import ROUTES
from tests.support.world import matched

# SQ-050 and SQ-064 are tested in tests/conformance/mcp.
LINES = {
    *range(1, 9),
    *range(10, 17),
    *range(20, 39),
    *range(40, 51),
    *range(60, 67),
}
NAME = re.compile(r"def (test_\w+)\(")


def named() -> set[str]:
    folder = Path(__file__).parent
    files = [*folder.glob("test_*.py"), *(folder.parent / "mcp").glob("test_*.py")]
    names = [name for path in files for name in NAME.findall(path.read_text())]
    return {found for name in names for found in re.findall(r"SQ_\d{3}(?=_)", name)}


def test_every_check_has_a_test() -> None:
    assert {f"SQ_{line:03d}" for line in LINES} == named()


def test_hostile_requests_cover_every_route() -> None:
    tried = {matched(method, path)[1] for method, path in ROUTES}
    assert tried == {operation.route for operation in operations.OPERATIONS}
