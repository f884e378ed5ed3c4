"""The test names cover every check of contract 002 in docs/contracts.md."""

from __future__ import annotations

import re
from pathlib import Path

from hosting_orders.contracts.billing_order import operations as billing_order
from hosting_orders.contracts.mcp import operations as mcp
from hosting_orders.contracts.order_status import operations as order_status
from tests.conformance.contract_002.support import ROUTES
from tests.support.world import matched, routes

# The numbers of the checks (O2-001 and so on) in docs/contracts.md.
LINES = {
    *range(1, 11),
    *range(20, 32),
    *range(40, 57),
    *range(60, 80),
    *range(80, 86),
    *range(90, 100),
    *range(110, 118),
    *range(120, 138),
    *range(140, 156),
    *range(160, 163),
    *range(170, 175),
    *range(180, 188),
}
LETTERED = {"O2_079a", "O2_079b"}
# The contradictions between the contracts (C01 … in docs/contracts.md) that concern contract 002.
CONTRADICTIONS = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 18, 19, 22, 23, 24, 25, 26, 28}

NAME = re.compile(r"def (test_\w+)\(")


def named() -> set[str]:
    folder = Path(__file__).parent
    names = [name for path in folder.glob("test_*.py") for name in NAME.findall(path.read_text())]
    return {found for name in names for found in re.findall(r"(?:O2_\d{3}[a-z]?|C\d\d)(?=_)", name)}


def test_hostile_requests_cover_every_protected_route() -> None:
    open_to_all = {
        ("*", "*"),
        ("POST", "/webhooks/stripe"),
        ("POST", "/webhooks/platform"),
        ("GET", "/o/{page_token}"),  # the page's token is the credential: tests/conformance/order_page/
    }
    # Contracts 000 and 001 and the MCP server have their own paths and their own suites of hostile requests.
    elsewhere = {
        tuple(operation.route.split())
        for each in (order_status, billing_order, mcp)
        for operation in each.OPERATIONS
    }
    attacked = {matched(method, path)[1] for method, path, _ in ROUTES}
    assert attacked == {f"{method} {path}" for method, path in set(routes()) - open_to_all - elsewhere}


def test_every_check_has_a_test() -> None:
    expected = {f"O2_{line:03d}" for line in LINES} | LETTERED | {f"C{line:02d}" for line in CONTRADICTIONS}
    assert expected - named() == set()


def test_no_test_names_an_unknown_check() -> None:
    lines = {f"O2_{line:03d}" for line in LINES} | LETTERED
    assert named() - lines - {f"C{line:02d}" for line in range(1, 29)} == set()
