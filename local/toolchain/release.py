"""Write a release's stamp into a built template: `release.py BUILT_TEMPLATE`, run by sam_build.sh.

SAM publishes a function's version only when the function's package, environment or memory changes. SAM ignores the
content of layers and the function's other properties, such as Timeout. The stamp hashes all sources of a release and is
in every function's environment. A new release therefore gives every function a new version. All versions of a release
carry its stamp (docs/runbooks.md).

Only the built template is stamped. Each `sam build` replaces it, and `sam deploy` reads it.
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
    """Hash template.yaml and all sources. Change `forced` to publish unchanged sources as a new release."""
    found = hashlib.sha256(forced.encode())
    for path in _sources(root):
        content = path.read_bytes()
        found.update(f"\0{path.relative_to(root).as_posix()}\0{len(content)}\0".encode())
        found.update(content)
    return found.hexdigest()[:16]


def _sources(root: Path) -> Iterator[Path]:
    yield root / "template.yaml"
    for path in sorted(path for folder in _FOLDERS for path in (root / folder).rglob("*")):
        parts = path.relative_to(root).parts
        hidden = any(part == "__pycache__" or part.startswith(".") for part in parts)
        if path.is_file() and not hidden and path.suffix != ".pyc":
            yield path


def stamped(template: str, release: str) -> str:
    """Return the template with the stamp. Raises ValueError unless the template has exactly one place for the stamp."""
    text, places = _UNSTAMPED.subn(rf"\g<1>{release}", template)
    if places != 1:
        raise ValueError(f"{places} lines `RELEASE: unbuilt` in the built template instead of one")
    return text


if __name__ == "__main__":
    built = Path(sys.argv[1])
    built.write_text(stamped(built.read_text(), stamp(ROOT, os.environ.get("RELEASE", ""))))
