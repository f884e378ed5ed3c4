"""docs/agents.md agrees with the code of the MCP server."""

from __future__ import annotations

import re

import pytest

from hosting_orders.contracts.mcp import errors, protocol, requests
from hosting_orders.contracts.mcp.tools import TOOLS
from hosting_orders.domain import deadlines
from tests.structure.project import ROOT

PAGE = (ROOT / "docs" / "agents.md").read_text(encoding="utf-8")
TOOL = re.compile(r"^\| `(\w+)` \| ([\w' ]+) \| (yes|no) \|", re.MULTILINE)
REVISION = re.compile(r"^\| (\d{4}-\d\d-\d\d) \|", re.MULTILINE)
ERROR_NUMBERS = (
    *(errors.PARSE_ERROR, errors.INVALID_REQUEST, errors.METHOD_NOT_FOUND, errors.INVALID_PARAMS),
    *(errors.INTERNAL_ERROR, errors.HEADER_MISMATCH, errors.UNSUPPORTED_VERSION),
)


def test_the_table_says_which_tools_change_something() -> None:
    assert [(name, changes) for name, _, changes in TOOL.findall(PAGE)] == [
        (tool.name, "no" if tool.reads else "yes") for tool in TOOLS.values()
    ]


def test_the_table_has_each_protocol_revision() -> None:
    assert tuple(REVISION.findall(PAGE)) == protocol.SPOKEN


@pytest.mark.parametrize("number", ERROR_NUMBERS)
def test_the_page_has_each_error_number(number: int) -> None:
    assert str(number) in PAGE


def test_the_page_says_how_long_a_quote_is_valid() -> None:
    minutes = deadlines.QUOTE // 60_000
    assert re.search(rf"holds the price for\s+{minutes} minutes", PAGE)


def test_the_page_names_the_arguments_of_place_order() -> None:
    section = PAGE[PAGE.index("## Order") : PAGE.index("## Errors")]
    for field in requests.PlaceOrder.model_fields:
        assert field in section or field == "callback", field


def test_the_page_names_the_members_of_an_error() -> None:
    from hosting_orders.contracts.problem import Detail, Problem
    from hosting_orders.domain.codes import Code

    problem = Problem(Code.INVALID_FIELD, (Detail(Code.INVALID_FIELD, "x", "/x"),), {"Retry-After": "5"})
    for member in errors.tool_error(problem, moves_money=True):
        assert f"`{member}`" in PAGE
