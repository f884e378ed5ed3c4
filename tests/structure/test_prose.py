"""Plain English: words that are hard to read, and the volume of docstrings."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.structure.project import PACKAGE, ROOT, listed, tracked_files

# Built from pieces, so that this file passes its own rule.
HARD_WORDS = re.compile(
    r"\b("
    + "|".join(("who" + "ever", "no" + "body", "some" + "body", "be" + "sides", "a" + "new", "can" + " not"))
    + r")\b",
    re.IGNORECASE,
)
READ = {".py", ".md", ".yaml", ".toml", ".sh", ".html", ".txt", ".in", ""}
NOT_OUR_WORDS = ("tests/fixtures/", "LICENSE", "local/toolchain/", "layers/dependencies/")
MAX_DOCSTRING_WORDS = 45  # per 100 lines


def hard_words(name: str, text: str) -> list[str]:
    return [
        f"{name}:{number}: {found.group()!r} is hard to read"
        for number, line in enumerate(text.splitlines(), start=1)
        for found in HARD_WORDS.finditer(line)
    ]


def docstring_words(text: str) -> int:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, documented)]
    return sum(len((ast.get_docstring(node) or "").split()) for node in nodes)


def _prose() -> list[Path]:
    return [
        path
        for path in tracked_files()
        if path.suffix in READ and not path.relative_to(ROOT).as_posix().startswith(NOT_OUR_WORDS)
    ]


def test_no_file_has_a_hard_word() -> None:
    paths = _prose()
    assert len(paths) > 500
    problems = [
        problem
        for path in paths
        for problem in hard_words(path.relative_to(ROOT).as_posix(), path.read_text())
    ]
    assert not problems, listed(problems)


def test_docstrings_of_the_layer_are_short() -> None:
    texts = [path.read_text() for path in PACKAGE.rglob("*.py")]
    lines = sum(len(text.splitlines()) for text in texts)
    words = sum(docstring_words(text) for text in texts)
    assert words / lines * 100 < MAX_DOCSTRING_WORDS


@pytest.mark.parametrize("text", ["Who" + "ever reads this.", "# it can" + " not be", "paid a" + "new"])
def test_a_hard_word_is_found(text: str) -> None:
    assert hard_words("a.py", text)


def test_plain_words_pass() -> None:
    assert not hard_words("a.py", "A canoe is beside a newer boat.")


def test_docstring_words_are_counted() -> None:
    assert docstring_words('"""Two words."""\n\n\ndef f():\n    """And three more."""\n') == 5
