"""Entry points and use cases name no contract, and the template deploys exactly the published operations."""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from hosting_orders.contracts import published
from hosting_orders.contracts.operation import Operation
from hosting_orders.domain.codes import Code
from hosting_orders.domain.scopes import Scope
from tests.structure.project import (
    PACKAGE,
    ROOT,
    Source,
    function_folders,
    functions,
    listed,
    parse,
    project_modules,
    read_template,
)

NEUTRAL = {"operation", "problem"}
MAY_NAME_NO_CONTRACT = {"entrypoints", "usecases"}
NAME = re.compile(r"\b(?:contract[ _]0\d\d|v[12]|orders_v\d)\b", re.IGNORECASE)
ENDPOINT = re.compile(
    r"^\| `([A-Z]+ \S+)` \| (.*?) \| ?((?:\d(?:, \d)*)?) ?\| ?(yes|optional|the key's|) ?\| ?(`\S+`|no|) ?\|$",
    re.MULTILINE,
)
ERROR = re.compile(r"^\| (\d{3}) \| (`.*?) \| ", re.MULTILINE)


# -- the rules ----------------------------------------------------------------------------------------


def contracts_named_below(source: Source) -> list[str]:
    """Entry points and use cases must name no contract, and may import only `operation` and `problem`."""
    if source.layer not in MAY_NAME_NO_CONTRACT:
        return []
    problems = []
    for found in source.imports:
        parts = found.target.split(".")
        if parts[:2] == ["hosting_orders", "contracts"] and (len(parts) < 3 or parts[2] not in NEUTRAL):
            problems.append(f"{source.where(found.line)} imports {found.target}")
    for number, line in enumerate(source.text.splitlines(), start=1):
        problems += [f"{source.where(number)} names {found}" for found in NAME.findall(line)]
    return problems


def routes_of(properties: Mapping[str, Any]) -> set[str]:
    """The route keys of a function's events, in API Gateway's form."""
    given = [
        event["Properties"] for event in properties.get("Events", {}).values() if event["Type"] == "HttpApi"
    ]
    return {f"{each['Method']} {each['Path']}" if "Path" in each else "$default" for each in given}


def handler_of(properties: Mapping[str, Any]) -> Any:
    module, _, name = properties["Handler"].rpartition(".")
    return getattr(importlib.import_module(f"{properties['CodeUri'].replace('/', '.')}.{module}"), name)


def operations_of(handler: Any) -> list[Operation[Any]]:
    return list(getattr(handler, "handles", ()))


def identity(operation: Operation[Any]) -> tuple[str, str]:
    return operation.contract.name, operation.route


def routes_that_do_not_match(template: dict[str, Any]) -> list[str]:
    """A function must serve exactly its routes.

    A request to a route that the function does not serve gets a 500. An operation without a route is never called.
    """
    problems = []
    for name, properties in functions(template).items():
        routed = routes_of(properties) - {"$default"}
        served = {operation.route for operation in operations_of(handler_of(properties))}
        problems += [f"{name}: receives {route} and does not serve it" for route in sorted(routed - served)]
        problems += [f"{name}: serves {route} and never receives it" for route in sorted(served - routed)]
    return problems


def all_published() -> list[Operation[Any]]:
    return [operation for module in published.PUBLISHED for operation in module.OPERATIONS]


def all_served() -> list[Operation[Any]]:
    handlers = [handler_of(properties) for properties in functions(read_template()).values()]
    return [operation for handler in handlers for operation in operations_of(handler)]


def codes_that_do_not_match(page: str) -> list[str]:
    written = {
        (word, int(status)) for status, words in ERROR.findall(page) for word in re.findall(r"`(\w+)`", words)
    }
    known = {(str(code), code.status) for code in Code}
    problems = [
        f"{word} ({status}) is no code of domain/codes.py" for word, status in sorted(written - known)
    ]
    return problems + [f"docs/errors.md lacks {word} ({status})" for word, status in sorted(known - written)]


def endpoints_that_do_not_match(page: str) -> list[str]:
    """The table's columns must match each operation's versions, account and OAuth scope.

    They must also say whether the operation is "ours", which means our addition to the published contract.
    """
    table = {endpoint: tuple(cells) for endpoint, *cells in ENDPOINT.findall(page)}
    routes: dict[str, list[Operation[Any]]] = {}
    for operation in all_published():
        routes.setdefault(operation.route, []).append(operation)
    problems = []
    for route, (operation, *others) in routes.items():
        endpoint = re.sub(r"\{(\w+)\}", r":\1", route)
        about, versions, account, oauth = table.get(endpoint, ("", "?", "?", "?"))
        spoken = ", ".join(sorted(each.contract.version or "" for each in (operation, *others)))
        if versions != spoken:
            problems.append(f"{endpoint}: the page says {versions!r}; its versions are {spoken!r}")
        access = operation.access
        wanted = (
            ("", "")
            if access is None
            else (
                {"header": "yes", "optional": "optional", "key": "the key's"}[access.account],
                f"`{access.scope}`" if access.scope else "no",
            )
        )
        if (account, oauth) != wanted:
            problems.append(f"{endpoint}: the page says {account!r}, {oauth!r}; the operation {wanted}")
        if access is not None and about.startswith("ours") != operation.ours:
            problems.append(f"{endpoint}: `ours` is {operation.ours}, and the page says {about!r}")
    return problems


