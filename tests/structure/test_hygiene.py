"""No file contains a path or a package source that only one machine has. No local server is open to the network."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.structure.project import ROOT, listed, tracked_files

LOOPBACK = {"127.0.0.1", "::1"}

# The names are written in pieces. Otherwise this file would break its own rule.
REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("registry", "yarnpkg", "com"),
        ("proxy", "golang", "org"),
        ("public", "ecr", "aws"),
    )
]
REGISTRY = re.compile(
    "|".join(re.escape(host) for host in REGISTRIES)
    + r"|--(extra-)?index-url[ =]|--find-links[ =]|\bartifactory\b",
    re.IGNORECASE,
)
MACHINE_PATH = re.compile(r"(?<![\w./~-])/(root|work|home)/[\w.]")

# These options are allowed: with them, uv does not write the package source into its output.
FORBIDDING_OPTIONS = re.compile(r"--no-emit-(index-url|find-links)")
EVERY_ADDRESS = re.compile(r"\b0\.0\.0\.0\b")
EMULATOR_START = re.compile(r"\bGATEWAY_PORT\b")
EMULATOR_ON_LOOPBACK = re.compile(r"\bBIND_HOST\W{1,4}127\.0\.0\.1\b")


def _lines(text: str, pattern: re.Pattern[str]) -> list[int]:
    return [number for number, line in enumerate(text.splitlines(), start=1) if pattern.search(line)]


def package_sources(name: str, text: str) -> list[str]:
    """Each machine configures its own package sources, so no file names a registry."""
    text = FORBIDDING_OPTIONS.sub("", text)
    return [f"{name}:{line}: names a package registry" for line in _lines(text, REGISTRY)]


def machine_paths(name: str, text: str) -> list[str]:
    return [f"{name}:{line}: has an absolute path of one machine" for line in _lines(text, MACHINE_PATH)]


def open_servers(name: str, text: str) -> list[str]:
    """Local servers must be unreachable from outside, as stand-ins accept any password and demo keys are public."""
    problems = [f"{name}:{line}: listens on every address" for line in _lines(text, EVERY_ADDRESS)]
    if EMULATOR_START.search(text) and not EMULATOR_ON_LOOPBACK.search(text):
        problems.append(f"{name}: starts the emulator without BIND_HOST=127.0.0.1")
    if not name.endswith(".py"):
        return problems
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            problems += [f"{name}:{node.lineno}: {problem}" for problem in _listening(node)]
    return problems


def _listening(call: ast.Call) -> list[str]:
    """Problems of a call that opens a server. The address must be a literal in the call."""
    function = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    first = call.args[0] if call.args else None
    if function in ("bind", "create_server") or function.endswith("Server"):
        if isinstance(first, ast.Tuple) and first.elts:
            return _not_loopback(first.elts[0])
        return [f"{function} without a written-out address"] if function in ("bind", "create_server") else []
    if function in ("make_server", "run_simple", "start_server") and first is not None:
        return _not_loopback(first)
    hosts = [keyword.value for keyword in call.keywords if keyword.arg in ("host", "bind_host")]
    return (
        [problem for host in hosts for problem in _not_loopback(host)] if function in ("run", "serve") else []
    )


def _not_loopback(host: ast.expr) -> list[str]:
    if isinstance(host, ast.Constant) and host.value in LOOPBACK:
        return []
    return [f"listens on {ast.unparse(host)}, not 127.0.0.1"]


def texts(under: Path = ROOT) -> list[tuple[str, str]]:
    """(name, text) of every tracked text file in the folder `under`."""
    found = []
    for path in tracked_files():
        if path.is_relative_to(under):
            try:
                found.append((str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")))
            except UnicodeDecodeError:
                continue  # not a text file, such as a picture
    return found


@pytest.mark.parametrize("rule", [package_sources, machine_paths], ids=lambda rule: rule.__name__)
def test_every_file_follows_the_rule(rule) -> None:
    files = texts()
    assert len(files) > 10
    problems = [problem for name, text in files for problem in rule(name, text)]
    assert not problems, listed(problems)


def test_local_servers_listen_on_loopback_only() -> None:
    files = texts(ROOT / "local")
    assert files, "there is nothing under local/"
    problems = [problem for name, text in files for problem in open_servers(name, text)]
    assert not problems, listed(problems)


# -- the rules on small examples ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (package_sources, f"see https://{REGISTRIES[0]}/simple"),
        (package_sources, "pip install --index-url" + " http://packages.test"),
        (package_sources, '"resolved": "https://' + REGISTRIES[2] + '/x.tgz"'),
        (machine_paths, "path = '/ro" + "ot/project'"),
        (machine_paths, "cd /wo" + "rk/main"),
        (machine_paths, "(/ho" + "me/ann/x)"),
        (open_servers, "serve('0.0." + "0.0', 80)"),
        (open_servers, "ThreadingHTTPServer(('', 80), Handler)"),
        (open_servers, "_Server((host, 80), Handler)"),
        (open_servers, "probe.bind(('localhost', 80))"),
        (open_servers, "probe.bind(address)"),
        (open_servers, "make_server('', 80, app)"),
        (open_servers, "uvicorn.run(app, host='::')"),
        (open_servers, "environment = dict(GATEWAY_PORT='1')"),
    ],
)
def test_a_bad_line_is_noticed(rule, text: str) -> None:
    assert len(rule("bad.py" if rule is open_servers else "bad.txt", text)) >= 1


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (package_sources, "uv pip compile --no-emit-index-url --no-emit-find-links"),
        (package_sources, "https://example.test/simple-page"),
        (machine_paths, "GET https://host.test/work/orders and ~/work/x and ./home/x"),
        (machine_paths, "/var/task and /tmp/x and /opt/python"),
        (open_servers, "ThreadingHTTPServer(('127.0.0.1', 80), Handler)\nprobe.bind(('127.0.0.1', 0))"),
        (open_servers, "environment = dict(BIND_HOST='127.0.0.1', GATEWAY_PORT='1')"),
        (open_servers, "subprocess.run(['x'], host_name='y')\nclass Server: ...\nServer()"),
    ],
)
def test_a_good_line_passes(rule, text: str) -> None:
    assert rule("good.py" if rule is open_servers else "good.txt", text) == []
