"""Writes a release's stamp into a built template: `release.py BUILT_TEMPLATE`, run by sam_build.sh.

SAM names a function's version after a hash of the function's own package, environment and memory, and publishes
a version when that name is new. Of a layer it sees no more than a reference. It does not look at the other
properties, such as Timeout, either. So a hash of all that a release is made of stands as a literal in every
function's environment: when it changes, every function gets a new version, and all versions of one release carry
the same stamp, by which they are found again (docs/runbooks.md).

The built copy is stamped, and not template.yaml: a build leaves the sources as they are, `sam deploy` reads the
copy, and `sam build` writes it anew each time. The sources are hashed, and not what is built from them: the same
commit gives the same stamp on every machine.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]

_FOLDERS = ("layers", "functions", "local/toolchain/package")
_UNSTAMPED = re.compile(r"^(\s+RELEASE: )unbuilt$", re.MULTILINE)


def stamp(root: Path, forced: str = "") -> str:
    """The hash of template.yaml and of every source file of the layers, the functions and their packaging.

    `forced` is any text: another one gives another stamp, so that the same sources are published again.
    """
    found = hashlib.sha256(forced.encode())
    for path in _sources(root):
        content = path.read_bytes()
        found.update(f"\0{path.relative_to(root).as_posix()}\0{len(content)}\0".encode())
        found.update(content)
    return found.hexdigest()[:16]


def _sources(root: Path) -> Iterator[Path]:
    """What a run or an editor leaves there is no source: bytecode and hidden files."""
    yield root / "template.yaml"
    for path in sorted(path for folder in _FOLDERS for path in (root / folder).rglob("*")):
        parts = path.relative_to(root).parts
        hidden = any(part == "__pycache__" or part.startswith(".") for part in parts)
        if path.is_file() and not hidden and path.suffix != ".pyc":
            yield path


def stamped(template: str, release: str) -> str:
    """The built template with its release in it. Raises ValueError unless it has one place for it."""
    text, places = _UNSTAMPED.subn(rf"\g<1>{release}", template)
    if places != 1:
        raise ValueError(f"{places} lines `RELEASE: unbuilt` in the built template instead of one")
    return text


if __name__ == "__main__":
    built = Path(sys.argv[1])
    built.write_text(stamped(built.read_text(), stamp(ROOT, os.environ.get("RELEASE", ""))))