# -- the project --------------------------------------------------------------------------------------


def test_entry_points_and_use_cases_name_no_contract() -> None:
    problems = [problem for source in project_modules() for problem in contracts_named_below(source)]
    assert not problems, listed(problems)


def test_routes_match_the_operations_of_their_functions() -> None:
    problems = routes_that_do_not_match(read_template())
    assert not problems, listed(problems)


def test_one_function_answers_unknown_paths() -> None:
    taking = [name for name, each in functions(read_template()).items() if "$default" in routes_of(each)]
    assert taking == ["AnswerUnknownRouteFunction"]


def test_each_operation_is_served_by_exactly_one_function() -> None:
    served = [identity(operation) for operation in all_served()]
    assert sorted(served) == sorted(identity(operation) for operation in all_published())


def test_an_operation_with_a_body_declares_the_bodys_model() -> None:
    served = all_served()
    assert [each.route for each in served if (each.idempotent or each.body) != (each.takes is not None)] == []
    assert [each.route for each in served if each.idempotent and each.body] == []


def test_every_contract_has_unique_names_and_paths() -> None:
    contracts = [module.CONTRACT for module in published.PUBLISHED]
    names = [contract.name for contract in contracts]
    paths = [path for contract in contracts for path in contract.paths]
    assert len(set(names)) == len(names)
    assert len(set(paths)) == len(paths)
    for module in published.PUBLISHED:
        assert {operation.contract for operation in module.OPERATIONS} == {module.CONTRACT}
        assert f".{module.CONTRACT.name}" in module.__name__


def test_every_scope_of_an_operation_can_be_given_to_a_key() -> None:
    accesses = [operation.access for operation in all_published() if operation.access is not None]
    named = {scope for access in accesses for scope in (access.scope, access.key_scope) if scope is not None}
    assert named and named <= set(Scope)


def test_the_errors_page_lists_every_code_with_its_status() -> None:
    problems = codes_that_do_not_match((ROOT / "docs" / "errors.md").read_text(encoding="utf-8"))
    assert not problems, listed(problems)


def test_the_contracts_page_says_who_may_call_each_endpoint() -> None:
    problems = endpoints_that_do_not_match((ROOT / "docs" / "contracts.md").read_text(encoding="utf-8"))
    assert not problems, listed(problems)


def test_only_functions_that_read_a_body_import_pydantic() -> None:
    """Importing request models takes longer than importing the rest of a function."""
    reading = {
        properties["CodeUri"].rpartition("/")[2]
        for properties in functions(read_template()).values()
        if any(operation.takes for operation in operations_of(handler_of(properties)))
    }
    assert len(reading) >= 1
    found = imported_by([folder for folder in function_folders() if folder not in reading])
    assert found == {}, found
    assert set(imported_by(sorted(reading)[:1])) == set(sorted(reading)[:1])


def imported_by(folders: list[str]) -> dict[str, list[str]]:
    """Import the functions in a new process. Map each function to the pydantic and request modules that it loads."""
    program = f"""
import importlib, json, sys
found = {{}}
for folder in {folders!r}:
    before = set(sys.modules)
    importlib.import_module(f"functions.{{folder}}.app")
    new = set(sys.modules) - before
    heavy = [name for name in new if name == "pydantic" or name.endswith("requests") and "contracts" in name]
    if heavy:
        found[folder] = sorted(heavy)
print(json.dumps(found))
"""
    answer = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": os.pathsep.join([str(ROOT), str(PACKAGE.parent)]), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


def test_adding_a_contract_changes_only_the_listed_files() -> None:
    """docs/extending.md lists the files. contracts/published.py and domain/placement.py may name contract 002."""
    naming = {source.module for source in project_modules() if "orders_v2" in source.text}
    outside = {
        module
        for module in naming
        # The MCP server may name other contracts, because its answers contain parts of them.
        if not module.startswith(
            ("functions.", "hosting_orders.contracts.orders_v2", "hosting_orders.contracts.mcp.")
        )
    }
    # domain/placement.py names contract 002: an order that stores no contract was placed through it.
    assert outside == {"hosting_orders.contracts.published", "hosting_orders.domain.placement"}
    served = {source.module for source in project_modules() if "@serves(" in source.text}
    assert {module for module in naming if module.startswith("functions.")} <= served | {
        "functions.place_order.app"
    }
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    assert "Changed: `contracts/published.py`, the list of contracts, and a line in each function" in page


