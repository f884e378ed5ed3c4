"""`python -m local.check`, the tests of `make check`: unit tests, structure tests, and the tests that a change affects.

A change affects a test file that imports a changed file, directly or indirectly, or that names a changed non-Python
file (`template.yaml`, a folder of `events/`). Most changes affect most tests, so the tests nearest to the changed files
run first (`felt_by`). After 50 seconds, the rest are skipped.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PurePosixPath

from local.paths import ROOT

SECONDS = 50.0
ALWAYS = ("tests/unit", "tests/structure")
NEVER = "tests/e2e"

# The roots of imports: `hosting_orders.domain` is layers/hosting_orders/hosting_orders/domain.
_IMPORT_FROM = ("", "layers/hosting_orders/")
# `world.py` imports the handlers by computed names, so no import statement shows that it depends on functions/.
_COMPUTED = {"tests/support/world.py": "functions/"}


def main() -> int:
    started = time.time()
    changed = changed_files(ROOT)
    chosen = felt_by(changed, read_files(ROOT)) if changed else []
    print(_what_runs(changed, chosen), flush=True)
    plugin = ["-p", "local.check_deadline", "--deadline", str(started + SECONDS)]
    # Small chunks keep the order: both processes run the nearest tests first.
    processes = ["-n", "2", "--maxschedchunk", "8"]
    return subprocess.call([sys.executable, "-m", "pytest", *processes, *plugin, *ALWAYS, *chosen], cwd=ROOT)


def _what_runs(changed: Collection[str], chosen: Collection[str]) -> str:
    if not changed:
        return "Nothing has changed here: unit and structure tests only. `make test` runs everything."
    return (
        f"{_number(changed, 'file')} changed, affecting {_number(chosen, 'test file')} in addition to the unit and "
        f"structure tests. Those nearest to the changed files run first. After {SECONDS:.0f} seconds the rest is "
        "skipped. `make test` runs everything."
    )


def _number(things: Collection[str], noun: str) -> str:
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"


# -- changed files -------------------------------------------------------------------------------------------


def changed_files(root: Path) -> set[str]:
    """Files that differ from the merge base with upstream, or from HEAD if the branch has no upstream."""
    base = _git(root, "merge-base", "HEAD", "@{upstream}") or ["HEAD"]
    return {
        *_git(root, "diff", "--name-only", "--no-renames", base[0]),
        *_git(root, "ls-files", "--others", "--exclude-standard"),
    }


def read_files(root: Path) -> dict[str, str]:
    names = _git(root, "ls-files", "--cached", "--others", "--exclude-standard", "*.py")
    return {name: (root / name).read_text(encoding="utf-8") for name in names if (root / name).is_file()}


def _git(root: Path, *arguments: str) -> list[str]:
    """The lines of git's output, or none when git fails."""
    try:
        answer = subprocess.run(
            ["git", "-c", "core.quotePath=false", *arguments],
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return []
    return answer.stdout.splitlines() if answer.returncode == 0 else []


# -- affected tests ------------------------------------------------------------------------------------------


def felt_by(changed: Collection[str], texts: Mapping[str, str]) -> list[str]:
    """The affected test files, nearest first, without those in ALWAYS and NEVER.

    Changed tests and tests that import a changed file directly come before all others. Within each of these two groups,
    a test comes earlier if its name shares rare words with a changed file's name.
    """
    far = _distances(changed, texts)
    tests = [
        path
        for path in far
        if PurePosixPath(path).name.startswith("test_") and not path.startswith((*ALWAYS, NEVER))
    ]
    words = {path: _words(path) for path in tests}
    changed_words = {word for path in changed for word in _words(path)}
    found_in = Counter(word for path in tests for word in words[path])

    def nearness(path: str) -> tuple[bool, float, int, str]:
        shared = sum(1 / found_in[word] for word in changed_words & words[path])
        return far[path] > 1, -shared, far[path], path

    return sorted(tests, key=nearness)


def _words(path: str) -> set[str]:
    """The words of a file's name, without a plural s. For app.py and __init__.py, the words of the folder's name."""
    parts = PurePosixPath(path)
    stem = parts.parent.name if parts.stem in ("app", "__init__") else parts.name.partition(".")[0]
    return {word.removesuffix("s") for word in stem.split("_") if word != "test"}


def _distances(changed: Collection[str], texts: Mapping[str, str]) -> dict[str, int]:
    """How many imports lead from each affected file to the nearest changed file."""
    known = {*texts, *changed}  # a deleted file may still be imported
    by_name = _spellings(known)
    importers: dict[str, list[str]] = {}
    for path, text in texts.items():
        for used in set(_uses(path, text, known, by_name)):
            importers.setdefault(used, []).append(path)
    far = dict.fromkeys(changed, 0)
    left = deque(changed)
    while left:
        path = left.popleft()
        for importer in importers.get(path, ()):
            if importer not in far:
                far[importer] = far[path] + 1
                left.append(importer)
    return far


def _uses(
    path: str, text: str, known: Collection[str], by_name: Mapping[str, Collection[str]]
) -> Iterator[str]:
    """The files of this project that `path` imports or names."""
    tree = ast.parse(text)
    for name in _imported(path, tree):
        yield from _files_of(name, known)
    yield from (str(folder / "conftest.py") for folder in PurePosixPath(path).parents)
    if path in _COMPUTED:
        yield from (other for other in known if other.startswith(_COMPUTED[path]))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from by_name.get(node.value.strip("/"), ())


def _imported(path: str, tree: ast.AST) -> Iterator[str]:
    """Imported dotted names. `from a import b` also yields `a.b`, which may be a module."""
    folder = PurePosixPath(path).parent.parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(folder[: len(folder) + 1 - node.level]) if node.level else ""
            base = ".".join(part for part in (above, node.module) if part)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _files_of(name: str, known: Collection[str]) -> Iterator[str]:
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        for start in _IMPORT_FROM:
            module = start + "/".join(parts[:count])
            yield from (file for file in (f"{module}.py", f"{module}/__init__.py") if file in known)


def _spellings(known: Collection[str]) -> Mapping[str, Collection[str]]:
    """The names by which tests refer to a non-Python file: its path, its file name, and folders without Python."""
    of_python = {folder for path in known if path.endswith(".py") for folder in PurePosixPath(path).parents}
    found: dict[str, set[str]] = {}
    for path in known:
        if path.endswith(".py"):
            continue
        folders = [folder for folder in PurePosixPath(path).parents if folder not in of_python]
        for name in (path, PurePosixPath(path).name, *map(str, folders), *(one.name for one in folders)):
            found.setdefault(name, set()).add(path)
    return found


if __name__ == "__main__":
    sys.exit(main())
