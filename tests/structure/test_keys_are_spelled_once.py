"""Only adapters/dynamodb/keys.py spells out partition and sort keys."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

from hosting_orders.adapters.dynamodb import keys

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers" / "hosting_orders" / "hosting_orders"
ADAPTER = PACKAGE / "adapters" / "dynamodb"
SOURCES = sorted([*PACKAGE.rglob("*.py"), *(ROOT / "functions").rglob("*.py")])

BUILT = [
    keys.account("a"),
    keys.cart("a", "t"),
    keys.cart_rollup("a", "t"),
    keys.order("a", 1),
    keys.token("a", 1, "s"),
    keys.callback("a", 1),
    keys.contacts("a", 1),
    keys.page_mark("a", 1),
    keys.spending("a", "k", "2026-11"),
    keys.api_key("a", "k"),
    keys.api_keys_made("a"),
    keys.webhook("a", "w"),
    keys.webhook_count("a"),
    keys.webhook_creation("a", "t"),
    keys.webhook_delivery("a", "w", "m"),
    keys.number_claim(1),
    keys.domain_claim("n"),
    keys.user("u"),
    keys.credential("h"),
    keys.key_use("h"),
    keys.provider_event("stripe", "evt"),
    keys.plan("p"),
    keys.location("l"),
    keys.variant("v"),
    keys.tld("t"),
    keys.capacity("v"),
    keys.vm_plan("p"),
    keys.image("i"),
    keys.request_count("b", 1),
    keys.used_quote("a", "q"),
    keys.domain_offer("example.com"),
]
PREFIXES = sorted(
    {
        part.split("#")[0] + "#"
        for part in [part for key in BUILT for part in key.values()]
        + keys.due_shards()
        + keys.due_webhook_shards()
        if "#" in part
    }
)


def texts(source: str) -> list[str]:
    """Every string of a module except docstrings, including the fixed parts of f-strings."""
    tree = ast.parse(source)
    bodies = [node.body for node in ast.walk(tree) if hasattr(node, "body") and isinstance(node.body, list)]
    statements = [statement for body in bodies for statement in body]
    docstrings = {id(statement.value) for statement in statements if isinstance(statement, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    ]


def spellings(source: str) -> list[str]:
    return [text for text in texts(source) if any(prefix in text for prefix in PREFIXES)]


def test_the_list_of_prefixes_has_the_known_prefixes() -> None:
    assert {"ACCOUNT#", "CART#", "ORDER#", "TOKEN#", "CALLBACK#", "KEY#", "DUE#"} < set(PREFIXES)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_other_module_spells_a_key(path: Path) -> None:
    found = spellings(path.read_text())
    assert found == [] or path == ADAPTER / "keys.py"


@pytest.mark.parametrize(
    "source",
    [
        'key = "ORDER#" + number',
        'key = f"CART#{token}"',
        'def find():\n    "About."\n    return {"PK": "ACCOUNT#1"}',
    ],
)
def test_a_spelled_key_is_found(source: str) -> None:
    assert spellings(source) != []


def test_a_docstring_may_name_a_key() -> None:
    assert spellings('def find():\n    "Finds ORDER#1."') == []


def test_only_the_adapter_names_the_key_attributes() -> None:
    for path in SOURCES:
        if ADAPTER not in path.parents:
            assert not {"PK", "SK"} & set(texts(path.read_text())), path


def test_the_keys_of_different_kinds_of_items_differ() -> None:
    spelled = [(key["PK"], key["SK"]) for key in BUILT]
    assert len(set(spelled)) == len(BUILT)


def test_the_list_of_keys_contains_a_key_of_every_kind() -> None:
    builders = [
        name
        for name, builder in vars(keys).items()
        if inspect.isfunction(builder)
        and not name.startswith("_")
        and inspect.signature(builder).return_annotation == "Key"
    ]
    assert len(builders) == len(BUILT)


def test_order_keys_sort_as_their_numbers() -> None:
    numbers = [1, 9, 10, 99, 2**31, 2**49 - 1, keys.MAX_NUMBER]
    sort_keys = [keys.order("a", number)["SK"] for number in numbers]
    assert sort_keys == sorted(sort_keys)
    assert {len(sort_key) for sort_key in sort_keys} == {len("ORDER#") + 16}