# -- the rules on small examples ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("hosting_orders.entrypoints.http", "from hosting_orders.contracts import orders_v2"),
        ("hosting_orders.entrypoints.http", "from hosting_orders.contracts.vendor import words"),
        ("hosting_orders.entrypoints.http", "from hosting_orders.contracts.published import PUBLISHED"),
        ("hosting_orders.entrypoints.http", "def f():\n    from ..contracts import orders_v2"),
        ("hosting_orders.entrypoints.orders", 'contract = "orders_v2"'),
        ("hosting_orders.usecases.place_cart", '"""As contract 002 wants it."""'),
        (
            "hosting_orders.usecases.place_cart",
            "from hosting_orders.contracts.operation import Operation\nv2 = 1",
        ),
    ],
)
def test_a_named_contract_is_noticed(module: str, text: str) -> None:
    assert contracts_named_below(parse(module, text))


def test_shared_parts_of_contracts_may_be_named() -> None:
    text = "from hosting_orders.contracts import problem\nfrom hosting_orders.contracts.operation import Contract"
    assert contracts_named_below(parse("hosting_orders.entrypoints.http", text)) == []
    assert contracts_named_below(parse("hosting_orders.contracts.x", "orders_v2 = 1")) == []


@pytest.mark.parametrize("route", ["GET /api/nothing", "POST /api/orders/{id}"])
def test_an_unserved_route_is_noticed(route: str) -> None:
    template = read_template()
    method, _, path = route.partition(" ")
    events = template["Resources"]["ShowOrderFunction"]["Properties"]["Events"]
    events["Request"]["Properties"] |= {"Method": method, "Path": path}
    assert routes_that_do_not_match(template) == [
        f"ShowOrderFunction: receives {route} and does not serve it",
        "ShowOrderFunction: serves GET /api/orders/{id} and never receives it",
    ]


def test_a_missing_or_unknown_code_is_noticed() -> None:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert codes_that_do_not_match(page.replace("`not_found`", "`not_here`")) == [
        "not_here (404) is no code of domain/codes.py",
        "docs/errors.md lacks not_found (404)",
    ]


def test_a_wrong_endpoint_description_is_noticed() -> None:
    page = (ROOT / "docs" / "contracts.md").read_text(encoding="utf-8")
    wrong = page.replace(
        "| `GET /api/orders/:id` | one order | 1, 2 | yes |",
        "| `GET /api/orders/:id` | one order | 1, 2 | optional |",
    )
    assert len(endpoints_that_do_not_match(wrong)) == 1
    assert endpoints_that_do_not_match(page.replace("| ours: several products", "| several products"))
    assert endpoints_that_do_not_match(page.replace("| one order | 1, 2 |", "| one order | 2 |")) == [
        "GET /api/orders/:id: the page says '2'; its versions are '1, 2'"
    ]
    assert endpoints_that_do_not_match(page.replace("| one cart | 2 |", "| one cart | 1, 2 |"))


# -- codes --------------------------------------------------------------------------------------------

TAKE_A_CODE = {"InvalidRequestError", "DomainRefusedError", "AccessDeniedError", "ContactsRefusedError"}


def codes_spelled_out(module: str, text: str) -> list[str]:
    """Find error codes that are written as text. Tests notice a wrong member of Code, but not a wrong text."""
    problems = []
    for node in ast.walk(ast.parse(text)):
        if (
            not isinstance(node, ast.Call)
            or getattr(node.func, "id", getattr(node.func, "attr", "")) not in TAKE_A_CODE
        ):
            continue
        given = [*node.args[:1], *(keyword.value for keyword in node.keywords if keyword.arg == "code")]
        if any(isinstance(each, ast.Constant | ast.JoinedStr | ast.BinOp) for each in given):
            problems.append(f"{module}:{node.lineno} spells a code out")
    return problems


def test_errors_use_members_of_code() -> None:
    problems = [
        each for source in project_modules() for each in codes_spelled_out(source.module, source.text)
    ]
    assert not problems, listed(problems)


@pytest.mark.parametrize(
    "code", ['"reserved"', 'f"unknown_{field}"', '"unknown_" + field', 'code="reserved"']
)
def test_a_literal_code_is_noticed(code: str) -> None:
    assert codes_spelled_out("x", f"raise errors.InvalidRequestError({code})")
    assert codes_spelled_out("x", "raise InvalidRequestError(Code.RESERVED, 'no')") == []
