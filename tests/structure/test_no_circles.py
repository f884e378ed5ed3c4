"""No module imports itself through other modules. Imports that only type checkers use do not count."""

from __future__ import annotations

from collections.abc import Mapping

from tests.structure.project import project_modules
from tests.structure.test_money_paths import imports_of, reached


def circles(imports: Mapping[str, set[str]]) -> list[str]:
    """Return every module that imports itself through another module."""
    return sorted(
        module
        for module, targets in imports.items()
        if any(module in reached(imports, target) for target in targets if target != module)
    )


def test_the_project_has_no_circle() -> None:
    imports = imports_of(project_modules())
    assert len(imports) > 100
    assert circles(imports) == []


def test_a_circle_is_noticed() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set()}) == ["a", "b", "c"]
