"""`local/toolchain/bootstrap.sh --python` finds a working Python."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BOOTSTRAP = Path(__file__).parents[2] / "local" / "toolchain" / "bootstrap.sh"
THIS_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def find_python(*versions: str, path: list[Path], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BOOTSTRAP), "--python", *versions],
        env={"PATH": os.pathsep.join([*map(str, path), "/usr/bin", "/bin"]), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def script(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def empty_home(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path / "home"), "PYENV_ROOT": str(tmp_path / "pyenv")}


def test_a_broken_shim_is_skipped(tmp_path: Path, empty_home: dict[str, str]) -> None:
    """A shim is a script of pyenv that starts one of the installed Pythons."""
    script(tmp_path / "shims" / f"python{THIS_VERSION}", "echo 'pyenv: command not found' >&2; exit 127")
    working = script(tmp_path / "real" / f"python{THIS_VERSION}", f'exec "{sys.executable}" "$@"')

    found = find_python(THIS_VERSION, path=[tmp_path / "shims", working.parent], **empty_home)

    assert found.stdout.strip() == str(working)


def test_a_pyenv_python_is_found_without_a_working_shim(tmp_path: Path, empty_home: dict[str, str]) -> None:
    script(tmp_path / "shims" / f"python{THIS_VERSION}", "exit 127")
    name = f"python{THIS_VERSION}"
    body = f'exec "{sys.executable}" "$@"'
    installed = script(tmp_path / "pyenv" / "versions" / f"{THIS_VERSION}.99" / "bin" / name, body)

    found = find_python(THIS_VERSION, path=[tmp_path / "shims"], **empty_home)

    # The machine may have this version in /usr/bin as well. Any working Python is fine.
    assert found.stdout.strip() in {str(installed), f"/usr/bin/{name}", "/usr/bin/python3", f"/bin/{name}"}


def test_a_python_without_venv_is_skipped(tmp_path: Path, empty_home: dict[str, str]) -> None:
    # As on Debian: python3 runs, but ensurepip is in the package python3-venv.
    broken = tmp_path / "no-venv"
    broken.mkdir()
    (broken / "ensurepip.py").write_text("raise ImportError('ensurepip is in another package')")
    no_venv = f'PYTHONPATH="{broken}" exec "{sys.executable}" "$@"'
    script(tmp_path / "debian" / f"python{THIS_VERSION}", no_venv)
    working = script(tmp_path / "real" / f"python{THIS_VERSION}", f'exec "{sys.executable}" "$@"')

    found = find_python(THIS_VERSION, path=[tmp_path / "debian", working.parent], **empty_home)

    assert found.stdout.strip() == str(working)


def test_a_python_named_after_another_version_is_refused(tmp_path: Path, empty_home: dict[str, str]) -> None:
    script(tmp_path / "bin" / "python3.99", f'exec "{sys.executable}" "$@"')

    found = find_python("3.99", path=[tmp_path / "bin"], **empty_home)

    assert found.returncode == 1
    assert found.stdout == ""


def test_missing_versions_are_skipped(tmp_path: Path, empty_home: dict[str, str]) -> None:
    newest = script(tmp_path / "bin" / f"python{THIS_VERSION}", f'exec "{sys.executable}" "$@"')

    found = find_python("3.99", THIS_VERSION, "3.0", path=[newest.parent], **empty_home)

    assert found.stdout.strip() == str(newest)


def test_an_unusable_value_of_the_variable_python_is_reported(
    tmp_path: Path, empty_home: dict[str, str]
) -> None:
    chosen = script(tmp_path / "bin" / "mypython", "exit 1")

    found = find_python(path=[chosen.parent], PYTHON=str(chosen), **empty_home)

    assert found.returncode == 1
    assert f"PYTHON={chosen} is not a Python 3.11 to 3.14" in found.stderr


def test_the_error_says_how_to_install_a_missing_python(tmp_path: Path, empty_home: dict[str, str]) -> None:
    found = find_python("3.99", path=[], **empty_home)
    assert found.returncode == 1

    nothing = find_python(path=[], PYTHON="/nonexistent/python", **empty_home)

    assert "python3-venv" in nothing.stderr
    assert "brew install" in nothing.stderr
