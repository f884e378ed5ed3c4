"""Each product describes itself. No other code branches on the kind of a product (docs/extending.md, "A product")."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import pytest

from hosting_orders.domain.products import ProductKind
from hosting_orders.usecases.products.registry import FULFILMENTS
from tests.structure.project import PACKAGE, ROOT, listed, project_modules

# Each module's allowed number of branches on the product. A comment gives the reason.
ALLOWED = {
    # Items written before 2026-11-27 store the data of a domain among the order's own attributes.
    "hosting_orders.adapters.dynamodb.items": 1,
}
# Classes of request bodies. They describe products too, but have no `KIND`.
BODIES = {"Site", "Domain", "Vm"}


def classes_of_products() -> set[str]:
    """Return the classes with a `KIND`, the unions of these classes, and the classes in BODIES."""
    found = {"Item", "Resource", *BODIES}
    for source in project_modules():
        for node in ast.walk(ast.parse(source.text)):
            if isinstance(node, ast.ClassDef) and any(
                isinstance(line, ast.AnnAssign)
                and ast.unparse(line.target) == "KIND"
                and line.value is not None
                for line in node.body
            ):
                found.add(node.name)
    return found


def forks(text: str, classes: set[str]) -> list[int]:
    """Return the lines that branch on a product's class or on its `kind`."""
    tree = ast.parse(text)
    return sorted({line for node in ast.walk(tree) for line in _asks(node, classes)})


def _asks(node: ast.AST, classes: set[str]) -> Iterator[int]:
    if isinstance(node, ast.Call) and ast.unparse(node.func) in ("isinstance", "issubclass"):
        if _names(node.args[1]) & classes:
            yield node.lineno
    elif isinstance(node, ast.Compare):
        if _compares_kinds([node.left, *node.comparators], classes):
            yield node.lineno
    elif isinstance(node, ast.match_case):
        for part in ast.walk(node.pattern):
            if isinstance(part, ast.MatchClass | ast.MatchValue) and _names_a_product(part, classes):
                yield part.lineno


def _compares_kinds(sides: list[ast.expr], classes: set[str]) -> bool:
    texts = [ast.unparse(side) for side in sides]
    by_word = any(text.endswith((".KIND", ".kind")) for text in texts) and any(
        isinstance(side, ast.Constant) and side.value in set(ProductKind) for side in sides
    )
    by_class = any(text.startswith("type(") for text in texts) and any(
        _names(side) & classes for side in sides
    )
    return by_word or by_class or any("ProductKind." in text for text in texts)


def _names_a_product(pattern: ast.MatchClass | ast.MatchValue, classes: set[str]) -> bool:
    named = pattern.cls if isinstance(pattern, ast.MatchClass) else pattern.value
    return bool(_names(named) & {*classes, "ProductKind"})


def _names(node: ast.expr) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def test_no_code_branches_on_the_product() -> None:
    classes = classes_of_products()
    assert {"SiteItem", "DomainItem", "SiteResource", "DomainRequest"} <= classes
    counted = Counter({source.module: len(forks(source.text, classes)) for source in project_modules()})
    problems = [
        f"{module} branches {count} times on the product; {ALLOWED.get(module, 0)} allowed"
        for module, count in counted.items()
        if count != ALLOWED.get(module, 0)
    ]
    assert problems == [], listed(problems)
    assert sum(ALLOWED.values()) <= 4


@pytest.mark.parametrize(
    "fork",
    [
        "if isinstance(order.item, DomainItem): pass",
        "what = 1 if not isinstance(self.resource, (SiteResource, DomainResource)) else 2",
        "if order.item.KIND == 'domain': pass",
        "if order.kind is ProductKind.DOMAIN: pass",
        "if order.kind in (ProductKind.DOMAIN, ProductKind.SITE): pass",
        "if type(item) is Domain: pass",
        "match order.item:\n    case DomainItem(): pass",
        "match order.kind:\n    case ProductKind.SITE: pass",
    ],
)
def test_a_branch_on_the_product_is_noticed(fork: str) -> None:
    assert len(forks(fork, classes_of_products())) == 1


def test_a_lookup_by_kind_is_not_a_branch() -> None:
    text = """
BLOCKS = {ProductKind.SITE: site_block, ProductKind.DOMAIN: domain_block}
block = BLOCKS[order.kind](order)
item = order.item_as(DomainItem)
alike = [draft for draft in drafts if draft.item.KIND == kind]
"""
    assert forks(text, classes_of_products()) == []


def test_every_kind_has_a_fulfilment() -> None:
    assert set(FULFILMENTS) == set(ProductKind)


@pytest.mark.parametrize(("kind", "loaded"), [(ProductKind.SITE, False), (ProductKind.DOMAIN, True)])
def test_only_the_fulfilment_of_domains_loads_the_domain_code(kind: ProductKind, loaded: bool) -> None:
    program = f"""
import sys
import hosting_orders.usecases.place_cart
from hosting_orders.usecases.products.registry import fulfilment
fulfilment({kind.value!r})
print("hosting_orders.usecases.domain_item" in sys.modules)
"""
    answer = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": os.pathsep.join([str(ROOT), str(PACKAGE.parent)])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == str(loaded)
