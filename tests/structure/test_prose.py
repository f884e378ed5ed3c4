"""The project's prose has no words that are hard to read, and its docstrings are short."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.structure.project import PACKAGE, ROOT, listed, tracked_files

# The words are put together from pieces, because this file must not contain them.
HARD_WORDS = re.compile(
    r"\b("
    + "|".join(("who" + "ever", "no" + "body", "some" + "body", "be" + "sides", "a" + "new", "can" + " not"))
    + r")\b",
    re.IGNORECASE,
)
NOT_OUR_WORDS = ("tests/fixtures/", "LICENSE", "local/toolchain/", "layers/dependencies/")
WHOLE_TEXTS = {".md", ".yaml", ".html"}
MAX_DOCSTRING_WORDS = 45  # per 100 lines
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def docstrings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and (text := ast.get_docstring(node)):
            yield node.body[0].lineno, text


def prose_of_python(text: str) -> Iterator[tuple[int, str]]:
    """Yield docstrings, comments and names of tests. Other strings are left out, because they may quote a provider."""
    tree = ast.parse(text)
    yield from docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.lineno, node.name.replace("_", " ")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def hard_words(name: str, text: str) -> list[str]:
    lines = prose_of_python(text) if name.endswith(".py") else enumerate(text.splitlines(), start=1)
    return [
        f"{name}:{number}: {found.group()!r} is hard to read"
        for number, line in lines
        for found in HARD_WORDS.finditer(line)
    ]


def docstring_words(text: str) -> int:
    return sum(len(docstring.split()) for _, docstring in docstrings(ast.parse(text)))


def _prose() -> list[Path]:
    return [
        path
        for path in tracked_files()
        if path.suffix in {".py", *WHOLE_TEXTS}
        and not path.relative_to(ROOT).as_posix().startswith(NOT_OUR_WORDS)
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


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.md", "Who" + "ever reads this."),
        ("a.py", "# it can" + " not be"),
        ("a.py", '"""Paid a' + 'new."""'),
        ("a.py", "def test_no" + "body_pays(): ..."),
    ],
)
def test_a_hard_word_is_found(name: str, text: str) -> None:
    assert hard_words(name, text)


def test_plain_words_pass() -> None:
    assert not hard_words("a.md", "A canoe is beside a newer boat.")


def test_docstring_words_are_counted() -> None:
    assert docstring_words('"""Two words."""\n\n\ndef f():\n    """And three more."""\n') == 5
